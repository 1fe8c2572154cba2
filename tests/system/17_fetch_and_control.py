#!/usr/bin/python3
"""Fetches, consumers and the control socket's errors, as docs/protocol.md section 4 has them."""

import os
import signal
import subprocess
import unittest

from client import Publisher
from forebay_test import wait_until
from formats import event, pack
from with_sidecar import WithSidecar


class Fetching(WithSidecar):
    def setUp(self):
        super().setUp()
        self.publisher = Publisher(self.client, self.stream)
        self.incarnation = self.publisher.registered["incarnation"]
        for size in (3, 4, 5):  # sequences 1-3, 4-7, 8-12
            self.publisher.publish([event("a.b", b"x" * 1000)] * size)
            self.publisher.flush()
        self.batches = list(self.client.read(self.stream))

    def fetched(self, *args, **keys):
        reply, batches = self.client.fetch(self.stream, *args, **keys)
        return [batch.base for batch in batches], reply["next"], reply["more"]

    def diverged(self, **keys):
        message = self.refuse("diverged", op="fetch", stream=self.stream, **{"to": 0, "bytes": 0, **keys})
        self.assertEqual((message["incarnation"], message["head"]), (self.incarnation, 12))

    def test_ranges_are_whole_batches_and_to_is_exclusive(self):
        self.assertEqual(self.fetched(), ([1, 4, 8], 13, False))
        self.assertEqual(self.fetched(5), ([4, 8], 13, False))
        self.assertEqual(self.fetched(4, 8), ([4], 8, False))
        self.assertEqual(self.fetched(4, 9), ([4, 8], 13, False))
        self.assertEqual(self.fetched(1, 3), ([1], 4, False))
        self.assertEqual(self.fetched(1, 100), ([1, 4, 8], 13, False))
        self.assertEqual(self.fetched(12, 13, self.incarnation), ([8], 13, False))

    def test_an_empty_range_holds_nothing(self):
        self.assertEqual(self.fetched(5, 5), ([], 5, False))

    def test_at_the_end_there_is_nothing_and_no_more(self):
        self.assertEqual(self.fetched(13), ([], 13, False))
        self.assertEqual(self.fetched(13, checksum=self.batches[-1].header_checksum), ([], 13, False))

    def test_the_byte_limit_ends_a_reply_but_never_before_one_batch(self):
        one, two = (len(batch.encode()) for batch in self.batches[:2])
        self.assertEqual(self.fetched(bytes_=1), ([1], 4, True))
        self.assertEqual(self.fetched(bytes_=one + two), ([1, 4], 8, True))
        self.assertEqual(self.fetched(bytes_=one + two - 1), ([1], 4, True))
        self.assertEqual(self.fetched(4, 8, bytes_=1), ([4], 8, False))
        self.assertEqual(self.fetched(bytes_=1 << 40), ([1, 4, 8], 13, False))

    def test_a_right_checksum_is_served_and_a_wrong_one_diverged(self):
        first, second, _ = (batch.header_checksum for batch in self.batches)
        self.assertEqual(self.fetched(4, checksum=first), ([4, 8], 13, False))
        self.assertEqual(self.fetched(6, checksum=second), ([4, 8], 13, False))  # the batch that holds 5
        self.diverged(**{"from": 4, "checksum": second})
        self.diverged(**{"from": 6, "checksum": first})
        self.diverged(**{"from": 13, "checksum": first})

    def test_another_incarnation_and_a_start_past_the_head_are_diverged(self):
        self.diverged(**{"from": 1, "incarnation": os.urandom(16)})
        self.diverged(**{"from": 14, "incarnation": self.incarnation})
        self.diverged(**{"from": 2**64 - 1})

    def test_bounds_that_make_no_sense_are_bad_input(self):
        self.refuse("bad_input", op="fetch", stream=self.stream, **{"from": 0})
        self.refuse("bad_input", op="fetch", stream=self.stream, **{"from": 5, "to": 4})
        self.refuse("bad_input", op="fetch", stream=self.stream, **{"from": -1})
        self.refuse("not_found", op="fetch", stream="nowhere", **{"from": 1})

    def test_find_gives_the_first_batch_at_or_after_a_time(self):
        times = [batch.commit_time for batch in self.batches]
        self.assertEqual(len(set(times)), 3)
        found = lambda time_: self.client.request("find", "found", stream=self.stream, time=time_)  # noqa: E731
        self.assertEqual([found(time_)["sequence"] for time_ in times], [1, 4, 8])
        self.assertEqual([found(time_ + 1)["sequence"] for time_ in times], [4, 8, 13])
        self.assertEqual(found(-(2**63))["sequence"], 1)
        reply = found(2**63 - 1)
        self.assertEqual((reply["sequence"], reply["head"], reply["oldest"]), (13, 12, 1))
        self.assertEqual(reply["incarnation"], self.incarnation)

    def test_more_than_four_fetches_under_way_are_unavailable(self):
        self.sidecar.signal(signal.SIGSTOP)  # so that they arrive together
        ids = [self.client.send("fetch", stream=self.stream, **{"from": 1}) for _ in range(64)]
        self.sidecar.signal(signal.SIGCONT)
        replies = [self.client.receive(5) for _ in ids]
        self.assertEqual(sorted(reply["id"] for reply in replies), ids)
        self.assertLessEqual({reply["op"] for reply in replies}, {"batches", "error"})
        self.assertTrue(all(reply["code"] == "unavailable" for reply in replies if reply["op"] == "error"))
        self.assertGreaterEqual(sum(reply["op"] == "batches" for reply in replies), 4)


class Consumers(WithSidecar):
    def setUp(self):
        super().setUp()
        self.publisher = Publisher(self.client, self.stream)
        self.publish(3)

    def publish(self, count):
        self.publisher.publish([event("a.b")] * count)
        self.publisher.flush()

    def subscribe(self, consumer, start, **keys):
        return self.client.request("subscribe", "subscribed", stream=self.stream, consumer=consumer, start=start, **keys)

    def test_a_subscription_begins_where_it_says(self):
        (batch,) = self.client.read(self.stream)
        self.publish(2)
        incarnation = batch.incarnation
        for consumer, start, keys, expected in (
            ("one", "earliest", {}, 0),
            ("two", "latest", {}, 5),
            ("three", "time", {"time": batch.commit_time + 1}, 3),
            ("four", "time", {"time": batch.commit_time}, 0),
            ("five", "cursor", {"incarnation": incarnation, "cursor": 4}, 4),
        ):
            reply = self.subscribe(consumer, start, **keys)
            self.assertEqual((reply["start"], reply["head"], reply["oldest"]), (expected, 5, 1), consumer)
            self.assertEqual((reply["incarnation"], reply["stream"]), (incarnation, self.stream))

    def test_a_reported_cursor_is_in_the_status(self):
        start = self.subscribe("reader", "earliest")
        report = {"sequence": 2, "lost": 1, "failed": 0, "state": "LIVE"}
        self.client.send("cursor", stream=self.stream, consumer="reader", incarnation=start["incarnation"], **report)

        def reported():
            (entry,) = [one for one in self.status()["consumers"] if one["stream"] == self.stream]
            return (entry["cursor"], entry["lag"], entry["lost"]) == (2, 1, 1)

        wait_until(reported, "the cursor in the status")

    def test_what_is_wrong_with_a_subscription_is_said(self):
        keys = {"op": "subscribe", "stream": self.stream, "consumer": "reader"}
        self.refuse("bad_input", start="somewhere", **keys)
        self.refuse("bad_input", start="time", time="noon", **keys)
        self.refuse("not_found", start="latest", **{**keys, "stream": "nowhere"})
        self.refuse("bad_input", start="latest", **{**keys, "consumer": ""})


class Operating(WithSidecar):
    def raw(self, *frames):
        self.client.control.send_multipart(frames)
        reply = self.client.receive(5)
        self.assertEqual(reply["op"], "error", reply)
        return reply["code"], reply["id"]

    def test_status_tells_streams_producers_and_counters(self):
        publisher = Publisher(self.client, self.stream, name="till")
        publisher.publish([event("a.b")] * 3)
        publisher.flush()
        report = self.status()
        (stream,) = [one for one in report["streams"] if one["stream"] == self.stream]
        self.assertEqual((stream["head"], stream["oldest"], stream["lost"]), (3, 1, 0))
        self.assertEqual(stream["incarnation"], publisher.registered["incarnation"].hex())
        (producer,) = [one for one in report["producers"] if one["stream"] == self.stream]
        self.assertEqual((producer["name"], producer["epoch"], producer["position"]), ("till", 1, 3))
        # As text: a number past 2^53 is rounded by jq and its like.
        self.assertEqual(producer["id"], f"{publisher.registered['producer']:016x}")
        self.assertEqual((report["sidecar"], report["boot"]), ("events", self.client.boot.hex()))
        program = [self.installation.program("forebay-sidecar"), "--version"]
        said = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(said, ["forebay-sidecar", report["version"]])
        self.assertGreaterEqual(report["counters"]["events"], 3)

    def test_another_version_is_answered_version(self):
        self.assertEqual(self.raw(pack({"v": 2, "op": "status", "id": 77})), ("version", 77))

    def test_an_unknown_op_is_answered_bad_input_with_its_id(self):
        self.assertEqual(self.raw(pack({"v": 1, "op": "dance", "id": 78})), ("bad_input", 78))

    def test_an_oversize_message_is_answered_bad_input(self):
        self.assertEqual(self.raw(pack({"v": 1, "op": "status", "id": 79, "x": "x" * (16 << 10)}))[0], "bad_input")

    def test_what_is_no_map_or_two_frames_is_answered_bad_input(self):
        for frames in ((b"",), (b"\xc1",), (pack([1, 2]),), (pack({"v": 1}), b""), (b"", pack({"v": 1, "op": "status"}))):
            self.assertEqual(self.raw(*frames), ("bad_input", 0), frames)

    def test_unknown_keys_are_ignored(self):
        self.client.request("status", "status", shoe_size=43, nested={"a": [1, {}]})


if __name__ == "__main__":
    unittest.main()
