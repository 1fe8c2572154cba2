#!/usr/bin/python3
"""The rules of ingest in docs/protocol.md section 4, row by row."""

import dataclasses
import os
import signal
import time
import unittest

from forebay_test import wait_until
from formats import GAP, Batch, decode_batches, event, pack
from with_sidecar import WithSidecar


class RulesOfIngest(WithSidecar):
    def setUp(self):
        super().setUp()
        self.instance = os.urandom(16)
        self.registered = self.register(name="till", instance=self.instance)

    def expect_refused(self, data, code):
        """Refused with that code, counted, and nothing of it is in the log."""
        head, count = self.head(), self.refused(code)
        self.send(data)
        message = self.unasked("refused")
        self.assertEqual(message["code"], code)
        for key in ("producer", "epoch"):
            self.assertEqual(message[key], self.registered[key])
        self.assertEqual((self.head(), self.refused(code)), (head, count + 1))

    def expect_counted(self, data, code):
        """Counted, and nothing of it is in the log; nobody is known who could be told."""
        head, count = self.head(), self.refused(code)
        self.send(data)
        wait_until(lambda: self.refused(code) == count + 1, f"a refusal {code}")
        self.assertEqual(self.head(), head)

    def commit(self, previous, last):
        self.send(self.batch(self.registered, previous, last, min(last - previous, 4096)))
        message = self.unasked("acknowledged")
        self.assertEqual(message["position"], last)
        return message

    def test_an_unknown_incarnation_is_refused_diverged(self):
        self.expect_refused(self.batch(self.registered, 0, 1, incarnation=os.urandom(16)), "diverged")

    def test_an_unknown_producer_is_unregistered(self):
        self.expect_counted(self.batch(self.registered, 0, 1, producer=12345), "unregistered")
        self.refuse("unregistered", op="keepalive", producer=12345, epoch=1, instance=os.urandom(16))

    def test_a_producer_of_another_stream_is_unregistered(self):
        elsewhere = self.register(stream=next(self.streams))
        self.expect_refused(self.batch(self.registered, 0, 1, incarnation=elsewhere["incarnation"]), "unregistered")

    def test_a_higher_epoch_is_unregistered(self):
        self.expect_counted(self.batch(self.registered, 0, 1, epoch=2), "unregistered")

    def test_a_lower_epoch_is_fenced(self):
        self.commit(0, 1)
        old = self.registered
        self.registered = self.register(name="till")
        self.expect_counted(self.batch(old, 1, 2), "fenced")
        who = {key: old[key] for key in ("producer", "epoch")}
        self.refuse("fenced", op="keepalive", instance=self.instance, **who)
        self.assertEqual(self.commit(1, 2)["sequence"], 2)

    def test_what_was_committed_before_this_epoch_is_bad_sequence(self):
        self.commit(0, 4)
        self.registered = self.register(name="till")
        self.assertEqual(self.registered["start"], 4)
        self.expect_refused(self.batch(self.registered, 0, 4), "bad_sequence")
        self.expect_refused(self.batch(self.registered, 0, 2), "bad_sequence")
        self.assertEqual(self.commit(4, 5)["sequence"], 5)

    def test_what_is_committed_is_acknowledged_again_at_once(self):
        self.commit(0, 2)
        self.commit(2, 4)
        before = self.status()["counters"]["duplicates"]
        for previous, last in ((2, 4), (0, 2)):
            self.send(self.batch(self.registered, previous, last))
            again = self.unasked("acknowledged")
            self.assertEqual((again["position"], again["sequence"], again["first"]), (4, 4, 0))
        self.assertEqual(self.head(), 4)
        self.assertEqual(self.status()["counters"]["duplicates"], before + 2)

    def test_what_is_ingested_but_not_committed_is_dropped_and_acknowledged_by_its_commit(self):
        position = dropped = 0
        for _ in range(20):
            # What the sidecar finds waiting is ingested while the large batch is still being committed.
            self.sidecar.signal(signal.SIGSTOP)
            large = [event("a.b", b"x" * 1000000)]
            who = {key: self.registered[key] for key in ("incarnation", "producer", "epoch")}
            self.send(Batch.of(large, previous=position, last=position + 1, **who).encode())
            for _ in range(2):
                self.send(self.batch(self.registered, position + 1, position + 2))
            time.sleep(0.02)  # lets ZeroMQ hand them over; only how soon this ends depends on it
            self.sidecar.signal(signal.SIGCONT)
            position += 2
            messages = [self.unasked("acknowledged")]
            while messages[-1]["position"] < position:
                messages.append(self.unasked("acknowledged"))
            self.assert_quiet_or_repeated(messages)
            dropped += not any(message["first"] == 0 for message in messages)
            self.assertEqual(self.head(), position)
            if dropped:
                return
        self.fail("the second was never dropped")

    def assert_quiet_or_repeated(self, messages):
        self.status()
        messages += self.client.unasked
        self.client.unasked.clear()
        self.assertTrue(all(message["op"] == "acknowledged" for message in messages), messages)

    def test_what_follows_is_taken(self):
        self.commit(0, 3)
        self.assertEqual(self.commit(3, 1003 * 1003)["position"], 1003 * 1003)

    def test_what_leaves_a_hole_is_asked_for_once_until_the_chain_moves_on(self):
        self.commit(0, 1)
        asked = self.status()["counters"]["resends_asked"]
        for position in (1, 2):
            self.send(self.batch(self.registered, 3, 4))
            resend = self.unasked("resend")
            self.assertEqual(resend["position"], position)
            for key in ("incarnation", "producer", "epoch"):
                self.assertEqual(resend[key], self.registered[key])
            count = self.status()["counters"]["resends_asked"]
            self.assertEqual(count, asked + position)
            self.send(self.batch(self.registered, 4, 5))
            self.commit(position, position + 1)  # its answer is the next: the other hole brought none
            self.assertEqual(self.status()["counters"]["resends_asked"], count)
        self.assertEqual(self.head(), 3)

    def test_a_partial_overlap_is_bad_sequence(self):
        self.commit(0, 3)
        self.expect_refused(self.batch(self.registered, 2, 5), "bad_sequence")
        self.expect_refused(self.batch(self.registered, 0, 4), "bad_sequence")
        self.assertEqual(self.commit(3, 5)["sequence"], 5)

    def test_a_gap_record_from_outside_is_refused(self):
        payload = b"".join(len(part).to_bytes(4, "little") + part for part in (pack({"reason": "mine"}),))
        none = {"incarnation": self.registered["incarnation"], "epoch": 0, "previous": 0, "last": 0}
        self.expect_counted(Batch(producer=0, count=3, payload=payload, kind=GAP, **none).encode(), "bad_input")

    def test_a_batch_that_is_not_what_the_page_says_is_refused(self):
        good = self.batch(self.registered, 0, 2)
        for data in (
            b"",
            good[:50],
            good[:-1],
            good + b"x",
            b"FBAX" + good[4:],
            good[:-1] + bytes([good[-1] ^ 1]),
            good[:24] + b"\x03" + good[25:],
        ):
            count = sum(self.status()["counters"]["refused"].values())
            self.send(data)
            wait_until(lambda: sum(self.status()["counters"]["refused"].values()) == count + 1, "a refusal")
        for fields in ({"version": 2}, {"kind": 3}, {"count": 3}, {"count": 1}, {"count": 0}, {"payload_checksum": 5},
                       {"last": 0}):  # fmt: skip
            count = sum(self.status()["counters"]["refused"].values())
            (batch,) = decode_batches(good)
            self.send(dataclasses.replace(batch, **fields).encode())
            wait_until(lambda: sum(self.status()["counters"]["refused"].values()) == count + 1, f"a refusal of {fields}")
        self.assertEqual(self.head(), 0)
        self.commit(0, 2)


if __name__ == "__main__":
    unittest.main()
