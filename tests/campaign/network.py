"""Row E's episodes: the network fails, in mixtures of three to six faults, and 30 s later all is as if it never had.

An episode: two publishers and a consumer beside the sidecar, a consumer on another host (with keys in every second
episode), and what is between them and the sidecar goes through a proxy (proxy.py). Events of three streams flow all the
time; those of one come from a third publisher, with nothing between, so that there is always something to broadcast.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import harness
import row_e
from client import Publisher
from far import HERE, SIDECAR, Counter, TwoHosts, differences, read_log, view_and_fold
from forebay_test import KeyedConsumer, wait_until
from formats import event
from ledger import Ledger, Oracle
from network_faults import FAULTS, WEIGHTS
from proxy import Proxy

CONVERGED_WITHIN_SECONDS = 30
START_SECONDS = 60
SHORT_SECONDS, LONG_SECONDS = (2, 5), (5, 20)  # of a fault; the first CI cases have short ones
STREAMS = "abc"
NODES = """
[nodes.lines]
kind = "feed"
host = "here"
publishes = ["b"]
source = "{lines}"
follow = true
[nodes.keyed]
kind = "service"
host = "here"
subscribes = ["a", "b", "c"]
[nodes.late]
kind = "service"
host = "here"
subscribes = ["a", "b", "c"]
[nodes.counter]
kind = "service"
host = "there"
subscribes = ["a", "b", "c"]
"""


class Trickle(threading.Thread):
    """Lines for the feed, and events of stream `c` with nothing between publisher and sidecar: few, or a burst."""

    def __init__(self, installation, dice):
        super().__init__(daemon=True)
        self._installation, self._dice = installation, dice
        self._lines = open(installation.folder / "lines.ndjson", "a", encoding="ascii")
        self.lines = self.events = 0
        self.failure = None
        self._bursts = []
        self._over = threading.Event()

    def burst(self, batches, bytes_each):
        self._bursts.append((batches, bytes_each))

    def end(self):
        """Everything it published is acknowledged once this returns."""
        self._over.set()
        self.join(CONVERGED_WITHIN_SECONDS + 10)
        assert not self.is_alive(), "the publisher of c hangs"
        if self.failure:
            raise self.failure

    def run(self):
        try:
            with self._installation.client() as client:
                publisher = Publisher(client, "c", "trickle")
                while not self._over.is_set():
                    self._publish(publisher, 1 + self._dice.randrange(5), 50)
                    if self._bursts:
                        batches, size = self._bursts.pop()
                        for _ in range(batches):
                            self._publish(publisher, 1, size)
                    self._write_lines(self._dice.randrange(10))
                    publisher.work(0)
                    self._over.wait(0.01)
                publisher.flush(CONVERGED_WITHIN_SECONDS)
                publisher.goodbye()
        except Exception as failure:  # told by end()
            self.failure = failure

    def _publish(self, publisher, count, size):
        while publisher.waiting() > 64:
            publisher.work(0.01)
        key, delta = f"k{self._dice.randrange(20)}", self._dice.randint(-99, 99)
        data = {"key": key, "delta": delta, "noise": self._dice.randbytes(size)}
        publisher.publish([event("value.added", data)] * count)
        self.events += count

    def _write_lines(self, count):
        for _ in range(count):
            self.lines += 1
            data = {"n": self.lines, "key": f"k{self.lines % 7}", "delta": self.lines}
            self._lines.write(json.dumps({"type": f"line.{self.lines}", "data": data}) + "\n")
        self._lines.flush()


class Episode:
    """The processes of a case, and the links between them."""

    def __init__(self, case):
        self.case, self.dice = case, case.dice
        self.short = case.number < row_e.CI
        self.keyed_hosts = case.dice.random() < 0.5

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            nodes = NODES.format(lines=self.case.folder / "lines.ndjson")
            self.installation = stack.enter_context(TwoHosts(self.case, STREAMS, nodes, self.keyed_hosts))
            self.proxy = stack.enter_context(Proxy())
            self._stack = stack.pop_all()
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _begin(self):
        here, folder = self.installation, self.case.folder
        # By who connects: the publishers, the consumer beside the sidecar, the one on the other host.
        link, sockets = self.proxy.link, ("control", "broadcast")
        self.links = {
            "publishers": self._near_links("p", ("ingest", "control")),
            "keyed": self._near_links("k", sockets),
            "counter": [link(here.far_endpoint(each, here.between), here.far_endpoint(each)) for each in sockets],
        }
        self.start_sidecar()
        self.trickle = Trickle(here, self.dice_of("trickle"))
        feed = here.write_topology("feed.toml", state="p")
        self.feed = here.start([here.program("forebay-feed"), "-t", feed, "lines"], "lines")
        self.ledger = Ledger(folder / "ledger")
        self.publisher = self._start_publisher()
        self.consumers = {"keyed": _Through(here, "k", "keyed"), "counter": Counter(here, here=here.between)}
        for consumer in self.consumers.values():
            consumer.start()
        self.trickle.start()
        for consumer in self.consumers.values():
            consumer.wait_state("a", "LIVE", START_SECONDS)
        self.heads_at_first = self.heads()

    def dice_of(self, what):
        return type(self.dice)(f"{self.case.name} {what}")

    def _near_links(self, place, sockets):
        folder, to = self.case.folder / place / SIDECAR, self.installation.endpoint
        return [self.proxy.link(f"ipc://{folder}/{each}.sock", to(SIDECAR, each)) for each in sockets]

    def _start_publisher(self):
        place = self.case.folder / "p" / SIDECAR
        program, seed = HERE / "beating_publisher.py", str(self.case.seed)
        words = [sys.executable, "-B", program, place, "a", "till", seed, self.case.folder / "ledger"]
        environment = dict(os.environ, PYTHONPATH=str(harness.ROOT / "tests" / "conformance"))
        return self.installation.start(words, "till", env=environment)

    def start_sidecar(self):
        self.sidecar = self.installation.start_sidecar(SIDECAR)

    def restart_sidecar(self, gently):
        if gently:
            code = self.sidecar.stop()
            self.case.need(code == 0, "harness", f"the sidecar ended with {code}: {self.sidecar.errors()[-2000:]}")
        else:
            self.sidecar.kill()
        self.start_sidecar()

    def start_late_consumer(self):
        if "late" not in self.consumers:
            self.consumers["late"] = _Through(self.installation, "k", "late")
            self.consumers["late"].start()

    def heads(self):
        with self.installation.client() as client:
            return {stream: client.fetch(stream, 1, 1)[0]["head"] for stream in STREAMS}

    def seconds(self):
        return self.dice.uniform(*(SHORT_SECONDS if self.short else LONG_SECONDS))

    def play_faults(self):
        """They begin at random within the length of one, and so overlap."""
        faults = [make(self) for make in self.dice.choices(FAULTS, WEIGHTS, k=self.dice.randint(3, 6))]
        window = self.seconds()
        moments = []
        for number, fault in enumerate(faults):
            begin = self.dice.uniform(0, window / 2)
            moments += [(begin, number, fault.begin), (begin + self.seconds() / 2, number, fault.end)]
        self.case.kind = "with keys" if self.keyed_hosts else "without keys"
        self.told = "; ".join(str(fault) for fault in faults)
        began = time.monotonic()
        for moment, _, act in sorted(moments, key=lambda each: each[:2]):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            act()
        for links in self.links.values():
            for link in links:
                link.heal()
        self.healed = time.monotonic()

    def left(self):
        """Of the time to converge; a little for each look, lest one who is late makes the others look so."""
        return max(1.0, self.healed + CONVERGED_WITHIN_SECONDS - time.monotonic())

    def converge(self):
        """I5 and, of what is there then, I1 to I4 and I6."""
        need = self.case.need
        self.publisher.signal(signal.SIGTERM)
        try:
            code = self.publisher.wait(self.left())
            need(code == 0, "I5", f"the publisher of a ended with {code}: {self.publisher.errors()[-2000:]}")
        except subprocess.TimeoutExpired:
            need(False, "I5", "the publisher's window is not empty")
        self.trickle.end()
        lines = self.trickle.lines
        wait_until(lambda: self.heads()["b"] >= lines, f"the {lines} lines are in the log", self.left())
        heads = self.heads()
        for name, consumer in self.consumers.items():
            self._await(name, consumer, heads)
        self.seconds_to_converge = time.monotonic() - self.healed
        moved = all(heads[stream] > self.heads_at_first[stream] for stream in STREAMS)
        need(moved, "harness", f"nothing was published: {self.heads_at_first}, then {heads}")
        self.check_logs(heads)

    def _await(self, name, consumer, heads):
        def there():
            if not consumer.process.running():
                return True
            states = {each["stream"]: each for each in consumer.ask("status")["streams"]}
            self._seen = {stream: (each["state"], each["cursor"], each["lost"]) for stream, each in states.items()}
            return all(self._seen.get(stream, ())[:2] == ("LIVE", heads[stream]) for stream in STREAMS)

        try:
            wait_until(there, f"{name} is LIVE at {heads}", self.left())
        except AssertionError as failure:
            self.case.violation("I5", f"{failure}, but {self._seen}")
        if not consumer.process.running():
            errors = consumer.process.errors()[-2000:]
            return self.case.violation("I5", f"{name} died with {consumer.process.wait()}: {errors}")
        lost = {stream: seen[2] for stream, seen in self._seen.items() if seen[2]}
        self.case.need(not lost, "I6", f"{name} calls events lost that are in the log: {lost}")

    def check_logs(self, heads):
        need = self.case.need
        with self.installation.client() as client:
            head = Oracle("a", str(self.case.seed), {"till": self.ledger}).check(client)
            sent, acknowledged, _ = self.ledger.read()
            need(head == sent == acknowledged, "I1", f"a has {head} of {sent} sent, {acknowledged} acknowledged")
            logs = {stream: read_log(client, stream) for stream in STREAMS}
        lines = [type_ for batch in logs["b"] for type_, *_ in batch.events()]
        expected = [f"line.{n}" for n in range(1, self.trickle.lines + 1)]
        need(lines == expected, "I3", f"b is not the {len(expected)} lines in order")
        need(heads["c"] == self.trickle.events, "I3", f"c has {heads['c']} events of {self.trickle.events}")
        for name, consumer in self.consumers.items():
            if not consumer.process.running():
                continue
            wrong = differences(*view_and_fold(consumer, logs))
            need(not wrong, "I4", f"{name}'s view differs from the log (has, must have): {wrong}")


class _Through(KeyedConsumer):
    """forebay-test-consumer, which finds the sidecar's sockets in another folder."""

    def __init__(self, installation, place, name):
        super().__init__(installation, {}, name)
        folder = installation.folder / place / SIDECAR
        self._links = [",".join([str(folder), *(f"{stream}=earliest" for stream in STREAMS)])]


def one(case):
    with Episode(case) as episode:
        episode.play_faults()
        try:
            episode.converge()
        finally:
            told = f"{episode.told}; converged in {getattr(episode, 'seconds_to_converge', -1):.1f} s\n"
            pathlib.Path(case.folder, "episode.txt").write_text(told)
            case.violations[:] = [f"{each}\n  the faults: {episode.told}" for each in case.violations]
            if os.environ.get("FOREBAY_CAMPAIGN_TELL"):
                print(told, end="", file=sys.stderr)
        code = episode.feed.stop(), episode.sidecar.stop()
        case.need(code == (0, 0), "harness", f"feed and sidecar ended with {code} on SIGTERM")
        for name, process in (("feed", episode.feed), ("sidecar", episode.sidecar)):
            aborted = "Assertion failed" in process.errors()
            case.need(not aborted, "harness", f"the {name} aborted: {process.errors()[-1000:]}")
