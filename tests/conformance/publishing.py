"""A publisher process of its own: publishing.py FOLDER STREAM WHO SEED LEDGER [--anonymous]

Publishes event after event (ledger.py) to the sidecar whose sockets are in FOLDER until SIGTERM, then waits until all
is acknowledged. A named one resumes after the last event that the sidecar has. Exit code 3: fenced.
"""

import random
import signal
import sys

from client import Client, Publisher, Refused
from ledger import STEP, Ledger, event_of

WINDOW_BATCHES_MAX = 64
FENCED = 3


def run(folder, stream, who, seed, ledger_path, anonymous):
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    ledger, dice = Ledger(ledger_path), random.Random()
    with Client(lambda socket: f"ipc://{folder}/{socket}.sock") as client:
        publisher = Publisher(
            client, stream, None if anonymous else who,
            on_acknowledged=lambda position, sequence: ledger.acknowledged(position // STEP, sequence),
        )  # fmt: skip
        n = publisher.position // STEP
        while not stopping:
            while publisher.waiting() >= WINDOW_BATCHES_MAX and not stopping:
                publisher.work(0.05)
            count = dice.choice((1, 1, 2, 5, 20, 60))
            ledger.sent(n + count)
            publisher.publish([event_of(who, seed, n + 1 + i) for i in range(count)], last=STEP * (n + count))
            n += count
            publisher.work(dice.choice((0, 0.001, 0.003)))
        publisher.flush(30)
        publisher.goodbye()


if __name__ == "__main__":
    try:
        run(*sys.argv[1:6], anonymous=sys.argv[6:] == ["--anonymous"])
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(FENCED if refused.code == "fenced" else 1)
