#!/usr/bin/python3
"""Forebay as it is installed, under a real systemd: the generator, the target, and each unit in its sandbox."""

import json
import pathlib
import re
import shutil
import sys
import threading
import unittest

from forebay_test import Process, wait_until
from forebay_test.machine import Machine, why_none

SKIP = 77
OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
LINES = "/var/lib/lines.ndjson"

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
streams = { a = {} }
[sidecars.far]
host = "other"
streams = { inventory = {} }
[nodes.lines]
kind = "feed"
host = "web-17"
publishes = ["a"]
source = "/var/lib/lines.ndjson"
follow = true
[nodes.answers]
kind = "sourcing"
host = "web-17"
subscribes = ["inventory"]
[nodes.own]
kind = "service"
host = "web-17"
subscribes = ["a"]
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
LEFT, FEED, SOURCING = "forebay-sidecar@left.service", "forebay-feed@lines.service", "forebay-sourcing@answers.service"
UNITS = {LEFT, FEED, SOURCING}
# As docs/operations.md has it.
WHEN = {
    "lines": "always",
    "more": "always",
    "near": "subscribes on this host",
    "answers": "subscribes on another host",
    "left": "serves this host",
    "aged": "serves this host",
    "asked": "serves other hosts",
    "both": "serves other hosts",
}


class Systemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.end)
        cls.machine.boot()

    def setUp(self):
        self.addCleanup(self.clear)
        self.machine.write(LINES, "")
        self.written = 0
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

    def stop(self):
        self.systemctl("stop", "forebay.target")
        wait_until(lambda: not self.running("--state=active,deactivating"), "all have ended", 30)

    def running(self, state="--state=active"):
        names = self.systemctl("list-units", "--plain", "--no-legend", state, "forebay-*@*.service")
        return {line.split()[0] for line in names.splitlines()}

    def main_pid(self, unit):
        pid = int(self.machine.show(unit, "MainPID")[0])
        self.assertGreater(pid, 0, f"{unit} runs\n{self.machine.journal()}")
        return pid

    def forebay(self, *words, **options):
        return self.machine.run("forebay", *words, user="forebay", **options)

    def append(self, count):
        numbers = range(self.written, self.written + count)
        with open(self.machine.path(LINES), "a", encoding="ascii") as lines:
            lines.write("".join(json.dumps({"type": "made", "data": n}) + "\n" for n in numbers))
        self.written += count

    def read(self):
        """The numbers that the stream holds."""
        return [json.loads(line)["data"] for line in self.forebay("tail", "a").splitlines()]

    def wait_read(self):
        """Until all that was written is there: each once, in order."""
        wait_until(lambda: len(self.read()) >= self.written, "all events are in the stream", 30)
        self.assertEqual(self.read(), list(range(self.written)))

    def test_the_target_starts_this_hosts_processes_and_stops_them_in_order(self):
        self.start()
        self.assertEqual(self.running(), UNITS)
        self.assertNotRegex(self.machine.journal(), r"forebay\S*:\d+: ")  # systemd understands every line of its units
        owners = self.machine.run("stat", "-c", "%U %a", f"/proc/{self.main_pid(LEFT)}", "/var/lib/forebay/left")
        self.assertEqual(owners, "forebay 555\nforebay 700\n")
        self.append(100)
        self.wait_read()
        token = self.forebay("publish", "a", "--json", input='{"type": "made", "data": 100}\n')
        self.assertEqual(json.loads(token)["last"], 101)
        ready, started = self.machine.show(LEFT, "ActiveEnterTimestampMonotonic"), self.machine.show(FEED, "InactiveExitTimestampMonotonic")
        self.assertLessEqual(int(ready[0]), int(started[0]))
        self.stop()
        for unit in UNITS:
            self.assertEqual(self.machine.show(unit, "ActiveState", "Result", "ExecMainStatus"), ("inactive", "success", "0"), unit)
        gone, stopped = self.machine.show(FEED, "InactiveEnterTimestampMonotonic"), self.machine.show(LEFT, "ActiveExitTimestampMonotonic")
        self.assertLessEqual(int(gone[0]), int(stopped[0]))

    def test_who_is_killed_is_back_with_what_it_had(self):
        self.start()
        for restarts in range(1, 8):  # more than systemd would by itself within its 10 s
            self.append(50)
            self.wait_read()
            self.machine.run("kill", "-9", self.main_pid(LEFT))
            wait_until(lambda: self.machine.show(LEFT, "NRestarts", "ActiveState") == (str(restarts), "active"), "it is back", 30)
        self.wait_read()
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

    def test_exposures_are_what_the_page_says(self):
        said = re.findall(r"^\| `(forebay-\w+@` \| [^|]*) \| ([0-9.]+) \| ([0-9.]+) \|$", OPERATIONS.read_text(), re.M)
        found = []
        for topology in (TOPOLOGY, TOPOLOGY.replace("metrics_port = 7990", "metrics_port = 0")):
            self.configure(topology + MORE)
            self.start()
            found.append({self.when(unit): self.exposure(unit) for unit in self.running()})
            self.stop()
        with_pages, without = found
        self.assertEqual([(when, with_pages[when], without[when]) for when, _, _ in said], said)
        self.assertEqual(len(said), len(with_pages))

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
        wanted = ("FOREBAY_ALERT=silent_producer", "FOREBAY_SUBJECT=lines of a", "FOREBAY_ALERT_STATE=raised")
        alert, *_ = wait_until(lambda: self.entries("-u", LEFT, *wanted), "the alert is in the journal", 30)
        self.assertEqual((alert["PRIORITY"], alert["FOREBAY_NAME"]), ("4", "left"))

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
        self.append(50)
        self.wait_read()
        for unit in UNITS:
            pid = self.main_pid(unit)
            self.machine.run("kill", "-STOP", pid)
            wait_until(lambda: self.machine.show(unit, "NRestarts", "ActiveState") == ("1", "active"), f"{unit} is back", 60)
            self.assertNotEqual(self.main_pid(unit), pid)
        self.assertIn("Watchdog timeout", self.machine.journal())
        self.append(50)
        self.wait_read()

    def test_a_reload_takes_over_what_it_can_and_refuses_the_rest(self):
        self.start()
        self.append(50)
        self.wait_read()
        before = {unit: self.main_pid(unit) for unit in UNITS}
        self.machine.write("/etc/forebay/topology.toml", TOPOLOGY.replace("streams = { a = {} }", "streams = { b = {} }"))
        self.assertNotEqual(self.machine.attempt("systemctl", "reload", LEFT).returncode, 0)
        wait_until(lambda: "'a', which no sidecar owns" in self.machine.journal(), "it says why", 30)
        self.machine.write("/etc/forebay/topology.toml", TOPOLOGY.replace('state_dir = "/var/lib/forebay"', 'state_dir = "/var/lib/other"'))
        self.systemctl("reload", LEFT)
        wait_until(lambda: "its state folder would be /var/lib/other/left" in self.machine.journal(), "it says why", 30)
        changed = TOPOLOGY.replace('name = "test"', 'name = "test"\nlog_level = "debug"')
        changed = changed.replace("streams = { a = {} }", 'streams = { a = { retention = { bytes = "1GiB" } }, b = {} }')
        self.machine.write("/etc/forebay/topology.toml", changed + "[alerts]\nproducer_silent = \"1ms\"\n")
        self.append(50)
        self.systemctl("reload", *UNITS)

        def heads():
            status = self.machine.attempt("forebay", "status", "--json", user="forebay").stdout
            return {each["stream"]: each["head"] for report in json.loads(status or "{}").get("sidecars", []) for each in report.get("streams", [])}

        wait_until(lambda: "b" in heads(), "it has the new stream", 30)
        self.forebay("publish", "b", input='{"type": "made", "data": 1}\n')
        wait_until(lambda: "alert: silent_producer lines of a" in self.machine.journal(), "the threshold is the new one", 30)
        self.append(50)
        self.wait_read()
        self.assertEqual(self.running(), UNITS)
        self.assertEqual({unit: self.main_pid(unit) for unit in UNITS}, before)
        wait_until(lambda: {self.machine.show(unit, "WatchdogUSec") for unit in UNITS} == {("1min",)}, "the watchdog is as ever", 30)

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
        writing = threading.Event()
        writing.set()

        def write():
            while writing.is_set():
                self.append(10)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                before, old = self.written, self.executables()
                for program in ("sidecar", "feed", "sourcing"):
                    path = self.machine.installed(f"forebay-{program}")
                    self.machine.run("sh", "-c", f"cp {path} {path}.new && mv {path}.new {path}")
                self.systemctl("try-restart", "forebay-*@*.service")
                new = self.executables()
                self.assertEqual([unit for unit in UNITS if new[unit] == old[unit]], [])
                wait_until(lambda: self.written > before, "events flow")
        finally:
            writing.clear()
            writer.join()
        self.wait_read()

    def executables(self):
        """Which file each unit's process was started from."""
        return {unit: self.machine.run("stat", "-L", "-c", "%i", f"/proc/{self.main_pid(unit)}/exe") for unit in UNITS}

    def test_a_consumer_starts_without_anybody_and_hears_the_other_host(self):
        self.start()
        far = Process(self.machine.inside("forebay-sidecar", "far", user="forebay"), self.machine.path("/run/far"))
        self.addCleanup(far.kill)
        event = '{"type": "stock.set", "data": {"sku": "a", "fc": "x", "on_hand": 3}}\n'
        self.forebay("publish", "inventory", input=event * 10)

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
