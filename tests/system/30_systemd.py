#!/usr/bin/python3
"""Forebay as it is installed, under a real systemd: the generator, the target, and each unit in its sandbox."""

import io
import json
import pathlib
import re
import shutil
import sys
import tarfile
import unittest

from flowing_lines import FlowTest
from forebay_test import Process, wait_until
from forebay_test.machine import Machine, why_none

SKIP = 77
OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"

TOPOLOGY = """
[topology]
name = "test"
state_dir = "/var/lib/forebay"
[hosts.web-17]
metrics_port = 7990
[hosts.other]
address = "127.0.0.2"
[sidecars.left]
host = "web-17"
streams = { inventory = {}, kept = {} }
[sidecars.far]
host = "other"
streams = { catalog = {} }
[nodes.lines]
kind = "feed"
host = "web-17"
publishes = ["inventory"]
source = "/var/lib/lines.ndjson"
follow = true
[nodes.answers]
kind = "sourcing"
host = "web-17"
subscribes = ["catalog"]
[nodes.own]
kind = "service"
host = "web-17"
subscribes = ["inventory"]
[nodes.reader]
kind = "sourcing"
host = "web-17"
subscribes = ["inventory"]
"""
MORE = """
[sidecars.aged]
host = "web-17"
streams = { aged = { retention = { age = "30d" } } }
[sidecars.asked]
host = "web-17"
streams = { asked = {} }
[sidecars.both]
host = "web-17"
streams = { both = { retention = { age = "30d" } } }
[nodes.more]
kind = "feed"
host = "web-17"
publishes = ["aged"]
source = "/var/lib/lines.ndjson"
follow = true
[nodes.near]
kind = "sourcing"
host = "web-17"
subscribes = ["aged"]
[nodes.counter]
kind = "service"
host = "other"
subscribes = ["asked", "both"]
"""
LEFT, FEED = "forebay-sidecar@left.service", "forebay-feed@lines.service"
READER, SOURCING = "forebay-sourcing@reader.service", "forebay-sourcing@answers.service"
UNITS = {LEFT, FEED, READER, SOURCING}
EXPOSURE_MAX = 1.2
# As docs/operations.md has it.
WHEN = {
    "lines": "always",
    "more": "always",
    "near": "subscribes on this host",
    "reader": "subscribes on this host",
    "answers": "subscribes on another host",
    "left": "serves this host",
    "aged": "serves this host",
    "asked": "serves other hosts",
    "both": "serves other hosts",
}


class Systemd(FlowTest):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)
        cls.machine.boot()

    def setUp(self):
        self.addCleanup(self.clear)
        self.begin_lines()
        self.configure(TOPOLOGY)

    def clear(self):
        self.stop()
        self.systemctl("reset-failed")
        self.machine.run("sh", "-c", "rm -rf /var/lib/forebay/* /etc/forebay/*")

    def configure(self, topology):
        self.machine.write("/etc/forebay/topology.toml", topology)
        self.systemctl("daemon-reload")

    def systemctl(self, *words):
        return self.machine.run("systemctl", *words)

    def start(self):
        self.systemctl("start", "forebay.target")

    def stop(self, unit="forebay.target"):
        stopped = {unit} if unit in UNITS else self.running()
        self.systemctl("stop", unit)
        wait_until(lambda: not stopped & self.running("--state=active,deactivating"), f"{unit} has ended", 30)

    def running(self, state="--state=active"):
        names = self.systemctl("list-units", "--plain", "--no-legend", state, "forebay-*@*.service")
        return {line.split()[0] for line in names.splitlines()}

    def main_pid(self, unit):
        pid = int(self.machine.show(unit, "MainPID")[0])
        self.assertGreater(pid, 0, f"{unit} runs\n{self.machine.journal()}")
        return pid

    def test_the_target_starts_this_hosts_processes_and_stops_them_in_order(self):
        self.start()
        self.assertEqual(self.running(), UNITS)
        self.assertNotRegex(self.machine.journal(), r"forebay\S*:\d+: ")  # systemd understands every line of its units
        owners = self.machine.run("stat", "-c", "%U %a", f"/proc/{self.main_pid(LEFT)}", "/var/lib/forebay/left")
        self.assertEqual(owners, "forebay 555\nforebay 700\n")
        self.append(100)
        self.wait_read()
        token = self.forebay("publish", "inventory", "--json", input='{"type": "made"}\n')
        self.assertEqual(json.loads(token)["last"], self.written + 1)
        ready, started = self.machine.show(LEFT, "ActiveEnterTimestampMonotonic"), self.machine.show(FEED, "InactiveExitTimestampMonotonic")
        self.assertLessEqual(int(ready[0]), int(started[0]))
        self.stop()
        for unit in UNITS:
            self.assertEqual(self.machine.show(unit, "ActiveState", "Result", "ExecMainStatus"), ("inactive", "success", "0"), unit)
        gone, stopped = self.machine.show(FEED, "InactiveEnterTimestampMonotonic"), self.machine.show(LEFT, "ActiveExitTimestampMonotonic")
        self.assertLessEqual(int(gone[0]), int(stopped[0]))

    def test_who_is_killed_is_back_with_what_it_had(self):
        self.start()
        with self.flow():
            # The sidecar more often than systemd would start it again by itself within its 10 s.
            for unit, times in ((LEFT, 7), (FEED, 3), (READER, 3)):
                for restarts in range(1, times + 1):
                    self.wait_flowing()
                    before = self.written
                    self.machine.run("kill", "-9", self.main_pid(unit))
                    wait_until(lambda: self.machine.show(unit, "NRestarts", "ActiveState") == (str(restarts), "active"), f"{unit} is back", 30)
                    self.assertGreater(self.written, before)
        self.assertEqual(self.running(), UNITS)

    def test_who_is_stopped_and_started_goes_on_where_it_was(self):
        self.start()
        with self.flow():
            for unit in (LEFT, FEED, READER, "forebay.target"):
                self.wait_flowing()
                self.stop(unit)
                before = self.written
                wait_until(lambda: self.written > before, "lines are written meanwhile")
                self.systemctl("start", unit)
        self.assertEqual(self.running(), UNITS)

    def test_a_fault_that_a_new_start_does_not_mend_is_not_tried_again(self):
        self.systemctl("start", LEFT)
        self.machine.write("/etc/forebay/topology.toml", "no topology\n")
        self.machine.run("kill", "-9", self.main_pid(LEFT))
        wait_until(lambda: self.machine.show(LEFT, "ActiveState") == ("failed",), "it failed", 30)
        self.assertEqual(self.machine.show(LEFT, "ExecMainStatus", "NRestarts"), ("2", "1"))

    def test_a_changed_topology_is_wired_by_reloading_and_starting(self):
        self.start()
        before = {unit: self.main_pid(unit) for unit in UNITS}
        self.machine.write("/etc/forebay/topology.toml", TOPOLOGY + MORE)
        told = self.machine.attempt("systemctl", "start", "forebay.target").stderr
        self.assertIn("daemon-reload", told)  # systemd knows what the units were made of
        self.systemctl("daemon-reload")
        self.start()
        added = {"forebay-sidecar@aged.service", "forebay-sidecar@asked.service", "forebay-sidecar@both.service"}
        added |= {"forebay-feed@more.service", "forebay-sourcing@near.service"}
        self.assertEqual(self.running(), UNITS | added)
        self.assertEqual({unit: self.main_pid(unit) for unit in UNITS}, before)
        # Who reaches no other host reaches loopback, for its pages.
        self.assertEqual(self.beyond_loopback(), {SOURCING, "forebay-sidecar@asked.service", "forebay-sidecar@both.service"})
        # What is no longer there is still stopped with the target.
        self.configure(TOPOLOGY)
        self.stop()

    def beyond_loopback(self):
        denied = {unit: tuple(" ".join(sorted(each.split())) for each in self.machine.show(unit, "IPAddressDeny", "IPAddressAllow")) for unit in self.running()}
        self.assertLessEqual(set(denied.values()), {("", ""), ("0.0.0.0/0 ::/0", "127.0.0.0/8 ::1/128")})
        return {unit for unit, (deny, _) in denied.items() if not deny}

    def test_exposures_are_what_the_page_says_and_within_the_bound(self):
        page = OPERATIONS.read_text()
        said = re.findall(r"^\| `(forebay-\w+@` \| [^|]*) \| ([0-9.]+) \| ([0-9.]+) \|$", page, re.M)
        elsewhere = re.search(r"^With pages at another address \(`metrics_address`\) each has ([0-9.]+)\.$", page, re.M)[1]
        found = []
        for pages in ("metrics_port = 7990", "metrics_port = 0", 'metrics_address = "0.0.0.0"'):
            self.configure(TOPOLOGY.replace("metrics_port = 7990", pages) + MORE)
            self.start()
            found.append({self.when(unit): self.exposure(unit) for unit in self.running()})
            self.stop()
        on_loopback, without, off_loopback = found
        self.assertEqual([(when, on_loopback[when], without[when]) for when, _, _ in said], said)
        self.assertEqual(len(said), len(on_loopback))
        self.assertEqual(off_loopback, {when: elsewhere for when in on_loopback})
        figures = [figure for each in found for figure in each.values()]
        figures += [elsewhere, *(figure for _, *both in said for figure in both)]
        self.assertEqual([figure for figure in figures if float(figure) > EXPOSURE_MAX], [])

    def exposure(self, unit):
        report = self.machine.run("systemd-analyze", "security", "--no-pager", unit)
        return re.search(r"Overall exposure level for .*: ([0-9.]+)", report)[1]

    @staticmethod
    def when(unit):
        kind, name = unit.removesuffix(".service").split("@")
        return f"{kind}@` | {WHEN[name]}"

    def test_each_daemon_says_how_it_is_from_within_its_sandbox(self):
        self.start()
        for unit, port, metric in ((LEFT, 7990, "forebay_head{"), (FEED, 7991, "forebay_feed_published_total{"), (SOURCING, 7993, "forebay_queries_total{")):
            wait_until(lambda: metric in self.page(port, "metrics"), f"{unit} serves its metrics", 30)
            status = lambda: self.machine.show(unit, "StatusText")[0]
            wait_until(lambda: re.search("streams, |published", status()), f"{unit} says how it is", 30)
        self.assertEqual(json.loads(self.page(7990, "health")), {"live": True, "ready": True, "reasons": []})

    def entries(self, *matches):
        """Of the journal."""
        return [json.loads(line) for line in self.machine.run("journalctl", "--no-pager", "-o", "json", *matches).splitlines()]

    def test_the_journals_entries_have_fields(self):
        self.configure(TOPOLOGY + "[alerts]\nproducer_silent = \"1ms\"\n")
        self.start()
        serving = [each for each in self.entries("-u", LEFT, "FOREBAY_NAME=left") if each["MESSAGE"].startswith("serving, ")][-1]
        self.assertEqual((serving["PRIORITY"], serving["SYSLOG_IDENTIFIER"]), ("6", "forebay-sidecar"))
        wanted = ("FOREBAY_ALERT=silent_producer", "FOREBAY_SUBJECT=lines of inventory", "FOREBAY_ALERT_STATE=raised")
        alert, *_ = wait_until(lambda: self.entries("-u", LEFT, *wanted), "the alert is in the journal", 30)
        self.assertEqual((alert["PRIORITY"], alert["FOREBAY_NAME"]), ("4", "left"))

    def test_a_bundle_has_what_the_journal_holds_which_the_daemons_themselves_do_not_see(self):
        self.start()
        wait_until(lambda: len(self.entries("FOREBAY_NAME=left", f"_PID={self.main_pid(LEFT)}")) > 1, "it has said something", 30)
        bundle = f"/tmp/bundle-{self.main_pid(LEFT)}.tar.gz"
        self.forebay("bundle", bundle)
        with tarfile.open(fileobj=io.BytesIO(self.machine.path(bundle).read_bytes())) as archive:
            logs = {name.split("/")[-1]: archive.extractfile(name).read().decode() for name in archive.getnames() if "/logs/" in name}
        self.assertEqual(set(logs), {"left.txt", "lines.txt", "reader.txt", "answers.txt"})
        self.assertRegex(logs["left.txt"], r"forebay-sidecar\[\d+\]: serving, boot")
        for unit in UNITS:
            journal = f"/proc/{self.main_pid(unit)}/root/run/log/journal"
            self.assertEqual(self.machine.run("stat", "-c", "%a", journal), "0\n", unit)

    def page(self, port, name):
        get = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/{name}', timeout=5).read().decode())"
        return self.machine.attempt("/usr/bin/python3", "-c", get).stdout

    def test_who_hangs_is_killed_and_started_again(self):
        for kind in ("sidecar", "feed", "sourcing"):
            folder = self.machine.path(f"/run/systemd/system/forebay-{kind}@.service.d")
            folder.mkdir(parents=True)
            self.addCleanup(shutil.rmtree, folder)
            (folder / "hang.conf").write_text("[Service]\nWatchdogSec=4s\nLimitCORE=0\n")
        self.assertRegex(self.systemctl("cat", LEFT), "(?m)^WatchdogSec=60s$")
        self.configure(TOPOLOGY)
        self.start()
        with self.flow():
            for units in ({LEFT}, UNITS - {LEFT}):
                self.wait_flowing()
                pids = {unit: self.main_pid(unit) for unit in units}
                before = self.written
                self.machine.run("kill", "-STOP", *pids.values())
                for unit, pid in pids.items():
                    wait_until(lambda: self.machine.show(unit, "NRestarts", "ActiveState") == ("1", "active"), f"{unit} is back", 60)
                    self.assertNotEqual(self.main_pid(unit), pid)
                self.assertGreater(self.written, before)
        self.assertIn("Watchdog timeout", self.machine.journal())

    def test_a_reload_takes_over_what_it_can_and_refuses_the_rest(self):
        self.start()
        self.forebay("publish", "kept", input='{"type": "value.added", "data": "0123456789abcdef"}\n' * 10000)
        before = {unit: self.main_pid(unit) for unit in UNITS}
        with self.flow():
            self.wait_flowing()
            self.assert_reloads_refused()
            self.assertEqual(self.of_level_debug(before), set())
            # The sidecar's own line of this level is of its publishing alerts.
            changed = TOPOLOGY.replace('name = "test"', 'name = "test"\nlog_level = "debug"').replace("[hosts.web-17]", '[hosts.web-17]\nalerts = "told"')
            changed = changed.replace("kept = {}", 'kept = { retention = { bytes = "64KiB" } }, told = {}')
            self.machine.write("/etc/forebay/topology.toml", changed + "[alerts]\nproducer_silent = \"1ms\"\n")
            stream = self.streams()["kept"]
            self.assertEqual((stream["oldest"], stream["head"]), (1, 10000))
            self.systemctl("reload", *UNITS)
            wait_until(lambda: "told" in self.streams(), "it has the new stream", 30)
            wait_until(lambda: self.streams()["kept"]["oldest"] > 1, "it keeps no more than it is to keep now", 30)
            wait_until(lambda: "alert: silent_producer lines of inventory" in self.machine.journal(), "the threshold is the new one", 30)
            wait_until(lambda: self.streams()["told"]["head"] > 0, "alerts go to the new stream", 30)
            wait_until(lambda: self.of_level_debug(before) == UNITS, "they log at the new level", 30)
            self.wait_flowing()
        stream = self.streams()["kept"]
        self.assertLessEqual(stream["bytes"], 64 << 10)
        self.assertEqual((stream["head"], stream["lost"]), (10000, 0))
        self.assertEqual(self.running(), UNITS)
        self.assertEqual({unit: self.main_pid(unit) for unit in UNITS}, before)
        wait_until(lambda: {self.machine.show(unit, "WatchdogUSec") for unit in UNITS} == {("1min",)}, "the watchdog is as ever", 30)

    def assert_reloads_refused(self):
        self.machine.write("/etc/forebay/topology.toml", TOPOLOGY.replace("streams = { inventory = {}", "streams = { other = {}"))
        self.assertNotEqual(self.machine.attempt("systemctl", "reload", LEFT).returncode, 0)
        wait_until(lambda: "'inventory', which no sidecar owns" in self.machine.journal(), "it says why", 30)
        self.machine.write("/etc/forebay/topology.toml", TOPOLOGY.replace('state_dir = "/var/lib/forebay"', 'state_dir = "/var/lib/other"'))
        self.systemctl("reload", LEFT)
        wait_until(lambda: "its state folder would be /var/lib/other/left" in self.machine.journal(), "it says why", 30)

    def of_level_debug(self, pids):
        """The units whose processes have said something at that level."""
        return {unit for unit, pid in pids.items() if self.entries(f"_PID={pid}", "PRIORITY=7")}

    def streams(self):
        """Of the sidecar."""
        sidecars, _ = self.status()
        return {each["stream"]: each for each in sidecars["left"]["streams"]} if "left" in sidecars else {}

    def test_the_time_service_is_reached_from_the_sandbox(self):
        """It says whether the clock is synchronised, which the sandbox keeps the kernel from saying."""
        denied = "import ctypes; exit(ctypes.CDLL(None).adjtimex(bytes(512)) >= 0)"
        service = "org.freedesktop.timedate1 /org/freedesktop/timedate1 org.freedesktop.timedate1"
        folder = self.machine.path("/run/systemd/system/forebay-sidecar@.service.d")
        folder.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, folder)
        (folder / "ask.conf").write_text(f"[Service]\nExecStartPre=/usr/bin/python3 -c '{denied}'\nExecStartPre=/usr/bin/busctl get-property {service} NTPSynchronized\n")
        self.configure(TOPOLOGY)
        self.systemctl("start", "dbus.socket")
        self.start()
        self.assertIn(LEFT, self.running())
        self.assertTrue(self.entries("-u", LEFT, "SYSLOG_IDENTIFIER=busctl"))
        self.systemctl("stop", "dbus.socket", "dbus.service")

    def test_an_upgrade_by_restart_loses_nothing_while_events_flow(self):
        self.start()
        with self.flow():
            for _ in range(3):
                self.wait_flowing()
                old = self.executables()
                for program in ("sidecar", "feed", "sourcing"):
                    path = self.machine.installed(f"forebay-{program}")
                    self.machine.run("sh", "-c", f"cp {path} {path}.new && mv {path}.new {path}")
                self.systemctl("try-restart", "forebay-*@*.service")
                new = self.executables()
                self.assertEqual([unit for unit in UNITS if new[unit] == old[unit]], [])
        self.assertEqual(self.running(), UNITS)

    def executables(self):
        """Which file each unit's process was started from."""
        return {unit: self.machine.run("stat", "-L", "-c", "%i", f"/proc/{self.main_pid(unit)}/exe") for unit in UNITS}

    def test_a_consumer_starts_without_anybody_and_hears_the_other_host(self):
        self.start()
        far = Process(self.machine.inside("forebay-sidecar", "far", user="forebay"), self.machine.path("/run/far"))
        self.addCleanup(far.kill)
        event = {"type": "item.upserted", "data": {"sku": "a", "length_mm": 1, "width_mm": 1, "height_mm": 1, "weight_g": 1, "attributes": []}}
        self.forebay("publish", "catalog", input=(json.dumps(event) + "\n") * 10)

        def cursor():
            listed = json.loads(self.forebay("consumers", "list", "--json"))
            return [stream["cursor"] for consumer in listed for stream in consumer["streams"] if consumer["consumer"] == "answers"]

        wait_until(lambda: cursor() == [10], "it has applied them", 30)

    def test_what_cannot_be_wired_is_said_and_stops_nobody(self):
        self.start()
        before = {unit: self.main_pid(unit) for unit in UNITS}
        self.machine.write("/dev/kmsg", "")  # there was none
        self.configure("[hosts.a\n")
        self.assertRegex(self.machine.path("/dev/kmsg").read_text(), r"^<3>forebay-generator\[\d+\]: /etc/forebay/topology.toml:1:")
        self.machine.path("/dev/kmsg").unlink()
        self.assertEqual({unit: self.main_pid(unit) for unit in UNITS}, before)
        for topology, host, said in (
            ("[hosts.a\n", None, "topology.toml:1:"),
            (TOPOLOGY, "here", "/etc/forebay/host: the topology has no host 'here'; known: 'web-17', 'other'"),
            (TOPOLOGY.replace("web-17", "one"), None, "it is called 'web-17'"),
        ):
            self.machine.write("/etc/forebay/topology.toml", topology)
            if host:
                self.machine.write("/etc/forebay/host", host + "\n")
            code, errors, files = self.generate()
            self.assertEqual((code, said in errors, files), (1, True, ""), errors)
            self.assertIn("`systemctl daemon-reload`", errors)
            self.machine.run("rm", "-f", "/etc/forebay/host")
        self.machine.run("rm", "/etc/forebay/topology.toml")
        self.assertEqual(self.generate(), (0, "", ""))

    def generate(self):
        self.machine.run("sh", "-c", "rm -rf /tmp/units && mkdir /tmp/units")
        done = self.machine.attempt("env", "SYSTEMD_SCOPE=system", self.machine.installed("forebay-generator"), "/tmp/units", "/tmp/units", "/tmp/units")
        return done.returncode, done.stderr, self.machine.run("ls", "/tmp/units")

    def test_the_host_file_says_which_host_this_is(self):
        self.machine.write("/etc/forebay/host", "other\n")
        self.configure(TOPOLOGY)
        self.assertEqual(self.machine.show("forebay.target", "Wants"), ("forebay-sidecar@far.service",))


class Ended(unittest.TestCase):
    def test_nothing_stays_of_a_machine(self):
        machine = Machine()
        before = self.covered()
        try:
            machine.boot()
            inside = machine.run("cat", "/proc/mounts")
        finally:
            machine.end()
        self.assertIn(machine.name, inside)  # it would be found
        self.assertNotIn(machine.name, pathlib.Path("/proc/mounts").read_text())
        self.assertEqual(self.covered(), before)
        groups = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"]
        self.assertEqual([path for group in groups for path in pathlib.Path(group).rglob(machine.name)], [])

    @staticmethod
    def covered():
        """How often something is mounted where the machine has mounts of its own."""
        points = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        return {path: points.count(path) for path in ("/usr", "/etc", "/run", "/tmp", "/var/lib", "/dev", "/proc", "/sys", "/sys/fs/cgroup")}


if __name__ == "__main__":
    if reason := why_none():
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    unittest.main()
