#!/usr/bin/python3
"""A client written from docs/protocol.md alone publishes, is acknowledged, subscribes and reads a sidecar's streams."""

import os
import pathlib
import re
import time
import unittest

import msgpack

from client import Client, Publisher, Refused
from forebay_test import Installation, wait_until
from formats import CHECKSUM, GAP, NONE, Beacon, Chain, checksum, decode_batches, decode_beacon, event, pack
from with_sidecar import TOPOLOGY, WithSidecar

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


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
        self.assertEqual([len(data) for data in found], [73, 86, 72])
        for data in found:
            self.assertEqual(checksum(data[:-8]), CHECKSUM.unpack(data[-8:])[0])


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
            self.assertEqual(f"{who['producer']:016x}" in ids, name is not None)
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
        with self.assertRaises(Refused) as caught:
            first.register()
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
