#!/usr/bin/python3
"""The sourcing node answers while every sidecar and publisher is dead, and says that its inputs are stale."""

import itertools
import json
import pathlib
import unittest

from forebay_test import Installation, wait_until

STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
DEMO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"
TOPOLOGY = """
[topology]
name = "alone"
[hosts.a]
{sidecars}
[nodes.sourcing-1]
kind = "sourcing"
host = "a"
subscribes = ["catalog", "inventory", "fulfilment", "carriers"]
""".format(
    sidecars="".join(f'[sidecars.{s}]\nhost = "a"\nstreams = {{ {s} = {{}} }}\n' for s in STREAMS)
)


class SourcingAlone(unittest.TestCase):
    runs = itertools.count()  # a log of its own for each run of a verb

    def ask(self, installation):
        """The answers to the demo's questions, or None if they did not come."""
        query = installation.forebay("query", "edd", "--file", DEMO / "queries.ndjson", log=f"query-{next(self.runs)}")
        if query.wait(30) != 0:
            return None
        return [json.loads(line) for line in query.output().splitlines()]

    def applied(self, installation, count):
        listing = installation.forebay("consumers", "list", "--json", log=f"list-{next(self.runs)}")
        if listing.wait(30) != 0:
            return False
        cursors = [stream["cursor"] for node in json.loads(listing.output()) for stream in node["streams"]]
        return sum(cursor or 0 for cursor in cursors) == count

    def test_it_answers_alone_and_marks_every_stream_stale(self):
        with Installation(TOPOLOGY) as installation:
            sidecars = [installation.start_sidecar(stream) for stream in STREAMS]
            node = [installation.program("forebay-sourcing"), "-t", installation.topology, "sourcing-1"]
            sourcing = installation.start(node, "sourcing")
            events = 0
            for stream in STREAMS:
                publish = installation.forebay("publish", stream, DEMO / f"{stream}.ndjson", log=f"publish-{stream}")
                self.assertEqual(publish.wait(30), 0, publish.errors())
                events += len((DEMO / f"{stream}.ndjson").read_text().splitlines())
            wait_until(lambda: self.applied(installation, events), "all events applied", 30)

            def without_as_of(answers):
                return [{key: value for key, value in answer.items() if key != "as_of"} for answer in answers]

            def all_say(stale):
                answers = self.ask(installation)
                told = answers and {entry["stale"] for answer in answers for entry in answer["as_of"].values()}
                return answers if told == {stale} else None

            fresh = wait_until(lambda: all_say(False), "no stream stale", 30)
            self.assertEqual(fresh[0]["edd"], "2026-03-03")
            for sidecar in sidecars:
                sidecar.kill()
            alone = wait_until(lambda: all_say(True), "every stream stale", 30)
            self.assertEqual(without_as_of(alone), without_as_of(fresh))
            sourcing.kill()
            sourcing = installation.start(node, "sourcing-again")  # nor does it need them to start
            alone = wait_until(lambda: all_say(True), "answers after a restart", 30)
            self.assertEqual(without_as_of(alone), without_as_of(fresh))
            for entry in alone[0]["as_of"].values():
                self.assertEqual((entry["lost"], entry["start"]), (0, 1))
            self.assertEqual(sourcing.stop(), 0, sourcing.errors())


if __name__ == "__main__":
    unittest.main()
