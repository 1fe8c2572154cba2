#!/usr/bin/python3
"""Sidecars, feeds and sourcing nodes are killed at random moments while Olist events flow, and started again by
`forebay up`: every event is in the log once, in order, and applied exactly once.

`up` waits longer each time before it starts a process again that dies young, so several nodes of a kind share the
kills: with a sidecar and a feed a stream, three sourcing nodes, whose views must all be the fold of the logs.
"""

import os
import pathlib
import random
import re
import signal
import tempfile
import time
import unittest

from forebay_test import Installation, olist, seed_of_this_run, wait_until

SEED = seed_of_this_run()
ROUNDS = 30  # of each kind
PIECES = 8  # in which a round's lines are written
PROBES = 4000  # of stock, and of capacities
NODES = ("sourcing-1", "sourcing-2", "sourcing-3")
KINDS = {
    "sidecar": olist.STREAMS,
    "feed": tuple(f"{stream}-feed" for stream in olist.STREAMS),
    "sourcing": NODES,
}


class Victims:
    """The processes that run, by what `up` says of them."""

    def __init__(self, up):
        self._up = up
        self._killed = {}  # name -> the pid that was

    def running(self, kind):
        """By name, the processes of a kind that were started and not killed since."""
        pids = dict(re.findall(r"(\S+) started, pid (\d+)", self._up.errors()))
        return {name: pids[name] for name in KINDS[kind] if pids.get(name) not in (None, self._killed.get(name))}

    def kill(self, name, pid):
        os.kill(int(pid), signal.SIGKILL)
        self._killed[name] = pid


class OlistKills(unittest.TestCase):
    def test_every_event_is_applied_exactly_once_whoever_is_killed(self):
        dice = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            streams = olist.converted(DATA, pathlib.Path(folder))
        queries = olist.add_probes(streams, dice, PROBES)
        with Installation(olist.topology(True, NODES)) as installation, self.subTest(seed=SEED):
            self.play(installation, streams, dice)
            self.hold_against(installation, streams, queries)

    def play(self, installation, streams, dice):
        """Lets all files grow and kills, a process a round; the last pieces come after the last kill."""
        texts = {stream: olist.lines_of(events) for stream, events in streams.items()}
        rounds = [kind for kind in KINDS for _ in range(ROUNDS)]
        dice.shuffle(rounds)
        pieces_in_all = (len(rounds) + 1) * PIECES
        files = {stream: open(installation.folder / f"{stream}.ndjson", "ab", buffering=0) for stream in streams}
        self.addCleanup(lambda: [file.close() for file in files.values()])
        self.up = installation.forebay("up", log="up")
        victims, written = Victims(self.up), 0

        def write_on():
            """The next piece of each file; its end tears a line wherever it falls."""
            nonlocal written
            for stream, text in texts.items():
                begin, end = (len(text) * n // pieces_in_all for n in (written, written + 1))
                files[stream].write(text[begin:end])
            written += 1

        for kind in rounds:
            running = wait_until(lambda kind=kind: victims.running(kind), f"a running {kind}", 30)
            name = dice.choice(sorted(running))
            moment = dice.randrange(PIECES)
            for piece in range(PIECES):
                write_on()
                time.sleep(dice.uniform(0, 0.04))  # the moment of the kill, and the pace of the events
                if piece == moment:
                    victims.kill(name, running[name])
        for _ in range(PIECES):
            write_on()
        self.assertEqual(written, pieces_in_all)

    def hold_against(self, installation, streams, queries):
        """The logs against the files, and each view and its cursors against the fold of the logs."""

        def all_there():
            try:
                all_ = olist.standing(installation)
            except AssertionError:  # not all are up again
                return None
            there = len(all_) == len(NODES) * len(streams) and all(
                entry["cursor"] >= len(streams[stream]) and entry["head"] >= entry["cursor"]
                for (_, stream), entry in all_.items()
            )
            return there and all_

        for (node, stream), entry in wait_until(all_there, "all events applied by all nodes", 90).items():
            count = len(streams[stream])
            found = {name: entry[name] for name in ("cursor", "head", "lost", "failed")}
            self.assertEqual(found, {"cursor": count, "head": count, "lost": 0, "failed": 0}, f"{node} {stream}")
        logs = {stream: olist.log_of(installation, stream) for stream in olist.STREAMS}
        for stream, events in streams.items():
            self.assertEqual(len({event["id"] for event in logs[stream]}), len(events), stream)
            self.assertTrue(olist.same_events(logs[stream], events), f"{stream}: the log is not the file")
        expected = olist.answers_of(olist.fold(logs), queries)
        for node in NODES:
            self.assertEqual(olist.asked(installation, queries, node, streams), expected, node)
        self.assertEqual(self.up.stop(), 0, self.up.errors()[-4000:])
        print(f"{ROUNDS} kills of each of {', '.join(KINDS)}; {sum(map(len, logs.values()))} events, seed {SEED}")


if __name__ == "__main__":
    DATA = olist.data_or_skip()
    unittest.main()
