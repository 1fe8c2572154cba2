#!/usr/bin/python3
"""A sidecar killed at random moments while two publishers publish loses nothing acknowledged and doubles nothing."""

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


class KillSidecar(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_and_nothing_doubled(self):
        with Installation(ONE_STREAM) as installation, self.subTest(seed=SEED):
            self.run_rounds(installation, random.Random(SEED))

    def run_rounds(self, installation, dice):
        sockets = installation.folder / "state" / "events"
        ledgers = {who: ledger.Ledger(installation.folder / f"{who}.ledger") for who in ("named", "anonymous")}
        oracle = ledger.Oracle("events", SEED, ledgers)
        sidecar = installation.start_sidecar("events")
        program = [sys.executable, "-B", pathlib.Path(publishing.__file__)]
        publishers = [
            installation.start([*program, sockets, "events", who, SEED, installation.folder / f"{who}.ledger",
                                *(["--anonymous"] if who == "anonymous" else [])], who)
            for who in ledgers
        ]  # fmt: skip
        acknowledged = lambda: [each.read()[1] for each in ledgers.values()]  # noqa: E731
        for _ in range(ROUNDS):
            before = acknowledged()
            if dice.random() < 0.8:  # else perhaps before it serves
                wait_until(lambda: all(now > then for now, then in zip(acknowledged(), before)), "both acknowledged", 30)
            time.sleep(dice.uniform(0, 0.15))  # the moment of the kill
            sidecar.kill()
            sidecar = installation.start_sidecar("events")
            with Client(lambda socket: installation.endpoint("events", socket)) as client:
                oracle.check(client)
        for publisher in publishers:
            self.assertEqual(publisher.stop(), 0, publisher.errors())
        with Client(lambda socket: installation.endpoint("events", socket)) as client:
            head = oracle.check(client)
            self.assertEqual(head, sum(each.read()[0] for each in ledgers.values()))  # all that was sent is there
            self.assertEqual(ledger.Oracle("events", SEED, ledgers).check(client), head)  # and from 1 on once more
        self.assertEqual(sidecar.stop(), 0)
        print(f"{ROUNDS} kills, {head} events")


if __name__ == "__main__":
    unittest.main()
