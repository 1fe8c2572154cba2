"""An episode: sidecars, publishers and a consumer under way, faults, and then all that has to hold.

    with Episode(case, {"a": "left", "f": "left"}) as episode:
        episode.start("left"); episode.start("consumer"); episode.start("p0")
        …  # faults
        episode.settle()

Ledgers lie in the case's folder, outside of the installation, and are what the logs are held against: nothing that was
acknowledged is missing or altered, nothing is there twice, what was broadcast or applied is there, the view is the fold
of the log.
"""

import collections
import json
import pathlib
import sys
import time

import episode_publisher
from client import Client
from faults import counts, preloaded
from forebay_test import Installation, KeyedConsumer, fold, wait_until
from formats import CHECKSUM, HEADER, Chain, FormatError, unpack
from ledger import Ledger, Oracle

CONVERGED_SECONDS = 30
GONE_SECONDS = 15  # a process that cannot go on has ended by then, one that can serves
FILE_STREAM = "f"  # fed by `forebay publish` from a growing file, and by nobody else


class Missed(AssertionError):
    """A check that did not hold; says which invariant."""

    def __init__(self, invariant, what):
        super().__init__(what)
        self.invariant = invariant


class EventOracle(Oracle):
    """Of the events of episode_publisher."""

    def _expected(self, who, n):
        return unpack(episode_publisher.event_of(who, self._seed, n))[3:]


class Held:
    """Stands in for a client: batches that were read already, so that a log is read once for all its checks."""

    def __init__(self, incarnation, batches):
        self._incarnation, self._batches = incarnation, batches

    def fetch(self, *_):
        return {"incarnation": self._incarnation}, []

    def read(self, *_):
        return iter(self._batches)


def topology_of(streams):
    lines = ['[topology]\nname = "test"\n[hosts.a]']
    for sidecar in sorted(set(streams.values())):
        owned = ", ".join(f"{stream} = {{}}" for stream, owner in streams.items() if owner == sidecar)
        lines.append(f'[sidecars.{sidecar}]\nhost = "a"\nstreams = {{ {owned} }}')
    every = ", ".join(f'"{stream}"' for stream in streams)
    lines.append(f'[nodes.keyed]\nkind = "service"\nhost = "a"\nsubscribes = [{every}]\n')
    return "\n".join(lines)


def verdict_of(failure):
    """Which invariant the failure of an oracle is about."""
    text = str(failure)
    for invariant, words in {
        "I1": ("acknowledged and", "altered", "more of", "checksum"),
        "I3": ("next", "other sequences"),
        "I5": ("not within", "does not answer", "no answer", "not acknowledged within"),
    }.items():
        if any(word in text for word in words):
            return invariant
    return "I2"


class Episode:
    """`streams`: by stream, its sidecar; `publishers`: by name, the stream that it publishes to. Roles are the names of
    sidecars and publishers, consumer, and file (`forebay publish`)."""

    def __init__(self, case, streams, publishers=None):
        self.case, self.dice, self.streams = case, case.dice, streams
        self.publishers = publishers or {}
        self.installation = Installation(topology_of(streams))
        links = collections.defaultdict(dict)
        for stream, sidecar in streams.items():
            links[sidecar][stream] = "earliest"
        self.consumer = KeyedConsumer(self.installation, links)
        self.seed = case.dice.randrange(1 << 32)
        self.ledgers = {who: Ledger(case.folder / f"{who}.ledger") for who in self.publishers}
        self.lines, self.lines_acknowledged = 0, 0
        self.running = {}  # by role
        self._clients = {sidecar: Client(self._sockets_of(sidecar)) for sidecar in links}
        self._heard = {stream: self._clients[sidecar].subscribe(stream) for stream, sidecar in streams.items()}
        self._broadcast = collections.defaultdict(set)  # by stream, (base, header checksum) of each batch heard
        self._applied = dict.fromkeys(streams, 0)  # what the view has shown
        self._current = 0  # the live view's number, as last seen
        self._fault_count = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, failure, _):
        for client in self._clients.values():
            client.__exit__()
        if isinstance(failure, (AssertionError, FormatError, TimeoutError)):
            invariant = failure.invariant if isinstance(failure, Missed) else verdict_of(failure)
            self.case.violation(invariant, f"{failure} (line {self._line_of(failure)})")
        if self.case.violations or failure:
            self.case.keep(self.installation.folder)
        self.installation.__exit__(None)
        return bool(self.case.violations)

    @staticmethod
    def _line_of(failure):
        trace, place = failure.__traceback__, ""
        while trace:
            file = pathlib.Path(trace.tb_frame.f_code.co_filename).name
            place, trace = f"{place} {file}:{trace.tb_lineno}", trace.tb_next
        return place.strip()

    def _sockets_of(self, sidecar):
        return lambda socket: self.installation.endpoint(sidecar, socket)

    # processes

    def start(self, role, fault=None, counting=False):
        """Does not wait. With a fault, the file that tells what was called; it is for sidecars and the consumer."""
        out = None
        if fault or counting:
            self._fault_count += 1
            out = self.case.folder / f"calls-{self._fault_count}"
            folder = self.consumer.state if role == "consumer" else self.installation.folder / "state" / role
            with preloaded(folder, out, fault):
                self.running[role] = self._start(role)
        else:
            self.running[role] = self._start(role)
        return out

    def _start(self, role):
        if role == "consumer":
            return self.consumer.start()
        if role == "file":
            file = self.case.folder / "events.ndjson"
            return self.installation.forebay("publish", FILE_STREAM, str(file), "--as", "file", log="file")
        if role in self.publishers:
            stream = self.publishers[role]
            folder = self.installation.folder / "state" / self.streams[stream]
            program = [sys.executable, "-B", pathlib.Path(episode_publisher.__file__)]
            return self.installation.start(
                [*program, folder, stream, role, self.seed, self.case.folder / f"{role}.ledger"], role
            )
        return self.installation.start_sidecar(role)

    def kill(self, role):
        self.running[role].kill()
        if role == "file" and self.running[role].wait() == 0:  # it was done before
            self.lines_acknowledged = self.lines

    def restart(self, role, fault=None):
        self.kill(role)
        return self.start(role, fault)

    def serves(self, role):
        """Whether it answers; false too while it is still starting."""
        if role == "consumer":
            return (self.consumer.state / "test.sock").exists() and bool(self.applied(0.5))
        try:
            with Client(self._sockets_of(role)) as client:
                client.request("status", "status", 0.3)
            return True
        except TimeoutError:
            return False

    def wait_serving_or_ended(self, role, seconds=GONE_SECONDS):
        """Never a hang: true if it serves, false if it has ended."""
        deadline, process = time.monotonic() + seconds, self.running[role]
        while process.running():
            if self.serves(role):
                return True
            if time.monotonic() > deadline:
                raise Missed("I5", f"{role} neither serves nor ended within {seconds} s: {process.errors()[-800:]}")
        return False

    # what goes on meanwhile

    def watch(self, seconds):
        """Lets time pass (the moment of a fault), and listens to what is broadcast."""
        deadline = time.monotonic() + seconds
        while True:
            for stream, heard in self._heard.items():
                while heard._socket.poll(0):  # noqa: SLF001
                    self._hear(stream, heard._socket.recv_multipart()[1])  # noqa: SLF001
            if time.monotonic() >= deadline:
                return
            time.sleep(min(0.005, max(0.0, deadline - time.monotonic())))

    def _hear(self, stream, body):
        if body[:4] == b"FBAT":
            (checksum,) = CHECKSUM.unpack_from(body, HEADER.size)
            self._broadcast[stream].add((HEADER.unpack_from(body)[11], checksum))

    def acknowledged(self):
        return {who: ledger.read()[1] for who, ledger in self.ledgers.items()}

    def wait_acknowledged(self, seconds=CONVERGED_SECONDS):
        """Until something more of each publisher is."""
        before = self.acknowledged()

        def more():
            self.watch(0)
            for who in self.publishers:
                if not self.running[who].running():
                    self._wait_ended(who, 1)
                    raise Missed("I5", f"{who} stopped by itself")
            return all(now > before[who] for who, now in self.acknowledged().items())

        wait_until(more, "something more acknowledged to each publisher", seconds)

    def append_lines(self, count):
        """To the file that `forebay publish` reads."""
        with open(self.case.folder / "events.ndjson", "a", encoding="ascii") as file:
            for n in range(self.lines + 1, self.lines + 1 + count):
                data = episode_publisher.data_of("file", self.seed, n)
                line = {"specversion": "1.0", "id": f"file-{n}", "source": "/test", "type": "value.added", "data": data}
                file.write(json.dumps(line) + "\n")
        self.lines += count

    def applied(self, seconds=10.0):
        """A look at the view: whole, and never behind what it has shown before. None: no answer in that time."""
        try:
            dump = self.consumer.dump(seconds=seconds)
        except AssertionError:
            return None
        if "error" in dump:
            raise Missed("I4", f"the view cannot be read: {dump['error']}")
        current = int((self.consumer.state / "current").read_text())
        if current < self._current:
            raise Missed("I4", f"view {self._current} was thrown away for view {current}")
        self._current = current
        counted = collections.Counter()
        for key, (_, count, _) in dump["values"].items():
            counted[key.split("/")[0]] += count
        for stream, seen in dump["streams"].items():
            if seen["cursor"] < self._applied[stream]:
                raise Missed("I4", f"the cursor of {stream} went back from {self._applied[stream]} to {seen['cursor']}")
            if counted[stream] + seen["failed"] != seen["cursor"] - seen["start"]:
                raise Missed("I4", f"{counted[stream]} events of {stream} in the view and {seen['failed']} failed, "
                                   f"at the cursor {seen['cursor']}")  # fmt: skip
            self._applied[stream] = seen["cursor"]
        return dump

    # the end

    def settle(self, stop_publishers=True):
        """No more faults: everything converges, and is what it has to be."""
        deadline = time.monotonic() + CONVERGED_SECONDS
        left = lambda: max(0.0, deadline - time.monotonic())  # noqa: E731
        if stop_publishers:
            self.wait_acknowledged(left())  # each is under way again
            for who in self.publishers:
                self.running[who].signal(15)
            for who in self.publishers:
                self._wait_ended(who, left())
        if FILE_STREAM in self.streams:
            if self.running["file"].running():
                self._wait_ended("file", left())
            self.start("file")  # once more: everything is there now
            self._wait_ended("file", left())
            self.lines_acknowledged = self.lines
        heads = {stream: self.head(stream) for stream in self.streams}
        dump = self._wait_applied(heads, left)
        self.watch(0)
        took = CONVERGED_SECONDS - left()
        for stream in self.streams:
            self.check(stream, dump)
        self._end_in_order()
        return took

    def _wait_ended(self, who, seconds):
        process = self.running[who]
        try:
            code = process.wait(seconds)
        except Exception as failure:
            raise Missed("I5", f"{who} has not flushed within {seconds:.0f} s: {process.errors()[-800:]}") from failure
        if code != 0:
            errors = process.errors()
            raise Missed("I1" if "gone" in errors else "I5", f"{who} ended with {code}: {errors[-1500:]}")

    def _wait_applied(self, heads, left):
        """The dump that shows the view at the heads, every subscription LIVE."""

        def arrived():
            dump = self.applied(2.0)
            if not dump or any(dump["streams"].get(stream, {}).get("cursor") != head for stream, head in heads.items()):
                return None
            return dump if all(each["state"] == "LIVE" for each in self.consumer.ask("status")["streams"]) else None

        return wait_until(arrived, f"the view at {heads}, and LIVE", left())

    def head(self, stream):
        client = self._clients[self.streams[stream]]
        deadline = time.monotonic() + CONVERGED_SECONDS
        while True:
            try:
                return client.fetch(stream, 1, 1)[0]["head"]
            except TimeoutError:  # a request goes with the connection that it was sent on
                if time.monotonic() > deadline:
                    raise

    def check(self, stream, dump):
        client = self._clients[self.streams[stream]]
        incarnation = client.fetch(stream, 1, 1)[0]["incarnation"]
        batches = list(client.read(stream, 1, incarnation))
        if stream == FILE_STREAM:
            self._check_lines(incarnation, batches)
        else:
            ledgers = {who: self.ledgers[who] for who, to in self.publishers.items() if to == stream}
            head = EventOracle(stream, self.seed, ledgers).check(Held(incarnation, batches))
            acknowledged = sum(ledger.read()[1] for ledger in ledgers.values())
            if head != acknowledged:  # publishers flushed, and nobody else publishes to it
                raise Missed("I1", f"{stream} ends at {head}, {acknowledged} events were acknowledged")
        there = {(batch.base, batch.header_checksum) for batch in batches}
        if strangers := self._broadcast[stream] - there:
            raise Missed("I2", f"{stream}: broadcast and not in the log: {sorted(strangers)[:3]}")
        self._check_view(stream, batches, dump)

    def _check_lines(self, incarnation, batches):
        """The event with sequence n is line n."""
        chain = Chain(incarnation)
        for batch in batches:
            chain.add(batch)
            shared, *events = batch.parts()
            for sequence, (_, _, _, data, attributes) in enumerate(events, batch.base):
                expected = episode_publisher.data_of("file", self.seed, data["n"])
                if data["n"] != sequence:
                    raise Missed("I3", f"line {data['n']} has sequence {sequence}")
                if (data, {**shared, **attributes}["id"]) != (expected, f"file-{sequence}"):
                    raise Missed("I1", f"line {sequence} is altered")
        if chain.sequence != self.lines:
            raise Missed("I1", f"{chain.sequence} lines are there, {self.lines_acknowledged} were acknowledged")

    def _check_view(self, stream, batches, dump):
        seen = dump["streams"][stream]
        values = {key: value for key, value in dump["values"].items() if key.startswith(f"{stream}/")}
        expected = fold(stream, batches, to=seen["cursor"])
        if values != expected:
            wrong = [key for key in {**values, **expected} if values.get(key) != expected.get(key)]
            raise Missed("I4", f"{key_of(wrong, values, expected)}, at the cursor {seen['cursor']}")
        refused = [
            (sequence, data["refuse"])
            for batch in batches
            for sequence, (_, _, _, data, _) in enumerate(batch.events(), batch.base)
            if "refuse" in data
        ]
        failed = self.consumer.ask("failed", stream=stream, limit=len(refused) + 10)["failed"]
        if [(each["sequence"], each["reason"]) for each in failed] != refused or seen["failed"] != len(refused):
            raise Missed("I4", f"{stream}: {len(refused)} events are refused, {seen['failed']} failed: {failed[:3]}")
        if seen["diverged"]:
            raise Missed("I2", f"{stream}: the consumer has seen another log than is there: {seen}")
        if (seen["lost"], seen["gaps"]) != (0, []):
            raise Missed("I6", f"{stream}: nothing was lost, and the view has {seen}")

    def _end_in_order(self):
        """Everything stops as asked, and a reader of its own finds the logs sound."""
        self.consumer.wait_built()  # one that is stopped in the midst of a build leaves that to its next start
        stopped = ["consumer", *sorted(set(self.streams.values()))]
        for role in stopped:
            code = self.running[role].stop()
            if code != 0:
                raise Missed("I5", f"{role} ended with {code} when it was stopped")
        current = (self.consumer.state / "current").read_text().strip()
        views = sorted(folder.name for folder in (self.consumer.state / "views").iterdir())
        if views != [current]:
            raise Missed("I8", f"views {views} are left over, {current} is the live one")
        for sidecar in stopped[1:]:
            verb = self.installation.forebay("verify", sidecar, "--json", log=f"verify-{sidecar}")
            if verb.wait(60) != 0:
                raise Missed("I7", f"verify of {sidecar}: {verb.output()[:800]}{verb.errors()[:800]}")


def key_of(wrong, values, expected):
    key = sorted(wrong)[0]
    return f"{len(wrong)} records differ from the fold, {key} is {values.get(key)} and not {expected.get(key)}"


__all__ = ["FILE_STREAM", "Episode", "Missed", "counts"]
