#!/usr/bin/python3
"""A run that is broken is an error, and leaves nothing behind."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
START_UP = "start-up with 40 GB of log, ms"
BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCH))
from measuring import docs, goals, plots  # noqa: E402
from measuring.server import Role, Server, wait_for  # noqa: E402
from measuring.settings import Settings  # noqa: E402
from measuring.systems import Forebay, systems  # noqa: E402


def script(folder, name, text):
    path = pathlib.Path(folder) / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Sleeper(Server):
    NAME, PROGRAM = "sleeper", "role"

    def start(self):
        self.spawn(self.binaries / "sleeper")

    def address(self):
        return []


class Failing(Forebay):
    def start(self):
        self.spawn(self.binaries / "sleeper")


class Broken(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.settings = Settings(pathlib.Path(self.folder.name), pathlib.Path(self.folder.name) / "scratch", 1)
        script(self.folder.name, "sleeper", "exec sleep 1000")

    def test_a_role_that_ends_without_figures(self):
        with Role(script(self.folder.name, "role", "exit 0")) as role, self.assertRaises(RuntimeError):
            role.end()

    def test_a_role_that_fails_after_its_figures(self):
        with Role(script(self.folder.name, "role", "echo '{}'; exit 3")) as role, self.assertRaises(RuntimeError):
            role.end()

    def test_a_role_that_waits_for_another_that_failed(self):
        script(self.folder.name, "role", 'if [ "$1" = fails ]; then exit 3; else exec sleep 1000; fi')
        with Sleeper(self.settings) as running, self.assertRaisesRegex(RuntimeError, "fails ended with 3"):
            waiting = running.role("waits")
            running.role("fails")
            waiting.line()

    def test_a_role_whose_server_ends(self):
        script(self.folder.name, "sleeper", "echo out of luck; exit 4")
        script(self.folder.name, "role", "exec sleep 1000")
        with Sleeper(self.settings) as running, self.assertRaisesRegex(RuntimeError, "out of luck"):
            running.role("waits").line()

    def test_nothing_is_left_of_a_run_that_fails(self):
        script(self.folder.name, "role", "exec sleep 1000")
        with self.assertRaises(ZeroDivisionError), Sleeper(self.settings) as running:
            processes = [running.role("waits")._process, *running.processes]
            raise ZeroDivisionError
        self.assertEqual([None, None], [None if each.poll() else each for each in processes])
        self.assertEqual([], list(self.settings.scratch.iterdir()))

    def test_nothing_is_left_of_a_run_that_is_told_to_stop(self):
        # Its sidecar hangs before it is ready, and says who it is. The folder has something of its user's.
        self.settings.scratch.mkdir()
        own = script(self.settings.scratch, "own", "")
        script(self.folder.name, "forebay-sidecar", f"echo $$ > {self.folder.name}/pid; exec sleep 1000")
        words = [sys.executable, "-B", BENCH / "measure.py", "--smoke", "--only", "fan-out", "--scratch", self.settings.scratch]
        environment = os.environ | {"FOREBAY_BIN": self.folder.name}
        run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid = pathlib.Path(self.folder.name) / "pid"
        deadline = time.monotonic() + 30
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
        self.assertNotEqual(0, run.wait(30))
        self.assertFalse(pathlib.Path(f"/proc/{pid.read_text().strip()}").exists())
        self.assertEqual([own], list(self.settings.scratch.iterdir()))

    def test_a_sidecar_that_fails_when_told_to_stop(self):
        ready = pathlib.Path(self.folder.name) / "ready"
        script(self.folder.name, "sleeper", f"trap 'exit 7' TERM; touch {ready}; while :; do sleep 0.05; done")
        with self.assertRaisesRegex(RuntimeError, "ended with 7 when told to stop"), Failing(self.settings):
            wait_for(ready.exists, "the trap")
        self.assertEqual([], list(self.settings.scratch.iterdir()))

    def test_a_peer_that_is_not_there_is_left_out_of_a_small_run_alone(self):
        small = Settings(self.settings.binaries, self.settings.scratch, 0.001)
        self.assertEqual(["forebay"], systems(small))
        with self.assertRaisesRegex(SystemExit, "nats"):
            systems(self.settings)

    def test_a_name_that_no_workload_has(self):
        words = [sys.executable, "-B", BENCH / "measure.py", "--smoke", "--only", "fan-uot", "--scratch", self.settings.scratch]
        run = subprocess.run(words, env=os.environ | {"FOREBAY_BIN": self.folder.name}, capture_output=True, text=True)
        self.assertEqual((2, True), (run.returncode, "no workload has fan-uot" in run.stderr), run.stderr)


class Goals(unittest.TestCase):
    def judged(self, rounds, explained={}):
        return {goal["name"]: goal for goal in goals.judge(rounds, explained)}

    def test_the_median_of_the_ratios_of_each_round_counts(self):
        rounds = [{"publish/256/forebay": over, "publish/256/nats": under} for over, under in ((8, 1), (30, 3), (9, 1))]
        goal = self.judged(rounds)["publish until durable ÷ JetStream, file store, unsynced"]
        self.assertEqual((9, [8, 10], True), (goal["measured"], goal["spread"], goal["met"]))

    def test_the_largest_memory_of_a_round_counts(self):
        goal = self.judged([{"memory/256/forebay": 40, "memory/40 GB/forebay": 97}])["private memory of a sidecar at full load, MiB"]
        self.assertEqual((97, False), (goal["measured"], goal["met"]))

    def test_what_was_not_run_is_neither_met_nor_missed(self):
        goal = self.judged([{}], {START_UP: {"beyond": 300, "why": "why"}})[START_UP]
        self.assertEqual((None, None, None), (goal["measured"], goal["met"], goal["explained"]))
        self.assertEqual(16, len(goals.GOALS))

    def test_what_is_explained_is_so_up_to_its_bound(self):
        for measured, why in ((200, None), (201, "why"), (300, "why"), (301, None)):
            goal = self.judged([{"start-up/40 GB/forebay": measured}], {START_UP: {"beyond": 300, "why": "why"}})[START_UP]
            self.assertEqual((measured <= 200, why), (goal["met"], goal["explained"]), measured)

    def test_each_explanation_is_of_a_goal_and_its_bound_lies_past_it(self):
        wanted = {goal.name: goal for goal in goals.GOALS}
        for name, each in json.loads((BENCH / "explained.json").read_text()).items():
            self.assertTrue(wanted[name].reached(wanted[name].goal, each["beyond"]), name)


class Docs(unittest.TestCase):
    def test_writing_twice_is_writing_once(self):
        rounds = [{"publish/256/forebay": 1e6, "latency/10 %/forebay": 900.0, "latency/50 %/forebay": 1400.0}]
        found = {"about": {"rounds": 1}, "goals": goals.judge(rounds, {}), "rounds": rounds}
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            page = folder / "performance.md"
            page.write_text(f"before\n{docs.BEGIN}old\n{docs.END}after\n")
            docs.write(folder, json.loads(json.dumps(found)))
            once = page.read_text()
            docs.write(folder, found)
            self.assertEqual(once, page.read_text())
            self.assertTrue(once.startswith("before\n") and once.endswith("after\n") and "old" not in once)
            self.assertIn("1,000,000", once)
            self.assertTrue((folder / "performance-latency.svg").read_text().startswith("<svg"))

    def test_axes_end_past_what_is_shown(self):
        for most in (0.3, 1, 7, 8.1, 99, 1_234_567):
            steps = plots._steps(most)
            self.assertTrue(steps[-1] >= most and 2 <= len(steps) <= 9, steps)
        self.assertEqual([10, 100, 1000], plots._decades(12, 900))


if __name__ == "__main__":
    unittest.main()
