"""What episodes publish: events that a view can be folded from, and a process of its own that publishes them:

    episode_publisher.py FOLDER STREAM WHO SEED LEDGER

It goes on after the last event that the sidecar has, event after event to the sidecar whose sockets are in FOLDER until
SIGTERM, then waits until all is acknowledged. Everything sent and acknowledged is on record in the ledger.
"""

import pathlib
import random
import signal
import sys
import time

# It is a process of its own; and whoever only counts a row's cases imports it, too.
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("support", "conformance")]
from client import Client, Publisher, Refused  # noqa: E402
from formats import event  # noqa: E402
from ledger import STEP, Ledger  # noqa: E402

WINDOW_BATCHES_MAX = 24
FLUSH_SECONDS = 30
FULL_WAIT_SECONDS = 0.1  # between two attempts to register with a sidecar that has no room


def data_of(who, seed, n):
    """Of event n of a publisher. Some are refused by the handler, some are large."""
    dice = random.Random(f"{who} {seed} {n}")
    often, large = (0.2, 150_000) if who == "heavy" else (0.004, 40_000)
    size = large if dice.random() < often else dice.randrange(200)
    data = {"key": f"k{dice.randrange(12)}", "delta": dice.randint(-99, 99), "n": n}
    data["noise"] = dice.randbytes(size // 2).hex()
    if dice.random() < 0.02:
        data["refuse"] = f"refused {who} {n}"
    return data


def event_of(who, seed, n, data=None):
    return event("value.added", data or data_of(who, seed, n), subject=who, time=n, id=f"{who}-{n}")


class Gone(Exception):
    """The sidecar's process has ended, so that nobody answers."""


class PatientPublisher(Publisher):
    """Asks again to register where there is no room, and gives up when `gone()` says that nobody is there."""

    def __init__(self, client, stream, name, on_acknowledged, gone=lambda: False):
        self._gone = gone
        super().__init__(client, stream, name, on_acknowledged=on_acknowledged)

    def register(self, seconds=FLUSH_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return super().register(0)
            except TimeoutError:
                if self._gone():
                    raise Gone from None
                if time.monotonic() > deadline:
                    raise
            except Refused as refused:
                if refused.code not in ("full", "unavailable") or time.monotonic() > deadline:
                    raise
                if self._gone():
                    raise Gone from None
                self.client.control.poll(FULL_WAIT_SECONDS * 1000)


def run(folder, stream, who, seed, ledger_path):
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    ledger, dice = Ledger(ledger_path), random.Random()
    with Client(lambda socket: f"ipc://{folder}/{socket}.sock") as client:
        publisher = PatientPublisher(
            client, stream, who, lambda position, sequence: ledger.acknowledged(position // STEP, sequence)
        )
        n = publisher.position // STEP
        while not stopping:
            while publisher.waiting() >= WINDOW_BATCHES_MAX and not stopping:
                publisher.work(0.05)
            count = dice.choice((1, 1, 2, 5) if who == "heavy" else (1, 1, 2, 5, 12))  # a batch has its limit
            ledger.sent(n + count)
            publisher.publish([event_of(who, seed, n + 1 + i) for i in range(count)], last=STEP * (n + count))
            n += count
            publisher.work(dice.choice((0.001, 0.005, 0.02)))
        publisher.flush(FLUSH_SECONDS)
        publisher.goodbye()


if __name__ == "__main__":
    run(*sys.argv[1:6])
