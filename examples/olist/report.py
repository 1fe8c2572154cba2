#!/usr/bin/python3
"""Writes README.md of this folder from measured results, so that no figure in it is typed by hand.

    report.py RESULTS.json [--out README.md]

RESULTS.json, as the one command gathers it: {"machine": "what it ran on", "data": "which of the orders were at
hand", "percentiles": {"80": {...}}}, with in each percentile
    asked, orders, on_time, days_tighter, shop_on_time   how the pipeline's answers did; orders: promised
    events, events_per_s                                 published and applied, through the whole pipeline
    queries_per_s, p50_us, p99_us                        of the questions, each waiting for what it must know
    same_answers                                         answers equal to those of check.py --answers
    plain                                                what check.py --json printed
"""

import argparse
import json
import pathlib
import sys

OWN = {
    "asked",
    "orders",
    "on_time",
    "days_tighter",
    "shop_on_time",
    "events",
    "events_per_s",
    "queries_per_s",
    "p50_us",
    "p99_us",
    "same_answers",
    "plain",
}
SCORE = {"asked", "orders", "on_time", "days_tighter", "shop_on_time"}

PAGE = """\
# Two years of a real shop's orders through Forebay

{asked:,} orders of Brazilian online shops, 2017 to 2018, are asked of the sourcing node one by one at the moment of their
purchase: "when will this arrive?". By then it has been told, by events through the whole pipeline, what was known at
that moment and nothing later: items, holidays, and what deliveries completed until then took (only stock is set up front,
since the data tells no more than what was sold). What it promised is held against the day on which the order really arrived, and against the shop's own promise.

{promises}

*Percentile*: of the days that past deliveries took; the higher, the safer and the later the promise. *Tighter*: how
many days earlier than the shop's promise, on average. The pipeline may choose any seller known to stock the item, and
now and then names a faster one than the customer's own, though it was the latter who delivered; the last row of each
percentile promises for the customer's own seller only.

Speed, on {machine}:

{speeds}

Events went from a publisher through a sidecar, on disk before anyone saw them, into the view of the sourcing node.
Every question waited until the view held all that was published before it (`at_least`). *Same answers*: how many were
equal, field by field, to those of a second calculation in plain Python (`check.py`).

## Run it

The data is not in this repository: its licence is not the code's. Download "Brazilian E-Commerce Public Dataset by
Olist" from kaggle.com/datasets/olistbr/brazilian-ecommerce, unpack it, and from the root of the checkout:

```
/usr/bin/python3 examples/olist/convert.py FOLDER build/olist/80 --percentile 80
/usr/bin/python3 examples/olist/check.py build/olist/80/timeline.ndjson
```

The first writes the event streams and the timeline, the second is the plain calculation. Python 3.11 and nothing else is
needed. The figures above are of {data}.
What each figure means, what is assumed and what is left out: [NOTES.md](NOTES.md). This page is written by `report.py`.

## Source and licence of the data

Olist and André Sionek, *Brazilian E-Commerce Public Dataset by Olist*, Kaggle
(kaggle.com/datasets/olistbr/brazilian-ecommerce), licensed under
[CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/): attribution, no commercial use, and what is
derived from it stays under the same licence. That holds for the files that the converter writes: keep them out of the
repository too. Changed here: columns chosen, lines added up, events made of rows. Only totals are printed on this page.
"""



def page(results):
    """The text of README.md; raises ValueError that names what is missing."""
    _require(results, {"machine", "data", "percentiles"}, "results")
    runs = sorted(results["percentiles"].items(), key=lambda run: int(run[0]))
    if not runs:
        raise ValueError("no percentile was measured")
    for percentile, run in runs:
        _require(run, OWN, f"percentile {percentile}")
        for name in ("free", "seller"):
            _require(run["plain"].get(name, {}), SCORE, f"percentile {percentile}, plain.{name}")

    promises = []
    for percentile, run in runs:
        promises.append((percentile, "pipeline", *_score(run)))
        promises.append((percentile, "plain Python", *_score(run["plain"]["free"])))
        promises.append((percentile, "plain, own seller", *_score(run["plain"]["seller"])))
    speeds = [
        (
            percentile,
            f"{run['events']:,}",
            f"{run['events_per_s']:,.0f}",
            f"{run['queries_per_s']:,.0f}",
            f"{run['p50_us']:,.0f} µs",
            f"{run['p99_us']:,.0f} µs",
            f"{run['same_answers']:,} of {run['asked']:,}",
        )
        for percentile, run in runs
    ]
    return PAGE.format(
        asked=max(run["asked"] for _, run in runs),
        machine=results["machine"],
        data=results["data"],
        promises=_table(
            "percentile|answered by|orders promised|arrived in time|shop's own kept|days tighter",
            promises,
        ),
        speeds=_table(
            "percentile|events|events per second|queries per second|query p50|query p99|same answers",
            speeds,
        ),
    )


def _require(values, names, where):
    missing = sorted(names - values.keys())
    if missing:
        raise ValueError(f"{where}: {', '.join(missing)} missing")


def _score(score):
    return (
        f"{score['orders']:,} of {score['asked']:,}",
        f"{score['on_time']:.1%}",
        f"{score['shop_on_time']:.1%}",
        f"{score['days_tighter']:.1f}",
    )


def _table(head, rows):
    names = head.split("|")
    lines = [names, ["---:" if n > 1 else "---" for n in range(len(names))], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description="Write this folder's README.md from results.")
    parser.add_argument("results", help="JSON file of what was measured")
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--out", default=here / "README.md", help="default: beside this program")
    arguments = parser.parse_args()
    try:
        with open(arguments.results, encoding="utf-8") as file:
            text = page(json.load(file))
        pathlib.Path(arguments.out).write_text(text, encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        print(f"report.py: {arguments.results}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
