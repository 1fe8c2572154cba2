"""Row A's cases: an image laid out, opened by the real processes, and compared with what was told (row_a.py)."""

import json
import os
import pathlib
import random
import shutil
import tempfile

from client import Client
from forebay_test import Installation, KeyedConsumer, fold, wait_until
from formats import Batch, event
from recordings import CONSUMER, SIDECAR, STREAMS, TOPOLOGY, TRIMMED

IMAGES = 100  # of a recording
KEPT_MOST = 3  # images of violations that a slice keeps
MEMORY, MEMORY_BYTES = pathlib.Path("/dev/shm"), 1 << 30
EARLY_NS = 3_000_000
STEP_ON = 1000  # producer sequences that a publisher goes on by, after an image


class Unsynced(Installation):
    """Its syncs are left out: nothing of it has to last."""

    def __init__(self, topology, library):
        super().__init__(topology)
        self._environment = dict(os.environ, LD_PRELOAD=str(library), FOREBAY_RECORD_NOSYNC="1")

    def start(self, argv, log, **popen):
        return super().start(argv, log, env=self._environment, **popen)


class Bench:
    """Where images are laid out and opened; it makes a recording when the cases of one are over."""

    def __init__(self, studio, seed):
        self._studio, self._seed = studio, seed
        self._number = self._take = None
        self._kept = 0
        self._lab = self._memory = None

    def _open(self, topology):
        """In memory if there is room: a disk that others are busy with makes and removes folders slowly."""
        self._lab = Unsynced(topology, self._studio.library)
        if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
            self._memory = tempfile.mkdtemp(prefix="fb-", dir=MEMORY)
            (self._lab.folder / "disk").symlink_to(self._memory)
        else:
            (self._lab.folder / "disk").mkdir()
        (self._lab.folder / "state").symlink_to("disk/state")

    def close(self):
        if self._lab is not None:
            self._lab.__exit__(None)
            self._lab = None
        if self._memory is not None:
            shutil.rmtree(self._memory)
            self._memory = None

    def play(self, case):
        number = case.number // IMAGES
        if self._number != number:
            self.close()
            self._number = self._take = None
            dice = random.Random(f"A {self._seed} recording {number}")
            self._take = self._studio.record(dice, dice.randrange(1 << 32))
            self._open(TOPOLOGY % (TRIMMED if self._take.kind == "trimmed" else "{}"))
            self._number = number
        look = Look(case, self._take, self._lab)
        try:
            look.play()
        finally:
            look.end()
        if case.violations and self._kept < KEPT_MOST:
            self._kept += 1
            (case.folder / "image").mkdir()
            look.lay_out(case.folder / "image")


class Look:
    """One image: laid out, opened, compared with what was told."""

    def __init__(self, case, take, lab):
        self._case, self._take, self._told, self._lab = case, take, take.told, lab
        dice = case.dice
        self._what = dice.choices(("log", "store", "both"), (9, 8, 2))[0]
        case.kind = f"{self._what}, {take.kind}"
        points = take.points if dice.random() < 0.3 else take.by_role[CONSUMER if self._what == "store" else SIDECAR]
        self._crash = take.recording.crash(dice.choice(points or range(len(take.recording.operations))))
        self._ns = self._crash.ns + (EARLY_NS if "early" in take.ignored else 0)
        self._image_seed = dice.randrange(1 << 62)
        self._processes = []

    def lay_out(self, folder):
        self._crash.write(folder, random.Random(self._image_seed))

    def play(self):
        disk = self._lab.folder / "disk"
        for path in disk.iterdir():
            shutil.rmtree(path)
        self.lay_out(disk)
        (disk / "state").mkdir(exist_ok=True)  # for the link to it
        try:
            self._open()
        except (TimeoutError, AssertionError) as failure:
            for process in self._processes:
                self._need(process.running(), "I5", f"{process.err_path.stem} ended: {process.errors()[-600:]}")
            if not self._case.violations:
                self._need(False, "I5", f"no answer: {failure}")

    def _open(self):
        if self._what in ("log", "both"):
            self._log()
        if self._what == "store" or (self._what == "both" and not self._case.violations):
            self._store()

    def end(self):
        for process in self._processes:
            if process.running():
                process.kill()
            process.err_path.unlink(missing_ok=True)
            process.out_path.unlink(missing_ok=True)

    def _need(self, condition, invariant, what):
        place = f"power lost in {self._crash.operation} ({self._take.kind}, image {self._image_seed})"
        return self._case.need(condition, invariant, f"{what}; {place}")

    def _serves(self, process, socket):
        """Waits until it does."""
        wait_until(lambda: socket.exists() or not process.running(), f"{socket.name} is there", 20)
        return self._need(process.running(), "I5", f"it does not start: {process.errors()[-600:]}")

    # the log

    def _log(self):
        sidecar = self._lab.start_sidecar(SIDECAR)
        self._processes.append(sidecar)
        if not self._serves(sidecar, self._lab.socket_path(SIDECAR, "control")):
            return
        with Client(lambda socket: self._lab.endpoint(SIDECAR, socket)) as client:
            report = json.loads(client.request("status", "status")["report"])
            self._heads = {}
            for stream in report["streams"]:
                self._stream(client, stream)
            if self._case.violations:
                return
            self._producers(report["producers"])
            self._consumers(report["consumers"])
            if self._what == "log" and not self._case.violations and self._case.dice.random() < 0.3:
                self._goes_on(client)

    def _stream(self, client, status):
        """The stream is a part of the log that was read in the recording, as long as was told, byte for byte."""
        name, told, known = status["stream"], self._told, self._told.heads[status["stream"]].before(self._ns)
        head, oldest, incarnation = status["head"], status["oldest"], bytes.fromhex(status["incarnation"])
        self._heads[name] = head
        same = incarnation == told.incarnations.get(name)
        if known is not None and not self._need(same, "I2", f"{name} has another incarnation"):
            return
        if not same:
            self._need(head == 0 and oldest == 1, "I2", f"{name} is new and has events up to {head}")
            return
        self._need(head >= (known or 0), "I1", f"{name} ends at {head}, {known} had been told")
        self._need(1 <= oldest <= told.oldest.get(name, 1), "I1", f"{name} begins at {oldest}")
        raw, sequence, whole = told.raw[name], oldest, True
        while whole and sequence <= head:
            keys = {"stream": name, "incarnation": incarnation, "from": sequence, "to": 0, "bytes": 0, "checksum": 0}
            reply = client.answer(client.send("fetch", **keys))
            if not self._need(reply["op"] == "batches" and reply["frame"], "I1", f"{name} at {sequence}: {reply}"):
                return
            frame, at = reply["frame"], 0
            while whole and at < len(frame):
                batch = raw.get(sequence, b"")
                whole = self._need(batch and frame[at : at + len(batch)] == batch, "I1", f"{name} differs at {sequence}")
                at += len(batch)
                sequence += told.batches[name][sequence].count if whole else 0
        self._need(not whole or sequence == head + 1, "I2", f"{name} says that it ends at {head}, and ends at {sequence - 1}")

    def _producers(self, there):
        """Each is as far as its batches are, and no less than it was told."""
        there = {int(each["id"], 16): each for each in there}
        for who, (stream, id_, _) in self._told.producers.items():
            epoch, position = self._told.epochs[who].before(self._ns), self._told.acknowledged[who].before(self._ns)
            record = there.get(id_)
            if epoch is not None and not self._need(record, "I3", f"{who} was registered and is not known"):
                continue
            if record is None:
                continue
            last = self._last_of(stream, id_)
            self._need(record["position"] == last, "I3", f"{who} is at {record['position']}, its batches at {last}")
            self._need(last >= (position or 0), "I1", f"{who}'s batches end at {last}, {position} was acknowledged")
            self._need(record["epoch"] >= (epoch or 0), "I3", f"{who} has epoch {record['epoch']}, {epoch} was told")

    def _last_of(self, stream, id_):
        """The last producer sequence of its batches that the image's head covers."""
        head = self._heads[stream]
        mine = [each.last for base, each in self._told.batches[stream].items() if base <= head and each.producer == id_]
        return max(mine, default=0)

    def _consumers(self, there):
        known = {each["stream"] for each in there if each["consumer"] == CONSUMER}
        for stream, cursors in self._told.cursors.items():
            began = cursors.before(self._ns) is not None
            self._need(not began or stream in known, "I1", f"the consumer of {stream} was registered and is not known")

    def _goes_on(self, client):
        """The next batch follows on the last, in a new epoch; one that is there already makes no duplicate."""
        for who, (stream, id_, name) in self._told.producers.items():
            if name is None or (before := self._told.epochs[who].before(self._ns)) is None:
                continue
            last = self._last_of(stream, id_)
            keys = {"stream": stream, "name": name, "instance": random.Random(self._image_seed).randbytes(16)}
            mine = client.request("register", "registered", **keys)
            said = (mine["producer"], mine["position"], mine["start"])
            self._need(said == (id_, last, last), "I3", f"{who} registers as {said}, not {(id_, last, last)}")
            self._need(mine["epoch"] > before, "I3", f"{who} is given epoch {mine['epoch']} again")
            origin = {key: mine[key] for key in ("incarnation", "producer", "epoch")}
            batch = Batch.of([event("it.went-on")], previous=last, last=last + STEP_ON, **origin).encode()
            for first in (self._heads[stream] + 1, 0):
                client.ingest.send(batch)
                message = client.unasked.popleft() if client.unasked else client.receive(10)
                answer = {key: (message or {}).get(key) for key in ("op", "position", "sequence", "first")}
                expected = {"op": "acknowledged", "position": last + STEP_ON, "sequence": self._heads[stream] + 1, "first": first}
                self._need(answer == expected, "I2", f"{who} goes on with {expected}, and hears {answer}")
            self._heads[stream] += 1

    # the consumer

    def _store(self):
        self._consumer = consumer = KeyedConsumer(self._lab, {SIDECAR: dict.fromkeys(STREAMS, "earliest")}, CONSUMER)
        self._processes.append(consumer.start())
        if not self._serves(consumer.process, consumer.state / "test.sock"):
            return
        dump = consumer.dump()
        if not self._need("values" in dump, "I4", f"the live view does not answer: {dump}"):
            return
        if self._what == "store":  # else it goes on while one looks
            for stream, cursors in self._told.cursors.items():
                known, cursor = cursors.before(self._ns), dump["streams"].get(stream, {}).get("cursor")
                self._need(not known or (cursor or 0) >= known, "I4", f"the cursor of {stream} is {cursor}, {known} was told")
        else:
            self._converges()
            dump = consumer.dump()
        self._folded(dump)
        self._past()

    def _converges(self):
        for stream, head in self._heads.items():
            states = {each["stream"]: each["state"] for each in self._consumer.ask("status")["streams"]}
            self._need(states[stream] != "DIVERGED", "I2", f"{stream} has diverged")
            if not self._case.violations:
                self._consumer.wait_applied(stream, head)

    def _folded(self, dump):
        """The view is the fold of the log up to its cursors, less its gaps, which were told once."""
        values, gaps = {}, {}
        for stream, record in dump["streams"].items():
            same = record["incarnation"] == self._told.incarnations.get(stream, b"").hex()
            ours = list(self._batches(stream).values())
            if not same:
                self._need(record["cursor"] == 0, "I2", f"{stream} is of another incarnation")
                continue
            self._need(not record["diverged"], "I2", f"{stream} has diverged")
            for first, count, reason in record["gaps"]:
                gaps[f"{stream}/{first}"] = [count, reason, 1]
                fair = reason == "trimmed" and first + count <= self._told.oldest.get(stream, 1)
                self._need(fair, "I6", f"a gap of {count} from {first} in {stream}: {reason}")
            lost = sum(count for _, count, _ in record["gaps"])
            self._need(record["lost"] == lost, "I6", f"{record['lost']} lost in {stream}, its gaps have {lost}")
            lacking = {n for first, count, _ in record["gaps"] for n in range(first, first + count)}
            kept = [each.without(lacking) for each in ours] if lacking else ours
            values.update(fold(stream, kept, record["start"] + 1, record["cursor"]))
            refused = [n for each in kept for n in each.refused(record["start"], record["cursor"])]
            said = f"{record['failed']} failed in {stream}, {len(refused)} were refused"
            if self._need(record["failed"] == len(refused), "I4", said) and self._case.dice.random() < 0.2:
                self._failed(stream, refused)
        self._same(dump["values"], values, "the live view")
        self._need(dump["gaps"] == gaps, "I6", f"the handler was told of {dump['gaps']}, not of {gaps}")

    def _failed(self, stream, refused):
        """Which failed, the oldest first, as many as are told at once."""
        there = [each["sequence"] for each in self._consumer.ask("failed", stream=stream)["failed"]]
        same = there == refused[: len(there)] and bool(there) == bool(refused)
        self._need(same, "I4", f"failed in {stream}: {there[:20]}, not {refused[:20]}")

    def _past(self):
        """A view of the past is there if that was told, and whole if it is there at all."""
        for name, ranges in self._told.builds.items():
            finished = self._told.views.get(name, 1 << 62) < self._ns
            dump = self._consumer.dump(name)
            if "values" not in dump:
                self._need(not finished, "I4", f"the view {name} was finished, and is not there: {dump}")
                continue
            values = {}
            for stream, (first, last) in ranges.items():
                values.update(self._fold(stream, first, last))
            self._same(dump["values"], values, f"the view {name}")

    def _fold(self, stream, first, last):
        return fold(stream, self._batches(stream).values(), first, last)

    def _batches(self, stream):
        """Decoded once for all images."""
        if not hasattr(self._take, "decoded"):
            self._take.decoded = {
                name: {base: Decoded(base, batch.events()) for base, batch in batches.items()}
                for name, batches in self._told.batches.items()
            }
        return self._take.decoded[stream]

    def _same(self, there, expected, what):
        wrong = {key: (there.get(key), expected.get(key)) for key in there.keys() | expected.keys()
                 if there.get(key) != expected.get(key)}  # fmt: skip
        self._need(not wrong, "I4", f"{what} is not the fold of the log (there, expected): {dict(list(wrong.items())[:4])}")


class Decoded:
    """A batch as fold() takes it."""

    def __init__(self, base, events):
        self.base, self._events = base, events

    def events(self):
        return self._events

    def refused(self, after, last):
        return [n for n, each in enumerate(self._events, self.base) if "refuse" in each[3] and after < n <= last]

    def without(self, lacking):
        """Those that are lost leave nothing, as refused ones do, but are not refused."""
        return Lacking(self.base, [[*each[:3], {"refuse": "lost"}, each[4]] if n in lacking else each
                                   for n, each in enumerate(self._events, self.base)], lacking)  # fmt: skip


class Lacking(Decoded):
    def __init__(self, base, events, lacking):
        super().__init__(base, events)
        self._lacking = lacking

    def refused(self, after, last):
        return [n for n in super().refused(after, last) if n not in self._lacking]
