#!/usr/bin/python3
"""A consumer that is stopped, late or behind catches up from the log, and holds nobody up."""

import signal
import time
import unittest

from keyed_publishing import KeyedTest, now, wait_until

MANY = 40_000  # in batches of one to four: far more than the broadcast socket keeps


class SlowConsumer(KeyedTest):
    def test_one_that_was_stopped_while_the_broadcast_overflowed_lacks_nothing(self):
        consumer = self.consumer()
        self.publish("a", 100)
        self.assert_folded(consumer, "a")
        began = time.monotonic()
        self.publish("b", MANY // 4, 4)
        alone = time.monotonic() - began
        consumer.process.signal(signal.SIGSTOP)
        began = time.monotonic()
        head = self.publish("a", MANY // 4, 4)
        beside = time.monotonic() - began
        self.assertLess(self.reported("a")["cursor"], head)
        self.assertGreater(self.reported("a")["lag"], MANY // 8)
        wait_until(lambda: self.reported("a")["heard_ms"] > 1500, "the sidecar sees that it is silent")
        consumer.process.signal(signal.SIGCONT)
        self.assert_folded(consumer)
        # Generous for a busy machine; held up by it, they would have waited until its connection is given up.
        self.assertLess(beside, 3 * alone + 2)
        wait_until(lambda: self.reported("a")["lag"] == 0 and self.reported("a")["state"] == "LIVE", "reported LIVE")

    def test_a_dropped_tail_is_seen_at_the_next_beacon(self):
        consumer = self.consumer()
        self.publish("a", 100)
        consumer.wait_state("a", "LIVE")
        consumer.process.signal(signal.SIGSTOP)
        # What its queues hold comes first, what was dropped is the tail.
        head = self.publish("a", 4000, 1)
        consumer.process.signal(signal.SIGCONT)
        began = time.monotonic()
        consumer.wait_applied("a", head)
        self.assertLess(time.monotonic() - began, 5)
        self.assert_folded(consumer, "a")

    def test_one_that_starts_late_takes_all_from_the_log(self):
        for stream in "abc":
            self.publish(stream, 3000)
        self.assert_folded(self.consumer())

    def test_a_start_counts_once_and_what_lies_before_is_not_lost(self):
        before = self.publish("a", 500), self.publish("b", 500)
        time.sleep(0.01)  # so that the time lies between two commits
        between = now()
        time.sleep(0.01)
        consumer = self.consumer({"a": "latest", "b": between})
        consumer.wait_applied("a", before[0])
        self.publish("a", 200)
        self.publish("b", 200)
        for restarted in (False, True):
            if restarted:
                consumer.restart()
                self.publish("a", 100)
            dump = consumer.wait_applied("b", self.head("b"))
            dump = consumer.wait_applied("a", self.head("a"))
            self.assertEqual(dump["values"], self.fold("a", before[0] + 1) | self.fold("b", before[1] + 1))
            self.assertEqual([dump["streams"][stream]["start"] for stream in "ab"], list(before))
            self.assertEqual([dump["streams"][stream]["lost"] for stream in "ab"], [0, 0])


if __name__ == "__main__":
    unittest.main()
