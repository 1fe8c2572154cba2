#!/usr/bin/python3
"""A consumer, or the sidecar that it reads from, killed at random moments: each event changes the view exactly once."""

import time
import unittest

from keyed_publishing import KeyedTest, wait_until

ROUNDS = 30


class KillConsumer(KeyedTest):
    def test_each_event_is_applied_once_over_kills_of_the_consumer(self):
        consumer = self.consumer()
        for _ in range(ROUNDS):
            if self.dice.random() < 0.7:  # in the midst of applying; else while it starts and fetches
                for stream in "abc":
                    consumer.wait_state(stream, "LIVE")
            end = time.monotonic() + self.dice.uniform(0, 0.1)  # the moment of the kill
            while time.monotonic() < end:
                for stream in "abc":
                    self.send(stream, self.dice.randrange(1, 5))
                    self.publishers[stream].work(0)
            consumer.restart()
        for publisher in self.publishers.values():
            publisher.flush(30)
        self.assert_folded(consumer)

    def test_each_event_is_applied_once_over_kills_of_the_sidecar(self):
        consumer = self.consumer()
        for stream in "abc":
            self.publish(stream, 100)
        for _ in range(ROUNDS):
            for stream in "ab":
                self.send(stream, self.dice.randrange(200))
            time.sleep(self.dice.uniform(0, 0.05))
            self.sidecars["left"].kill()
            self.sidecars["left"] = self.installation.start_sidecar("left")
        for publisher in self.publishers.values():
            publisher.flush(30)
        self.assert_folded(consumer)
        wait_until(lambda: all(consumer.stream(stream)["state"] == "LIVE" for stream in "abc"), "all LIVE")


class RefusedEvents(KeyedTest):
    def test_a_refused_event_changes_nothing_and_the_rest_goes_on(self):
        consumer = self.consumer()
        for n in range(10):
            self.publish("a", 30)
            self.publish("a", 1, refuse=f"refused {n}")
            if n % 3 == 0:
                consumer.restart()
        self.publish("a", 30)
        self.assert_folded(consumer, "a")
        failed = consumer.ask("failed", stream="a")["failed"]
        self.assertEqual([(each["sequence"], each["reason"]) for each in failed],
                         [(31 * (n + 1), f"refused {n}") for n in range(10)])  # fmt: skip
        self.assertEqual(consumer.dump()["streams"]["a"]["failed"], 10)
        consumer.restart()
        self.assert_folded(consumer, "a")
        self.assertEqual(consumer.dump()["streams"]["a"]["failed"], 10)
        wait_until(lambda: (self.reported("a") or {}).get("failed") == 10, "the sidecar knows of 10 failed")


if __name__ == "__main__":
    unittest.main()
