"""A sidecar with two streams, publishers and a consumer at work, that row F disturbs; and what has to hold afterwards.

    with Scene(case) as scene:
        scene.work()                       # everything runs, and something went through
        ...                                # the fault
        scene.settle()                     # I1 to I6, within 30 s
"""

import json
import os
import pathlib
import re
import signal
import sys
import time

import keyed_traffic
import ledger
from client import Client
from forebay_test import KeyedConsumer, fold, wait_until
from logs import Site

CONVERGE_SECONDS = 30
MEMORY_MAX, FILES_MAX = 300 << 20, 200  # with so few who talk to it
STREAMS = {"a": ("named", "anonymous"), "b": ("other",)}
TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.left]
host = "a"
%s
streams = { a = %s, b = {} }
[nodes.keyed]
kind = "service"
host = "a"
subscribes = ["a", "b"]
"""


class Scene:
    def __init__(self, case, retention="{}", options="", event_bytes=60, pace_ms=2):
        self.case, self.dice = case, case.dice
        self.site = Site(case.folder, TOPOLOGY % (options, retention))
        self.state = self.site.folder / "state"
        self.seed = case.dice.randrange(1 << 32)
        self._bytes, self._pace = event_bytes, pace_ms
        self.environment = {}  # of the sidecar
        self.ends = 0  # how often it ended by itself, as a fault allows it to
        self.sidecar, self.publishers, self.ledgers, self._said_before = None, {}, {}, 0
        self.consumer = KeyedConsumer(self.site, {"left": {"a": "earliest", "b": "earliest"}})
        self._oracles = {}
        for stream, names in STREAMS.items():
            ledgers = {who: ledger.Ledger(self.site.folder / f"{who}.ledger") for who in names}
            self.ledgers.update(ledgers)
            self._oracles[stream] = ledgers

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.site.__exit__(*failure)

    def start_sidecar(self, **popen):
        environment = dict(os.environ, **self.environment)
        program = self.site.program("forebay-sidecar")
        log = self.site.folder / "left.err"
        self._said_before = len(log.read_text(errors="replace")) if log.exists() else 0
        self.sidecar = self.site.start([program, "-t", self.site.topology, "left"], "left", env=environment, **popen)
        return self.sidecar

    def said(self):
        """What the sidecar said in this life of it."""
        return self.sidecar.errors()[self._said_before :]

    def start_publisher(self, who, **popen):
        stream = next(name for name, names in STREAMS.items() if who in names)
        argv = [sys.executable, "-B", pathlib.Path(keyed_traffic.__file__), self.state / "left", stream, who, str(self.seed),
                self.site.folder / f"{who}.ledger", *(["--anonymous"] if who == "anonymous" else [])]  # fmt: skip
        environment = dict(os.environ, PACE_MS=str(self._pace), BYTES=str(self._bytes))
        self.publishers[who] = self.site.start(argv, who, env=environment, **popen)

    def work(self):
        """Starts everything, until each publisher was acknowledged something and the consumer has applied some."""
        self.start_sidecar()
        for who in self.ledgers:
            self.start_publisher(who)
        self.consumer.start()
        self.wait_moving()
        wait_until(lambda: all(self.cursor(stream) for stream in STREAMS), "the consumer applies", CONVERGE_SECONDS)

    def cursor(self, stream):
        said = self.consumer.stream(stream)
        return said["cursor"] if said else 0

    def acknowledged(self):
        return {who: each.read()[1] for who, each in self.ledgers.items()}

    def wait_moving(self, seconds=CONVERGE_SECONDS):
        """Until each publisher was acknowledged more than now."""
        before = self.acknowledged()
        wait_until(lambda: all(now > before[who] for who, now in self.acknowledged().items()), "publishers go on", seconds)

    def client(self):
        return Client(lambda socket: self.site.endpoint("left", socket))

    def status(self, seconds=20):
        with self.client() as client:
            return json.loads(client.request("status", "status", seconds)["report"])

    def stop_publishers(self):
        """In order: each waits until all that it sent is on disk."""
        for who, publisher in self.publishers.items():
            if publisher.running():
                publisher.signal(signal.SIGTERM)
            code = publisher.wait(CONVERGE_SECONDS)
            self.case.need(code == 0, "I1", f"publisher {who} ended with {code}: {publisher.errors()[-1500:]}")

    def settle(self, lost=None):
        """Everything that was sent is there, once and in order, and in the view; `lost` by stream, if not none.

        The publishers get as long to have the rest acknowledged as the consumer then has to apply it."""
        self.wait_moving()
        self.stop_publishers()
        began = time.monotonic()
        with self.client() as client:
            for stream in STREAMS:
                self.check_log(client, stream)
                left = max(1.0, CONVERGE_SECONDS - (time.monotonic() - began))
                self.check_view(client, stream, left, (lost or {}).get(stream, 0))
        self.check_live()
        memory, files = self.sidecar.anonymous_memory(), len(os.listdir(f"/proc/{self.sidecar.pid}/fd"))
        self.case.need(memory < MEMORY_MAX, "I8", f"the sidecar has {memory >> 20} MiB")
        self.case.need(files < FILES_MAX, "I8", f"the sidecar has {files} descriptors")
        self.check_disk()

    def check_disk(self):
        """The log's file has its bound, where the topology says one now."""
        limit = re.search(r'disk_max = "(\d+)MiB"', self.site.topology.read_text())
        size = (self.state / "left" / "data.mdb").stat().st_size
        self.case.need(not limit or size <= int(limit[1]) << 20, "I8", f"the log's file has {size} bytes: {limit and limit[0]}")

    def check_log(self, client, stream):
        """I1 to I3, from 1 on; and all that was sent."""
        try:
            head = keyed_traffic.KeyedOracle(stream, str(self.seed), self._oracles[stream], self._bytes).check(client)
        except AssertionError as broken:
            self.case.violation("I1 to I3", f"{stream}: {broken}")
            return
        sent = sum(each.read()[0] for each in self._oracles[stream].values())
        self.case.need(head == sent, "I1", f"{stream} has {head} events, {sent} were sent and acknowledged")

    def check_view(self, client, stream, seconds=CONVERGE_SECONDS, lost=0):
        """I4 to I6."""
        batches = list(client.read(stream, 1))
        head = batches[-1].end - 1
        try:
            dump = self.consumer.wait_applied(stream, head, seconds)
        except AssertionError as late:
            self.case.violation("I5", f"{late}; {self.consumer.process.errors()[-1500:]}")
            return
        values = {key: value for key, value in dump["values"].items() if key.startswith(f"{stream}/")}
        self.case.need(values == fold(stream, batches), "I4", f"the view of {stream} is not the fold of its log")
        said = dump["streams"][stream]
        self.case.need(said["lost"] == lost, "I6", f"{stream}: lost {said['lost']}, not {lost}")
        self.case.need(said["failed"] == 0 and not said["diverged"], "I5", f"{stream}: {said}")

    def check_live(self):
        for stream in STREAMS:
            try:
                self.consumer.wait_state(stream, "LIVE")
            except AssertionError as stuck:
                self.case.violation("I5", str(stuck))
