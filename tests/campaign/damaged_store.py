"""The part of row D that damages a consumer's store. Its cursor records have checksums, its views have none: what is
promised is that a cursor which is not what was committed is never used, and that no consumer ends without a word."""

import os
import random
import time

from client import Client, Publisher
from damages import PAGE, Places, make
from forebay_test import ONE_STREAM, Installation, KeyedConsumer, wait_until
from formats import event
from logs import Site
from serving import LAST_WORDS

SETTLES_SECONDS = 30
LINKS = {"events": {"events": "earliest"}}


class StoreAtRest:
    """A consumer's store and the log that it has read, at rest, made by real processes."""

    def __init__(self, seed):
        self._dice = random.Random(f"{seed} store")
        self.older = []
        self._make()

    def _make(self):
        with Installation(ONE_STREAM) as installation:
            for count in (60, 30, 10):
                sidecar = installation.start_sidecar("events")
                consumer = KeyedConsumer(installation, LINKS)
                consumer.start()
                with Client(lambda socket: installation.endpoint("events", socket)) as client:
                    self.head = publish(client, self._dice, count)
                consumer.wait_applied("events", self.head)
                self._values = consumer.dump()["values"]
                assert consumer.process.stop() == 0 and sidecar.stop() == 0
                data = (consumer.state / "views" / "1" / "data.mdb").read_bytes()
                self.older.append(data[: Places(data).count * PAGE])
            self._size = len(data)
            self._data = self.older.pop()
            self._log = (installation.folder / "state" / "events" / "data.mdb").read_bytes()
        self._places = Places(self._data)
        self._log = self._log[: Places(self._log).count * PAGE]

    def play(self, case):
        damage = make(case.dice, self._data, self.older, self._places)
        case.kind = f"store: {damage.kind}"
        (case.folder / "what").write_text(f"{case.name}: {damage.kind}, pages {sorted(damage.touched)[:12]}\n")
        with Site(case.folder, ONE_STREAM) as site:
            state = site.folder / "state"
            (state / "events").mkdir(parents=True)
            (state / "events" / "data.mdb").write_bytes(self._log)
            views = state / "keyed" / "views" / "1"
            views.mkdir(parents=True)
            (state / "keyed" / "current").write_text("1\n")
            (views / "data.mdb").write_bytes(damage.data)
            if len(damage.data) == len(self._data):
                os.truncate(views / "data.mdb", self._size)
            site.start_sidecar("events")
            with Client(lambda socket: site.endpoint("events", socket)) as client:
                head = publish(client, case.dice, 20)
            self._consume(case, KeyedConsumer(site, LINKS), head)

    @staticmethod
    def _consume(case, consumer, head):
        """It comes to the head, stops as diverged, or ends with a message."""
        process = consumer.start()
        deadline = time.monotonic() + SETTLES_SECONDS
        stands, door = None, consumer.state / "control.sock"
        wait_until(lambda: door.exists() or not process.running(), "it serves or ends", SETTLES_SECONDS)
        while process.running() and time.monotonic() < deadline:
            try:
                stands = next(iter(consumer.ask("status", 0.2)["streams"]), None)
                if stands and (stands["cursor"] >= head or stands["state"] == "DIVERGED"):
                    break
            except AssertionError:
                pass  # not serving yet, or it has ended
        if process.running() and stands:
            if stands["cursor"] >= head:
                case.need(stands["cursor"] == head and stands["lost"] == 0, "I7", f"it stands where it cannot: {stands}")
                try:
                    consumer.dump(seconds=5)  # a view that is damaged may end it
                except AssertionError:
                    case.need(not process.running(), "I7", "it does not answer any more")
            elif stands["state"] != "DIVERGED":
                case.violation("I5", f"not at {head} after {SETTLES_SECONDS} s: {stands}; {process.errors()[-800:]}")
        elif process.running():
            case.violation("I5", f"it neither serves nor ends: {process.errors()[-800:]}")
        if not process.running():
            code, said = process.wait(), process.errors()
            case.need(code != 0 and LAST_WORDS.search(said), "I7", f"it ended with {code} without a word: {said[-600:]}")


def publish(client, dice, count):
    """The head then."""
    publisher = Publisher(client, "events")
    while count > 0:
        size = min(count, dice.randint(1, 8))
        count -= size
        data = [{"key": f"k{dice.randrange(40)}", "delta": dice.randint(-9, 9)} for _ in range(size)]
        publisher.publish([event("value.added", each) for each in data])
        publisher.flush(30)
    return client.fetch("events", 1, 1)[0]["head"]
