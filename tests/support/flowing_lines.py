"""Tests of a machine (forebay_test/machine.py) on which lines flow all the while, whatever is done to who takes them on:
from the source of the feed `lines` into the stream `inventory` of the sidecar `left`, and into the view of the sourcing
node `reader`. In the end each of them is there, once.
"""

import contextlib
import json
import threading
import unittest

from forebay_test import wait_until

LINES = "/var/lib/lines.ndjson"
LARGEST = 2**63 - 1  # that a stock can be


class FlowTest(unittest.TestCase):
    machine = None

    def begin_lines(self):
        self.machine.write(LINES, "")
        self.written = self.pieces = self.checked = 0

    def forebay(self, *words, **options):
        return self.machine.run("forebay", *words, user="forebay", **options)

    def append(self, count, delta=1):
        """Lines of the source, each of which puts so many more pieces of an item into stock."""
        lines = [{"type": "stock.adjusted", "subject": str(self.written + n), "data": {"sku": f"item-{self.checked}", "fc": "x", "delta": delta}} for n in range(count)]
        with open(self.machine.path(LINES), "a", encoding="ascii") as source:
            source.write("".join(json.dumps(line) + "\n" for line in lines))
        self.written += count
        self.pieces += count * delta

    @contextlib.contextmanager
    def flow(self):
        """Lines are written all the while; in the end each of them is in the stream and was read, once."""
        ended = threading.Event()

        def write():
            while not ended.wait(0.01):
                self.append(10)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            ended.set()
            writer.join()
        self.wait_read()

    def wait_flowing(self):
        """Until what is written from now on comes to the reader."""
        before = self.written
        wait_until(lambda: self.reader()["cursor"] > before, f"events flow past {before}", 30)

    def status(self):
        """Of those who answer: by sidecar, by node."""
        report = json.loads(self.machine.attempt("forebay", "status", "--json", user="forebay").stdout or "{}")
        kinds = (("sidecars", "sidecar"), ("nodes", "consumer"))
        return [{each[name]: each for each in report.get(kind, []) if "error" not in each} for kind, name in kinds]

    def reader(self):
        """What the reader says of the stream."""
        _, nodes = self.status()
        return nodes["reader"]["streams"][0] if "reader" in nodes else {"cursor": 0}

    def read(self):
        """The numbers that the stream holds."""
        return [int(json.loads(line)["subject"]) for line in self.forebay("tail", "inventory").splitlines()]

    def wait_read(self):
        """Until all that was written is in the stream, each once and in order, and the reader has folded just that."""
        own = self.wait_applied()
        self.assertEqual(self.read(), list(range(self.written)))
        stream, consumer = wait_until(self.told, "the sidecar has heard so", 30)
        self.assertEqual((stream["oldest"], stream["head"]), (1, self.written))
        self.assertEqual([each["lost"] for each in (stream, consumer, own)], [0, 0, 0])
        self.assertEqual(own["failed"], self.checked)
        # It has the sum of all: what makes that the largest there can be is taken, and one more is not.
        self.append(1, LARGEST - self.pieces)
        self.assertEqual(self.wait_applied()["failed"], self.checked, "it folded no more than there was")
        self.append(1)
        self.assertEqual(self.wait_applied()["failed"], self.checked + 1, "it folded no less than there was")
        self.checked += 1
        self.pieces = 0

    def wait_applied(self):
        """What the reader says when it has come to the end."""
        return wait_until(lambda: (own := self.reader())["cursor"] >= self.written and own, f"all {self.written} lines are read", 30)

    def told(self):
        """What the sidecar says of the stream and of the reader, once that is at the end for it, too."""
        sidecars, _ = self.status()
        if "left" not in sidecars:
            return None
        consumer = next((each for each in sidecars["left"]["consumers"] if each["consumer"] == "reader"), None)
        stream = next(each for each in sidecars["left"]["streams"] if each["stream"] == "inventory")
        return (stream, consumer) if consumer and consumer["cursor"] == self.written else None
