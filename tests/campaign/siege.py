"""What a case of row I stands on: a sidecar with keys, peers that mean well, and what must hold for them throughout."""

import contextlib
import json
import os
import resource
import socket
import threading
import time

import zmq
from zmq.utils.monitor import parse_monitor_message

from client import Publisher
from far import SIDECAR, Counter, TwoHosts, differences, read_log, view_and_fold
from forebay_test import KeyedConsumer, wait_until
from ledger import STEP, Ledger, Oracle, event_of

SERVED_WITHIN_SECONDS = 10
START_SECONDS = 60
AFTER_SECONDS = 30
CONNECT_SECONDS = 20  # the system asks again after one and three where many knock at once
MIB = 1 << 20
MEMORY_BYTES_MAX = 48 * MIB  # of the sidecar, of which it takes a tenth; an attack may name more
DESCRIPTORS_MORE_MAX = 8
WHO = "till"
# Valid peers use stream a. `other` has a key, and reads b alone.
NODES = """
[nodes.keyed]
kind = "service"
host = "here"
subscribes = ["a", "b"]
[nodes.counter]
kind = "service"
host = "there"
subscribes = ["a"]
[nodes.other]
kind = "service"
host = "there"
subscribes = ["b"]
"""


class ValidPeer(threading.Thread):
    """Publishes one event after another, each acknowledged in time, and watches the sidecar's memory meanwhile."""

    def __init__(self, siege):
        super().__init__(daemon=True)
        self._siege, self._over = siege, threading.Event()
        self.ledger = Ledger(siege.case.folder / "ledger")
        self.served = self.memory = self.descriptors = 0
        self.slowest = 0.0
        self.failure = None

    def run(self):
        try:
            with self._siege.installation.client() as client:
                told = lambda position, sequence: self.ledger.acknowledged(position // STEP, sequence)  # noqa: E731
                publisher = Publisher(client, "a", WHO, on_acknowledged=told)
                while not self._over.wait(0.005):
                    self._publish(publisher)
                publisher.goodbye()
        except Exception as failure:  # told by the case
            self.failure = failure

    def _publish(self, publisher):
        n, began = self.served + 1, time.monotonic()
        self.ledger.sent(n)
        publisher.publish([event_of(WHO, str(self._siege.case.seed), n)], last=STEP * n)
        publisher.flush(SERVED_WITHIN_SECONDS)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.served = n
        self.memory = max(self.memory, self._siege.sidecar.anonymous_memory())
        self.descriptors = max(self.descriptors, self._siege.descriptors())

    def end(self):
        self._over.set()
        self.join(2 * SERVED_WITHIN_SECONDS)


class Siege:
    """An attack says in `memory_more` how many bytes it may cost beyond the usual; in `memory_kept`, after it, too."""

    def __init__(self, case, environment=None):
        self.case, self.dice, self.need = case, case.dice, case.need
        self._environment = environment or {}
        self.memory_more = self.memory_kept = 0
        self.counter_is_served = True  # the one from the other host
        self.bombs = 0  # events that were published to b
        self.slowest_applied = 0.0

    def __enter__(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        with contextlib.ExitStack() as stack:
            self.installation = here = stack.enter_context(TwoHosts(self.case, "ab", NODES, True, ["alice"], ["other"]))
            self.context = zmq.Context()
            stack.callback(self.context.destroy, 0)
            program = here.program("forebay-sidecar")
            words = [program, "-t", here.topology, SIDECAR]
            self.sidecar = here.start(words, SIDECAR, env=dict(os.environ, **self._environment))
            self.peer = ValidPeer(self)
            keyed = KeyedConsumer(here, {SIDECAR: {"a": "earliest", "b": "earliest"}})
            self.consumers = {"keyed": keyed, "counter": Counter(here)}
            for consumer in self.consumers.values():
                consumer.start()
            self.asking = stack.enter_context(here.client())
            self.peer.start()
            wait_until(lambda: self.peer.served > 3 or self.peer.failure, "the valid publisher")
            for consumer in self.consumers.values():
                consumer.wait_state("a", "LIVE", START_SECONDS)
            self.descriptors_before = self.descriptors()
            self.sockets = []
            stack.callback(self._close_sockets)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.peer.end()
        self._stack.close()

    # what attacks need

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.sidecar.pid}/fd"))

    def status(self):
        return json.loads(self.asking.request("status", "status", 20)["report"])

    def refused(self):
        return self.status()["counters"]["refused"]

    def ended_connections(self, door):
        """Of those from its own host (near) or others (far), how many it turned away or saw end."""
        counts = self.status()["connections"][door]
        return counts["turned_away"] + counts["ended"]

    def expect_ended(self, door, before, count):
        """That many more connections were turned away or ended, and are counted."""
        more = lambda: self.ended_connections(door) - before  # noqa: E731
        with contextlib.suppress(AssertionError):
            wait_until(lambda: more() >= count, "counted", AFTER_SECONDS)
        self.need(more() >= count, "I9", f"{more()} {door} connections are counted as ended, not at least {count}")

    def peer_of(self, kind, endpoint, keys=None, watched=False, **options):
        """A ZeroMQ socket to there, encrypted with these keys (TwoHosts.keys_of)."""
        made = self.context.socket(kind)
        made.linger = 0
        if watched:
            made.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        for name, value in options.items():
            setattr(made, name, value)
        if keys:
            made.curve_publickey, made.curve_secretkey = keys["public"].encode(), keys["secret"].encode()
            made.curve_serverkey = keys["server"].encode()
        made.connect(endpoint)
        self.sockets.append(made)
        return made

    def hung_up_on(self, peer, seconds=30.0):
        """Whether a watched peer came in and its connection has ended since."""
        deadline, seen = time.monotonic() + seconds, []
        monitor = peer.get_monitor_socket()
        while time.monotonic() < deadline:
            if monitor.poll(50):
                seen.append(parse_monitor_message(monitor.recv_multipart())["event"])
            if zmq.EVENT_HANDSHAKE_SUCCEEDED in seen and seen[-1] == zmq.EVENT_DISCONNECTED:
                return True
        return False

    def near(self, name):
        return self.installation.endpoint(SIDECAR, name)

    def far(self, name):
        return self.installation.far_endpoint(name)

    def all_endpoints(self):
        return [*map(self.near, ("ingest", "control", "broadcast")), *map(self.far, ("control", "broadcast"))]

    def raw(self, endpoint, seconds=5.0):
        """A connection without ZeroMQ."""
        kind, _, rest = endpoint.partition("://")
        made = socket.socket(socket.AF_UNIX if kind == "ipc" else socket.AF_INET)
        made.settimeout(CONNECT_SECONDS)
        self.sockets.append(made)
        host, _, port = rest.rpartition(":")

        def connected():
            try:
                made.connect(rest if kind == "ipc" else (host, int(port)))
            except BlockingIOError:
                return False  # so many wait there that the system takes no more just now
            return True

        wait_until(connected, f"connected to {endpoint}", CONNECT_SECONDS)
        made.settimeout(seconds)
        return made

    def say(self, endpoint, data, seconds=5.0):
        """Writes that there without ZeroMQ."""
        made = self.raw(endpoint, seconds)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            made.sendall(data)  # hung up on, or not read, in the midst of it
        return made

    def serve_on(self, count=5):
        """The valid peers are served: acknowledged, and applied by both consumers."""
        served = self.peer.served
        on = lambda: self.peer.served > served + count or self.peer.failure or not self.sidecar.running()  # noqa: E731
        wait_until(on, "the valid publisher is served on", 2 * SERVED_WITHIN_SECONDS)
        assert self.sidecar.running(), f"I8: the sidecar died: {self.sidecar.errors()[-1000:]}"
        self._raise_failure()
        _, last, sequences = self.peer.ledger.read()
        for name, consumer in self.consumers.items():
            if name == "counter" and not self.counter_is_served:
                continue
            if not self.need(consumer.process.running(), "I8", f"{name} died: {consumer.process.errors()[-1000:]}"):
                continue
            began = time.monotonic()
            try:
                self.wait_applied(consumer, sequences[last])
            except AssertionError as failure:
                self.need(False, "I8", f"{failure}; it says {consumer.stream('a')}")
            self.slowest_applied = max(self.slowest_applied, time.monotonic() - began)

    @staticmethod
    def wait_applied(consumer, head):
        applied = lambda: consumer.stream("a")["cursor"] >= head  # noqa: E731
        wait_until(applied, f"{consumer.name} applied {head}", SERVED_WITHIN_SECONDS)

    def _raise_failure(self):
        if self.peer.failure:
            raise AssertionError(f"I8: the valid publisher: {self.peer.failure!r}") from self.peer.failure

    def expect_counted(self, reasons, before, exactly=True, seconds=AFTER_SECONDS):
        """`reasons`: how much each count of refusals rose; nothing else did."""


        def enough():
            seen = self.risen(before)
            return all(seen.get(reason, 0) >= count for reason, count in reasons.items())

        with contextlib.suppress(AssertionError):
            wait_until(enough, "counted", seconds)
        seen = self.risen(before)
        good = seen == reasons if exactly else set(seen) == set(reasons) and enough()
        self.need(good, "I9", f"refusals rose by {seen}, not {'' if exactly else 'at least '}{reasons}")

    def risen(self, before):
        """The counts of refusals that are higher now, and by how much; without answers to peers that had gone.

        Those are no refusals, and on a busy machine a valid peer may have gone and come again.
        """
        now = self.refused()
        now.pop("unsendable", None)
        return {reason: now[reason] - before.get(reason, 0) for reason in now if now[reason] != before.get(reason, 0)}

    # what must hold afterwards

    def _close_sockets(self):
        for each in self.sockets:
            if isinstance(each, zmq.Socket) and not each.closed:
                each.disable_monitor()
            each.close()
        self.sockets.clear()

    def end_attack(self):
        self._close_sockets()
        self._need_at_most("bytes taken meanwhile", lambda: self.peer.memory, MEMORY_BYTES_MAX + self.memory_more)
        self._need_at_most("descriptors after it", self.descriptors, self.descriptors_before + DESCRIPTORS_MORE_MAX)
        self._need_at_most("bytes taken after it", self.sidecar.anonymous_memory, MEMORY_BYTES_MAX + self.memory_kept)
        self.serve_on()

    def _need_at_most(self, what, figure, most):
        with contextlib.suppress(AssertionError):
            wait_until(lambda: figure() <= most, what, AFTER_SECONDS)
        self.need(figure() <= most, "I8", f"{what}: {figure()}, more than {most}")

    def check(self):
        """The log has what the valid publisher sent, and nobody else is known to the sidecar."""
        self.peer.end()
        self._raise_failure()
        need, report = self.need, self.status()
        head = Oracle("a", str(self.case.seed), {WHO: self.peer.ledger}).check(self.asking)
        need(head == self.peer.served, "I9", f"a has {head} events, {self.peer.served} were published")
        other = next(each["head"] for each in report["streams"] if each["stream"] == "b")
        need(other == self.bombs, "I9", f"b has {other} events, and {self.bombs} were published")
        producers = {(each["stream"], each["name"]) for each in report["producers"]}
        need(producers - {("b", "bomber")} == {("a", WHO)}, "I9", f"other producers: {producers}")
        consumers = {(each["stream"], each["consumer"]) for each in report["consumers"]}
        need(consumers <= {("a", "keyed"), ("b", "keyed"), ("a", "counter")}, "I9", f"other consumers: {consumers}")
        logs = {"a": read_log(self.asking, "a")}
        for name, consumer in self.consumers.items():
            if name == "counter" and not self.counter_is_served:
                continue
            with contextlib.suppress(AssertionError):
                self.wait_applied(consumer, head)
            told = consumer.stream("a")
            need(told["cursor"] == head and told["lost"] == 0, "I5", f"{name} is not at {head}: {told}")
            wrong = differences(*view_and_fold(consumer, logs))
            need(not wrong, "I4", f"{name}'s view differs from the log (has, must have): {wrong}")
        need("Assertion failed" not in self.sidecar.errors(), "I8", self.sidecar.errors()[-1000:])
        folder = self.installation.folder
        secrets = [path.read_text().strip() for pattern in ("state/*/secret.key", "*.key") for path in folder.glob(pattern)]
        for said in (*folder.glob("*.out"), *folder.glob("*.err")):
            text = said.read_text(errors="replace")
            need(not any(secret in text for secret in secrets), "I9", f"{said.name} has a secret key")

    def stop(self):
        code = self.sidecar.stop()
        self.need(code == 0, "I8", f"the sidecar ended with {code} on SIGTERM: {self.sidecar.errors()[-1000:]}")
