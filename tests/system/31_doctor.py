#!/usr/bin/python3
"""forebay doctor on a host that is well, and on ones that are not."""

import json
import os
import resource
import signal
import subprocess
import unittest

from forebay_test import Installation, KeyedConsumer, wait_until

TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = { a = {} }
[sidecars.other]
host = "a"
streams = { b = {} }
[nodes.keyed]
kind = "service"
host = "a"
subscribes = ["a"]
"""


class Doctor(unittest.TestCase):
    def setUp(self):
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(self.installation.__exit__, None)
        self.folder = self.installation.folder
        self.state = self.folder / "state"
        lines = [self.verb("keys", "generate", name)[1] for name in ("events", "keyed")]
        with open(self.installation.topology, "a", encoding="ascii") as topology:
            topology.write("[keys]\n" + "".join(lines))
        self.secrets = {name: (self.state / name / "secret.key").read_text().strip() for name in ("events", "keyed")}
        self.sidecars = {name: self.installation.start_sidecar(name) for name in ("events", "other")}
        self.consumer = KeyedConsumer(self.installation, {"events": {"a": "earliest"}})
        self.consumer.start()
        wait_until(lambda: not self.wrong(), "all is well", 30)

    def verb(self, *words, path=None, cwd=None):
        """Exit code, stdout, stderr."""
        environment = dict(os.environ, FOREBAY_TOPOLOGY=str(self.installation.topology))
        if path:
            environment["PATH"] = f"{path}:{environment['PATH']}"
        done = subprocess.run(
            [str(self.installation.program("forebay")), *map(str, words)],
            capture_output=True, text=True, timeout=60, env=environment, cwd=cwd,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def checks(self):
        """By check and where, what it found; the exit code is as it should be."""
        code, out, err = self.verb("doctor", "--json")
        report = json.loads(out)
        wrong = [check for check in report["checks"] if check["result"] == "wrong"]
        self.assertEqual((code, report["wrong"]), (1 if wrong else 0, len(wrong)), err)
        self.assertEqual(report["hosts"], ["a"])
        return {(check["check"], check["where"]): check for check in report["checks"]}

    def wrong(self):
        return {key for key, check in self.checks().items() if check["result"] == "wrong"}

    def lacking(self):
        """What may be warned of, since the machine that this runs on is so."""
        all_ = {("clock", "this host")}
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 65536:
            all_ |= {("limits", name) for name in self.sidecars}
        disk = os.statvfs(self.folder)
        if disk.f_bavail * 10 <= disk.f_blocks:  # may change meanwhile
            all_ |= {("disk", name) for name in (*self.sidecars, "keyed")} | {("log", name) for name in self.sidecars}
        return all_

    def test_on_a_host_that_is_well_each_check_is_ok(self):
        checks = self.checks()
        warned = {key for key, check in checks.items() if check["result"] != "ok"}
        self.assertLessEqual(warned, self.lacking())
        expected = {("topology", "test"), ("clock", "this host"), ("consumers", "keyed"), ("reachability", "keyed")}
        expected |= {(check, name) for name in ("events", "keyed", "other") for check in ("state folder", "disk", "limits")}
        expected |= {("keys", "events"), ("keys", "keyed")}
        expected |= {(check, name) for name in self.sidecars for check in ("reachability", "versions", "clock", "streams", "log")}
        self.assertEqual(set(checks), expected)
        code, out, err = self.verb("doctor")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(out.splitlines()[0].split(), ["CHECK", "WHERE", "RESULT"])
        self.assertIn(f"0 wrong, {len(warned)} to warn of, {len(expected)} checks", err)

    def test_a_sidecar_that_was_killed_is_named_with_how_to_start_it(self):
        self.sidecars["other"].kill()
        found = self.checks()[("reachability", "other")]
        self.assertEqual(self.wrong(), {("reachability", "other")})
        self.assertIn("it does not run", found["cause"])
        self.assertIn("systemctl start forebay-sidecar@other", found["mend"])
        # What is wrong comes first, its cause and mend below it.
        lines = self.verb("doctor")[1].splitlines()
        self.assertEqual(lines[1].split(), ["reachability", "other", "wrong"])
        self.assertEqual([line.strip() for line in lines[2:4]], [found["cause"], "to mend: " + found["mend"]])
        self.installation.start_sidecar("other")
        wait_until(lambda: not self.wrong(), "it was started, and all is well", 30)

    def test_one_that_runs_and_does_not_answer_is_to_be_restarted(self):
        other = self.sidecars["other"]
        other.signal(signal.SIGSTOP)
        self.addCleanup(other.signal, signal.SIGCONT)
        found = self.checks()[("reachability", "other")]
        self.assertIn(f"process {other.pid} runs", found["cause"])
        self.assertIn("systemctl restart forebay-sidecar@other", found["mend"])

    def test_secrets_and_folders_that_others_may_read_are_wrong(self):
        (self.state / "events" / "secret.key").chmod(0o644)
        (self.state / "keyed" / "secret.key").unlink()
        (self.state / "other").chmod(0o750)
        checks = self.checks()
        wrong = {key for key, check in checks.items() if check["result"] == "wrong"}
        self.assertEqual(wrong, {("keys", "events"), ("keys", "keyed"), ("state folder", "other")})
        self.assertIn("chmod 600", checks["keys", "events"]["mend"])
        self.assertIn("forebay keys generate keyed", checks["keys", "keyed"]["mend"])

    def test_a_consumer_that_was_stopped_is_silent(self):
        self.consumer.process.kill()
        silent = ("consumers", "keyed, a")
        found = wait_until(lambda: self.checks().get(silent), "it is silent", 30)
        self.assertIn("silent for", found["cause"])
        self.assertIn("forebay consumers forget keyed a", found["mend"])
        self.assertEqual(self.wrong(), {silent, ("reachability", "keyed")})

    def test_a_stream_that_the_sidecar_does_not_know_is_wrong(self):
        topology = self.installation.topology
        topology.write_text(topology.read_text().replace("{ b = {} }", "{ b = {}, c = {} }"))
        self.assertEqual(self.wrong(), {("streams", "other")})

    def test_without_a_topology_that_is_sound_nothing_is_looked_at(self):
        self.installation.topology.write_text("[topology]\n")
        code, out, err = self.verb("doctor", cwd=self.folder)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("t.toml:1:1: ", err)
        code, _, err = self.verb("doctor", "--host", "nowhere", "-t", self.installation.topology)
        self.assertEqual(code, 2, err)


if __name__ == "__main__":
    unittest.main()
