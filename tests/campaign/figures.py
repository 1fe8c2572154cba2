"""The ledger of the full runs, and the table of docs/testing.md made from it."""

import collections
import json

import harness


def _lines(path):
    if path.exists():
        with open(path, encoding="utf-8") as file:
            yield from map(json.loads, file)


def played(path):
    """The slices that a full run has done: (row, seed, first case, cases)."""
    return {(line["row"], line["seed"], line["first"], line["cases"]) for line in _lines(path)}


def table(path, full):
    rows = collections.defaultdict(list)
    for line in _lines(path):
        rows[line["row"]].append(line)
    out = ["| row | cases | of | violations | bound (95 %) | dates | commits |", "|---|---|---|---|---|---|---|"]
    for row, whole in full.items():
        cases = sum(line["cases"] for line in rows[row])
        broken = sum(len(line["violations"]) for line in rows[row])
        dates = sorted({line["date"] for line in rows[row]})
        commits = list(dict.fromkeys(line["commit"] for line in rows[row]))
        bound = f"< {3 / cases:.2g}" if cases and not broken else "–"
        span = " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "–"
        title = harness.row_module(row).TITLE
        out.append(f"| {row} {title} | {cases:,} | {whole:,} | {broken} | {bound} | {span} | {', '.join(commits)} |")
    return "\n".join(out)
