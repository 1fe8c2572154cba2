#!/usr/bin/python3
"""The plain calculation: answers a timeline's questions in Python, outside any pipeline, and judges the promises.

    check.py OUT/timeline.ndjson [--answers FILE] [--json]

It folds the events and applies the rules of design section 7 day by day, as far as a timeline's events need them.
Two promises are judged: `free` is the answer that the sourcing node must give, which may choose any seller who stocks
the lines; `seller` is the best of the seller whom the customer chose. --answers writes the free answers, one a line in
the order asked, to compare with those of the pipeline.
"""

import argparse
import datetime
import json
import sys
from collections import defaultdict
from zoneinfo import ZoneInfo

HORIZON_DAYS = 60


class View:
    """The fold of the events so far."""

    def __init__(self):
        self.items = {}  # sku -> data of the upsert
        self.stock = defaultdict(dict)  # sku -> fc -> on hand
        self.fcs = {}
        self.carriers = {}
        self.closed = set()  # (fc or carrier, ordinal of the date)
        self.lanes = defaultdict(dict)  # (from_zone, to_zone) -> carrier -> transit days
        self.used = defaultdict(int)  # (fc, date) -> orders, (carrier, fc, date) -> boxes
        self.room = {}  # of the same keys; without one there is no bound

    def apply(self, event):
        kind, data = event["type"], event["data"]
        if kind == "item.upserted":
            self.items[data["sku"]] = data
        elif kind == "stock.set":
            self.stock[data["sku"]][data["fc"]] = data["on_hand"]
        elif kind == "stock.adjusted":
            stock = self.stock[data["sku"]]
            stock[data["fc"]] = stock.get(data["fc"], 0) + data["delta"]
        elif kind == "fc.upserted":
            self.fcs[data["fc"]] = data
        elif kind == "fc.closed":
            self.closed.add((data["fc"], datetime.date.fromisoformat(data["date"]).toordinal()))
        elif kind == "carrier.upserted":
            self.carriers[data["carrier"]] = data
        elif kind == "carrier.closed":
            self.closed.add((data["carrier"], datetime.date.fromisoformat(data["date"]).toordinal()))
        elif kind == "lane.upserted":
            lanes = self.lanes[data["from_zone"], data["to_zone"]]
            lanes[data["carrier"]] = data["transit_days"]
        elif kind == "fc.capacity_used":
            self.used[data["fc"], data["date"]] += data["orders"]
        elif kind == "carrier.capacity_used":
            self.used[data["carrier"], data["fc"], data["date"]] += data["boxes"]
        # A timeline sets no capacity, so none runs out; tests set some, to see what was used.
        elif kind == "fc.capacity_set":
            self.room[data["fc"], data["date"]] = data["orders"]
        elif kind == "carrier.capacity_set":
            self.room[data["carrier"], data["fc"], data["date"]] = data["boxes"]
        else:
            raise ValueError(f"{kind} does not occur in a timeline of convert.py")


    def has_room(self, who, day, wanted):
        """Whether `who`, an FC or a carrier at an FC, takes that many more on the day, an ordinal."""
        key = (*who, datetime.date.fromordinal(day).isoformat())
        return key not in self.room or self.room[key] - self.used[key] >= wanted


class OutOfReach(Exception):
    """A day lies beyond the horizon."""


def options(view, query):
    """Every feasible way to serve the query, as (edd, boxes, carrier, fc, ship date), dates as ordinals."""
    wanted = defaultdict(int)
    for line in query["lines"]:
        wanted[line["sku"]] += line["quantity"]
    at = datetime.datetime.fromisoformat(query["at"])
    found = []
    for fc in set().union(*(view.stock.get(sku, ()) for sku in wanted)) & view.fcs.keys():
        if all(view.stock[sku].get(fc, 0) >= quantity for sku, quantity in wanted.items()):
            try:
                found += _by_lanes(view, wanted, query["to_zone"], at, view.fcs[fc])
            except OutOfReach:
                pass
    return found


def _by_lanes(view, wanted, to_zone, at, fc):
    local = at.astimezone(_zone(fc["time_zone"]))
    start = local.toordinal() + (local.strftime("%H:%M") >= fc["cutoff"])
    limit = start + HORIZON_DAYS

    def working(day):
        return (day - 1) % 7 + 1 in fc["working_days"] and (fc["fc"], day) not in view.closed

    def takes_the_order(day):
        return working(day) and view.has_room((fc["fc"],), day, 1)

    ready = _advance(_first(start, takes_the_order, limit), fc["handling_days"], working, limit)
    for name, transit in view.lanes.get((fc["zone"], to_zone), {}).items():
        carrier = view.carriers.get(name)
        items = [view.items[sku] for sku in wanted]
        if carrier is None or not all(_fits(item, carrier["box"]) for item in items):
            continue

        def carrier_working(day):
            return (day - 1) % 7 + 1 in carrier["working_days"] and (name, day) not in view.closed

        boxes = _boxes(view, wanted, carrier["box"])

        def picked_up(day):
            return working(day) and carrier_working(day) and view.has_room((name, fc["fc"]), day, boxes)

        try:
            pickup = _first(ready, picked_up, limit)
            delivery = _advance(pickup, transit, carrier_working, limit)
        except OutOfReach:
            continue
        yield delivery, boxes, name, fc["fc"], pickup


def _first(day, working, limit):
    while day <= limit:
        if working(day):
            return day
        day += 1
    raise OutOfReach


def _advance(day, steps, working, limit):
    for _ in range(steps):
        day = _first(day + 1, working, limit)
    return day


def _fits(item, box):
    sides = ("length_mm", "width_mm", "height_mm")
    within = zip(sorted(item[s] for s in sides), sorted(box[s] for s in sides))
    return all(side <= room for side, room in within) and item["weight_g"] <= box["weight_g"]


def _boxes(view, wanted, box):
    def volume(thing):
        return thing["length_mm"] * thing["width_mm"] * thing["height_mm"]

    volumes = sum(n * volume(view.items[sku]) for sku, n in wanted.items())
    weights = sum(n * view.items[sku]["weight_g"] for sku, n in wanted.items())
    return max(1, -(-volumes // volume(box)), -(-weights // box["weight_g"]))


def _zone(name, _zones={}):
    if name not in _zones:
        _zones[name] = ZoneInfo(name)
    return _zones[name]


class Score:
    """How promises did against what happened, and against the shop's own."""

    def __init__(self):
        self.asked = self.promised = self.kept = self.shop_kept = self.tighter = 0

    def add(self, edd, ask):
        self.asked += 1
        if edd is None:
            return
        delivered, shop = (
            datetime.date.fromisoformat(ask[name]).toordinal() for name in ("delivered", "promised_by_shop")
        )
        self.promised += 1
        self.kept += delivered <= edd
        self.shop_kept += delivered <= shop
        self.tighter += shop - edd

    def figures(self):
        """In the names that report.py reads."""
        promised = self.promised or 1
        return {
            "asked": self.asked,
            "orders": self.promised,
            "on_time": self.kept / promised,
            "days_tighter": self.tighter / promised,
            "shop_on_time": self.shop_kept / promised,
        }


def answer(found):
    """The answer of the sourcing node, without as_of and excluded."""
    if not found:
        return {"edd": None, "ship_date": None, "fc": None, "carrier": None, "boxes": None, "options": 0}
    delivery, boxes, carrier, fc, pickup = min(found)
    return {
        "edd": datetime.date.fromordinal(delivery).isoformat(),
        "ship_date": datetime.date.fromordinal(pickup).isoformat(),
        "fc": fc,
        "carrier": carrier,
        "boxes": boxes,
        "options": len(found),
    }


def check(timeline, answers=None):
    """Plays the timeline (an iterable of lines); returns the scores of the free and of the seller's promise."""
    view, free, seller = View(), Score(), Score()
    for line in timeline:
        entry = json.loads(line)
        if "event" in entry:
            view.apply(entry["event"])
            continue
        ask = entry["ask"]
        found = options(view, ask["query"])
        free.add(min(found)[0] if found else None, ask)
        seller.add(min((o[0] for o in found if o[3] == ask["seller"]), default=None), ask)
        if answers:
            answers.write(json.dumps({"order_id": ask["order_id"], **answer(found)}) + "\n")
    return {"free": free.figures(), "seller": seller.figures()}


def main():
    parser = argparse.ArgumentParser(description="Answer and judge a timeline in plain Python.")
    parser.add_argument("timeline", help="timeline.ndjson as convert.py writes it")
    parser.add_argument("--answers", help="write the answers here, one JSON object a line")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    try:
        with open(arguments.timeline, encoding="utf-8") as timeline:
            if arguments.answers:
                with open(arguments.answers, "w", encoding="utf-8") as answers:
                    scores = check(timeline, answers)
            else:
                scores = check(timeline)
    except (OSError, ValueError, KeyError) as error:
        print(f"check.py: {arguments.timeline}: {error!r}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(scores))
        return 0
    print("promise   asked  promised  on time  days tighter  shop on time")
    for name, score in scores.items():
        print(
            f"{name:<7} {score['asked']:>7,} {score['orders']:>9,} {score['on_time']:>8.2%}"
            f" {score['days_tighter']:>13.2f} {score['shop_on_time']:>13.2%}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
