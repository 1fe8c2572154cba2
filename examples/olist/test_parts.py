#!/usr/bin/python3
"""Tests of the converter's parts, calendars and percentiles, and of the report."""

import datetime
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import calendars  # noqa: E402
import learning  # noqa: E402
import report  # noqa: E402
from naive import closed_days, least_steps, nearest_rank, works  # noqa: E402


class Calendar(unittest.TestCase):
    def test_easter_and_the_holidays_that_hang_on_it(self):
        for year, day in ((2016, "03-27"), (2017, "04-16"), (2018, "04-01"), (2024, "03-31")):
            self.assertEqual(calendars.easter(year).isoformat(), f"{year}-{day}")
        days = [day.isoformat() for day in calendars.holidays(2017)]
        expected = """2017-01-01 2017-02-27 2017-02-28 2017-04-14 2017-04-21 2017-05-01 2017-06-15
            2017-09-07 2017-10-12 2017-11-02 2017-11-15 2017-12-25"""
        self.assertEqual(days, expected.split())
        only_sp = set(calendars.holidays(2018, "SP")) - set(calendars.holidays(2018, "RJ"))
        self.assertEqual(only_sp, {datetime.date(2018, 7, 9)})

    def test_counting_by_table_equals_counting_day_by_day(self):
        for state in (None, "SP"):
            table = calendars.WorkingDays(2016, 2018, state)
            closed = closed_days(state)
            rng = random.Random(7)
            for _ in range(2000):
                start = datetime.date(2016, 1, 1) + datetime.timedelta(days=rng.randrange(700))
                goal = start + datetime.timedelta(days=rng.randrange(-3, 60))
                steps = least_steps(start, goal, closed)
                self.assertEqual(table.steps_to_reach(start.toordinal(), goal.toordinal()), steps)
                reached = table.advance(start.toordinal(), steps)
                self.assertGreaterEqual(reached, goal.toordinal())
                if steps > 0:
                    short = table.advance(start.toordinal(), steps - 1)
                    self.assertLess(short, goal.toordinal())
                first = start
                while not works(first, closed):
                    first += datetime.timedelta(days=1)
                self.assertEqual(table.first_from(start.toordinal()), first.toordinal())


class Percentiles(unittest.TestCase):
    def test_equal_the_nearest_rank_of_the_sorted_values(self):
        rng = random.Random(3)
        for percent in (1, 50, 80, 93, 99, 100):
            percentile, values = learning.Percentile(percent), []
            for _ in range(300):
                values.append(int(rng.expovariate(0.2)))
                percentile.add(values[-1])
                self.assertEqual(percentile.value(), nearest_rank(values, percent))

    def test_changes_tell_exactly_what_changed(self):
        rng = random.Random(4)
        learned, told = learning.Learned(80, "abcd", 5), {}
        for _ in range(400):
            for key, days in learned.add(rng.choice("aaabbc"), int(rng.expovariate(0.2))):
                self.assertNotEqual(told.get(key), days)
                told[key] = days
            self.assertEqual(told, {key: learned.get(key) for key in "abcd"})


class Report(unittest.TestCase):
    def results(self):
        score = {
            "asked": 31243,
            "orders": 31240,
            "on_time": 0.8047,
            "days_tighter": 7.99,
            "shop_on_time": 0.9316,
        }
        run = {
            **score,
            "events": 380794,
            "events_per_s": 123456.7,
            "queries_per_s": 9876.5,
            "p50_us": 81.2,
            "p99_us": 300.9,
            "play_s": 77.7,
            "rest_p50_us": 41.2,
            "rest_p99_us": 90.4,
            "rest_per_s": 20123.4,
            "rest_in_flight_per_s": 54321.2,
            "same_answers": 31243,
            "plain": {"free": score, "seller": score},
        }
        return {"machine": "2 cores", "data": "a third", "percentiles": {"93": run, "80": dict(run)}}

    def test_every_figure_licence_and_the_way_to_run_are_on_the_page(self):
        text = report.page(self.results())
        for part in (
            "31,240 of 31,243",
            "80.5%",
            "93.2%",
            "| 8.0 |",
            "380,794",
            "123,457",
            "81 µs",
            "301 µs",
            "78 s",
            "41 µs",
            "90 µs",
            "20,123",
            "54,321",
            "2 cores",
            "a third",
            "CC BY-NC-SA 4.0",
            "André Sionek",
            "examples/olist/run",
        ):
            self.assertIn(part, text)
        self.assertLess(text.index("| 80 |"), text.index("| 93 |"))

    def test_a_figure_that_was_not_measured_is_named(self):
        results = self.results()
        del results["percentiles"]["93"]["p99_us"]
        with self.assertRaisesRegex(ValueError, "percentile 93: p99_us missing"):
            report.page(results)


if __name__ == "__main__":
    unittest.main()
