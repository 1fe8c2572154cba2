#!/usr/bin/python3
"""With `discard = "new"` a stream takes no new events rather than trim what a consumer has yet to read; nothing is lost,
other streams go on, and it goes on by itself when the consumer has read or is forgotten."""

import json
import unittest

from keyed_publishing import KeyedTest, wait_until

KEPT_BYTES = 64 << 10


class RetentionWaits(KeyedTest):
    RETENTION = f'{{ retention = {{ bytes = "{KEPT_BYTES}B", discard = "new" }} }}'

    def fill(self):
        """A consumer is gone, and the stream has taken what it may."""
        consumer = self.consumer()
        consumer.wait_applied("a", self.publish("a", 20))
        consumer.process.kill()
        # More than it keeps, in one batch, so that all of it is taken.
        self.publishers["a"].publish([self.event(note="x" * 200) for _ in range(400)])
        self.publishers["a"].flush(30)
        wait_until(lambda: self.status("a")["refusing"], "it refuses")
        for _ in range(4):
            self.publishers["a"].publish([self.event() for _ in range(20)])
        self.work()
        return consumer

    def forget(self):
        return self.verb("consumers", "forget", "keyed", "a")

    def work(self):
        self.publishers["a"].work(0.05)
        return True

    def test_publishers_hold_until_the_consumer_has_read(self):
        consumer = self.fill()
        self.publish("b", 100)  # not kept by this
        self.assertEqual(self.status("a")["oldest"], self.reported("a")["cursor"] + 1)
        self.assertGreater(self.publishers["a"].waiting(), 0)
        self.wait_raised("a", "waits", "a")
        consumer.start()
        wait_until(lambda: self.work() and self.publishers["a"].waiting() == 0, "all is on disk", 60)
        dump = consumer.wait_applied("a", self.status("a")["head"])
        self.assertEqual(self.status("a")["head"], 500)
        self.assertEqual(dump["streams"]["a"]["lost"], 0)

    def test_a_consumer_that_read_another_log_is_waited_for_too(self):
        # Regression: its cursor in the log before the restore counted as read in the one after it.
        consumer = self.consumer()
        consumer.wait_applied("a", self.publish("a", 30))
        backup = self.installation.folder / "left.fbak"
        self.assertEqual(self.verb("backup", "left", backup)[0], 0)
        ahead = self.publish("a", 470)
        consumer.wait_applied("a", ahead)
        self.forget_publishers()

        def restore(folder):
            (folder / "data.mdb").rename(folder / "data.mdb.old")
            self.assertEqual(self.verb("restore", "left", backup)[0], 0)

        self.restart_sidecar("left", restore)
        consumer.wait_state("a", "DIVERGED")
        self.publish("a", 1)
        self.publishers["a"].publish([self.event(note="x" * 200) for _ in range(400)])
        self.publishers["a"].flush(30)
        wait_until(lambda: self.status("a")["refusing"], "it refuses")
        self.assertLessEqual(self.status("a")["oldest"], 31)
        self.assertEqual((self.reported("a")["cursor"], self.reported("a")["lag"]), (ahead, 401))
        self.adopt()
        wait_until(lambda: not self.status("a")["refusing"], "it has read", 60)
        self.assertEqual(consumer.wait_applied("a", self.publish("a", 20))["streams"]["a"]["lost"], 0)

    def test_a_consumer_that_is_forgotten_holds_nothing(self):
        self.fill()
        code, _, errors = self.forget()
        self.assertEqual(code, 1)
        self.assertIn("keyed is there and reads a", errors)
        wait_until(lambda: self.work() and self.reported("a")["heard_ms"] > 5000, "it is silent")
        self.assertEqual(self.forget()[0], 0)
        wait_until(lambda: self.work() and self.publishers["a"].waiting() == 0, "all is on disk", 60)
        self.assertIsNone(self.reported("a"))
        wait_until(lambda: self.status("a")["bytes"] <= KEPT_BYTES, "trimmed")
        self.restart_sidecar("left")
        self.assertIsNone(self.reported("a"))
        code, _, errors = self.forget()
        self.assertEqual(code, 2)
        self.assertIn("no consumer 'keyed' of stream 'a' is registered here", errors)
        _, _, errors = self.verb("consumers", "forget", "k\x1b[2J", "a")  # nor does what a peer says reach the terminal as it is
        self.assertIn("no consumer 'k?[2J'", errors)

    def test_a_consumer_that_left_the_topology_is_listed_and_forgotten(self):
        self.fill()
        topology = self.installation.topology
        before, _, after = topology.read_text().partition("[nodes.keyed]")
        topology.write_text(before + after[after.index("[nodes.recorder]") :])
        self.restart_sidecar("left")
        # Whether it came to register for the other streams before it was killed is nothing to this.
        self.assertEqual(self.listed("keyed")["a"], (False, True))
        lines = [line.split(maxsplit=2) for line in self.consumers_list().splitlines()]
        (rest,) = [rest for consumer, stream, rest in lines if (consumer, stream) == ("keyed", "a")]
        self.assertTrue(rest.endswith("not in the topology: `consumers forget`"), rest)
        self.assertEqual(self.listed("recorder"), {"a": (True, False)})
        self.assertEqual(self.forget()[0], 0)
        wait_until(lambda: not self.status("a")["refusing"], "it holds nothing any more")
        self.assertNotIn("a", self.listed("keyed"))
        self.assertEqual(self.sidecars["right"].stop(), 0)
        code, out, errors = self.verb("consumers", "list", "--json")
        self.assertEqual((code, "right/control.sock" in errors, json.loads(out)[-1]["sidecar"]), (1, True, "right"), errors)

    def consumers_list(self, *words):
        """Once both sidecars answer within the second that the verb gives them."""

        def out():
            code, out, _ = self.verb("consumers", "list", *words)
            return out if code == 0 else None

        return wait_until(out, "consumers are listed", 60)

    def listed(self, consumer):
        """By stream, whether the topology has it and whether it is registered."""
        found = [each["streams"] for each in json.loads(self.consumers_list("--json")) if each["consumer"] == consumer]
        return {each["stream"]: (each["in_topology"], each["registered"]) for streams in found for each in streams}


class ALogThatAConsumerKeepsFull(KeyedTest):
    """It is full by trimming that waits for a consumer, which then comes back."""

    RETENTION = '{ retention = { age = "1s" } }'
    LIMIT = 'disk_max = "16MiB"'

    def test_goes_on_when_it_comes_back(self):
        consumer = self.consumer()
        head = self.publish("a", 20)
        consumer.wait_applied("a", head)
        consumer.process.kill()
        publisher = self.publishers["a"]

        def filled():
            if publisher.waiting() < 4:
                publisher.publish([self.event(note="x" * 200_000)])
            publisher.work(0.01)
            return self.report("a")["full"]

        wait_until(filled, "it is full", 60)
        self.wait_raised("a", "full", "")
        disk = self.report("a")["disk"]
        self.assertLess(disk["left"], disk["of"] / 10)
        self.restart_sidecar("left")  # it has to be registered there again
        wait_until(filled, "it still is", 60)
        consumer.start()

        def drained():
            publisher.work(0.05)
            return publisher.waiting() == 0

        wait_until(drained, "all is on disk", 60)
        dump = consumer.wait_applied("a", self.status("a")["head"])
        self.assertEqual(dump["streams"]["a"]["lost"], 0)


if __name__ == "__main__":
    unittest.main()
