#!/usr/bin/python3
"""What was trimmed before a consumer had it is a gap: told once, counted, and never silent."""

import unittest

from keyed_publishing import KeyedTest, fold, wait_until

KEPT_BYTES = 64 << 10


class TrimmedLog(KeyedTest):
    RETENTION = f'{{ retention = {{ bytes = "{KEPT_BYTES}B" }} }}'

    def test_the_gap_is_delivered_once_and_counted(self):
        consumer = self.consumer()
        cursor = self.publish("a", 200)
        consumer.wait_applied("a", cursor)
        applied = self.batches("a")
        consumer.process.kill()
        self.publish("a", 20_000, 400)
        wait_until(lambda: self.status("a")["bytes"] <= KEPT_BYTES, "trimmed", 60)
        oldest, head = self.status("a")["oldest"], self.status("a")["head"]
        lost = oldest - cursor - 1
        self.assertGreater(lost, 0)
        expected = fold("a", applied + self.batches("a", oldest))
        consumer.start()
        for _ in range(3):
            dump = consumer.wait_applied("a", head)
            self.assertEqual(dump["values"], expected)
            self.assertEqual(dump["streams"]["a"]["lost"], lost)
            self.assertEqual(dump["streams"]["a"]["gaps"], [[cursor + 1, lost, "trimmed"]])
            self.assertEqual(dump["gaps"], {f"a/{cursor + 1}": [lost, "trimmed", 1]})
            consumer.restart()
        wait_until(lambda: self.reported("a")["lost"] == lost, "the sidecar knows what was lost")
        self.wait_raised("a", "lost", "keyed of a")
        # The log no longer reaches back to the view's beginning: a rebuild would forget the first 200.
        self.assertTrue(consumer.ask("build", view="")["ok"])
        self.assertEqual(consumer.wait_built()["error"]["code"], "trimmed")
        self.assertEqual(consumer.dump()["values"], expected)

    def test_a_rebuild_keeps_what_was_lost_and_lacks_no_more_than_the_old_view(self):
        consumer = self.consumer()
        wait_until(lambda: "a" in consumer.dump()["streams"], "it began before the first event")
        consumer.process.kill()
        self.publish("a", 20_000, 400)
        wait_until(lambda: self.status("a")["bytes"] <= KEPT_BYTES, "trimmed", 60)
        oldest, head = self.status("a")["oldest"], self.status("a")["head"]
        consumer.start()
        before = consumer.wait_applied("a", head)
        self.assertEqual(before["streams"]["a"]["lost"], oldest - 1)
        self.assertTrue(consumer.ask("build", view="")["ok"])
        self.assertNotIn("error", consumer.wait_built())
        self.assertEqual(consumer.dump(), before)


if __name__ == "__main__":
    unittest.main()
