"""What the world outside of a sidecar and a consumer was told, and when: threads that publish and watch, with stamps.

Stamps are CLOCK_MONOTONIC nanoseconds, as in recordings (recorder.c), taken once a message was received: what was told
before a loss of power is on the disk after it.
"""

import bisect
import collections
import json
import random
import threading
import time

from client import Client, Publisher, Refused
from formats import Batch, Chain, decode_batches, event
from ledger import STEP

KEYS = 12
WINDOW_BATCHES_MAX = 8


def keyed_event(who, seed, n):
    """Event n of a publisher, for forebay-test-consumer: a function of its arguments, so that an altered one shows."""
    dice = random.Random(f"{who} {seed} {n}")
    data = {"key": f"{who}{dice.randrange(KEYS)}", "delta": dice.randint(-99, 99), "n": n}
    if dice.random() < 0.03:
        data["refuse"] = f"refused {n}"
    data["noise"] = "x" * (30000 if dice.random() < 0.004 else dice.randrange(200))
    return event("value.added", data, subject=who, time=n, id=f"{who}-{n}")


class Known:
    """A figure that only grows, as it was told over time."""

    def __init__(self):
        self._told, self._times, self._values = [], [], []

    def tell(self, value):
        self._told.append((time.monotonic_ns(), value))

    def seal(self):
        most = None
        for ns, value in sorted(self._told):
            most = value if most is None else max(most, value)
            self._times.append(ns)
            self._values.append(most)

    def before(self, ns):
        """What was known before that moment; None if nothing was."""
        place = bisect.bisect_left(self._times, ns)
        return self._values[place - 1] if place else None


class Told:
    """The oracle of a recording. After seal(), `batches` of each stream are its whole log, by base sequence."""

    def __init__(self, streams):
        self.heads = {stream: Known() for stream in streams}  # broadcast or fetched
        self.cursors = {stream: Known() for stream in streams}  # of the consumer, reported or asked
        self.acknowledged = collections.defaultdict(Known)  # producer sequence, by who
        self.epochs = collections.defaultdict(Known)
        self.builds = {}  # scratch views begun: by name, by stream, from and until
        self.views = {}  # those told to be finished: by name, when
        self.producers = {}  # who -> (stream, id, name or None)
        self.sent = collections.Counter()
        self.raw = {stream: {} for stream in streams}
        self.batches, self.incarnations, self.oldest = {}, {}, {}

    def seal(self, seed):
        """Checks each log from its beginning to its end, event by event, against what was sent."""
        for known in [*self.heads.values(), *self.cursors.values(), *self.acknowledged.values(), *self.epochs.values()]:
            known.seal()
        found = collections.Counter()
        by_id = {id_: who for who, (_, id_, _) in self.producers.items()}
        for stream, raw in self.raw.items():
            ordered = [decode_batches(raw[base])[0] for base in sorted(raw)]
            self.batches[stream] = {batch.base: batch for batch in ordered}
            if not ordered:
                continue
            chain = Chain(ordered[0].incarnation)
            for batch in ordered:
                chain.add(batch)
                who = by_id[batch.producer]
                for _, subject, n, data, _ in batch.events():
                    found[who] += 1
                    assert (subject, n) == (who, found[who]), f"{subject}'s event {n} where {who}'s {found[who]} was next"
                    assert data["n"] == n
                start = found[who] - batch.count
                expected = [keyed_event(who, seed, start + 1 + i) for i in range(batch.count)]
                same = Batch.of(expected, None, incarnation=bytes(16), producer=0, epoch=0, previous=0, last=1)
                assert same.payload == batch.payload, f"{who}'s events from {start + 1} on are altered"
            self.incarnations[stream] = chain.incarnation
        for who, known in self.acknowledged.items():
            most = known.before(1 << 62) or 0
            assert most <= STEP * found[who], f"{who}'s event {most // STEP} was acknowledged, {found[who]} are there"
            assert found[who] <= self.sent[who], f"{found[who]} of {who}'s events, {self.sent[who]} were sent"


class Witnesses:
    """Threads that publish to a sidecar and watch it, until stop()."""

    def __init__(self, told, endpoint_of, seed):
        self._told, self._endpoint_of, self._seed = told, endpoint_of, seed
        self._silent, self._ended = threading.Event(), threading.Event()
        self._publishing, self._watching, self._failures = [], [], []
        self._ends = {}

    def publish(self, who, stream, named, pace):
        self._begin(self._publishing, self._publish, who, stream, named, pace)

    def watch(self):
        self._begin(self._watching, self._watch)

    def stop(self):
        """Publishers end once all that they sent is acknowledged, then the watcher once it has seen the heads."""
        self._silent.set()
        for thread in self._publishing:
            thread.join()
        self._ended.set()
        for thread in self._watching:
            thread.join()
        self.check()

    def check(self):
        if self._failures:
            raise self._failures[0]

    def _begin(self, threads, target, *arguments):
        def run():
            try:
                with Client(self._endpoint_of) as client:
                    target(client, *arguments)
            except Exception as failure:  # told by stop() or check()
                self._failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        threads.append(thread)
        thread.start()

    def _publish(self, client, who, stream, named, pace):
        told, dice = self._told, random.Random(f"{who} {self._seed}")
        publisher = Publisher(client, stream, who if named else None,
                              on_acknowledged=lambda position, _: told.acknowledged[who].tell(position))  # fmt: skip
        told.epochs[who].tell(publisher.registered["epoch"])
        told.producers[who] = (stream, publisher.registered["producer"], who if named else None)
        n = 0
        while not self._silent.is_set():
            if publisher.waiting() >= WINDOW_BATCHES_MAX:
                publisher.work(0.02)
                continue
            count = dice.choice((1, 1, 2, 5, 20))
            told.sent[who] = n + count
            publisher.publish([keyed_event(who, self._seed, n + 1 + i) for i in range(count)], last=STEP * (n + count))
            n += count
            publisher.work(dice.uniform(0, pace))
        publisher.flush(60)

    def _watch(self, client):
        told = self._told
        hearing = {stream: client.subscribe(stream) for stream in told.heads}
        last_round = False
        fetch_at = status_at = 0.0
        while not last_round:
            last_round = self._ended.is_set()
            for stream, broadcast in hearing.items():
                while (heard := broadcast.next(0.002)) is not None:
                    if isinstance(heard, Batch):
                        self._saw(stream, heard)
                    else:
                        told.heads[stream].tell(heard.head)
            now = time.monotonic()
            if last_round or now >= fetch_at:
                fetch_at = now + 0.03
                for stream in hearing:
                    self._fetch(client, stream, patient=last_round)
            if now >= status_at:
                status_at = now + 0.1
                self._status(client)

    def _saw(self, stream, batch):
        self._told.heads[stream].tell(batch.end - 1)
        self._told.raw[stream].setdefault(batch.base, batch.encode())

    def _fetch(self, client, stream, patient):
        from_ = self._end(stream)  # broadcasts may have left it out
        while True:
            try:
                keys = {"stream": stream, "incarnation": bytes(16), "from": from_, "to": 0, "bytes": 0, "checksum": 0}
                reply = client.request("fetch", "batches", 2.0 if patient else 0.3, **keys)
            except TimeoutError:
                return  # it is being started again
            except Refused as refused:
                if refused.code == "unavailable":
                    return  # replies that came too late are still under way
                if refused.code != "trimmed":
                    raise
                from_ = refused.message["oldest"]
                self._told.oldest[stream] = from_
                continue
            # Of a log without events nothing else tells which one it is.
            first = self._told.incarnations.setdefault(stream, reply["incarnation"])
            assert first == reply["incarnation"], f"{stream} began anew"
            for batch in decode_batches(reply["frame"]):
                self._saw(stream, batch)
            self._told.heads[stream].tell(reply["next"] - 1)
            self._told.oldest[stream] = reply["oldest"]
            if not reply["more"]:
                return
            from_ = reply["next"]

    def _end(self, stream):
        """The first sequence that was not seen."""
        raw, end = self._told.raw[stream], self._ends.get(stream, 1)
        while end in raw:
            end += int.from_bytes(raw[end][24:32], "little")  # the header's count
        self._ends[stream] = end
        return end

    def _status(self, client):
        try:
            report = json.loads(client.request("status", "status", 1.0)["report"])
        except TimeoutError:
            return
        except Refused as refused:
            if refused.code == "unavailable":
                return
            raise
        for consumer in report["consumers"]:
            if consumer["state"]:  # reported by itself, not only registered
                self._told.cursors[consumer["stream"]].tell(consumer["cursor"])
