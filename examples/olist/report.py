#!/usr/bin/python3
"""Writes README.md of this folder from measured results, so that no figure in it is typed by hand.

    report.py RESULTS.json [--out README.md]

RESULTS.json, as the one command gathers it: {"machine": "what it ran on", "data": "which of the orders were at
hand", "percentiles": {"80": {...}}}, with in each percentile
    asked, orders, on_time, days_tighter, shop_on_time   how the pipeline's answers did; orders: promised
    events, events_per_s                                 published as fast as they go, until the view had all
    play_s                                               to publish all and ask all in the order of time
    queries_per_s, p50_us, p99_us                        of those questions, each waiting for what it must know
    rest_p50_us, rest_p99_us, rest_per_s                 of the same, one by one of the view at rest
    rest_in_flight_per_s                                 the same with 64 in flight
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
    "play_s",
    "queries_per_s",
    "p50_us",
    "p99_us",
    "rest_p50_us",
    "rest_p99_us",
    "rest_per_s",
    "rest_in_flight_per_s",
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

*Events per second*: all events published as fast as the four sidecars took them, until the view of the sourcing node
held the last one, each on disk before anyone saw it. *Same answers*: how many were equal, field by field, to those of a
second calculation in plain Python (`check.py`).

How long a question took:

{questions}

*In the order of time*: what an order uses up is published right after its question, so the next question waits (`at_least`)
until that went through sidecar and view, two syncs of a disk and more, and nothing later is published before its answer is there. *At
rest*: the same questions of the view at the end, one by one, with nothing to wait for; and with 64 in flight.

## Run it

The data is not in this repository: its licence is not the code's. Download "Brazilian E-Commerce Public Dataset by
Olist" from kaggle.com/datasets/olistbr/brazilian-ecommerce, unpack it, and from the root of the checkout:

```
examples/olist/run FOLDER
```

It converts the data, builds, starts the sidecars and the sourcing node of `olist.toml`, plays the orders through them at
both percentiles, compares the answers with those of the plain calculation, and writes this page anew. All it keeps is
below `.run/olist`. Without FOLDER it looks in `$FOREBAY_OLIST_DATA`, then in `../shared/data/olist`. The figures above are
of {data}. What each figure means, what is assumed and what is left out: [NOTES.md](NOTES.md). This page is written by `report.py`.

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
            f"{run['play_s']:,.0f} s",
            f"{run['same_answers']:,} of {run['asked']:,}",
        )
        for percentile, run in runs
    ]
    questions = []
    for percentile, run in runs:
        for when, prefix in (("in the order of time", ""), ("at rest", "rest_")):
            per_s = run["queries_per_s" if prefix == "" else "rest_per_s"]
            questions.append(
                (
                    percentile,
                    when,
                    f"{run[prefix + 'p50_us']:,.0f} µs",
                    f"{run[prefix + 'p99_us']:,.0f} µs",
                    f"{per_s:,.0f}",
                )
            )
        questions.append((percentile, "at rest, 64 in flight", "", "", f"{run['rest_in_flight_per_s']:,.0f}"))
    return PAGE.format(
        asked=max(run["asked"] for _, run in runs),
        machine=results["machine"],
        data=results["data"],
        promises=_table(
            "percentile|answered by|orders promised|arrived in time|shop's own kept|days tighter",
            promises,
        ),
        speeds=_table("percentile|events|events per second|all in the order of time|same answers", speeds),
        questions=_table("percentile|asked|p50|p99|questions per second", questions),
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
