"""publishing.py, in the same usage, with events that forebay-test-consumer folds.

Event n of a publisher stays a function of its name, the seed and n. PACE_MS in the environment slows it down, BYTES
makes its events about that large.
"""

import os
import pathlib
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "support"), str(ROOT / "conformance")]

import ledger  # noqa: E402
import publishing  # noqa: E402
from formats import event, unpack  # noqa: E402


def event_of(who, seed, n, size=int(os.environ.get("BYTES", 60))):
    dice = random.Random(f"{who} {seed} {n}")
    data = {"n": n, "key": f"k{dice.randrange(30)}", "delta": dice.randint(-99, 99)}
    data["noise"] = dice.randbytes(dice.randrange(2 * size))
    return event("value.added", data, subject=who, time=n, id=f"{who}-{n}")


class KeyedOracle(ledger.Oracle):
    """Knows these events. `size`: what the publishers had in BYTES."""

    def __init__(self, stream, seed, ledgers, size=60):
        super().__init__(stream, seed, ledgers)
        self._size = size

    def _expected(self, who, n):
        return unpack(event_of(who, self._seed, n, self._size))[3:]


if __name__ == "__main__":
    pace = float(os.environ.get("PACE_MS", 2)) / 1000

    class Paced(publishing.Publisher):
        def work(self, seconds):
            super().work(seconds + pace if seconds <= 0.003 else seconds)

    publishing.Publisher, publishing.event_of = Paced, event_of
    try:
        publishing.run(*sys.argv[1:6], anonymous=sys.argv[6:] == ["--anonymous"])
    except publishing.Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(publishing.FENCED if refused.code == "fenced" else 1)
