#!/usr/bin/python3
"""Turns the Olist orders into event streams for the sourcing node, and into a timeline that asks delivery dates.

    convert.py DATA OUT [--percentile 80]

DATA holds the tables in either of two forms (tables.py). Written to OUT: timeline.ndjson, and the same events by
stream as catalog.ndjson, inventory.ndjson, fulfilment.ndjson and carriers.ndjson. NOTES.md describes them and says
what each figure means and what is assumed.
"""

import argparse
import datetime
import json
import pathlib
import sys
import time
from collections import Counter, defaultdict

import tables
from calendars import MONDAY_TO_FRIDAY, STATE, WorkingDays, holidays
from learning import LANE_DELIVERIES_MIN, SELLER_DELIVERIES_MIN, Learned

STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
SOURCE = "/examples/olist"
CARRIER = "carrier"  # the data set names none, and its orders have one hand-over and one delivery: one carrier
BOX = {"length_mm": 1200, "width_mm": 1200, "height_mm": 1200, "weight_g": 50_000}  # takes every item of the data
CUTOFF = "23:59"  # the latest there is: the data set names none
WARM_UP_DELIVERIES = 500  # completed before the first question
HORIZON_DAYS = 60  # design section 7, rule 6
DAY = datetime.timedelta(days=1)


class Writer:
    """Writes the timeline and the streams; numbers the events of each stream from 1."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.published = dict.fromkeys(STREAMS, 0)
        self.types = Counter()
        self.asked = 0
        self._files = {stream: self._create(stream) for stream in STREAMS}
        self._timeline = self._create("timeline")
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    def _create(self, name):
        return open(self.folder / f"{name}.ndjson", "w", encoding="ascii", newline="\n")

    def event(self, stream, known, kind, subject, data):
        """`known` is the moment at which it became known, as utc() writes it."""
        self.published[stream] += 1
        self.types[stream, kind] += 1
        event = self._encode(
            {
                "specversion": "1.0",
                "id": f"{stream}-{self.published[stream]}",
                "source": SOURCE,
                "type": kind,
                "subject": subject,
                "time": known,
                "data": data,
            }
        )
        self._files[stream].write(event + "\n")
        self._timeline.write(f'{{"stream":"{stream}","event":{event}}}\n')

    def ask(self, ask):
        self.asked += 1
        self._timeline.write(self._encode({"ask": {**ask, "published": self.published}}) + "\n")

    def close(self):
        for file in (*self._files.values(), self._timeline):
            file.close()


class Player:
    """Plays the orders in the order of time and writes each fact at the moment it became known."""

    def __init__(self, data, percent, out, warm_up=WARM_UP_DELIVERIES):
        self._data = data
        self._out = out
        self._warm_up = warm_up
        # Far enough that a wait of twice the years admitted ends within it.
        years = (tables.YEARS[0], tables.YEARS[-1] + 2 * len(tables.YEARS))
        self._carrier_days = WorkingDays(*years)
        state_days = {state: WorkingDays(*years, state) for state in STATE}
        self._fc_days = {
            seller: state_days.get(state, self._carrier_days)
            for seller, state in data.sellers.items()
        }
        lanes = [(a, b) for a in set(data.sellers.values()) for b in tables.STATES]
        self._handling = Learned(percent, data.sellers, SELLER_DELIVERIES_MIN)
        self._transit = Learned(percent, lanes, LANE_DELIVERIES_MIN)

    def play(self):
        self._publish_standing_facts()
        completed = sorted(
            (order for order in self._data.orders if teaches(order)),
            key=lambda order: (order.delivered, order.order),
        )
        learned = 0
        for order in self._data.orders:
            # Strictly before: what happens in the same second is not yet known.
            while learned < len(completed) and completed[learned].delivered < order.purchased:
                self._learn(completed[learned])
                learned += 1
            if learned >= self._warm_up and judges(order):
                self._out.ask(question(order))
            self._use_up(order)
        for order in completed[learned:]:
            self._learn(order)

    def _publish_standing_facts(self):
        """What is taken as known from the start: items, stock, holidays, the carrier."""
        first, last = self._data.orders[0].purchased, self._data.orders[-1].purchased
        known = utc(first - DAY)
        for sku, product in sorted(self._data.products.items()):
            self._out.event("catalog", known, "item.upserted", sku, item(sku, product))

        sold = defaultdict(int)
        for order in self._data.orders:
            for line, quantity in order.lines.items():
                sold[line] += quantity
        for (seller, sku), quantity in sorted(sold.items()):
            stock = {"sku": sku, "fc": seller, "on_hand": quantity}
            self._out.event("inventory", known, "stock.set", sku, stock)

        def closed(state):
            for year in range(first.year, last.year + 2):
                for day in holidays(year, state):
                    if first.date() <= day <= last.date() + (HORIZON_DAYS + 1) * DAY:
                        yield day.isoformat()

        for seller, state in sorted(self._data.sellers.items()):
            for day in closed(state):
                self._out.event("fulfilment", known, "fc.closed", seller, {"fc": seller, "date": day})

        carrier = {"carrier": CARRIER, "working_days": MONDAY_TO_FRIDAY, "box": BOX, "refuses": []}
        self._out.event("carriers", known, "carrier.upserted", CARRIER, carrier)
        for day in closed(None):
            data = {"carrier": CARRIER, "date": day}
            self._out.event("carriers", known, "carrier.closed", CARRIER, data)

    def _learn(self, order):
        """A completed delivery changes handling and transit days, which are published at that moment."""
        seller, known = order.seller(), utc(order.delivered)
        handed_over, delivered = order.handed_over.toordinal(), order.delivered.toordinal()
        days = self._fc_days[seller]
        handling = days.steps_to_reach(self._processing_day(order, seller), handed_over)
        transit = self._carrier_days.steps_to_reach(handed_over, delivered)
        lane = (self._data.sellers[seller], order.state)

        for fc, handling_days in self._handling.add(seller, handling):
            data = {
                "fc": fc,
                "zone": self._data.sellers[fc],
                "time_zone": tables.TIME_ZONE,
                "cutoff": CUTOFF,
                "handling_days": handling_days,
                "working_days": MONDAY_TO_FRIDAY,
            }
            self._out.event("fulfilment", known, "fc.upserted", fc, data)
        for (from_zone, to_zone), transit_days in self._transit.add(lane, transit):
            data = {
                "carrier": CARRIER,
                "from_zone": from_zone,
                "to_zone": to_zone,
                "transit_days": transit_days,
            }
            subject = f"{CARRIER}/{from_zone}/{to_zone}"
            self._out.event("carriers", known, "lane.upserted", subject, data)

    def _use_up(self, order):
        """The order takes stock, and capacity on the days for which it is planned."""
        known = utc(order.purchased)
        parcels = defaultdict(dict)
        for (seller, sku), quantity in order.lines.items():
            parcels[seller][sku] = quantity
        for seller, parcel in sorted(parcels.items()):
            for sku, quantity in sorted(parcel.items()):
                data = {"sku": sku, "fc": seller, "delta": -quantity}
                self._out.event("inventory", known, "stock.adjusted", sku, data)

            processing = self._processing_day(order, seller)
            data = {"fc": seller, "date": iso(processing), "orders": 1}
            self._out.event("fulfilment", known, "fc.capacity_used", seller, data)

            handling = self._handling.get(seller)
            if handling is None:
                continue  # no pickup day can be planned yet
            ready = self._fc_days[seller].advance(processing, handling)
            pickup = ready  # a working day of the FC, and the carrier closes on no day on which the FC works
            data = {
                "carrier": CARRIER,
                "fc": seller,
                "date": iso(pickup),
                "boxes": boxes(parcel, self._data.products),
            }
            self._out.event("carriers", known, "carrier.capacity_used", CARRIER, data)

    def _processing_day(self, order, seller):
        late = order.purchased.strftime("%H:%M") >= CUTOFF
        return self._fc_days[seller].first_from(order.purchased.toordinal() + late)


def judges(order):
    """Whether a promise for this order can be held against what happened in the end."""
    return teaches(order) and order.status == "delivered" and order.promised is not None


def teaches(order):
    """Whether its delivery says how long a seller and a lane took: of several sellers it tells nothing about each.

    The status is the last one, of which nothing was known at delivery (a few delivered orders are canceled later).
    """
    return bool(order.whole and order.seller() and order.handed_over and order.delivered)


def question(order):
    return {
        "order_id": order.order,
        "query": {
            "lines": [
                {"sku": sku, "quantity": quantity}
                for (_, sku), quantity in sorted(order.lines.items())
            ],
            "to_zone": order.state,
            "at": order.purchased.isoformat(),
        },
        "seller": order.seller(),
        "promised_by_shop": order.promised.isoformat(),
        "delivered": order.delivered.date().isoformat(),
    }


def item(sku, product):
    return {
        "sku": sku,
        "length_mm": product.length_mm,
        "width_mm": product.width_mm,
        "height_mm": product.height_mm,
        "weight_g": product.weight_g,
        "attributes": [product.category] if product.category else [],
    }


def boxes(parcel, products):
    """Design section 7, rule 4."""
    volume = weight = 0
    for sku, quantity in parcel.items():
        _, length, width, height, grams = products[sku]
        volume += quantity * length * width * height
        weight += quantity * grams
    box_volume = BOX["length_mm"] * BOX["width_mm"] * BOX["height_mm"]
    return max(1, -(-volume // box_volume), -(-weight // BOX["weight_g"]))


def utc(moment):
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(day):
    return datetime.date.fromordinal(day).isoformat()


def convert(data_folder, out_folder, percent, warm_up=WARM_UP_DELIVERIES, skipped=None):
    """Reads, plays and writes; returns the tables and the Writer with its counts."""
    data = tables.read(data_folder, skipped or tables.Skipped())
    out = Writer(out_folder)
    try:
        Player(data, percent, out, warm_up).play()
    finally:
        out.close()
    return data, out


def main():
    parser = argparse.ArgumentParser(
        description="Turn the Olist orders into event streams and a timeline.",
        epilog="The data is CC BY-NC-SA 4.0, and so is what this writes: keep both out of the repository.",
    )
    parser.add_argument("data", help="folder with the tables, in either form")
    parser.add_argument("out", help="folder to write to; build/olist is ignored by git")
    parser.add_argument(
        "--percentile",
        type=int,
        default=80,
        choices=range(1, 101),
        metavar="1-100",
        help="of what completed deliveries took, learned as handling and transit days (default 80)",
    )
    arguments = parser.parse_args()
    start = time.monotonic()
    try:
        data, out = convert(arguments.data, arguments.out, arguments.percentile)
    except (tables.DataError, OSError) as error:
        print(f"convert.py: {error}", file=sys.stderr)
        return 1
    for (stream, kind), count in sorted(out.types.items(), key=lambda t: (STREAMS.index(t[0][0]), t[0])):
        print(f"{stream:<11} {kind:<22} {count:>9,}")
    events = sum(out.published.values())
    print(f"{events:,} events and {out.asked:,} questions of {len(data.orders):,} orders in {out.folder}")
    seconds = time.monotonic() - start
    print(f"{data.skipped:,} rows skipped; {seconds:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
