#!/usr/bin/python3
"""Whatever comes in on its sockets, a sidecar refuses it, stays within its memory and goes on serving its peers."""

import collections
import dataclasses
import os
import random
import socket
import threading
import time
import unittest

import zmq

from client import Client, Publisher
from forebay_test import seed_of_this_run, wait_until
from formats import Batch, Chain, decode_batches, event, pack, payload_of, unpack
from with_sidecar import WithSidecar

MEMORY_BYTES_MAX = 96 << 20
SERVED_WITHIN_SECONDS = 5.0
SEED = seed_of_this_run()
MIB = 1 << 20

# What a ZMTP 3.0 peer says first: signature, version, mechanism NULL, no server; then who it is.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32)


def ready(socket_type):
    body = b"\x05READY\x0bSocket-Type" + len(socket_type).to_bytes(4, "big") + socket_type
    return bytes([4, len(body)]) + body


class ValidPeer(threading.Thread):
    """Publishes one event after another, each acknowledged in time, and watches the sidecar's memory meanwhile."""

    def __init__(self, client, stream, sidecar):
        super().__init__()
        self._client, self._stream, self._sidecar = client, stream, sidecar
        self._over = threading.Event()
        self.served = self.memory = 0
        self.slowest = 0.0
        self.failure = None

    def run(self):
        try:
            publisher = Publisher(self._client, self._stream)
            while not self._over.wait(0.002):
                began = time.monotonic()
                publisher.publish([event("a.b")])
                publisher.flush(SERVED_WITHIN_SECONDS)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.served += 1
                self.memory = max(self.memory, self._sidecar.anonymous_memory())
            chain = Chain(publisher.registered["incarnation"])
            for batch in self._client.read(self._stream):
                chain.add(batch)
            assert chain.sequence == self.served, (chain.sequence, self.served)
        except Exception as failure:  # told by the test
            self.failure = failure

    def end(self):
        self._over.set()
        self.join()


class HostilePeers(WithSidecar):
    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")
        self.peer = ValidPeer(self.new_client(), next(self.streams), self.sidecar)
        self.peer.start()
        self.registered = self.register()
        wait_until(lambda: self.peer.served > 0 or self.peer.failure, "the valid peer")

    def tearDown(self):
        self.serve_on(5)
        self.peer.end()
        with self.subTest(seed=SEED, slowest=self.peer.slowest, memory=self.peer.memory):
            self.assertIsNone(self.peer.failure)
            self.assertLess(self.peer.memory, MEMORY_BYTES_MAX)
            self.assertEqual(self.head(), 0)  # of the stream that the hostile peer is registered for

    @classmethod
    def tearDownClass(cls):
        code = cls.sidecar.stop()
        assert code == 0, f"exit code {code} on SIGTERM"

    def new_socket(self, kind, name, marks=1000):
        context = zmq.Context()
        self.addCleanup(context.destroy, linger=0)
        peer = context.socket(kind)
        peer.sndhwm = peer.rcvhwm = marks
        peer.connect(self.installation.endpoint("events", name))
        self.addCleanup(peer.close, linger=0)
        return peer

    def new_sockets(self):
        """One to each of the sidecar's; what an XSUB sends goes in on the PUB as it is."""
        kinds = {"ingest": zmq.PUSH, "control": zmq.DEALER, "broadcast": zmq.XSUB}
        return {name: self.new_socket(kind, name) for name, kind in kinds.items()}

    def noise(self, most=2000):
        return self.random.randbytes(self.random.randrange(most + 1))

    def all_refused(self):
        return sum(self.status()["counters"]["refused"].values())

    def expect_refused(self, count, before):
        """All of them reached us and were counted; never more."""
        wait_until(lambda: self.all_refused() >= before + count, f"{count} refusals after {before}", 30)
        self.assertEqual(self.all_refused(), before + count)

    def say(self, name, data):
        """Writes that to the socket without ZeroMQ; returns the connection."""
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.connect(str(self.installation.socket_path("events", name)))
        peer.settimeout(5)
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # hung up on in the middle of it
        return peer

    def serve_on(self, count=20):
        served = self.peer.served
        wait_until(lambda: self.peer.served > served + count or self.peer.failure, "the valid peer served on")

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(data)) if data else 0
            match self.random.randrange(4):
                case 0:
                    data[at:] = b""
                case 1:
                    data[at:at] = self.noise(20)
                case 2:
                    del data[at : at + self.random.randrange(1, 9)]
                case 3 if data:
                    data[at] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def test_random_bytes(self):
        sockets, before = self.new_sockets(), self.all_refused()
        for _ in range(2000):
            sockets["ingest"].send(self.noise())
            sockets["control"].send(self.noise())
            sockets["broadcast"].send(b"\x02" + self.noise())  # neither subscribes nor unsubscribes
        answered = 0
        while answered < 2000 and sockets["control"].poll(10000):
            sockets["control"].recv()
            answered += 1
        self.assertEqual(answered, 2000)
        self.expect_refused(4000, before)
        wait_until(lambda: any(each["alert"] == "refusals" for each in self.status()["alerts"]["raised"]), "an alert is raised", 30)

    def test_answers_that_nobody_reads(self):
        control = self.new_socket(zmq.DEALER, "control", 1)
        before, unsendable = self.all_refused(), self.refused("unsendable")
        for _ in range(20_000):  # more than may wait for one peer
            control.send(self.noise(100))
        # A request that is refused counts again where its answer finds no room.
        dropped = lambda: self.refused("unsendable") - unsendable  # noqa: E731
        wait_until(lambda: self.all_refused() - dropped() >= before + 20_000, "20,000 refusals", 30)
        self.assertGreater(dropped(), 0)

    def test_reports_that_nobody_reads(self):
        """A report has a place among its peer's long replies, of which there are few."""
        control, before = self.new_socket(zmq.DEALER, "control", 1), self.refused("bad_input")
        for _ in range(400):
            control.send(pack({"v": 1, "op": "status", "id": 1}))
        control.send(b"")  # requests of one peer are taken in order
        wait_until(lambda: self.refused("bad_input") > before, "all are taken", 30)
        self.assertGreater(self.refused("unavailable"), 0)
        answers = collections.Counter()
        while "error" not in answers:
            self.assertTrue(control.poll(10_000), answers)
            answer = unpack(control.recv())
            answers[answer["op"]] += 1
        self.assertEqual(answer["code"], "unavailable")

    def test_mutated_batches(self):
        ingest, before = self.new_socket(zmq.PUSH, "ingest"), self.all_refused()
        good, sent = self.batch(self.registered, 0, 5), 0
        while sent < 5000:
            if (bad := self.mutated(good)) != good:
                ingest.send(bad)
                sent += 1
        self.expect_refused(5000, before)

    def test_mutated_batches_with_right_checksums(self):
        ingest, before = self.new_socket(zmq.PUSH, "ingest"), self.all_refused()
        good = payload_of([event("a.b", {"n": n}) for n in range(5)], {"source": "shop"})
        who = {key: self.registered[key] for key in ("incarnation", "epoch")}
        batch = Batch(producer=self.registered["producer"] ^ 2, previous=0, last=5, count=5, payload=good, **who)
        small, large = (lambda: self.random.randrange(6)), (lambda: self.random.randrange(1 << 64))
        for _ in range(5000):
            fields = {"payload": self.mutated(good), "count": self.random.choice((5, small(), large()))}
            fields |= {"last": self.random.choice((5, small(), large())), "kind": self.random.choice((1, 1, 1, 2, 3))}
            ingest.send(dataclasses.replace(batch, **fields).encode())
        self.expect_refused(5000, before)

    def test_mutated_requests(self):
        control = self.new_socket(zmq.DEALER, "control")
        who = {"producer": self.registered["producer"], "epoch": 1, "instance": os.urandom(16)}
        requests = [
            {"op": "register", "stream": self.stream, "instance": os.urandom(16), "name": "till"},
            {"op": "keepalive", **who},
            {"op": "goodbye", **who},
            {"op": "subscribe", "stream": self.stream, "consumer": "c", "start": "time", "time": 1},
            {"op": "cursor", "stream": self.stream, "consumer": "c", "incarnation": bytes(16), "sequence": 1, "lost": 0,
             "failed": 0, "state": "LIVE"},
            {"op": "fetch", "stream": self.stream, "from": 1, "to": 0, "bytes": 0, "checksum": 0},
            {"op": "find", "stream": self.stream, "time": 1},
            {"op": "status"},
        ]  # fmt: skip
        for _ in range(3000):
            control.send(self.mutated(pack({"v": 1, "id": 5, **self.random.choice(requests)})))
            while control.poll(0):
                control.recv_multipart()

    def test_deep_and_wide_msgpack(self):
        sockets, before = self.new_sockets(), self.all_refused()
        for bomb in (b"\x91" * 16000, b"\x81" * 16000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff" * 3000, b"\xc6\xff\xff\xff\xff"):
            for _ in range(100):
                sockets["control"].send(bomb)
                sockets["ingest"].send(self.batch_of(bomb))
        self.expect_refused(1000, before)

    def batch_of(self, raw):
        """A batch around an event that is these bytes, of a producer that is not known."""
        who = {"incarnation": self.registered["incarnation"], "producer": 2, "epoch": 1}
        return Batch.of([raw], previous=0, last=1, **who).encode()

    def test_wrong_versions(self):
        sockets, before = self.new_sockets(), self.status()["counters"]["refused"].get("version", 0)
        good = self.batch(self.registered, 0, 1)
        for version in (0, 2, 3, 255):
            for _ in range(250):
                (batch,) = decode_batches(good)
                sockets["ingest"].send(dataclasses.replace(batch, version=version).encode())
                sockets["control"].send(pack({"v": version, "op": "status", "id": 1}))
        wait_until(lambda: self.status()["counters"]["refused"]["version"] == before + 2000, "2,000 wrong versions", 30)

    def test_frames_that_are_too_long(self):
        """ZeroMQ drops them with their connection, before it takes memory for them."""
        sockets = self.new_sockets()
        for name in ("ingest", "control"):
            for size in (2 * MIB, 7 * MIB, 16 * MIB):
                for _ in range(8):
                    sockets[name].send(b"\x01" * size)
            self.serve_on()

    def test_frames_as_long_as_they_may_be(self):
        sockets, before = self.new_sockets(), self.all_refused()
        for _ in range(500):
            sockets["ingest"].send(bytes(1114216))
            sockets["control"].send(bytes(65536))
        self.expect_refused(1000, before)

    def test_messages_of_many_frames(self):
        sockets, before = self.new_sockets(), self.all_refused()
        good = self.batch(self.registered, 0, 1)
        status = pack({"v": 1, "op": "status", "id": 1})
        for count in [2] * 500 + [3] * 300 + [500] * 20:
            sockets["ingest"].send_multipart([good] * count)
            sockets["control"].send_multipart([status] * count)
            sockets["broadcast"].send_multipart([b"\x01" + self.noise(9)] * count)
        self.expect_refused(2 * 820, before)

    def test_long_subscriptions(self):
        """Not by ZeroMQ's own SUB, whose memory of what it subscribed to overflows its stack at these lengths."""
        for length in (100, 1000, 1100, MIB, 7 * MIB, 16 * MIB) * 5:
            body = b"\x01" + self.random.randbytes(length)
            self.say("broadcast", GREETING + ready(b"SUB") + b"\x02" + len(body).to_bytes(8, "big") + body)
            self.serve_on(1)

    def test_long_replies_that_nobody_reads(self):
        stream = next(self.streams)
        publisher = Publisher(self.new_client(), stream)
        for _ in range(16):
            publisher.publish([event("a.b", b"x" * (MIB - 100))])
        publisher.flush()
        fetch = pack({"v": 1, "op": "fetch", "id": 1, "stream": stream, "from": 1, "bytes": 4 * MIB})
        control = self.new_socket(zmq.DEALER, "control", 1)
        for _ in range(100):
            control.send(fetch)
            control.send(pack({"v": 1, "op": "status", "id": 1}))
            self.serve_on(1)

    def test_noise_below_zeromq(self):
        descriptors = len(os.listdir(f"/proc/{self.sidecar.pid}/fd"))
        openings = [b"", GREETING[:30], GREETING, GREETING + ready(b"PUSH"), GREETING + ready(b"DEALER"),
                    GREETING.replace(b"\x7f\x03", b"\x7f\x09"), GREETING.replace(b"NULL", b"ABCD"),
                    GREETING + ready(b"SUB") + b"\x02" + b"\xff" * 8]  # fmt: skip
        open_ones = []
        for name in ("ingest", "control", "broadcast"):
            for number in range(250):
                peer = self.say(name, self.random.choice(openings) + self.noise(5000))
                if number % 10:
                    peer.close()
                else:
                    open_ones.append(peer)
        for peer in open_ones:
            peer.close()
        left = lambda: len(os.listdir(f"/proc/{self.sidecar.pid}/fd"))  # noqa: E731
        wait_until(lambda: left() <= descriptors + 4, "the descriptors given back", 20)


if __name__ == "__main__":
    unittest.main()
