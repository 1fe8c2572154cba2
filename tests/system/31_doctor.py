#!/usr/bin/python3
"""forebay doctor on a host that is well, and on ones that are not; forebay bundle, and that no secret is in it."""

import io
import itertools
import json
import os
import resource
import signal
import stat
import subprocess
import tarfile
import unittest

from forebay_test import Installation, KeyedConsumer, wait_until

TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[alerts]
not_moving = "2s"
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
SECRET = "[secret removed]"
# In place of journalctl: a log of each process, in which somebody has written a secret.
JOURNALCTL = """#!/bin/sh
echo "$@" >> {folder}/journal-asked
case "$2" in
  'forebay-*@events.service') seq -f '2026-03-01T09:30:00+0000 a forebay[7]: line %.0f' 1 90000; printf '%s\\n' 'my key is <{secret}>' ;;
  'forebay-*@other.service') echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1 ;;
esac
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
        self.wait_wrong(set())

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

    def publish(self, count):
        lines = self.folder / "events.ndjson"
        lines.write_text('{"type":"stock.counted"}\n' * count)
        self.assertEqual(self.verb("publish", "a", lines)[0], 0)

    def checks(self):
        """By check and where, what it found; the exit code is as it should be."""
        code, out, err = self.verb("doctor", "--json")
        report = json.loads(out)
        wrong = [check for check in report["checks"] if check["result"] == "wrong"]
        self.assertEqual((code, report["wrong"]), (1 if wrong else 0, len(wrong)), err)
        self.assertEqual(report["hosts"], ["a"])
        return {(check["check"], check["where"]): check for check in report["checks"]}

    def wait_wrong(self, wrong):
        """Until just this is wrong (on a machine that is busy an answer may take more than its second); all checks."""

        def found():
            checks = self.checks()
            return checks if {key for key, check in checks.items() if check["result"] == "wrong"} == wrong else None

        return wait_until(found, f"wrong: {wrong or 'nothing'}", 30)

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
        checks = self.wait_wrong(set())
        warned = {key for key, check in checks.items() if check["result"] != "ok"}
        self.assertLessEqual(warned, self.lacking())
        expected = {("topology", "test"), ("clock", "this host"), ("consumers", "keyed"), ("reachability", "keyed")}
        expected |= {(check, name) for name in ("events", "keyed", "other") for check in ("state folder", "disk", "limits")}
        expected |= {("keys", "events"), ("keys", "keyed")}
        expected |= {(check, name) for name in self.sidecars for check in ("reachability", "versions", "clock", "streams", "log", "alerts")}
        self.assertEqual(set(checks), expected)

        def well():
            code, out, err = self.verb("doctor")
            return (out, err) if code == 0 else None

        out, err = wait_until(well, "it says so", 30)
        self.assertEqual(out.splitlines()[0].split(), ["CHECK", "WHERE", "RESULT"])
        self.assertIn(f"0 wrong, {len(warned)} to warn of, {len(expected)} checks", err)

    def test_a_sidecar_that_was_killed_is_named_with_how_to_start_it(self):
        self.sidecars["other"].kill()
        found = self.wait_wrong({("reachability", "other")})["reachability", "other"]
        self.assertIn("it does not run", found["cause"])
        self.assertIn("systemctl start forebay-sidecar@other", found["mend"])
        # What is wrong comes first, its cause and mend below it.
        lines = [line.strip() for line in self.verb("doctor")[1].splitlines()]
        rows = [line.split() for line in lines]
        at = rows.index(["reachability", "other", "wrong"])
        self.assertEqual(lines[at + 1 : at + 3], [found["cause"], "to mend: " + found["mend"]])
        self.assertLess(at, rows.index(["topology", "test", "ok"]))
        self.installation.start_sidecar("other")
        self.wait_wrong(set())

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
        checks = self.wait_wrong({("keys", "events"), ("keys", "keyed"), ("state folder", "other")})
        self.assertIn("chmod 600", checks["keys", "events"]["mend"])
        self.assertIn("forebay keys generate keyed", checks["keys", "keyed"]["mend"])

    def test_a_consumer_that_was_stopped_is_silent(self):
        self.consumer.process.kill()
        silent = ("consumers", "keyed, a")
        found = self.wait_wrong({silent, ("reachability", "keyed")})[silent]
        self.assertIn("silent for", found["cause"])
        self.assertIn("forebay consumers forget keyed a", found["mend"])

    def test_an_alert_that_is_raised_is_named_where_no_check_says_the_same(self):
        self.publish(5)
        self.assertEqual(self.sidecars["events"].stop(), 0)
        (self.state / "events" / "data.mdb").unlink()
        self.installation.start_sidecar("events")
        self.publish(3)

        def named():
            code, out, _ = self.verb("doctor", "--json")
            found = {(each["result"], each["cause"].split(" (since")[0]) for each in json.loads(out)["checks"] if each["check"] == "alerts"}
            return (code, out, found) if {"lag", "not_moving"} <= {cause.split(",")[0] for _, cause in found} else None

        code, out, found = wait_until(named, "two alerts of one sidecar, and none of the other", 60)
        # That it diverged, which is an alert, too, the check of consumers says.
        (lag,) = {cause for result, cause in found if result == "warning"}
        self.assertRegex(lag, r"^lag, keyed of a: 3 events behind, the first for \d+m?s$")
        self.assertEqual(found - {("warning", lag)}, {("wrong", "not_moving, keyed of a: its cursor stands at 5, and 3 events wait for it"), ("ok", "")})
        self.assertEqual(code, 1)
        self.assertIn("(DIVERGED)", out)

    def test_a_stream_that_the_sidecar_does_not_know_is_wrong(self):
        topology = self.installation.topology
        topology.write_text(topology.read_text().replace("{ b = {} }", "{ b = {}, c = {} }"))
        found = self.wait_wrong({("streams", "other")})["streams", "other"]
        self.assertIn(f"`kill -HUP {self.sidecars['other'].pid}`", found["mend"])
        self.sidecars["other"].signal(signal.SIGHUP)
        self.wait_wrong(set())

    def test_a_feed_that_is_to_follow_its_file_and_does_not_run_is_wrong(self):
        lines = self.folder / "lines.ndjson"
        with open(self.installation.topology, "a", encoding="ascii") as topology:
            topology.write('[nodes.feed]\nkind = "feed"\nhost = "a"\npublishes = ["b"]\nsource = "lines.ndjson"\nfollow = true\n')
        self.assertIn("there is no", self.wait_wrong({("feed", "feed")})["feed", "feed"]["cause"])
        lines.touch()
        found = self.wait_wrong({("feed", "feed")})["feed", "feed"]
        self.assertIn("systemctl start forebay-feed@feed", found["mend"])
        self.installation.start([self.installation.program("forebay-feed"), "-t", self.installation.topology, "feed"], "feed")
        self.wait_wrong(set())

    def test_without_a_topology_that_is_sound_nothing_is_looked_at(self):
        self.installation.topology.write_text("[topology]\n")
        for verb in ("doctor", "bundle"):
            code, out, err = self.verb(verb, cwd=self.folder)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("t.toml:1:1: ", err)
        code, _, err = self.verb("doctor", "--host", "nowhere", "-t", self.installation.topology)
        self.assertEqual(code, 2, err)

    def bundle(self, *words, **more):
        """Its members by their names in the folder, and what was printed."""
        code, out, err = self.verb("bundle", *words, cwd=self.folder, **more)
        self.assertEqual(code, 0, err)
        path = self.folder / out.splitlines()[0]
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes()), mode="r:gz") as archive:
            members = {member.name: archive.extractfile(member).read().decode() for member in archive}
            self.assertEqual({member.mode for member in archive}, {0o600})
        self.assertEqual([line.split()[0] for line in out.splitlines()[2:]], list(members))
        top = path.name.removesuffix(".tar.gz")
        return {name.removeprefix(top + "/"): text for name, text in members.items()}, out + err

    def test_a_bundle_has_what_a_report_needs_and_no_secret(self):
        topology = self.installation.topology
        topology.write_text(topology.read_text() + f"# mine: {self.secrets['keyed']}\n")
        os.chmod(self.state / "events" / "secret.key", 0o644)
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "journalctl").write_text(JOURNALCTL.format(folder=self.folder, secret=self.secrets["events"]))
        (tools / "journalctl").chmod(0o755)
        names = (f"report-{number}.tar.gz" for number in itertools.count())

        def with_answers():
            made = self.bundle(next(names), path=tools)
            answers = [json.loads(text) for name, text in made[0].items() if name.startswith(("sidecars/", "nodes/"))]
            return None if any("error" in answer for answer in answers) else made

        members, said = wait_until(with_answers, "all answer in time", 30)
        self.assertEqual(set(members), {
            "README.txt", "topology.toml", "doctor.json", "sidecars/events.json", "sidecars/other.json",
            "nodes/keyed.json", "versions.txt", "limits.txt", "disks.txt", "files.txt", "vm.txt", "logs/events.txt",
        })  # fmt: skip
        for secret in self.secrets.values():
            for name, text in {**members, "what it said": said}.items():
                self.assertNotIn(secret, text, name)
        self.assertIn(f"# mine: {SECRET}\n", members["topology.toml"])
        self.assertTrue(members["logs/events.txt"].endswith(f"line 90000\nmy key is <{SECRET}>\n"))
        self.assertLessEqual(len(members["logs/events.txt"]), 2 << 20)
        self.assertIn("2 places held a secret key", said)
        readme = members["README.txt"]
        self.assertIn("logs/events.txt: its last 5000 lines in the journal; cut, the last 2 MiB are here", readme)
        self.assertIn("No log of 'other': journalctl failed: No journal files were opened due to insufficient permissions.", readme)
        self.assertIn("No log of 'keyed': the journal has none that this user may read.", readme)
        self.assertIn("root and by who is in group systemd-journal", readme)
        self.assertIn("What `forebay up` runs logs to that command's terminal", readme)
        asked = (self.folder / "journal-asked").read_text().splitlines()
        self.assertEqual(asked[0], "-u forebay-*@events.service -o short-iso -n 5000 -q --no-pager")
        wrong = [check["where"] for check in json.loads(members["doctor.json"])["checks"] if check["result"] == "wrong"]
        self.assertIn("events", wrong)
        self.assertEqual(json.loads(members["sidecars/events.json"])["sidecar"], "events")
        self.assertEqual(json.loads(members["nodes/keyed.json"])["consumer"], "keyed")
        for library in ("forebay ", "Linux ", "libzmq 4.", "LMDB 0.", "libarchive 3."):
            self.assertIn(library, members["versions.txt"])
        self.assertIn(f"events, process {self.sidecars['events'].pid}\n", members["limits.txt"])
        self.assertRegex(members["files.txt"], r"\n100644 .* 41  .*/state/events/secret\.key\n")
        self.assertRegex(members["files.txt"], r"/state/keyed/.*data\.mdb\n")
        self.assertIn("vm.overcommit_memory = ", members["vm.txt"])
        self.assertIn(str(self.state / "other"), members["disks.txt"])

    def test_a_bundle_is_made_while_nothing_runs_and_replaces_no_file(self):
        for process in (*self.sidecars.values(), self.consumer.process):
            process.kill()
        members, said = self.bundle()
        self.assertRegex(said, r"^forebay-bundle-[A-Za-z0-9-]+-\d{8}T\d{6}Z\.tar\.gz\n")
        self.bundle("report.tar.gz")
        self.assertIn("no answer", json.loads(members["sidecars/events.json"])["error"])
        before = (self.folder / "report.tar.gz").read_bytes()
        code, out, err = self.verb("bundle", "report.tar.gz", cwd=self.folder)
        self.assertEqual((code, out), (2, ""), err)
        self.assertIn("is there already", err)
        self.assertEqual((self.folder / "report.tar.gz").read_bytes(), before)
        self.assertEqual(list(self.folder.glob("report.tar.gz?*")), [])


if __name__ == "__main__":
    unittest.main()
