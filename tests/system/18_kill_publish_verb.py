#!/usr/bin/python3
"""`forebay publish` of a growing file, with it, the sidecar or both killed at random moments: each line once, in order."""

import json
import random
import time
import unittest

from client import Client
from forebay_test import ONE_STREAM, Installation, seed_of_this_run
from formats import Chain

ROUNDS = 30
SEED = seed_of_this_run()


class KillPublishVerb(unittest.TestCase):
    def test_each_line_is_in_the_stream_once_and_in_order(self):
        with Installation(ONE_STREAM) as installation, self.subTest(seed=SEED):
            self.run_rounds(installation, random.Random(SEED))

    def run_rounds(self, installation, dice):
        self.installation, self.chain, self.lines = installation, None, 0
        self.file = installation.folder / "events.ndjson"
        sidecar = installation.start_sidecar("events")
        for _ in range(ROUNDS):
            self.append(dice.randrange(1000, 15000))
            publisher = self.publish()
            time.sleep(dice.uniform(0, 0.15))  # the moment of the kill
            killed = dice.choice(("publisher", "sidecar", "both"))
            if killed != "publisher":
                sidecar.kill()
            if killed != "sidecar":
                publisher.kill()
            if killed != "publisher":
                sidecar = installation.start_sidecar("events")
            if killed == "sidecar":
                self.assertEqual(publisher.wait(30), 0, publisher.errors())
            head = self.check()
            if killed == "sidecar":
                self.assertEqual(head, self.lines)
        publisher = self.publish()
        self.assertEqual(publisher.wait(30), 0, publisher.errors())
        self.assertEqual(self.check(), self.lines)
        again = self.publish()
        self.assertEqual(again.wait(30), 0, again.errors())
        self.assertEqual(self.check(), self.lines)
        self.assertEqual(sidecar.stop(), 0)
        print(f"{ROUNDS} kills, {self.lines} events")

    def append(self, count):
        with open(self.file, "a", encoding="ascii") as file:
            for n in range(self.lines + 1, self.lines + 1 + count):
                line = {"specversion": "1.0", "id": f"e{n}", "source": "/test", "type": "it.happened", "data": {"n": n}}
                file.write(json.dumps(line) + "\n")
        self.lines += count

    def publish(self):
        return self.installation.forebay("publish", "events", str(self.file), "--as", "file", log="publish")

    def check(self):
        """Reads on from where it was: the event with sequence n is line n."""
        with Client(lambda socket: self.installation.endpoint("events", socket)) as client:
            incarnation = client.fetch("events", 1, 1)[0]["incarnation"]
            chain = self.chain = self.chain or Chain(incarnation)
            self.assertEqual(incarnation, chain.incarnation)
            for batch in client.read("events", chain.sequence + 1, incarnation, chain.checksum):
                chain.add(batch)
                shared, *events = batch.parts()
                for sequence, (_, _, _, data, attributes) in enumerate(events, batch.base):
                    self.assertEqual((data, {**shared, **attributes}["id"]), ({"n": sequence}, f"e{sequence}"))
            return chain.sequence


if __name__ == "__main__":
    unittest.main()
