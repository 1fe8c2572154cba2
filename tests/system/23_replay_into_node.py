#!/usr/bin/python3
"""Events again: into a handler that keeps no view and opted in, and never into a live view."""

import json
import time
import unittest

from forebay_test import KeyedConsumer, wait_until
from keyed_publishing import KeyedTest


class ReplayIntoNode(KeyedTest):
    def setUp(self):
        super().setUp()
        self.record = self.installation.folder / "record.txt"
        self.recorder = KeyedConsumer(
            self.installation, {"left": {"a": "earliest"}}, "recorder", ("--record", self.record)
        )
        self.recorder.start()

    def lines(self, how):
        """(sequence, commit time, type) of what the handler saw, in its order."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        words = [line.split(" ") for line in lines]
        return [(int(sequence), int(time_ns), kind) for _, sequence, time_ns, kind, _, seen in words if seen == how]

    def publish_and_record(self, count, **data):
        head = self.publish("a", count, **data)
        wait_until(lambda: self.cursor() == head, f"{head} applied")
        return head

    def cursor(self):
        return self.recorder.stream("a")["cursor"]

    def replay(self, *words, code=0, into="recorder"):
        returned, out, err = self.verb("replay", "a", *words, "--into", into, "--json")
        self.assertEqual(returned, code, err)
        return json.loads(out) if out else err

    def test_the_handler_sees_the_range_again_and_its_live_stream_goes_on(self):
        head = self.publish_and_record(500)
        live = self.lines("live")
        self.assertEqual([sequence for sequence, _, _ in live], list(range(1, head + 1)))
        summary = self.replay("--from", 101, "--to", 401)
        self.assertEqual(summary, {"read": 300, "replayed": 300, "refused": 0, "lost": 0})
        self.assertEqual(self.lines("replayed"), live[100:400])  # times and types as they were
        self.assertEqual(self.cursor(), head)
        head = self.publish_and_record(10)
        self.assertEqual(len(self.lines("live")), head)
        # Done to the end of the first, it begins anew: no position of a replay is kept.
        self.assertEqual(self.replay()["replayed"], head)

    def test_it_is_chosen_and_paced(self):
        self.publish_and_record(30)
        self.assertEqual(self.replay("--type", "other.*"), {"read": 30, "replayed": 0, "refused": 0, "lost": 0})
        self.assertEqual(self.replay("--dry-run")["replayed"], 30)
        self.assertEqual(self.lines("replayed"), [])
        began = time.monotonic()
        self.assertEqual(self.replay("--from", 1, "--to", 21, "--rate", 50, "--type", "value.*")["replayed"], 20)
        self.assertGreaterEqual(time.monotonic() - began, 19 / 50)
        self.assertEqual([sequence for sequence, _, _ in self.lines("replayed")], list(range(1, 21)))

    def test_what_the_handler_refuses_is_named_and_the_rest_goes_on(self):
        self.publish_and_record(3)
        self.publish_and_record(1, refuse="not I")
        self.publish_and_record(3)
        returned, out, err = self.verb("replay", "a", "--into", "recorder", "--json")
        self.assertEqual(returned, 1)
        self.assertEqual(json.loads(out), {"read": 7, "replayed": 6, "refused": 1, "lost": 0})
        self.assertIn("event 4 refused: not I", err)

    def test_a_live_view_is_refused_and_a_scratch_view_is_not(self):
        consumer = self.consumer()
        head = self.publish("a", 200)
        self.assert_folded(consumer, "a")
        refusal = self.replay(into="keyed", code=2)
        for mend in ("--view", "forebay rebuild keyed", "replay = true"):
            self.assertIn(mend, refusal)
        self.assert_folded(consumer, "a")
        self.assertIn("leave --view away", self.replay("--view", "trial", code=2))
        self.assertIn("do not go with --view", self.replay("--view", "trial", "--rate", 5, into="keyed", code=2))
        self.assertEqual(self.replay("--from", 11, "--to", head, "--view", "trial", into="keyed")["replayed"], head - 11)
        self.assertEqual(consumer.dump("trial")["values"], self.fold("a", 11, head - 1))
        self.assert_folded(consumer, "a")

    def test_a_node_that_keeps_no_view_is_not_rebuilt(self):
        head = self.publish_and_record(20)
        for words in (["rebuild", "recorder"], ["rebuild", "recorder", "--until", "end", "--view", "v"]):
            returned, _, err = self.verb(*words)
            self.assertEqual(returned, 2, err)
            self.assertIn("keeps no view", err)
        self.assertEqual((len(self.lines("live")), self.lines("replayed")), (head, []))

    def test_mistakes_and_a_node_that_is_down_are_told(self):
        self.publish_and_record(5)
        self.assertIn("did you mean 'recorder'?", self.replay(into="recordr", code=2))
        self.assertIn("--to lies before --from", self.replay("--from", 3, "--to", 2, code=2))
        returned, _, err = self.verb("replay", "b", "--into", "recorder")
        self.assertEqual(returned, 2, err)
        self.assertIn("does not subscribe to 'b'", err)
        for rate in ("0", "-1", "nan", "x"):
            returned, _, err = self.verb("replay", "a", "--rate", rate)
            self.assertEqual(returned, 2, err)
            self.assertIn("is no number above 0", err)
        self.recorder.process.kill()
        self.assertIn("is it running?", self.replay(code=1))

    def test_a_summary_is_where_no_events_are(self):
        self.publish_and_record(4)
        summary = {"read": 4, "replayed": 4, "refused": 0, "lost": 0}
        self.assertEqual(json.loads(self.verb("replay", "a", "--dry-run", "--json")[1]), summary)
        path = self.installation.folder / "out.ndjson"
        self.assertEqual(json.loads(self.verb("replay", "a", "--out", path, "--json")[1]), summary)
        self.assertEqual(len(path.read_text().splitlines()), 4)
        _, out, err = self.verb("replay", "a", "--json")
        self.assertEqual((len(out.splitlines()), json.loads(err)), (4, summary))

    def test_a_replay_goes_on_when_its_sidecar_comes_back(self):
        head = self.publish_and_record(2000)
        process = self.installation.forebay("replay", "a", "--rate", "2000", "--json", log="long")
        time.sleep(0.3)  # the moment of the kill
        self.sidecars["left"].kill()
        self.sidecars["left"] = self.installation.start_sidecar("left")
        self.assertEqual(process.wait(60), 0, process.errors())
        self.assertEqual(len(process.output().splitlines()), head)

    def test_a_build_whose_node_restarts_is_not_said_to_be_done(self):
        consumer = self.consumer()
        self.publish("a", 40_000)
        self.assert_folded(consumer, "a")
        process = self.installation.forebay("rebuild", "keyed", log="rebuild")
        wait_until(lambda: consumer.ask("progress")["running"] or not process.running(), "it builds")
        consumer.restart()
        code = process.wait(60)
        done = "is live" in process.errors()
        self.assertEqual(code, 0 if done else 1, process.errors())
        if not done:
            self.assertIn("restarted meanwhile", process.errors())
        # Done or not, as it was said: a view that was swapped in is another one than the first.
        views = sorted(folder.name for folder in (consumer.state / "views").iterdir())
        self.assertEqual(views == ["1"], not done)
        self.assert_folded(consumer, "a")

    def test_operators_verbs_reach_a_service(self):
        consumer = self.consumer()
        self.publish("a", 50)
        self.assert_folded(consumer, "a")
        returned, out, err = self.verb("consumers", "list", "--json")
        self.assertEqual(returned, 0, err)
        self.assertEqual([node["consumer"] for node in json.loads(out)], ["keyed", "recorder"])
        returned, _, err = self.verb("rebuild", "keyed")
        self.assertEqual(returned, 0, err)
        self.assert_folded(consumer, "a")


if __name__ == "__main__":
    unittest.main()
