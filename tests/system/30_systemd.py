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
    "aged": "serves this host, trims by age",
    "asked": "serves other hosts",
    "both": "serves other hosts, trims by age",
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
        # The network is there for those alone whom other hosts reach.
        network = self.machine.run("readlink", "/proc/1/ns/net")
        with_network = {unit for unit in self.running() if self.machine.run("readlink", f"/proc/{self.main_pid(unit)}/ns/net") == network}
        self.assertEqual(with_network, {SOURCING, "forebay-sidecar@asked.service", "forebay-sidecar@both.service"})
        # What is no longer there is still stopped with the target.
        self.configure(TOPOLOGY)
        self.stop()

    def test_exposures_are_what_the_page_says(self):
        self.configure(TOPOLOGY + MORE)
        self.start()
        said = dict(re.findall(r"^\| `(forebay-\w+@` \| [^|]*) \| ([0-9.]+) \|$", OPERATIONS.read_text(), re.M))
        found = {}
        for unit in self.running():
            report = self.machine.run("systemd-analyze", "security", "--no-pager", unit)
            kind, name = unit.removesuffix(".service").split("@")
            found[f"{kind}@` | {WHEN[name]}"] = re.search(r"Overall exposure level for .*: ([0-9.]+)", report)[1]
        self.assertEqual(found, said)

    def test_who_trims_by_age_may_ask_for_the_clocks_state(self):
        ask = "import ctypes; exit(ctypes.CDLL(None).adjtimex(bytes(512)) < 0)"
        folder = self.machine.path("/run/systemd/system/forebay-sidecar@.service.d")
        folder.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, folder)
        (folder / "ask.conf").write_text(f"[Service]\nExecStartPre=-/usr/bin/python3 -c '{ask}'\n")
        self.configure(TOPOLOGY + MORE)
        self.start()
        for name, status in {"left": 1, "asked": 1, "aged": 0, "both": 0}.items():
            (ran,) = self.machine.show(f"forebay-sidecar@{name}.service", "ExecStartPre")
            self.assertIn(f"code=exited ; status={status} }}", ran, name)

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
