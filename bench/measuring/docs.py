#!/usr/bin/python3
"""Writes what a run has found into docs/performance.md, between its markers, and the plots beside it.

    bench/measuring/docs.py FILE     of a run with --json FILE; bench/run --write-docs does it by itself
"""

import json
import pathlib
import sys

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from measuring import report  # noqa: E402
from measuring.plots import Panel, Series, svg  # noqa: E402

BEGIN, END = "<!-- figures of bench/run -->\n", "<!-- end of figures -->\n"
SYSTEMS = {
    "forebay": "Forebay",
    "nats": "JetStream, unsynced",
    "redis-always": "Redis, always",
    "redis-everysec": "Redis, everysec",
    "rabbit": "RabbitMQ",
    "lmdb": "bare LMDB",
    "pipe": "bare PUSH→PULL→LMDB→PUB→SUB",
    "zmq+lmdb": "bare zmq + LMDB",
    "libzmq": "bare libzmq hop",
    "echo": "bare ROUTER echo",
}
# Heading, unit, the first words of the figures with their names.
TABLES = [
    (
        "Throughput by size of an event",
        "events/s",
        {
            "publish": "publish until durable",
            "live": "end to end, live",
            "replay": "replay, page cache",
            "replay-evicted": "replay, evicted",
            "view": "end to end into a view",
            "apply": "apply into a view",
        },
    ),
    (
        "Beside the bare libraries",
        "MB/s",
        {"publish-bytes": "publish until durable", "live-bytes": "end to end, live"},
    ),
    ("One event at a time", "µs: p50 / p99 / p99.9", {"wait": "until durable", "handler": "until a handler has it"}),
    ("Latency at a share of the measured maximum", "µs: p50 / p99 / p99.9", {"latency": "due until consumed", "commit": "commit"}),
    ("Consumers", "events/s", {"fan-out": "published to so many"}),
    ("Streams in one sidecar", "events/s", {"streams": "publish until durable"}),
    ("A sidecar's private memory, with a publisher for each stream", "MiB", {"memory-streams": "at full load"}),
    ("Growth of the log", "events/s", {"growth": "publish until durable"}),
    ("Mixed sizes into three streams", "MB/s", {"mixed": "publish until durable"}),
    ("Worst commit", "ms", {"worst-commit": "worst commit"}),
    ("Start-up, nothing in the page cache", "ms", {"start-up": "until it serves"}),
    ("Delivery dates in process", "µs", {"edd-process": "one question"}),
    ("Delivery dates, 64 under way", "questions/s", {"edd": "over the socket"}),
    ("Delivery dates, one under way", "µs: p50 / p99", {"edd-one": "over the socket"}),
]
SINGLES = {
    "catch-up": "catch-up: time to live",
    "catch-up-speed": "catch-up: speed",
    "catch-up-published": "catch-up: the publisher's speed",
    "catch-up-beside": "publishing at full speed beside one that catches up",
    "edd-applied": "events applied while asked under load",
    "edd-lag": "events not yet applied at its end",
    "scan": "LMDB cursor scan",
    "hop": "bare libzmq hop",
    "held": "held at steady state",
}


class Figures:
    def __init__(self, rounds):
        self.medians = {name: values[0] for name, values in report.medians(rounds).items()}

    def of(self, word):
        """{(what, system): median} of a workload."""
        split = {tuple(name.split("/", 2)): value for name, value in self.medians.items()}
        return {name[1:]: value for name, value in split.items() if name[0] == word}

    def cell(self, word, what, system):
        """The median, and p99 and p99.9 if there are."""
        found = [self.of(each).get((what, system)) for each in (word, f"{word}-p99", f"{word}-p999")]
        return " / ".join(report.short(value) for value in found if value is not None)

    def points(self, word, system="forebay"):
        """(number that `what` begins with, median)"""
        return sorted((float(what.split()[0]), value) for (what, who), value in self.of(word).items() if who == system)


def leading_number(what):
    """0 without one."""
    first = what.split()[0]
    return float(first) if first.replace(".", "").isdigit() else 0


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(figures, heading, unit, words):
    found = {word: figures.of(word) for word in words}
    columns = sorted(dict.fromkeys(what for each in found.values() for what, _ in each), key=leading_number)
    if not columns:
        return []
    lines = [f"**{heading}**, {unit}", "", row(["", "", *columns]), row(["---", "---", *["--:"] * len(columns)])]
    for word, name in words.items():
        for system in sorted({system for _, system in found[word]}, key=list(SYSTEMS).index):
            lines.append(row([name, SYSTEMS[system], *(figures.cell(word, what, system) for what in columns)]))
    return [*lines, ""]


def goals_table(goals):
    lines = [row(["goal", "", "measured", "least to most", ""]), row(["---", "--:", "--:", "--:", "---"])]
    for goal in goals:
        wanted = f"{'≤' if goal['at'] == 'most' else '≥'} {goal['goal']}"
        measured = ["", ""]
        if goal["measured"] is not None:
            least, most = goal["spread"]
            measured = [report.short(goal["measured"]), f"{report.short(least)} to {report.short(most)}"]
        state = {"explained": "**not met**, explained below", "NOT MET": "**not met**"}
        lines.append(row([goal["name"], wanted, *measured, state.get(report.state(goal), report.state(goal))]))
    why = [f"- **{goal['name']}** {goal['explained']}" for goal in goals if report.state(goal) == "explained"]
    return [*lines, "", *(["What holds those that are not met:", "", *why, ""] if why else [])]


def text(found):
    figures = Figures(found["rounds"])
    about = "; ".join(f"{name} {value}" for name, value in found["about"].items())
    lines = [f"Measured on {about}. Medians of all rounds.", "", *goals_table(found["goals"])]
    for heading, unit, words in TABLES:
        lines += table(figures, heading, unit, words)
    memory = figures.of("memory")
    if memory:
        lines += [f"Private memory of a sidecar: {report.short(max(memory.values()))} MiB at most, over all loads (the largest of their medians).", ""]
    singles = [
        row([title, f"{report.short(value)} {report.UNITS[word]}"])
        for word, title in SINGLES.items()
        for value in figures.of(word).values()
    ]
    return [*lines, *([row(["", ""]), row(["---", "--:"]), *singles, ""] if singles else [])]


def latency_plots(figures):
    panels = []
    for system in ("forebay", "nats"):
        panel = Panel(f"{SYSTEMS[system]}: due until consumed", "% of its measured maximum", "µs", log_y=True)
        for colour, (word, name) in enumerate((("latency", "p50"), ("latency-p99", "p99"), ("latency-p999", "p99.9"))):
            if points := figures.points(word, system):
                panel.series.append(Series(name, points, colour))
        panels += [panel] if panel.series else []
    all_of_them = [y for panel in panels for series in panel.series for _, y in series.points]
    for panel in panels:
        panel.span = (min(all_of_them), max(all_of_them))
    return panels


def growth_plots(figures):
    wanted = (("growth", "Publish until durable", "events/s"), ("worst-commit", "Worst commit", "ms"), ("memory", "Private memory", "MiB"))
    panels = []
    for colour, (word, title, unit) in enumerate(wanted):
        sizes = {name: value for name, value in figures.medians.items() if name.startswith(f"{word}/") and " GB/" in name}
        points = sorted((float(name.split("/")[1].split()[0]), value) for name, value in sizes.items())
        if points:
            panels.append(Panel(title, "GB of log", unit, [Series("", points, colour)], log_x=True))
    return panels


def write(folder, found):
    figures = Figures(found["rounds"])
    lines = text(found)
    for name, what, panels in (
        ("latency", "Latency under load", latency_plots(figures)),
        ("growth", "Publish speed, worst commit and memory as the log grows", growth_plots(figures)),
    ):
        if panels:
            (folder / f"performance-{name}.svg").write_text(svg(panels))
            lines += [f"![{what}](performance-{name}.svg)", ""]
    page = folder / "performance.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    write(pathlib.Path(__file__).resolve().parents[2] / "docs", json.loads(pathlib.Path(sys.argv[1]).read_text()))
