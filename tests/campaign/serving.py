"""A sidecar on a log that may be damaged: what it serves and refuses, held against what was published."""

import json
import os
import re
import time

from client import Client
from damages import PAGE, leaf_nodes
from formats import EVENTS, GAP, Batch, Chain, FormatError, checksum, decode_batches, event
from logs import same_events

START_SECONDS = ANSWER_SECONDS = 20
RECORD_BYTES = 73  # of a stream that was neither restored nor repaired
SCRUBBED = 0.25  # of the cases wait for the sidecar's own look at its log
REPLIES_MAX = 10_000  # of one stream: more, and it goes round in circles
# What a process says that ends by itself: its own last words, or those of the C library and LMDB.
LAST_WORDS = re.compile(
    r"\[critical\]|critical|fault in memory|broken invariant|invariant|Assertion|assert|terminate called|"
    r"malloc|free\(\)|realloc|corrupted|double free"
)


class Ended(Exception):
    """The sidecar ended by itself."""


class Seen:
    """Of one stream. `refused`: (first, count) of what it calls corrupt; `stopped`: why no more could be read."""

    def __init__(self, status):
        self.head, self.oldest = status["head"], status["oldest"]
        self.incarnation, self.lost = bytes.fromhex(status["incarnation"]), status["lost"]
        self.batches, self.refused, self.stopped, self.faults = [], [], None, []


class Reader:
    def __init__(self, case, log):
        self._case, self._log = case, log
        self.streams, self.producers, self.faults = {}, [], []
        self.exit_code, self.last_words = None, ""
        self.damaged_by_scrub = set()  # streams that the scrub calls damaged and the fetches did not
        self.acknowledged = {}  # by stream, the sequence that one more event got

    def read_all(self):
        """Starts a sidecar, reads all it gives, publishes an event to each stream, reads again, stops it."""
        log = self._case.site.folder / "events.err"
        before = len(log.read_text(errors="replace")) if log.exists() else 0
        process = self._process = self._case.site.start_sidecar("events")
        with Client(lambda socket: self._case.site.endpoint("events", socket)) as self._client:
            try:
                self._read_streams()
                for name in self.streams:
                    self._publish(name)
                for name, seen in self.streams.items():
                    again = Seen({"head": seen.head, "oldest": seen.oldest, "incarnation": seen.incarnation.hex(), "lost": 0})
                    self._walk(name, again)
                    seen.faults += again.faults
                    seen.batches += [batch for batch in again.batches if batch.base <= seen.head]
                if self._case.dice.random() < SCRUBBED:
                    self._await_scrub()
                self.exit_code = process.stop()
                if self.exit_code != 0:
                    self.last_words = process.errors()[before:]
            except Ended:
                self.exit_code = process.wait()
                self.last_words = process.errors()[before:]
        if self.exit_code != 0 and not LAST_WORDS.search(self.last_words):
            self.faults.append(f"it ended with {self.exit_code} without a word: {self.last_words[-500:]}")
        if self.exit_code == 0 and self.last_words:
            self.faults.append(f"it ended by itself as if all were well: {self.last_words[-500:]}")

    def told(self):
        """What it refused, in a line."""
        lines = [f"ended with {self.exit_code}: {self.last_words[-600:]}"] if self.last_words else []
        for name, seen in self.streams.items():
            lines += [f"{name}: corrupt {seen.refused}"] if seen.refused else []
            lines += [f"{name}: {seen.stopped}"] if seen.stopped else []
        return "; ".join(lines) or "nothing"

    def all_served(self):
        return self.told() == "nothing" and not self.faults

    def _ask(self, op, seconds=ANSWER_SECONDS, **keys):
        """The reply, whatever it says; a request goes with the connection it was sent on, so it is repeated."""
        deadline, ids = time.monotonic() + seconds, set()
        while time.monotonic() < deadline:
            ids.add(self._client.send(op, **keys))
            again = time.monotonic() + 5
            while time.monotonic() < again:
                if not self._process.running():
                    raise Ended
                message = self._client.receive(0.02)
                if message and message["id"] in ids:
                    return message
                if message and message["id"] == 0:
                    self._client.unasked.append(message)
        raise AssertionError(f"I7: no answer to {op} within {seconds} s: {self._process.errors()[-500:]}")

    def _read_streams(self):
        status = self._ask("status", START_SECONDS)
        if status["op"] != "status":
            self.faults.append(f"status is refused: {status}")
            return
        report = json.loads(status["report"])
        self.producers = report["producers"]
        for each in report["streams"]:
            seen = self.streams[each["stream"]] = Seen(each)
            self._walk(each["stream"], seen)

    def _walk(self, name, seen):
        from_ = seen.oldest
        for _ in range(REPLIES_MAX):
            if from_ > seen.head or seen.faults:
                return
            reply = self._ask("fetch", stream=name, **_fetch(from_))
            if reply["op"] == "corrupt":
                first, end = reply["first"], reply["first"] + reply["count"]
                seen.refused.append((first, reply["count"]))
                if not first <= from_ < end:
                    seen.faults.append(f"asked for {from_}, it calls {first} to {end - 1} corrupt")
                from_ = end
            elif reply["op"] == "batches":
                from_ = self._take(reply, from_, seen)
            else:
                seen.stopped = f"{reply['op']} at {from_}: {reply.get('message', '')}"
                return
        seen.faults.append("reading it never ends")

    @staticmethod
    def _take(reply, from_, seen):
        """Where to go on."""
        try:
            batches = decode_batches(reply["frame"])
        except FormatError as wrong:
            seen.faults.append(f"what it serves at {from_} fails its checksums: {wrong}")
            return from_
        if not batches:
            seen.faults.append(f"it serves nothing at {from_}, and says there is more up to {reply['head']}")
            return from_
        for batch in batches:
            if not batch.base <= from_ < batch.end:
                seen.faults.append(f"it serves {batch.base} to {batch.end - 1} where {from_} was to come")
            from_ = batch.end
            seen.batches.append(batch)
        if reply["next"] != from_:
            seen.faults.append(f"it serves up to {from_ - 1} and says {reply['next'] - 1}")
        return from_

    def _await_scrub(self):
        """It reads all by itself from its start on: what it cannot serve is soon in its status, and nothing else."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            streams = {each["stream"]: each for each in json.loads(self._ask("status")["report"])["streams"]}
            found = {name for name, each in streams.items() if each["damaged"]}
            # What retention trims meanwhile it need not find.
            wanted = {name for name, seen in self.streams.items()
                      if any(first + count > streams[name]["oldest"] for first, count in seen.refused)}  # fmt: skip
            if wanted <= found:
                break
            if time.monotonic() > deadline:
                self.faults.append(f"it looks for damage and finds none in {wanted - found}")
                return
        self.damaged_by_scrub |= {name for name in found if not self.streams[name].refused}

    def _publish(self, name):
        """One more event; it may be refused, but not lie elsewhere than at the end."""
        registered = self._ask("register", stream=name, instance=os.urandom(16))
        if registered["op"] != "registered":
            return
        who = {key: registered[key] for key in ("incarnation", "producer", "epoch")}
        batch = Batch.of([event("it.happened", {"after": name})], previous=registered["position"],
                         last=registered["position"] + 1, **who)  # fmt: skip
        self._client.ingest.send(batch.encode())
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            message = self._client.unasked.popleft() if self._client.unasked else self._client.receive(0.02)
            if message and message["op"] == "acknowledged":
                self.acknowledged[name] = message["sequence"]
                return
            if message and message["op"] in ("refused", "error", "full"):
                return
            if not self._process.running():
                raise Ended
        raise AssertionError(f"I7: an event published to {name} is neither acknowledged nor refused")


def _fetch(from_):
    return {"from": from_, "to": 0, "incarnation": bytes(16), "bytes": 0, "checksum": 0}


def served_faults(reader, log, damage, heads_then):
    """What is wrong with what a sidecar serves of a damaged log. `heads_then`: of the older copies, by stream."""
    yield from reader.faults
    for name, seen in reader.streams.items():
        stream = log.streams[name]
        yield from (f"{name}: {fault}" for fault in seen.faults)
        if seen.incarnation != stream.incarnation:
            yield f"{name}: it has another incarnation, as if it were new"
            continue
        then = damage.rolled_back and any(heads[name] == seen.head for heads in heads_then)
        if seen.head != stream.head and not then:
            yield f"{name}: its head is {seen.head}, it was {stream.head}"
        if seen.oldest != stream.oldest and not then:
            yield f"{name}: its oldest is {seen.oldest}, it was {stream.oldest}"
        for batch in seen.batches:
            held = stream.held.get(batch.base)
            right = held is not None and held.encode() == batch.encode()
            if not right and not (then and same_published(stream, batch)):
                yield f"{name}: what it serves at {batch.base} is not what was published there"
        touched = damage.touched & (log.places.of_stream[name] | log.places.records | {0, 1})
        lists = damage.touched & set(log.places.of_kind("free list"))
        if (seen.refused or seen.stopped) and not touched and not lists:
            yield f"{name}: it refuses {seen.refused} {seen.stopped or ''}, and nothing of the stream is damaged"
        if name in reader.damaged_by_scrub and not touched and not lists:
            yield f"{name}: its own look at the log finds damage, and nothing of the stream is damaged"
        sequence = reader.acknowledged.get(name)
        if sequence is not None and sequence != seen.head + 1:
            yield f"{name}: an event published after the head {seen.head} got sequence {sequence}"


def same_published(stream, batch):
    return batch.base in stream.published and same_events(batch, stream.published[batch.base])


def repaired_faults(reader, log, damage, report):
    """What is wrong with a repaired log, as a sidecar serves it."""
    yield from reader.faults
    if reader.last_words or reader.exit_code != 0:
        yield f"the sidecar does not run on it: {reader.told()}"
        return
    reports = {each["stream"]: each for each in report["streams"]}
    untouched = not damage.touched & (log.places.records | {0, 1})
    # Where pages contradict each other, or some are cut off, which of them are old copies cannot be told: the record may
    # be one.
    whole = len(damage.data) >= log.places.count * PAGE and not damage.touched & set(log.places.of_kind("branch"))
    end_known = untouched and whole and "stale" not in damage.kind
    for name, stream in log.streams.items():
        seen = reader.streams[name]
        yield from (f"{name}: {fault}" for fault in seen.faults)
        if seen.refused or seen.stopped:
            yield f"{name}: it refuses {seen.refused} {seen.stopped or ''}"
        told = reports.get(name)
        if told is None:  # whose batches were whose is not known: nothing in the file says it
            if has_record(damage.data, name, stream.incarnation):
                yield f"{name}: there is nothing left of it, and its record can be found"
            if not any(f"stream {name}:" in each for each in report["problems"]):
                yield f"{name}: there is nothing left of it, and the repair does not say so"
            continue
        yield from (f"{name}: {fault}" for fault in _stream_faults(seen, stream, told, untouched, end_known, damage))
        yield from (f"{name}: {fault}" for fault in _missing(name, seen, stream, told, log, damage))
    yield from _producer_faults(reader, log, untouched, damage)


def has_record(data, name, incarnation):
    """Whether there is a record of the stream that is whole, perhaps an old copy, on a page that says where its entries
    are (docs/log-format.md)."""
    key = b"stream/" + name.encode()
    for page in range(0, len(data) - PAGE + 1, PAGE):
        for node in leaf_nodes(data[page : page + PAGE]):
            record = node[len(key) :]
            whole = record[:16] == incarnation and record[-8:] == checksum(record[:-8]).to_bytes(8, "little")
            if node.startswith(key) and len(record) == RECORD_BYTES and whole:
                return True
    return False


def _stream_faults(seen, stream, told, untouched, end_known, damage):
    if seen.incarnation == stream.incarnation:
        yield "its incarnation is the old one"
    once = {batch.base: batch for batch in seen.batches}.values()  # it was read twice
    chain, gaps, broken = None, 0, ""
    try:
        for batch in once:
            chain = chain or Chain(seen.incarnation, seen.oldest - 1, batch.previous_checksum)
            chain.add(batch)
    except FormatError as wrong:
        broken = f": {wrong}"
    end = chain.sequence if chain else seen.oldest - 1
    if end != seen.head:
        yield f"it is no chain up to its head {seen.head}, but ends at {end}{broken}"
    for batch in once:
        if batch.kind == GAP:
            gaps += batch.count
            continue
        held = stream.held.get(batch.base)
        same = held is None or (held.commit_time, held.producer, held.last) == (batch.commit_time, batch.producer, batch.last)
        if batch.kind != EVENTS or not same or not same_published(stream, batch):
            yield f"what stands at {batch.base} is not what was published there"
    if not gaps == seen.lost == told["lost"]:
        yield f"its gaps have {gaps} sequences, the status says {seen.lost} lost, the repair {told['lost']}"
    if damage.rolled_back:
        return  # the log of then
    if told["skipped_ahead"] and end_known:
        yield "it goes on far behind its end, which was known"
    if seen.head < stream.head or (seen.head > stream.head and not told["skipped_ahead"]):
        yield f"its head is {seen.head}, it was {stream.head}"
    if untouched and seen.oldest != stream.oldest:
        yield f"its oldest is {seen.oldest}, it was {stream.oldest}"


def _missing(name, seen, stream, told, log, damage):
    """Batches that are whole in the damaged file, and not in the repaired log."""
    served = {batch.base for batch in seen.batches if batch.kind == EVENTS}
    if damage.rolled_back:
        return
    for base in sorted(stream.held):
        whole = damage.intact(*log.places.batches[name, base])
        if not whole and told["skipped_ahead"]:
            return  # where it ended is not known: what lies beyond cannot be told from old copies
        if whole and base not in served:
            yield f"the batch at {base} was whole, and is lost (I1); the repair says {told}"


def _producer_faults(reader, log, untouched, damage):
    """A producer that were behind its batches would be let in again with what it published."""
    positions = {int(each["id"], 16): each["position"] for each in reader.producers}
    for name, seen in reader.streams.items():
        for batch in seen.batches:
            if batch.kind == EVENTS and batch.base <= seen.head and positions.get(batch.producer, batch.last) < batch.last:
                yield f"{name}: producer {batch.producer} is at {positions[batch.producer]}, its batch at {batch.last}"
    if damage.rolled_back or not untouched:
        return
    for name, stream in log.streams.items():
        for who, position in stream.positions.items():
            now = [each["position"] for each in reader.producers if (each["stream"], each["name"]) == (name, who)]
            if who is not None and now != [position]:
                yield f"{name}: producer {who} was at {position} and is at {now}"
