"""Makes a recording: a sidecar, publishers, a watcher and a consumer whose processes are recorded and killed.

    studio = Studio(folder)              # compiles recorder.c there
    take = studio.record(dice, seed)     # a Take: what was recorded, what was told, and what was going on
"""

import os
import pathlib
import subprocess
import threading
import time

import msgpack
import zmq

from forebay_test import Installation, KeyedConsumer, wait_until
from images import Recording, Unrecorded
from told import Told, Witnesses

HERE = pathlib.Path(__file__).resolve().parent
SIDECAR, CONSUMER = "events", "keyed"
STREAMS = ("a", "b")
TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = { a = %s, b = {} }
[nodes.keyed]
kind = "service"
host = "a"
subscribes = ["a", "b"]
"""
TRIMMED = '{ retention = { bytes = "48KiB" } }'
WHO = {"one": ("a", True), "two": ("a", False), "three": ("b", True)}  # stream, and whether it has a name
KINDS = ("steady", "kills", "kills", "trimmed", "rebuild", "rebuild with kills")
SECONDS, SECONDS_TRIMMED = 1.1, 2.0
SYNC_US = 2500
PACE = 0.04  # seconds that a publisher waits at most after a batch
ASK_SECONDS = 0.4


class Recorded(Installation):
    """An installation whose sidecar and consumer run under the recorder."""

    def __init__(self, topology, library, environment):
        super().__init__(topology)
        self._library, self._environment = library, environment
        self.die = {}  # by program, its FOREBAY_RECORD_DIE next time

    def start(self, argv, log, **popen):
        environment = dict(os.environ, LD_PRELOAD=str(self._library), **self._environment)
        environment["FOREBAY_RECORD_DIE"] = self.die.pop(log, "")
        return super().start(argv, log, env=environment, **popen)


class Asked(KeyedConsumer):
    """It may die before it answers, and is started again by who asks: no answer is None."""

    def _exchange(self, socket_name, request, seconds):
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger, socket.reconnect_ivl = 0, 10
            socket.connect(f"ipc://{self.state}/{socket_name}")
            socket.send(msgpack.packb(request))
            return msgpack.unpackb(socket.recv()) if socket.poll(min(seconds, ASK_SECONDS) * 1000) else None


class Take:
    """What came of it: the recording, what was told, and its kind."""

    def __init__(self, kind, recording, told, ignored):
        self.kind, self.recording, self.told, self.ignored = kind, recording, told, ignored
        self.points = _points(recording.operations)
        self.by_role = {role: [k for k, each in enumerate(recording.operations) if role_of(each) == role]
                        for role in (SIDECAR, CONSUMER)}  # fmt: skip


def role_of(operation):
    path = operation.where or operation.paths()[0]
    return CONSUMER if f"/{CONSUMER}" in path else SIDECAR


def _points(operations):
    """Where most may go wrong: near starts, and where names change."""
    near, seen = set(), set()
    for k, operation in enumerate(operations):
        created = operation.kind == "O" and operation.offset & 1
        if operation.pid not in seen:
            seen.add(operation.pid)
            near.update(range(k, k + 40))
        if created or operation.kind in "RUK":
            near.update(range(k - 4, k + 5))
    return [k for k in sorted(near) if 0 <= k < len(operations)]


class Studio:
    def __init__(self, folder, ignored=()):
        self.library = folder / "recorder.so"
        self._ignored = ignored
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", self.library, HERE / "recorder.c"],
                       check=True)  # fmt: skip

    def record(self, dice, seed):
        kind = dice.choice(KINDS)
        environment = {"FOREBAY_RECORD_SYNC_US": str(SYNC_US), "FOREBAY_RECORD_SEED": str(dice.randrange(1 << 30))}
        with Recorded(TOPOLOGY % (TRIMMED if kind == "trimmed" else "{}"), self.library, environment) as installation:
            recs = installation.folder / "recs"
            recs.mkdir()
            environment.update(FOREBAY_RECORD_ROOT=str(installation.folder), FOREBAY_RECORD_OUT=str(recs))
            recording = Recording(recs, installation.folder, self._ignored)
            told = Told(STREAMS)
            _Session(installation, recording, told, kind, dice).play(seed)
            recording.load()
            told.seal(seed)
        return Take(kind, recording, told, self._ignored)


class _Session:
    """One recording, from the first start of its processes to the last kill."""

    def __init__(self, installation, recording, told, kind, dice):
        self._installation, self._recording, self._told = installation, recording, told
        self._kind, self._dice = kind, dice
        self._consumer = Asked(installation, {SIDECAR: dict.fromkeys(STREAMS, "earliest")})
        self._processes = {}
        self._kills = "kills" in kind
        self._seconds = SECONDS_TRIMMED if kind == "trimmed" else SECONDS
        self._hold_until = 0.0  # the consumer is down so long

    def play(self, seed):
        witnesses = Witnesses(self._told, lambda socket: self._installation.endpoint(SIDECAR, socket), seed)
        try:
            self._play(witnesses)
        finally:
            for process in self._processes.values():
                if process.running():
                    process.kill()

    def _play(self, witnesses):
        dice = self._dice
        if self._kills:
            for role in (SIDECAR, CONSUMER):
                if dice.random() < 0.4:  # in the midst of making its first files
                    self._installation.die[role] = f"o{dice.randrange(1, 60)}"
        self._start(SIDECAR)
        folder = self._installation.folder / "state" / SIDECAR

        def made():
            self._supervise()
            return folder.exists()

        # Stamps of two processes do not tell which of them made the folder of both.
        wait_until(made, "the sidecar makes its folder")
        self._start(CONSUMER)
        witnesses.watch()
        for who, (stream, named) in WHO.items():
            witnesses.publish(who, stream, named, PACE)
        began, number = time.monotonic(), 0
        kill_at = {role: dice.uniform(0.1, self._seconds) for role in self._processes} if self._kills else {}
        build_at = 0.4
        while (now := time.monotonic() - began) < self._seconds:
            self._supervise()
            witnesses.check()
            for role in [role for role, at in kill_at.items() if now > at]:
                self._processes[role].kill()
                kill_at[role] = now + dice.uniform(0.2, 1.0)
            if self._kind == "trimmed" and now > 0.4 and not self._hold_until:
                self._hold_until = time.monotonic() + 1.1
                self._processes[CONSUMER].kill()
            if "rebuild" in self._kind and now > build_at:
                number += 1
                self._build(number)
                build_at = now + 0.1
            self._ask()
        self._hold_until = 0.0
        self._wind_up(witnesses)

    def _wind_up(self, witnesses):
        """Everything is acknowledged and seen; then all ends as it does when the power goes."""
        self._kills = False
        self._installation.die.clear()
        ended = []

        def stopped():
            self._supervise()
            return bool(ended)

        def stop():
            try:
                witnesses.stop()
            except Exception as failure:
                ended.append(failure)
            ended.append(None)

        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        wait_until(stopped, "the witnesses end", 90)
        if ended[0]:
            raise ended[0]
        for process in self._processes.values():
            process.kill()
            self._recording.settle(process.pid)

    def _start(self, role):
        if self._kills and role not in self._installation.die and self._dice.random() < 0.5:
            letter, most = self._dice.choice((("o", 300), ("d", 40), ("d", 2)))
            self._installation.die[role] = f"{letter}{self._dice.randint(1, most)}"
        start = self._consumer.start if role == CONSUMER else lambda: self._installation.start_sidecar(SIDECAR)
        self._processes[role] = start()

    def _supervise(self):
        for role, process in self._processes.items():
            if process.running() or (role == CONSUMER and time.monotonic() < self._hold_until):
                continue
            self._recording.settle(process.pid)
            code = process.wait()
            if code != -9:
                raise Unrecorded(f"{role} ended with {code}: {process.errors()[-2000:]}")
            self._start(role)

    def _ask(self):
        socket, process = self._consumer.state / "test.sock", self._processes[CONSUMER]
        wait_until(lambda: socket.exists() or not process.running(), "the consumer serves", 20)
        if not socket.exists():
            return
        dump = self._consumer.dump()
        for stream, record in (dump or {}).get("streams", {}).items():
            self._told.cursors[stream].tell(record["cursor"])

    def _build(self, number):
        """A new live view, or one of the past; how it ended is told if the consumer lives."""
        consumer, name, asked = self._consumer, "", {}
        if self._dice.random() < 0.4:
            dump = consumer.dump()
            heads = {stream: record["cursor"] for stream, record in (dump or {}).get("streams", {}).items() if record["cursor"] > 1}
            if not heads:
                return
            name = f"past{number}"
            asked = {"from": {}, "until": heads}
            for stream, head in heads.items():
                asked["from"][stream] = self._dice.choice((1, self._dice.randint(1, head)))
            self._told.builds[name] = {stream: (asked["from"][stream], head) for stream, head in heads.items()}
        answer = consumer.ask("build", view=name, **asked)
        if not answer or "error" in answer:
            return
        while self._processes[CONSUMER].running():
            progress = consumer.ask("progress")
            if progress and not progress["running"]:
                # After a restart meanwhile nothing was ever built.
                if name and "error" not in progress and progress["view"] == name:
                    self._told.views[name] = time.monotonic_ns()
                return
            self._supervise_sidecar()

    def _supervise_sidecar(self):
        if not self._processes[SIDECAR].running():
            self._supervise()
