#!/usr/bin/python3
"""`bench` as it is used from a shell: measures, leaves nothing behind, touches nothing that is there."""

import itertools
import json
import os
import pathlib
import signal
import unittest

from forebay_test import Installation, wait_until

STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
DEMO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"
TOPOLOGY = """
[topology]
name = "bench"
[hosts.a]
[sidecars.shop]
host = "a"
streams = { catalog = {}, inventory = {}, fulfilment = {}, carriers = {} }
[nodes.sourcing-1]
kind = "sourcing"
host = "a"
subscribes = ["catalog", "inventory", "fulfilment", "carriers"]
"""
ROWS = ["publish", "end to end", "half speed", "one and wait", "replay"]
LATENCIES = {"p50_us", "p99_us", "p999_us", "max_us"}
# Long enough to be stopped in its midst, on any machine, and not much room.
LONG = ("--events", 2_000_000, "--size", 64)


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.logs = itertools.count()
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(self.installation.__exit__, None)
        self.state = self.installation.folder / "state"

    def start(self, *words, **popen):
        return self.installation.forebay(*map(str, words), log=f"verb-{next(self.logs)}", **popen)

    def run_verb(self, *words, **popen):
        """Exit code, stdout, stderr."""
        process = self.start(*words, **popen)
        return process.wait(60), process.output(), process.errors()

    def left_behind(self):
        return sorted(path.name for path in self.installation.folder.rglob(".bench-*"))

    def sidecar_of(self, process):
        """The pid of the sidecar that a running bench has started, once it serves."""

        def found():
            for folder in self.installation.folder.glob(".bench-*"):
                if (folder / "bench" / "control.sock").exists():
                    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                    return int(children[0]) if children else None
            return None

        return wait_until(found, "bench has a sidecar", 20)


class Measures(BenchTest):
    def test_the_table_follows_the_settings_and_nothing_is_left(self):
        code, out, err = self.run_verb("bench", "--events", 3000, "--size", 100)
        self.assertEqual(code, 0, err)
        settings, table = out.split("\n\n")
        self.assertRegex(settings, r"(?m)^version +\d+\.\d+\.\d+$")
        self.assertRegex(settings, r"(?m)^events +up to 3000 of 100 B$")
        self.assertRegex(settings, r"(?m)^sync +full$")
        # state_dir is not there yet, and is not made.
        self.assertRegex(settings, rf"(?m)^folder +{self.installation.folder}$")
        self.assertFalse(self.state.exists())
        heading, *rows = table.splitlines()
        self.assertEqual(heading.split()[0], "MEASURED")
        self.assertEqual([row.split("  ")[0] for row in rows], ROWS)
        self.assertIn("queries were not measured", err)
        self.assertEqual(self.left_behind(), [])

    def test_json_has_the_same_figures(self):
        code, out, err = self.run_verb("bench", "--events", 2000, "--json", "--dir", self.installation.folder)
        self.assertEqual(code, 0, err)
        figures = json.loads(out)
        settings = figures.pop("settings")
        self.assertEqual((settings["events_max"], settings["event_bytes"], settings["sync"]), (2000, 256, "full"))
        self.assertGreaterEqual(settings["cores"], 1)
        self.assertEqual(list(figures), [row.replace(" ", "_") for row in ROWS])
        for name, figure in figures.items():
            self.assertGreater(figure["per_second"], 0, name)
            if name == "one_and_wait":  # for a while only
                self.assertLessEqual(figure["count"], 2000)
            else:
                self.assertEqual(figure["count"], 2000, name)
                self.assertAlmostEqual(figure["mb_per_second"], figure["per_second"] * 256 / 1e6, 3, name)
            self.assertEqual(LATENCIES & set(figure), LATENCIES if name in ("half_speed", "one_and_wait") else set())
            if LATENCIES & set(figure):
                self.assertLessEqual(figure["p50_us"], figure["p99_us"])
                self.assertLessEqual(figure["p999_us"], figure["max_us"])

    @unittest.skipIf(os.path.exists("/etc/forebay/topology.toml"), "this host has a topology of its own")
    def test_without_a_topology_it_is_this_folder(self):
        environment = {name: value for name, value in os.environ.items() if name != "FOREBAY_TOPOLOGY"}
        argv = [self.installation.program("forebay"), "bench", "--events", "10", "--json"]
        process = self.installation.start(argv, "bare", env=environment, cwd=self.installation.folder)
        self.assertEqual(process.wait(60), 0, process.errors())
        self.assertEqual(json.loads(process.output())["settings"]["folder"], str(self.installation.folder))

    def test_large_events_are_measured_too(self):
        code, out, err = self.run_verb("bench", "--events", 20, "--size", 1 << 20, "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["end_to_end"]["count"], 20)


class BesideAnInstallation(BenchTest):
    def setUp(self):
        super().setUp()
        self.installation.start_sidecar("shop")
        for stream in STREAMS:
            code, _, err = self.run_verb("publish", stream, DEMO / f"{stream}.ndjson")
            self.assertEqual(code, 0, err)

    def start_node(self):
        node = [self.installation.program("forebay-sourcing"), "-t", self.installation.topology, "sourcing-1"]
        self.installation.start(node, "sourcing")
        ask = ("query", "edd", "--sku", "TENT-2P", "--to", "EU-W")
        wait_until(lambda: self.run_verb(*ask)[0] == 0, "the node answers", 30)

    def status(self):
        code, out, err = self.run_verb("status", "--json")
        self.assertEqual(code, 0, err)
        sidecar = json.loads(out)["sidecars"][0]
        return sidecar["streams"], sidecar["consumers"]

    def questions(self, text):
        path = self.installation.folder / "questions.ndjson"
        path.write_text(text)
        return path

    def test_streams_and_folders_stay_as_they_are(self):
        before = self.status(), sorted(path.name for path in self.state.iterdir())
        code, out, err = self.run_verb("bench", "--events", 500, "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["settings"]["folder"], str(self.state))
        self.assertEqual((self.status(), sorted(path.name for path in self.state.iterdir())), before)

    def test_a_node_that_runs_is_asked_the_questions_of_a_file(self):
        self.start_node()
        code, out, err = self.run_verb("bench", "--events", 100, "--query", DEMO / "queries.ndjson", "--json")
        self.assertEqual(code, 0, err)
        query = json.loads(out)["query"]
        self.assertGreater(query["count"], 10)
        self.assertLessEqual(query["p50_us"], query["p999_us"])
        self.assertNotIn("queries were not measured", err)

    def test_a_question_that_is_none_or_has_no_answer_ends_it_before_anything_is_measured(self):
        self.start_node()
        unknown = '{"lines": [{"sku": "NO-SUCH", "quantity": 1}], "to_zone": "EU-W"}\n'
        for text, complaint in (
            (unknown, "unknown_sku"),
            ("\n\nnonsense\n", "line 3"),
            ("[]\n", "line 1: the query is not an object"),
            ("\n", "no question in it"),
        ):
            code, out, err = self.run_verb("bench", "--events", 100, "--query", self.questions(text), "--json")
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(complaint, err)
        code, _, err = self.run_verb("bench", "--query", DEMO / "queries.ndjson", "--node", "sourcing-2")
        self.assertEqual(code, 2)
        self.assertIn("there is no sourcing node 'sourcing-2'", err)

    def test_a_node_that_does_not_answer_fails_it(self):
        code, out, err = self.run_verb("bench", "--events", 100, "--query", DEMO / "queries.ndjson", "--json")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("is it running?", err)


class Ends(BenchTest):
    def test_a_stop_signal_removes_everything(self):
        for signals in ((signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)):
            process = self.start("bench", *LONG)
            sidecar = self.sidecar_of(process)
            for number in signals:
                process.signal(number)
            self.assertEqual(process.wait(), 1, process.errors())
            self.assertIn("stopped by a signal", process.errors())
            self.assertEqual(self.left_behind(), [])
            self.assertFalse(pathlib.Path(f"/proc/{sidecar}").exists())

    def test_a_sidecar_that_dies_fails_it(self):
        process = self.start("bench", *LONG)
        os.kill(self.sidecar_of(process), signal.SIGKILL)
        self.assertEqual(process.wait(), 1)
        self.assertIn("was ended by signal 9", process.errors())
        self.assertEqual(self.left_behind(), [])

    def test_the_sidecar_dies_with_it(self):
        process = self.start("bench", *LONG)
        sidecar = self.sidecar_of(process)
        process.kill()
        wait_until(lambda: not pathlib.Path(f"/proc/{sidecar}").exists(), "the sidecar has gone")

    def test_bad_usage_is_told_and_makes_nothing(self):
        deep = self.installation.folder / ("d" * 60) / ("e" * 40)
        deep.mkdir(parents=True)
        for words, complaint in (
            (("--events", 0), "--events"),
            (("--size", 63), "--size"),
            (("--size", (1 << 20) + 1), "--size"),
            (("--node", "sourcing-1"), "--query"),
            (("--dir", "/no/such/folder"), "no such folder"),
            (("--dir", deep, "--events", 1), "is too long for the sockets"),
            (("--query", "/no/such/file"), "/no/such/file"),
            (("-t", "/no/such.toml"), "/no/such.toml"),
        ):
            code, out, err = self.run_verb("bench", *words, "--json")
            self.assertEqual((code, out), (2, ""), f"{words}: {err}")
            self.assertIn(complaint, err)
        self.assertEqual(self.left_behind(), [])

    def test_too_little_room_is_told_with_what_is_needed(self):
        code, out, err = self.run_verb("bench", "--events", 1_000_000_000, "--size", 1 << 20)
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err, r"it needs up to [\d.]+ [A-Z]iB in .*, where [\d.]+ .iB are free")


if __name__ == "__main__":
    unittest.main()
