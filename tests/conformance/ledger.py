"""What a publisher sent and what it was acknowledged, kept outside of it, and the oracle that holds a log against that.

Event n of a publisher is a function of its name, the seed and n, so that an altered one shows; its producer sequence is
STEP * n, as a file's offsets have gaps.
"""

import os
import random

from formats import Chain, event, unpack

STEP = 7


def event_of(who, seed, n):
    dice = random.Random(f"{who} {seed} {n}")
    size = 60000 if dice.random() < 0.005 else dice.randrange(300)
    return event("it.happened", {"n": n, "noise": dice.randbytes(size)}, subject=who, time=n, id=f"{who}-{n}")


class Ledger:
    """Append-only; a line is on record once the call returns, whoever is killed then."""

    def __init__(self, path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._path = path

    def sent(self, last):
        os.write(self._file, f"sent {last} 0\n".encode())

    def acknowledged(self, n, sequence):
        os.write(self._file, f"acknowledged {n} {sequence or 0}\n".encode())

    def read(self):
        """The last event sent, the last acknowledged, and the sequences told with acknowledgements."""
        last, sequences = {"sent": 0, "acknowledged": 0}, {}
        with open(self._path, encoding="ascii") as file:
            text = file.read()
        # A line that is being written may be there in part.
        for what, n, sequence in (line.split() for line in text[: text.rfind("\n") + 1].splitlines()):
            last[what] = max(last[what], int(n))
            if int(sequence):
                sequences[int(n)] = int(sequence)
        return last["sent"], last["acknowledged"], sequences


class Oracle:
    """Reads a stream on from where it was, and checks it against the ledgers of all who publish to it."""

    def __init__(self, stream, seed, ledgers):
        self._stream, self._seed, self._ledgers = stream, seed, ledgers
        self._sequences = {who: [0] for who in ledgers}  # of its events, by n
        self._chain = None

    def check(self, client):
        """Nothing acknowledged is missing or altered, nothing is there twice or was not sent; sequences are dense."""
        acknowledged = {who: ledger.read() for who, ledger in self._ledgers.items()}
        incarnation = client.fetch(self._stream, 1, 1)[0]["incarnation"]
        chain = self._chain = self._chain or Chain(incarnation)
        assert incarnation == chain.incarnation, "another incarnation"
        for batch in client.read(self._stream, chain.sequence + 1, chain.incarnation, chain.checksum):
            chain.add(batch)
            for place, (_, who, n, data, attributes) in enumerate(batch.events()):
                sequences = self._sequences[who]
                assert n == len(sequences), f"{who}'s event {n} where {len(sequences)} was next"
                assert [data, attributes] == self._expected(who, n), f"{who}'s event {n} is altered"
                sequences.append(batch.base + place)
        for who, (_, last, told) in acknowledged.items():
            sequences = self._sequences[who]
            assert last < len(sequences), f"{who}'s events {len(sequences)} to {last} were acknowledged and are not there"
            assert all(sequences[n] == sequence for n, sequence in told.items()), f"{who} was told other sequences"
        for who, ledger in self._ledgers.items():
            assert len(self._sequences[who]) - 1 <= ledger.read()[0], f"more of {who}'s events than were sent"
        return chain.sequence

    def _expected(self, who, n):
        return unpack(event_of(who, self._seed, n))[3:]
