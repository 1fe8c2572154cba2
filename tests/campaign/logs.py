"""Logs at rest for row D: made by a real sidecar, with what was published to them on record, and with older copies."""

import json
import os
import random

from client import Client, Publisher
from damages import PAGE, Places
from forebay_test import Installation, wait_until
from formats import Chain, checksum, event

HEAD = '[topology]\nname = "test"\n[hosts.a]\n[sidecars.events]\nhost = "a"\ndisk_max = "16MiB"\nstreams = { %s }\n'
KEPT_BYTES = 48 << 10
KINDS = ("small", "large", "trimmed", "many")


class Site(Installation):
    """An installation in a case's folder, which the harness keeps or removes."""

    def __init__(self, folder, topology):  # pylint: disable=super-init-not-called
        self.folder = folder
        self.topology = folder / "t.toml"
        self.topology.write_text(topology)
        self._processes = []

    def __exit__(self, *_):
        for process in self._processes:
            if process.running():
                process.kill()


class Stream:
    """What a stream of a log at rest is. `published`: all ever, by base: (count, checksum of the payload)."""

    def __init__(self):
        self.published, self.held = {}, {}  # `held`: by base, the batch as stored
        self.head, self.oldest, self.incarnation = 0, 1, None
        self.positions = {}  # by the name of a producer


class LogAtRest:
    """`data`: the used part of its file, which has `size` bytes; `older`: earlier ones, each with the heads of then."""

    def __init__(self, kind, dice):
        self.kind, self._dice = kind, dice
        self.streams = {name: Stream() for name in "abc"}
        keep = f"{{ retention = {{ bytes = \"{KEPT_BYTES}B\" }} }}" if kind == "trimmed" else "{}"
        self.topology = HEAD % f"a = {keep}, b = {{}}, c = {{}}"
        self.older, self.others = [], {}
        with Installation(self.topology) as self._installation:
            self._folder = self._installation.folder / "state" / "events"
            self._make()
        self.places = Places(self.data)

    def _make(self):
        batches = {"small": 160, "large": 60, "trimmed": 220, "many": 150}[self.kind]
        marks = sorted({batches // 2, batches * 4 // 5, batches - 3, batches})
        begin = 0
        for mark in marks:
            sidecar = self._installation.start_sidecar("events")
            with self._client() as client:
                self._publish(mark - begin, client)
                if mark == batches:
                    self._look(client)
            begin = mark
            assert sidecar.stop() == 0, sidecar.errors()
            data = (self._folder / "data.mdb").read_bytes()
            data = data[: Places(data).count * PAGE]
            self.older.append((data, {name: stream.head for name, stream in self.streams.items()}))
        self.data, _ = self.older.pop()
        self.size = (self._folder / "data.mdb").stat().st_size
        for path in self._folder.iterdir():
            if path.is_file() and path.name not in ("data.mdb", "lock.mdb", "lock"):
                self.others[path.name] = path.read_bytes()

    def _client(self):
        return Client(lambda socket: self._installation.endpoint("events", socket))

    def _publish(self, count, client):
        dice, publishers = self._dice, {}
        names = [f"p{n}" for n in range(90 if self.kind == "many" else 3)] + [None]
        for _ in range(count):
            who = dice.choice("aaab"), dice.choice(names)
            if who not in publishers:
                publishers[who] = Publisher(self._client(), *who)  # a connection each: acknowledgements name no producer
            self._one(publishers[who], *who)
            if len(publishers) > 8:
                publishers.pop(next(iter(publishers))).client.__exit__()
            if dice.random() < 0.15:
                reader = {"stream": who[0], "consumer": f"c{dice.randrange(60 if self.kind == 'many' else 3)}"}
                told = client.request("subscribe", "subscribed", start="earliest", **reader)
                client.send("cursor", incarnation=told["incarnation"], sequence=dice.randrange(told["head"] + 1),
                            lost=0, failed=0, state="LIVE", **reader)  # fmt: skip
        for publisher in publishers.values():
            publisher.client.__exit__()

    def _one(self, publisher, stream, name):
        """A batch, until it is acknowledged: where it then is, is certain."""
        dice, at = self._dice, []
        size_max = {"small": 90, "large": 9000, "trimmed": 700, "many": 60}[self.kind]
        count = dice.randint(1, 6)
        if self.kind == "large" and dice.random() < 0.08:
            size_max = 60_000
        noted = [event("it.happened", {"noise": dice.randbytes(dice.randrange(size_max))}, id=f"{stream}-{dice.random()}")
                 for _ in range(count)]  # fmt: skip
        publisher._on_acknowledged = lambda position, sequence: at.append(sequence)
        publisher.publish(noted)
        publisher.flush(30)
        state = self.streams[stream]
        base = at[-1] - count + 1
        assert base == state.head + 1, f"{stream}: acknowledged at {base}, the head was {state.head}"
        state.head = at[-1]
        state.published[base] = (count, tuple(checksum(each) for each in noted))
        state.positions[name] = publisher.position

    def _look(self, client):
        """The log against what was published."""
        if self.kind == "trimmed":
            wait_until(lambda: self._status(client, "a")["bytes"] <= KEPT_BYTES, "trimmed", 30)
        for name, stream in self.streams.items():
            status = self._status(client, name)
            assert status["head"] == stream.head, f"{name} has head {status['head']}, not {stream.head}"
            stream.incarnation, stream.oldest = bytes.fromhex(status["incarnation"]), status["oldest"]
            chain = None
            for batch in client.read(name, stream.oldest):
                chain = chain or Chain(stream.incarnation, batch.base - 1, batch.previous_checksum)
                chain.add(batch)
                stream.held[batch.base] = batch
        for name, stream in self.streams.items():
            held = [base for base in stream.published if base >= stream.oldest]
            assert sorted(stream.held) == sorted(held), f"{name} holds other batches than were published"
            assert all(same_events(batch, stream.published[base]) for base, batch in stream.held.items()), name

    @staticmethod
    def _status(client, name):
        report = json.loads(client.request("status", "status", 20)["report"])
        return next(each for each in report["streams"] if each["stream"] == name)

    def put(self, folder, data):
        """As a sidecar's folder: the file with these bytes, as long as it was unless it is cut."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, content in self.others.items():
            (folder / name).write_bytes(content)
        with open(folder / "data.mdb", "wb") as file:
            file.write(data)
            if len(data) == len(self.data):
                os.truncate(file.fileno(), self.size)


def same_events(batch, published):
    """Whether its events are those that were published there, byte for byte."""
    count, checksums = published
    offset, parts = 0, []
    while offset < len(batch.payload):
        length = int.from_bytes(batch.payload[offset : offset + 4], "little")
        parts.append(batch.payload[offset + 4 : offset + 4 + length])
        offset += 4 + length
    return batch.count == count and tuple(checksum(each) for each in parts[1:]) == checksums


def make_logs(seed):
    return [LogAtRest(kind, random.Random(f"{seed} {kind}")) for kind in KINDS]
