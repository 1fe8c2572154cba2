"""`value.added` events for forebay-test-consumer, and tests that begin with sidecars, a publisher and a consumer."""

import datetime
import itertools
import json
import random
import unittest

from client import Client, Publisher
from forebay_test import Installation, KeyedConsumer, fold, seed_of_this_run, wait_until
from formats import event

SEED = seed_of_this_run()
TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.left]
host = "a"
streams = { a = %s, b = {} }
%s
[sidecars.right]
host = "a"
streams = { c = {} }
[nodes.keyed]
kind = "service"
host = "a"
subscribes = ["a", "b", "c"]
[nodes.recorder]
kind = "service"
host = "a"
subscribes = ["a"]
replay = true
"""
SIDECAR_OF = {"a": "left", "b": "left", "c": "right"}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


class KeyedTest(unittest.TestCase):
    """Two sidecars, three streams; what a test starts ends with it."""

    RETENTION = "{}"  # of stream a
    LIMIT = ""  # of the sidecar left

    def setUp(self):
        self.dice = random.Random(SEED)
        self.installation = Installation(TOPOLOGY % (self.RETENTION, self.LIMIT))
        self.addCleanup(self._end)
        self.prepare()
        self.sidecars = {name: self.installation.start_sidecar(name) for name in ("left", "right")}
        self.clients, self.publishers = {}, {}
        self.verbs = itertools.count()  # a log of its own for each

    def prepare(self):
        """What a test does to the installation before anything is started from it."""

    def _end(self):
        for client in self.clients.values():
            client.__exit__()
        result = self._outcome.result
        failed = bool(result.failures or result.errors)
        if failed:
            print(f"FOREBAY_SEED={SEED}")
        self.installation.__exit__(failed)

    def consumer(self, starts=None, name="keyed"):
        links = {}
        for stream, start in (starts or dict.fromkeys("abc", "earliest")).items():
            links.setdefault(SIDECAR_OF[stream], {})[stream] = start
        consumer = KeyedConsumer(self.installation, links, name)
        consumer.start()
        return consumer

    def verb(self, *words):
        """Runs a verb to its end: exit code, stdout, stderr."""
        process = self.installation.forebay(*map(str, words), log=f"verb-{next(self.verbs)}")
        return process.wait(60), process.output(), process.errors()

    def client(self, stream):
        sidecar = SIDECAR_OF[stream]
        if sidecar not in self.clients:
            self.clients[sidecar] = Client(lambda socket: self.installation.endpoint(sidecar, socket))
        return self.clients[sidecar]

    def publish(self, stream, count, batch_max=50, **data):
        """Publishes that many events and waits until they are on disk; the head then."""
        self.send(stream, count, batch_max, **data)
        self.publishers[stream].flush(30)
        return self.head(stream)

    def send(self, stream, count, batch_max=50, **data):
        if stream not in self.publishers:
            # A connection of its own: acknowledgements of one stream are not another's.
            sidecar = SIDECAR_OF[stream]
            client = Client(lambda socket: self.installation.endpoint(sidecar, socket))
            self.clients[f"publisher of {stream}"] = client
            self.publishers[stream] = Publisher(client, stream)
        publisher = self.publishers[stream]
        while count > 0:
            size = min(count, self.dice.randint(1, batch_max))
            publisher.publish([self.event(**data) for _ in range(size)])
            count -= size
            while publisher.waiting() > 64:
                publisher.work(0.01)

    def forget_publishers(self):
        """Their producers are unknown to a log that was replaced."""
        for stream in list(self.publishers):
            del self.publishers[stream]
            self.clients.pop(f"publisher of {stream}").__exit__()

    def event(self, **data):
        return event("value.added", {"key": f"k{self.dice.randrange(20)}", "delta": self.dice.randint(-99, 99), **data})

    def head(self, stream):
        return self.client(stream).fetch(stream, 1, 1)[0]["head"] if self.RETENTION == "{}" else self.status(stream)["head"]

    def batches(self, stream, from_=1):
        return list(self.client(stream).read(stream, from_))

    def fold(self, stream, from_=1, to=None):
        return fold(stream, self.batches(stream), from_, to)

    def report(self, stream):
        """All that its sidecar says of itself."""
        return json.loads(self.client(stream).request("status", "status", 20)["report"])

    def raised(self, stream):
        """The alerts of its sidecar: what, and about what."""
        return {(each["alert"], each["subject"]) for each in self.report(stream)["alerts"]["raised"]}

    def wait_raised(self, stream, *alert):
        wait_until(lambda: alert in self.raised(stream), f"{alert} is raised", 30)

    def status(self, stream):
        return next(each for each in self.report(stream)["streams"] if each["stream"] == stream)

    def reported(self, stream, consumer="keyed"):
        """What the sidecar knows of a consumer."""
        consumers = self.report(stream)["consumers"]
        return next((each for each in consumers if (each["stream"], each["consumer"]) == (stream, consumer)), None)

    def restart_sidecar(self, name, meanwhile=lambda folder: None):
        """Stops it in order, lets `meanwhile` do something to its folder, and starts it anew."""
        self.assertEqual(self.sidecars[name].stop(), 0)
        meanwhile(self.installation.folder / "state" / name)
        self.sidecars[name] = self.installation.start_sidecar(name)
        for key in [key for key in self.clients if key == name]:
            self.clients.pop(key).__exit__()

    def adopt(self, stream="a", consumer="keyed"):
        """Asked again while the consumer has yet to hear from the sidecar where the logs part."""
        wait_until(lambda: self.verb("consumers", "reset", consumer, stream, "--adopt")[0] == 0, f"{stream} is adopted")

    @staticmethod
    def added(old, new):
        """What is in a view that had `old` and was given what folds to `new`."""
        zero = [0, 0, 0]
        return {
            key: [old.get(key, zero)[0] + value[0], old.get(key, zero)[1] + value[1], value[2]]
            for key, value in (old | new).items() if key in new
        } | {key: value for key, value in old.items() if key not in new}  # fmt: skip

    def assert_folded(self, consumer, *streams, lost=0):
        """The view of the streams is the fold of their logs, nothing is twice and nothing lacks."""
        for stream in streams or "abc":
            dump = consumer.wait_applied(stream, self.head(stream))
            values = {key: value for key, value in dump["values"].items() if key.startswith(f"{stream}/")}
            self.assertEqual(values, self.fold(stream), f"seed {SEED}")
            self.assertEqual(dump["streams"][stream]["lost"], lost, f"seed {SEED}")


__all__ = ["SEED", "KeyedTest", "fold", "now", "wait_until"]
