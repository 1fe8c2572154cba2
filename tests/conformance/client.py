"""A Forebay client in Python, written only from docs/protocol.md: the proof that the page suffices.

    client = Client(endpoint_of)                       # endpoint_of("control") -> "ipc://…"
    publisher = Publisher(client, "events", name="till")
    publisher.publish([event("sale.made", {"sum": 7})])
    publisher.flush()                                  # acknowledged: on disk
    for batch in client.read("events"): print(batch.base, batch.events())

One thread; nothing here retries but the Publisher, which resends what the page says a publisher resends.
"""

import collections
import os
import time

import zmq

from formats import NONE, Batch, decode_batches, decode_beacon, pack, unpack

FULL_SECONDS = 0.5
KEEPALIVE_SECONDS = 0.4
RESEND_SECONDS = (0.5, 8.0)  # first and longest wait for an acknowledgement


class Refused(Exception):
    """A reply that says no; its code is the page's."""

    def __init__(self, message):
        super().__init__(f"{message.get('code', message['op'])}: {message.get('message', '')}")
        self.code = message.get("code", message["op"])
        self.message = message


class Client:
    """The sockets to one sidecar."""

    def __init__(self, endpoint_of):
        self._context = zmq.Context()
        self._sockets = []
        self._endpoint_of = endpoint_of
        self.control = self.socket(zmq.DEALER, "control")
        self.ingest = self.socket(zmq.PUSH, "ingest")
        self.unasked = collections.deque()  # messages with id 0, oldest first
        self.boot = None
        self._id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for socket in self._sockets:
            socket.close(linger=0)
        self._context.term()

    def socket(self, kind, name):
        socket = self._context.socket(kind)
        self._sockets.append(socket)
        socket.linger = 0
        socket.reconnect_ivl = 20
        socket.connect(self._endpoint_of(name))
        return socket

    def send(self, op, **keys):
        self._id += 1
        self.control.send(pack({"v": 1, "op": op, "id": self._id, **keys}))
        return self._id

    def receive(self, seconds):
        """The next message, or none: a map, with the frame behind it, if any, under "frame"."""
        if not self.control.poll(max(0, seconds * 1000)):
            return None
        frames = self.control.recv_multipart()
        message = unpack(frames[0])
        assert message["v"] == 1 and len(message["boot"]) == 16 and message["boot"] != NONE, message
        assert len(frames) == (2 if message["op"] == "batches" else 1), frames
        message["frame"] = frames[1] if len(frames) == 2 else None
        self.boot = message["boot"]
        return message

    def answer(self, id_, seconds=10.0):
        """The reply to that request; what comes unasked meanwhile is kept in `unasked`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if message and message["id"] == id_:
                return message
            if message and message["id"] == 0:
                self.unasked.append(message)
        raise TimeoutError(f"no answer to request {id_} within {seconds} s")

    def request(self, op, expect, seconds=10.0, **keys):
        """The reply, which must be of the kind expected, else Refused."""
        reply = self.answer(self.send(op, **keys), seconds)
        if reply["op"] != expect:
            raise Refused(reply)
        return reply

    def fetch(self, stream, from_=1, to=0, incarnation=NONE, bytes_=0, checksum=0):
        """The reply and its batches, each verified by itself."""
        keys = {"stream": stream, "incarnation": incarnation, "from": from_, "to": to}
        reply = self.request("fetch", "batches", bytes=bytes_, checksum=checksum, **keys)
        return reply, decode_batches(reply["frame"])

    def read(self, stream, from_=1, incarnation=NONE, checksum=0):
        """All batches from a sequence on, up to the head of now, range by range."""
        while True:
            reply, batches = self.fetch(stream, from_, 0, incarnation, 0, checksum)
            yield from batches
            if not reply["more"]:
                return
            from_, incarnation, checksum = reply["next"], reply["incarnation"], batches[-1].header_checksum

    def subscribe(self, stream):
        return Broadcast(self.socket(zmq.SUB, "broadcast"), stream)


class Broadcast:
    """What a stream's topic brings: batches and beacons, verified by themselves. It closes with its client."""

    def __init__(self, socket, stream):
        self._socket = socket
        self._topic = stream.encode() + b"\0"
        socket.subscribe(self._topic)

    def next(self, seconds=5.0):
        """A Batch or a Beacon, or none within the time."""
        if not self._socket.poll(seconds * 1000):
            return None
        topic, body = self._socket.recv_multipart()
        assert topic == self._topic, topic
        if body[:4] == b"FBCN":
            return decode_beacon(body)
        (batch,) = decode_batches(body)
        return batch


class Publisher:
    """Keeps each batch until it is acknowledged, and resends as section 4 says."""

    def __init__(self, client, stream, name=None, fingerprint=None, on_acknowledged=None):
        self.client, self.stream = client, stream
        self._who = {"stream": stream, "instance": os.urandom(16)}
        if name is not None:
            self._who["name"] = name
        if fingerprint is not None:
            self._who["fingerprint"] = fingerprint
        self._on_acknowledged = on_acknowledged or (lambda position, sequence: None)
        self._window = collections.deque()  # (previous, last, encoded), oldest first
        self.registered = None
        self.acknowledged = self.position = 0  # last producer sequences: on disk, given to publish()
        self.register()
        self.position = self.acknowledged

    def register(self, seconds=30.0):
        """Again with the same instance id: binds the way of the acknowledgements to this connection."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                reply = self.client.request("register", "registered", 1.0, **self._who)
                break
            except TimeoutError:  # a request goes with the connection that it was sent on
                if time.monotonic() > deadline:
                    raise
        if self.registered:
            same = ("incarnation", "producer", "epoch", "start")
            assert all(reply[key] == self.registered[key] for key in same), (reply, self.registered)
            assert reply["position"] >= self.acknowledged, ("acknowledged, and gone", reply, self.acknowledged)
        self.registered = reply
        self._who["epoch"] = reply["epoch"]
        self._settle(reply["position"], reply["sequence"])
        self._put_off_resend()
        self._resend(len(self._window))

    def waiting(self):
        """How many batches are not acknowledged yet."""
        return len(self._window)

    def publish(self, events, last=None, shared=None):
        """Sends one batch, whose last event has that producer sequence; by default they are counted."""
        last = self.position + len(events) if last is None else last
        who = {key: self.registered[key] for key in ("incarnation", "producer", "epoch")}
        batch = Batch.of(events, shared, previous=self.position, last=last, **who)
        if not self._window:
            self._put_off_resend()
        self._window.append((self.position, last, batch.encode()))
        self.position = last
        self._send(self._window[-1])
        self.work(0)
        return last

    def flush(self, seconds=10.0):
        deadline = time.monotonic() + seconds
        while self._window:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._window)} batches not acknowledged within {seconds} s")
            self.work(0.05)

    _keepalive_at = _resend_at = 0.0
    _full_until = None
    _wait = RESEND_SECONDS[0]
    _probe = None  # the end of a batch that was sent again alone

    def work(self, seconds):
        """Handles what has come, after waiting for it so long at most; keeps alive and resends when due."""
        now = time.monotonic()
        if now >= self._keepalive_at:
            self._keepalive_at = now + KEEPALIVE_SECONDS
            instance = self._who["instance"]
            self.client.send("keepalive", producer=self.registered["producer"], epoch=self.registered["epoch"],
                             instance=instance)  # fmt: skip
        if self._full_until and now >= self._full_until:
            self._full_until = None
            self._resend(len(self._window))
        if self._window and now >= self._resend_at:
            self._probe = self._window[0][1]
            self._resend(1)
            self._wait = min(self._wait * 2, RESEND_SECONDS[1])
            self._resend_at = now + self._wait
        message = self.client.unasked.popleft() if self.client.unasked else self.client.receive(seconds)
        while message:
            self._handle(message)
            message = self.client.unasked.popleft() if self.client.unasked else self.client.receive(0)

    def goodbye(self):
        who = {key: self.registered[key] for key in ("producer", "epoch")}
        self.client.send("goodbye", instance=self._who["instance"], **who)

    def _handle(self, message):
        if message["boot"] != self.registered["boot"]:
            self._register_again()
        elif message["op"] in ("acknowledged", "alive"):
            self._settle(message["position"], message.get("sequence"))
        elif message["op"] == "full":  # it holds, and sends again later
            self._full_until = time.monotonic() + FULL_SECONDS
        elif message["op"] == "resend":
            self._resend(len(self._window))
        elif message["op"] in ("refused", "error"):  # a batch was refused, or a keepalive
            if message["code"] != "unregistered":
                raise Refused(message)
            self._register_again()

    def _register_again(self):
        """Or later, where there is no room: what it resends then is answered with a reason to."""
        try:
            self.register()
        except Refused as refused:
            if refused.code != "full":
                raise
            self._full_until = time.monotonic() + FULL_SECONDS

    def _settle(self, position, sequence):
        """Everything up to a producer sequence is on disk."""
        if position > self.acknowledged:  # an answer to a keepalive alone is no reason to wait longer
            self._put_off_resend()
            self.acknowledged = position
            self._on_acknowledged(position, sequence)
        while self._window and self._window[0][1] <= position:
            self._window.popleft()
        if self._probe is not None and position >= self._probe:
            if position == self._probe:  # the others went with a connection
                self._resend(len(self._window))
            self._probe = None

    def _put_off_resend(self):
        self._wait = RESEND_SECONDS[0]
        self._resend_at = time.monotonic() + self._wait

    def _resend(self, count):
        for entry in list(self._window)[:count]:
            self._send(entry)

    def _send(self, entry):
        try:
            self.client.ingest.send(entry[2], zmq.NOBLOCK)
        except zmq.Again:
            pass  # stays in the window, and its turn comes with the timeout
