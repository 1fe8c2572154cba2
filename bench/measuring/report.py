"""What a run has found, as text: every figure, then the goals."""

import statistics

from measuring.workloads import UNITS


def medians(rounds):
    """By figure: its median, least and most."""
    found = {}
    for name in dict.fromkeys(name for figures in rounds for name in figures):
        values = [figures[name] for figures in rounds if name in figures]
        found[name] = (statistics.median(values), min(values), max(values))
    return found


def unit(name):
    return UNITS[name.split("/")[0]]


def short(value):
    """Three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def state(goal):
    if goal["met"] is None:
        return "left out"
    return "met" if goal["met"] else "explained" if goal["explained"] else "NOT MET"


def show(rounds, judged):
    for name, (median, least, most) in medians(rounds).items():
        print(f"{name:36} {short(median):>12} {unit(name):16} {short(least)} to {short(most)}")
    print()
    for goal in judged:
        measured = "" if goal["measured"] is None else short(goal["measured"])
        print(f"{goal['name']:62} {measured:>7}   at {goal['at']:5} {goal['goal']:<6} {state(goal)}")
