#!/usr/bin/python3
"""A publisher killed at random moments, whose numbers come from a durable place, loses nothing and doubles nothing."""

import pathlib
import random
import sys
import time
import unittest

import ledger
import publishing
from client import Client
from forebay_test import ONE_STREAM, Installation, seed_of_this_run, wait_until

ROUNDS = 30
SEED = seed_of_this_run()


class KillPublisher(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_and_nothing_doubled(self):
        with Installation(ONE_STREAM) as installation, self.subTest(seed=SEED):
            self.run_rounds(installation, random.Random(SEED))

    def run_rounds(self, installation, dice):
        path = installation.folder / "till.ledger"
        book = ledger.Ledger(path)
        oracle = ledger.Oracle("events", SEED, {"till": book})
        sidecar = installation.start_sidecar("events")
        program = [sys.executable, "-B", pathlib.Path(publishing.__file__)]
        start = lambda: installation.start(  # noqa: E731
            [*program, installation.folder / "state" / "events", "events", "till", SEED, path], "till"
        )
        acknowledged = lambda: book.read()[1]  # noqa: E731
        with Client(lambda socket: installation.endpoint("events", socket)) as client:
            for number in range(ROUNDS):
                publisher, before = start(), acknowledged()
                succeeded = number % 5 == 4  # by another one, which starts while it lives and registers after it
                if dice.random() < 0.8 or succeeded:  # else perhaps before it has registered
                    wait_until(lambda: acknowledged() > before, "an acknowledgement", 30)
                time.sleep(dice.uniform(0, 0.1))  # the moment of the kill
                if succeeded:
                    successor = start()
                    self.assertEqual(publisher.wait(), publishing.FENCED, publisher.errors())
                    publisher = successor
                publisher.kill()
                oracle.check(client)
            publisher, before = start(), acknowledged()
            wait_until(lambda: acknowledged() > before, "an acknowledgement", 30)
            self.assertEqual(publisher.stop(), 0, publisher.errors())
            head = oracle.check(client)
            self.assertEqual(head, acknowledged())  # its event n has sequence n, and all are there
            self.assertEqual(ledger.Oracle("events", SEED, {"till": book}).check(client), head)
        self.assertEqual(sidecar.stop(), 0)
        print(f"{ROUNDS} kills, {head} events")


if __name__ == "__main__":
    unittest.main()
