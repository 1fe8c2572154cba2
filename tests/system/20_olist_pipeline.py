#!/usr/bin/python3
"""All Olist events pass feed, sidecar and sourcing node; each is applied exactly once, and once more by a rebuild."""

import pathlib
import random
import tempfile
import unittest

from forebay_test import Installation, olist, seed_of_this_run, wait_until

SEED = seed_of_this_run()
NODE = "sourcing-1"
PROBES = 4000  # of stock, and of capacities


class OlistPipeline(unittest.TestCase):
    def test_every_event_is_applied_exactly_once_and_again_by_a_rebuild(self):
        dice = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            streams = olist.converted(DATA, pathlib.Path(folder))
        queries = olist.add_probes(streams, dice, PROBES)
        with Installation(olist.topology(False, [NODE])) as installation, self.subTest(seed=SEED):
            for stream, events in streams.items():
                (installation.folder / f"{stream}.ndjson").write_bytes(olist.lines_of(events))
            up = installation.forebay("up", log="up")
            self.wait_for_all(installation, streams)
            logs = {stream: olist.log_of(installation, stream) for stream in olist.STREAMS}
            for stream, events in streams.items():
                self.assertTrue(olist.same_events(logs[stream], events), f"{stream}: the log is not the file")
            expected = olist.answers_of(olist.fold(logs), queries)
            self.assertEqual(olist.asked(installation, queries, NODE, streams), expected)
            rebuild = installation.forebay("rebuild", NODE, log="rebuild")
            self.assertEqual(rebuild.wait(120), 0, rebuild.errors())
            self.wait_for_all(installation, streams)
            self.assertEqual(olist.asked(installation, queries, NODE, streams), expected)
            self.assertEqual(up.stop(), 0, up.errors())
            possible = sum(answer["edd"] is not None for answer in expected)
            print(f"{sum(map(len, streams.values()))} events, {len(queries)} questions, {possible} with a date")

    def wait_for_all(self, installation, streams):
        """Until the cursors are at the heads, which are the numbers of lines; then nothing is lost or failed."""

        def all_there():
            try:
                all_ = olist.standing(installation)
            except AssertionError:  # not up yet
                return None
            there = len(all_) == len(streams) and all(
                entry["cursor"] >= len(streams[stream]) for (_, stream), entry in all_.items()
            )
            return there and all_

        for (_, stream), entry in wait_until(all_there, "all events applied", 120).items():
            count = len(streams[stream])
            found = {name: entry[name] for name in ("cursor", "head", "lost", "failed")}
            self.assertEqual(found, {"cursor": count, "head": count, "lost": 0, "failed": 0}, stream)


if __name__ == "__main__":
    DATA = olist.data_or_skip()
    unittest.main()
