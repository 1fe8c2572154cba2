#!/usr/bin/python3
"""Tests of the converter on made-up data in both forms, and on the real data where it is at hand.

    /usr/bin/python3 examples/olist/test_convert.py

The real data is looked for in $FOREBAY_OLIST_DATA, else in ../shared/data/olist beside the checkout.
"""

import csv
import datetime
import gzip
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import calendars  # noqa: E402
import check  # noqa: E402
import convert  # noqa: E402
import tables  # noqa: E402
from made_up import PRODUCTS, SELLERS, orders_of, write_derived, write_published  # noqa: E402
from naive import naive_days, nearest_rank  # noqa: E402

REAL_DATA = pathlib.Path(
    os.environ.get("FOREBAY_OLIST_DATA", HERE.parents[1].parent / "shared" / "data" / "olist")
)
WARM_UP = 25


class WithFolder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.data = pathlib.Path(temporary.name) / "data"
        self.out = pathlib.Path(temporary.name) / "out"
        self.data.mkdir()
        self.messages = io.StringIO()

    def convert(self, percent=80):
        return convert.convert(
            self.data, self.out, percent, WARM_UP, tables.Skipped(self.messages)
        )

    def timeline(self):
        with open(self.out / "timeline.ndjson", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def contents(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir()}


class Conversion(WithFolder):
    def test_both_forms_give_the_same_bytes(self):
        write_derived(self.data, orders_of())
        self.convert()
        derived = self.contents()
        for path in self.data.iterdir():
            path.unlink()
        write_published(self.data, orders_of())
        data, _ = self.convert()
        self.assertEqual(data.skipped, 0, self.messages.getvalue())
        self.assertEqual(derived, self.contents())

    def test_streams_hold_the_events_of_the_timeline_in_order_of_time(self):
        write_derived(self.data, orders_of())
        _, out = self.convert()
        streams = defaultdict(list)
        asked, before = 0, ""
        for entry in self.timeline():
            if "event" in entry:
                event = entry["event"]
                streams[entry["stream"]].append(event)
                self.assertEqual(event["id"], f"{entry['stream']}-{len(streams[entry['stream']])}")
                moment = event["time"]
            else:
                asked += 1
                at = datetime.datetime.fromisoformat(entry["ask"]["query"]["at"])
                moment = convert.utc(at)
                counts = {name: len(streams[name]) for name in convert.STREAMS}
                self.assertEqual(entry["ask"]["published"], counts)
            self.assertLessEqual(before, moment)
            before = moment
        self.assertGreater(asked, 200)
        self.assertEqual(asked, out.asked)
        for name in convert.STREAMS:
            with open(self.out / f"{name}.ndjson", encoding="utf-8") as file:
                self.assertEqual([json.loads(line) for line in file], streams[name])

    def test_only_single_seller_delivered_orders_after_the_warm_up_are_asked(self):
        orders = orders_of()
        teaching = [
            o for o in orders if len({s for _, s in o["lines"]}) == 1 and o["delivered"] is not None
        ]
        teaching.sort(key=lambda o: o["delivered"])
        last_before, start = (teaching[n]["delivered"] for n in (WARM_UP - 2, WARM_UP - 1))
        teaching[-1]["purchased"] = last_before + (start - last_before) / 2  # just too early
        teaching[-2]["purchased"] = start + datetime.timedelta(seconds=1)  # just late enough
        write_derived(self.data, orders)
        self.convert()
        expected = sorted(
            o["order"]
            for o in teaching
            if o["purchased"] > start and o["status"] == "delivered"
        )
        self.assertIn(teaching[-2]["order"], expected)
        asked = [entry["ask"] for entry in self.timeline() if "ask" in entry]
        self.assertEqual(sorted(ask["order_id"] for ask in asked), expected)
        by_id = {o["order"]: o for o in orders}
        for ask in asked:
            order = by_id[ask["order_id"]]
            quantities = {line["sku"]: line["quantity"] for line in ask["query"]["lines"]}
            self.assertEqual(quantities, Counter(product for product, _ in order["lines"]))
            self.assertEqual(ask["query"]["to_zone"], order["state"])
            self.assertEqual(ask["seller"], order["lines"][0][1])
            self.assertEqual(ask["delivered"], order["delivered"].date().isoformat())
            self.assertEqual(ask["promised_by_shop"], order["promised"].date().isoformat())

    def test_all_stock_is_set_at_the_start_and_used_up_at_the_end(self):
        write_derived(self.data, orders_of())
        self.convert()
        view = check.View()
        for entry in self.timeline():
            if "event" in entry:
                view.apply(entry["event"])
                data = entry["event"]["data"]
                if entry["event"]["type"] == "stock.adjusted":
                    self.assertGreaterEqual(view.stock[data["sku"]][data["fc"]], 0)
        self.assertEqual({n for fcs in view.stock.values() for n in fcs.values()}, {0})

    def test_capacity_is_used_on_the_days_that_were_promised(self):
        write_derived(self.data, orders_of())
        self.convert()
        entries, compared = self.timeline(), 0
        view = check.View()
        for n, entry in enumerate(entries):
            if "event" in entry:
                view.apply(entry["event"])
                continue
            found = check.options(view, entry["ask"]["query"])
            promised = [(o[1], o[4]) for o in found if o[3] == entry["ask"]["seller"]]
            if not promised:
                continue  # beyond the horizon
            used = next(
                e["event"]["data"]
                for e in entries[n + 1 :]
                if e["event"]["type"] == "carrier.capacity_used"
            )
            self.assertEqual(used["fc"], entry["ask"]["seller"])
            day = datetime.date.fromisoformat(used["date"]).toordinal()
            self.assertEqual((used["boxes"], day), promised[0])
            compared += 1
        self.assertGreater(compared, 200)

    def test_measures_are_millimetres_and_missing_ones_zero(self):
        write_derived(self.data, orders_of())
        self.convert()
        items = {
            e["event"]["data"]["sku"]: e["event"]["data"]
            for e in self.timeline()
            if e.get("stream") == "catalog"
        }
        self.assertEqual(
            items["p1"],
            {
                "sku": "p1",
                "length_mm": 200,
                "width_mm": 160,
                "height_mm": 160,
                "weight_g": 300,
                "attributes": ["perfumaria"],
            },
        )
        missing = {"sku": "p2", "weight_g": 0, "attributes": []}
        missing |= {"length_mm": 0, "width_mm": 0, "height_mm": 0}
        self.assertEqual(items["p2"], missing)
        self.assertEqual(items["p4"]["length_mm"], 1180)

    def test_a_purchase_in_the_hour_that_summer_time_skipped_keeps_its_day(self):
        orders = orders_of()
        orders[1]["purchased"] = datetime.datetime(2017, 10, 15, 0, 30)  # no such local time
        orders[1].update(
            handed_over=datetime.datetime(2017, 10, 18), delivered=datetime.datetime(2017, 10, 20)
        )
        orders[2].update(purchased=datetime.datetime(2017, 10, 15, 1, 10), delivered=None)
        write_derived(self.data, orders)
        self.convert()
        asked = {e["ask"]["order_id"]: e["ask"] for e in self.timeline() if "ask" in e}
        at = datetime.datetime.fromisoformat(asked["o0001"]["query"]["at"])
        self.assertEqual(str(at.astimezone(ZoneInfo(tables.TIME_ZONE)).date()), "2017-10-15")


class NothingLaterLeaks(WithFolder):
    def test_learned_days_are_those_of_a_naive_recomputation_at_every_question(self):
        for percent in (50, 80, 93):
            with self.subTest(percent=percent):
                orders = orders_of()
                write_derived(self.data, orders)
                self.convert(percent)
                self._compare(orders, percent)

    def _compare(self, orders, percent):
        history = [
            (
                o["delivered"],
                o["lines"][0][1],
                SELLERS[o["lines"][0][1]],
                o["state"],
                *naive_days(o),
            )
            for o in orders
            if len({seller for _, seller in o["lines"]}) == 1 and o["delivered"]
        ]
        view = check.View()
        own_sellers, own_lanes = set(), set()
        for entry in self.timeline():
            if "event" in entry:
                view.apply(entry["event"])
                continue
            at = datetime.datetime.fromisoformat(entry["ask"]["query"]["at"]).replace(tzinfo=None)
            known = [h for h in history if h[0].replace(microsecond=0) < at]
            for seller, state in SELLERS.items():
                own = [h[4] for h in known if h[1] == seller]
                if len(own) >= 10:
                    own_sellers.add(seller)
                else:
                    own = [h[4] for h in known]
                self.assertEqual(view.fcs[seller]["handling_days"], nearest_rank(own, percent))
                self.assertEqual(view.fcs[seller]["zone"], state)
            for lane, days in view.lanes.items():
                own = [h[5] for h in known if h[2:4] == lane]
                if len(own) >= 20:
                    own_lanes.add(lane)
                else:
                    own = [h[5] for h in known]
                self.assertEqual(days, {convert.CARRIER: nearest_rank(own, percent)})
        self.assertEqual(len(view.lanes), 4 * 27)
        # The data must exercise both sides of the thresholds.
        self.assertTrue({"s1", "s2"} <= own_sellers < set(SELLERS))
        self.assertIn(("SP", "SP"), own_lanes)
        self.assertLess(len(own_lanes), 4 * 27)

    def test_what_happens_later_changes_nothing_before(self):
        cut = datetime.datetime(2017, 5, 1, tzinfo=datetime.timezone.utc)
        orders = orders_of()
        write_derived(self.data, orders)
        self.convert()
        before = self._told_until(cut)
        for o in orders:
            for name in ("handed_over", "delivered"):
                if o[name] and o[name] > datetime.datetime(2017, 5, 1):
                    o[name] += datetime.timedelta(days=9)
        write_derived(self.data, orders)
        self.convert()
        after = self._told_until(cut)
        self.assertGreater(sum("ask" in entry for entry in before), 100)
        self.assertEqual(before, after)

    def _told_until(self, cut):
        told = []
        for entry in self.timeline():
            if "ask" in entry:
                del entry["ask"]["delivered"]  # the judge's, not the query's
                moment = datetime.datetime.fromisoformat(entry["ask"]["query"]["at"])
            else:
                moment = datetime.datetime.fromisoformat(entry["event"]["time"])
            if moment < cut:
                told.append(entry)
        return told


class Malformed(WithFolder):
    def rewrite(self, name, change):
        path = self.data / f"{name}.csv.gz"
        with gzip.open(path, "rb") as file:
            lines = file.read().split(b"\n")
        change(lines)
        with gzip.open(path, "wb") as file:
            file.write(b"\n".join(lines))

    def test_each_kind_of_bad_row_is_named_and_skipped_and_the_rest_converted(self):
        write_derived(self.data, orders_of(count=60))

        def spoil_orders(lines):
            lines[2] = lines[2].replace(b"2017-", b"17-")
            lines[4] = b"o0003,only,three"
            lines[6] = lines[6].replace(b",delivered,", b',"deli"vered,')
            lines[8] = lines[8].replace(b"o0007", b"o\xff7")
            lines[10] = lines[9]
            lines[12] = lines[12].replace(b"2017-", b"3017-", 1)

        def spoil_items(lines):
            lines.insert(1, b"nowhere,1,p1,s1,,1.00,0.00")
            lines.insert(2, b"o0010,7,p1,s9,,1.00,0.00")
            lines.insert(3, b"o0010,8,p9,s1,,1.00,0.00")

        def spoil_products(lines):
            lines[-1:] = [b"p5,x,heavy,1,1,1", b"p6,x,1,-1,1,1", b"p7,x,nan,1,1,1", b""]

        self.rewrite("orders", spoil_orders)
        self.rewrite("items", spoil_items)
        self.rewrite("products", spoil_products)
        self.rewrite("sellers", lambda lines: lines.insert(1, b"s7,01000,ZZ"))
        data, out = self.convert()
        lines = self.messages.getvalue().splitlines()
        self.assertEqual(data.skipped, len(lines))
        named = {line.split(": ")[0].split("/")[-1] for line in lines}
        for where in (
            *(f"orders.csv.gz:{n}" for n in (3, 5, 7, 9, 11, 13)),
            *(f"items.csv.gz:{n}" for n in (2, 3, 4)),
            *(f"products.csv.gz:{n}" for n in (6, 7, 8)),
            "sellers.csv.gz:2",
        ):
            self.assertIn(where, named)
        # All else that is named are the lines of orders that were lost.
        rest = [line for line in lines if "items" in line and "is unknown" in line]
        self.assertEqual(len(rest), len(lines) - 6 - 3 - 1)
        damaged = next(order for order in data.orders if order.order == "o0010")
        self.assertFalse(convert.judges(damaged) or convert.teaches(damaged))
        self.assertEqual(len(data.products), len(PRODUCTS))
        self.assertGreater(sum(out.published.values()), 0)

    def test_names_of_bad_rows_are_bounded_and_their_count_is_not(self):
        write_derived(self.data, orders_of(count=60))
        self.rewrite("sellers", lambda lines: lines.extend([b"bad"] * 200))
        data, _ = self.convert()
        self.assertGreaterEqual(data.skipped, 200)
        self.assertEqual(len(self.messages.getvalue().splitlines()), tables.Skipped.SHOWN_MAX + 1)

    def test_a_file_missing_cut_short_or_without_a_column_ends_the_conversion(self):
        write_derived(self.data, orders_of(count=60))
        whole = {path.name: path.read_bytes() for path in self.data.iterdir()}

        def refused(name, content, message):
            for path, was in whole.items():
                (self.data / path).write_bytes(was)
            if content is None:
                (self.data / name).unlink()
            else:
                (self.data / name).write_bytes(content)
            with self.assertRaisesRegex(tables.DataError, message):
                self.convert()

        refused("items.csv.gz", None, r"items\.csv .*missing")
        refused("orders.csv.gz", None, "holds neither")
        refused("orders.csv.gz", whole["orders.csv.gz"][:-40], r"orders\.csv\.gz: cannot be read")
        refused("orders.csv.gz", b"no gzip", r"orders\.csv\.gz: cannot be read")
        refused("sellers.csv.gz", gzip.compress(b""), "header line is missing")
        refused("sellers.csv.gz", gzip.compress(b"seller_id,zip\n"), "no column state")


@unittest.skipUnless((REAL_DATA / "orders.csv.gz").is_file(), f"no Olist data in {REAL_DATA}")
class RealData(WithFolder):
    def test_promises_agree_with_the_plain_calculation_of_the_issue(self):
        for percent, on_time, tighter in ((80, 0.805, 8.0), (93, 0.930, 0.0)):
            with self.subTest(percent=percent):
                data, out = convert.convert(REAL_DATA, self.out, percent)
                self.assertEqual(data.skipped, 0)
                with open(self.out / "timeline.ndjson", encoding="utf-8") as timeline:
                    score = check.check(timeline)["seller"]
                self.assertAlmostEqual(score["asked"], 31241, delta=10)
                self.assertAlmostEqual(score["on_time"], on_time, delta=0.004)
                self.assertAlmostEqual(score["days_tighter"], tighter, delta=0.4)
                self.assertAlmostEqual(score["shop_on_time"], 0.932, delta=0.001)

    def test_holidays_are_those_of_an_independent_list(self):
        listed = defaultdict(set)
        with open(REAL_DATA / "holidays_br.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["kind"] != "half":
                    listed[row["scope"]].add(row["date"])
        national = {d.isoformat() for y in (2016, 2017, 2018) for d in calendars.holidays(y)}
        in_sp = {d.isoformat() for y in (2016, 2017, 2018) for d in calendars.holidays(y, "SP")}
        self.assertEqual(national, listed["BR"])
        self.assertEqual(in_sp, listed["BR"] | listed["BR-SP"])


if __name__ == "__main__":
    unittest.main()
