#!/usr/bin/python3
"""A client written from docs/protocol.md alone talks to a sidecar: each rule of the page, row by row."""

import dataclasses
import json
import os
import pathlib
import re
import signal
import time
import unittest

import msgpack

from client import Client, Publisher, Refused
from forebay_test import Installation, wait_until
from formats import CHECKSUM, GAP, NONE, Batch, Beacon, Chain, checksum, decode_batches, decode_beacon, event, pack

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
STREAMS = [f"s{i}" for i in range(48)]
TOPOLOGY = f"""
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = {{ {", ".join(f"{stream} = {{}}" for stream in STREAMS)}, order = {{}}, orders = {{}} }}
"""


def examples(page):
    """The hex blocks of a page, as bytes."""
    for block in re.findall(r"```\n(0000 .*?)```", (DOCS / page).read_text(), re.S):
        yield bytes.fromhex("".join(line[4:] for line in block.splitlines()))


class TheExamplesOfThePages(unittest.TestCase):
    def test_batches_decode_and_encode_to_the_same_bytes(self):
        found = [data for data in examples("protocol.md") if data[:4] == b"FBAT" and len(data) > 104]
        self.assertEqual(len(found), 2)
        for data in found:
            (batch,) = decode_batches(data)
            self.assertEqual(batch.encode(), data)
        shared, *events = decode_batches(found[0])[0].parts()
        self.assertEqual(shared, {"source": "shop"})
        self.assertEqual(events[0], ["stock.set", "sku-1", 1767225600000000000,
                                     {"sku": "sku-1", "fc": "ams", "on_hand": 7}, {"id": "e1"}])  # fmt: skip
        self.assertEqual(decode_batches(found[1])[0].kind, GAP)

    def test_the_chain_holds_over_the_examples(self):
        published, committed, gap = (data for data in examples("protocol.md") if data[:4] == b"FBAT")
        (batch,) = decode_batches(committed + published[104:])
        chain = Chain(batch.incarnation)
        chain.add(batch)
        chain.add(decode_batches(gap)[0])
        self.assertEqual(chain.sequence, 5)

    def test_the_beacon_decodes(self):
        (data,) = (data for data in examples("protocol.md") if data[:4] == b"FBCN")
        beacon = decode_beacon(data)
        self.assertEqual((beacon.head, beacon.oldest, beacon.next_due_ms), (2, 1, 200))
        self.assertEqual(beacon.producers, {0x1122334455667788: 120})

    def test_control_messages_are_msgpack_in_the_order_shown(self):
        found = [data for data in examples("protocol.md") if data[:2] not in (b"FB",)]
        self.assertEqual(len(found), 5)
        for data in found:
            self.assertEqual(pack(msgpack.unpackb(data)), data)

    def test_records_of_the_log_end_in_their_checksum(self):
        found = list(examples("log-format.md"))
        self.assertEqual([len(data) for data in found], [72, 86, 72])
        for data in found:
            self.assertEqual(checksum(data[:-8]), CHECKSUM.unpack(data[-8:])[0])


class WithSidecar(unittest.TestCase):
    """One sidecar for a class, a stream for each test."""

    @classmethod
    def setUpClass(cls):
        cls.installation = Installation(TOPOLOGY)
        cls.addClassCleanup(cls.installation.__exit__, None)
        cls.sidecar = cls.installation.start_sidecar("events")
        cls.streams = iter(STREAMS)

    def setUp(self):
        self.stream = next(self.streams)
        self.client = self.new_client()

    def new_client(self):
        client = Client(lambda socket: self.installation.endpoint("events", socket))
        self.addCleanup(client.__exit__)
        return client

    def register(self, client=None, **keys):
        keys = {"stream": self.stream, "instance": os.urandom(16), **keys}
        return (client or self.client).request("register", "registered", **keys)

    def batch(self, registered, previous, last, count=None, **fields):
        events = [event("it.happened", {"n": n}) for n in range(last - previous if count is None else count)]
        who = {key: registered[key] for key in ("incarnation", "producer", "epoch")}
        return Batch.of(events, **{"previous": previous, "last": last, **who, **fields}).encode()

    def send(self, data):
        self.client.ingest.send(data)

    def unasked(self, op):
        message = self.client.receive(5)
        self.assertIsNotNone(message, f"no {op}")
        self.assertEqual((message["op"], message["id"]), (op, 0), message)
        return message

    def status(self):
        return json.loads(self.client.request("status", "status")["report"])

    def refused(self, reason):
        return self.status()["counters"]["refused"].get(reason, 0)

    def head(self):
        return self.client.fetch(self.stream)[0]["head"]

    def refuse(self, code, **keys):
        with self.assertRaises(Refused) as caught:
            self.client.request(keys.pop("op"), "", **keys)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message


class Publishing(WithSidecar):
    def test_a_batch_is_acknowledged_and_fetched_as_it_was_sent(self):
        registered = self.register()
        self.assertEqual((registered["epoch"], registered["start"], registered["position"]), (1, 0, 0))
        self.assertEqual((registered["sequence"], registered["stream"]), (0, self.stream))
        sent = self.batch(registered, 0, 3)
        self.send(sent)
        acknowledged = self.unasked("acknowledged")
        for key in ("incarnation", "producer", "epoch"):
            self.assertEqual(acknowledged[key], registered[key])
        self.assertEqual((acknowledged["position"], acknowledged["sequence"], acknowledged["first"]), (3, 3, 1))
        reply, (stored,) = self.client.fetch(self.stream)
        self.assertEqual((reply["next"], reply["more"], reply["head"], reply["oldest"]), (4, False, 3, 1))
        self.assertEqual(stored.payload, decode_batches(sent)[0].payload)
        self.assertEqual((stored.producer, stored.epoch, stored.previous, stored.last), (registered["producer"], 1, 0, 3))
        Chain(registered["incarnation"]).add(stored)

    def test_sequences_are_dense_over_batches_and_publishers_and_times_never_go_back(self):
        publishers = [Publisher(self.new_client(), self.stream) for _ in range(3)]
        for round_ in range(20):
            for publisher in publishers:
                publisher.publish([event("it.happened", round_)] * (1 + round_ % 5))
        for publisher in publishers:
            publisher.flush()
        chain = Chain(publishers[0].registered["incarnation"])
        for batch in self.client.read(self.stream):
            chain.add(batch)
        self.assertEqual(chain.sequence, 3 * 4 * (1 + 2 + 3 + 4 + 5))

    def test_the_largest_batch_and_the_largest_event_are_taken(self):
        publisher = Publisher(self.client, self.stream)
        publisher.publish([event("it.happened")] * 4096)
        data = b"x" * (1048576 - len(event("it.happened", b"x" * 70000)) + 70000)
        self.assertEqual(len(event("it.happened", data)), 1048576)
        publisher.publish([event("it.happened", data)])
        publisher.flush()
        self.assertEqual(self.head(), 4097)
        self.assertEqual(list(self.client.read(self.stream))[-1].events()[0][3], data)

    def test_shared_attributes_and_numbers_with_gaps_are_kept(self):
        publisher = Publisher(self.client, self.stream)
        publisher.publish([event("a.b", id="x")], last=1000, shared={"source": "shop"})
        publisher.publish([event("a.b", id="y")], last=5000)
        publisher.flush()
        first, second = self.client.read(self.stream)
        self.assertEqual(first.parts(), [{"source": "shop"}, ["a.b", None, 0, None, {"id": "x"}]])
        self.assertEqual((second.previous, second.last, second.base), (1000, 5000, 2))

    def test_acknowledgements_go_to_the_connection_that_kept_alive_last(self):
        instance = os.urandom(16)
        registered = self.register(instance=instance)
        other, self.client = self.client, self.new_client()
        who = {"producer": registered["producer"], "epoch": registered["epoch"]}
        alive = self.client.request("keepalive", "alive", instance=instance, **who)
        self.assertEqual((alive["producer"], alive["epoch"], alive["position"]), (who["producer"], 1, 0))
        self.send(self.batch(registered, 0, 1))
        self.unasked("acknowledged")
        self.assertIsNone(other.receive(0))

    def test_goodbye_forgets_an_anonymous_producer_and_keeps_a_named_one(self):
        for name, code in ((None, "unregistered"), ("till", None)):
            publisher = Publisher(self.client, self.stream, name=name)
            publisher.publish([event("a.b")])
            publisher.flush()
            publisher.goodbye()
            who = {key: publisher.registered[key] for key in ("producer", "epoch")}
            ids = [producer["id"] for producer in self.status()["producers"]]
            self.assertEqual(who["producer"] in ids, name is not None)
            if code:
                self.refuse(code, op="keepalive", instance=publisher._who["instance"], **who)
        self.assertEqual(Publisher(self.client, self.stream, name="till").acknowledged, 1)


class Registering(WithSidecar):
    def test_the_same_instance_gets_the_same_epoch_and_the_position_of_now(self):
        publisher = Publisher(self.client, self.stream, name="till")
        publisher.publish([event("a.b")] * 2)
        publisher.flush()
        first = publisher.registered
        publisher.register()
        again = publisher.registered
        for key in ("incarnation", "producer", "epoch", "start", "boot"):
            self.assertEqual(again[key], first[key])
        self.assertEqual((again["position"], again["sequence"]), (2, 2))

    def test_another_instance_gets_the_next_epoch_and_fences_the_old(self):
        first = Publisher(self.client, self.stream, name="till")
        first.publish([event("a.b")] * 2)
        first.flush()
        second = Publisher(self.new_client(), self.stream, name="till")
        self.assertEqual(second.registered["producer"], first.registered["producer"])
        self.assertEqual((second.registered["epoch"], second.registered["start"]), (2, 2))
        self.assertEqual((second.registered["position"], second.registered["sequence"]), (2, 2))
        first.publish([event("a.b")])
        with self.assertRaises(Refused) as caught:
            first.flush()
        self.assertEqual(caught.exception.code, "fenced")
        second.publish([event("a.b")])
        second.flush()
        self.assertEqual(self.head(), 3)

    def test_a_producer_is_its_stream_name_and_fingerprint(self):
        other_stream = next(self.streams)
        ids = {
            self.register(name="till")["producer"],
            self.register(name="till", fingerprint=7)["producer"],
            self.register(name="till", fingerprint=8)["producer"],
            self.register(name="tills")["producer"],
            self.register(stream=other_stream, name="till")["producer"],
            self.register()["producer"],
            self.register()["producer"],
        }
        self.assertEqual(len(ids), 7)
        self.assertEqual(self.register(name="till", fingerprint=8)["epoch"], 2)

    def test_what_is_wrong_with_a_registration_is_said(self):
        self.refuse("not_found", op="register", stream="nowhere", instance=os.urandom(16))
        self.refuse("bad_input", op="register", stream=self.stream, instance=NONE)
        self.refuse("bad_input", op="register", stream=self.stream)
        self.refuse("bad_input", op="register", stream=self.stream, instance=b"short")
        self.refuse("bad_input", op="register", stream=self.stream, instance=os.urandom(16), name="a b")
        self.refuse("bad_input", op="register", stream=7, instance=os.urandom(16))


class RulesOfIngest(WithSidecar):
    """The table of section 4, row by row."""

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
        for previous, last in ((2, 4), (0, 2)):
            self.send(self.batch(self.registered, previous, last))
            again = self.unasked("acknowledged")
            self.assertEqual((again["position"], again["sequence"], again["first"]), (4, 4, 0))
        self.assertEqual(self.head(), 4)

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
        for position in (1, 2):
            self.send(self.batch(self.registered, 3, 4))
            resend = self.unasked("resend")
            self.assertEqual(resend["position"], position)
            for key in ("incarnation", "producer", "epoch"):
                self.assertEqual(resend[key], self.registered[key])
            count = self.status()["counters"]["resends_asked"]
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


class Broadcasts(WithSidecar):
    def test_batches_come_as_committed_and_beacons_tell_the_head(self):
        broadcast = self.client.subscribe(self.stream)
        beacon = broadcast.next()  # of a stream that nothing was published to yet
        self.assertEqual((beacon.head, beacon.oldest, beacon.head_checksum, beacon.producers), (0, 1, 0, {}))
        publisher = Publisher(self.client, self.stream)
        for size in (1, 5, 2):
            publisher.publish([event("a.b")] * size)
            publisher.flush()
        chain = Chain(publisher.registered["incarnation"])
        while not (isinstance(got := broadcast.next(), Beacon) and got.head == 8):
            if not isinstance(got, Beacon):
                chain.add(got)
        self.assertEqual((chain.sequence, got.head_checksum), (8, chain.checksum))
        self.assertEqual((got.incarnation, got.commit_time), (chain.incarnation, chain.commit_time))
        self.assertEqual((got.boot, got.oldest), (self.client.boot, 1))
        self.assertEqual(list(got.producers), [publisher.registered["producer"]])
        self.assertLess(max(got.producers.values()), 2000)
        self.assertLessEqual(got.next_due_ms, 250)

    def test_a_beacon_comes_when_the_one_before_said(self):
        broadcast = self.client.subscribe(self.stream)
        publisher = Publisher(self.client, self.stream)
        publisher.publish([event("a.b")])
        publisher.flush()
        while not (isinstance(beacon := broadcast.next(), Beacon) and beacon.head == 1):
            pass
        for _ in range(5):
            due = time.monotonic() + beacon.next_due_ms / 1000
            beacon = broadcast.next()
            self.assertIsInstance(beacon, Beacon)
            self.assertLess(time.monotonic(), due + 0.5)  # a loaded machine is late by far less

    def test_a_goodbye_ends_liveness(self):
        publisher = Publisher(self.client, self.stream, name="till")
        broadcast = self.client.subscribe(self.stream)
        producer = publisher.registered["producer"]
        wait_until(lambda: producer in broadcast.next().producers, "the producer in a beacon")
        publisher.goodbye()
        wait_until(lambda: producer not in broadcast.next().producers, "the producer gone from the beacons")

    def test_a_topic_does_not_bring_that_of_a_longer_name(self):
        broadcast = self.client.subscribe("order")
        broadcast.next()
        publisher = Publisher(self.client, "orders")
        publisher.publish([event("a.b")])
        publisher.flush()
        for _ in range(2):
            self.assertEqual(broadcast.next().head, 0)  # its topic is compared in next()


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
        self.assertEqual((report["sidecar"], report["boot"]), ("events", self.client.boot.hex()))
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


class Restarting(unittest.TestCase):
    def test_a_second_sidecar_on_the_same_folder_refuses_and_the_first_goes_on(self):
        with Installation(TOPOLOGY) as installation:
            first = installation.start_sidecar("events")
            with Client(lambda socket: installation.endpoint("events", socket)) as client:
                publisher = Publisher(client, "s0")
                second = installation.start([installation.program("forebay-sidecar"), "-t", installation.topology,
                                             "events"], "second")  # fmt: skip
                self.assertEqual(second.wait(), 1)
                self.assertIn(str(installation.folder / "state" / "events"), second.errors())
                self.assertTrue(first.running())
                publisher.publish([event("a.b")])
                publisher.flush()
                with Client(lambda socket: installation.endpoint("events", socket)) as late:
                    self.assertEqual(late.fetch("s0")[0]["head"], 1)
            self.assertEqual(first.stop(), 0)

    def test_after_a_stop_log_producers_and_chain_go_on_under_a_new_boot(self):
        with Installation(TOPOLOGY) as installation:
            with Client(lambda socket: installation.endpoint("events", socket)) as client:
                sidecar = installation.start_sidecar("events")
                publisher = Publisher(client, "s0", name="till")
                publisher.publish([event("a.b")] * 3)
                publisher.flush()
                boot, before = client.boot, publisher.registered
                self.assertEqual(sidecar.stop(), 0)
                sidecar = installation.start_sidecar("events")
                publisher.publish([event("a.b")] * 2)  # registers again on the new boot, and resends
                publisher.flush(30)
                self.assertNotEqual(client.boot, boot)
                for key in ("incarnation", "producer", "epoch", "start"):
                    self.assertEqual(publisher.registered[key], before[key])
                chain = Chain(before["incarnation"])
                for batch in client.read("s0"):
                    chain.add(batch)
                self.assertEqual(chain.sequence, 5)
                self.assertEqual(sidecar.stop(), 0)


if __name__ == "__main__":
    unittest.main()
