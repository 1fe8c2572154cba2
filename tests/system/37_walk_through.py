#!/usr/bin/python3
"""The walk-through of docs/operations.md: its commands on two machines under a real systemd, joined by a cable, and what
the page says that they print."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from forebay_test import wait_until
from forebay_test.machine import Machine, why_none

SKIP = 77
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
ADDRESSES = {"shop": "10.77.0.1/24", "desk": "10.77.0.2/24"}
# Asked again until they say what the page says: what they tell of takes its time.
LOOKS = re.compile(r"forebay (status|doctor|query)\b|systemctl list-units|journalctl|cat ")


def steps():
    """(host, whether as root, command, lines that it prints), and ("toml", text), in the order of the page."""
    section = re.search(r"^## A walk-through\n(.*?)^## ", PAGE.read_text(), re.M | re.S)[1]
    found = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.M | re.S):
        if language == "toml":
            found.append(("toml", block))
            continue
        for line in block.splitlines():
            if prompt := re.fullmatch(r"(\w+)([#$]) (.*)", line):
                found.append((prompt[1], prompt[2] == "#", prompt[3], []))
            else:
                found[-1][3].append(line)
    return found


def printed(expected, text):
    """Whether the expected lines are there, in this order, others between them or not."""
    lines = iter(" ".join(line.split()) for line in text.splitlines())
    patterns = [re.escape(" ".join(line.split())).replace("…", ".*") for line in expected]
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


class Hosts:
    def __init__(self, package):
        self.machines = {}
        self.keys = []
        for host in ADDRESSES:
            self.machines[host] = machine = Machine(host)
            machine.boot(installed=False)
            # With what is installed here, so that the dependencies have to be right.
            machine.run("mkdir", "-p", "/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers")
            machine.write("/var/lib/dpkg/status", pathlib.Path("/var/lib/dpkg/status").read_text())
            machine.run("mount", "-t", "tmpfs", "none", "/var/cache/apt")  # whose lock is the real system's
            machine.run("rm", "-f", "/usr/sbin/policy-rc.d")  # which a container may have, so that nothing is started
            machine.path("/tmp/forebay.deb").write_bytes(package.read_bytes())
        shop, desk = self.machines.values()
        shop.link(desk, *ADDRESSES.values())

    def end(self):
        for machine in self.machines.values():
            machine.end()

    def configure(self, text):
        for machine in self.machines.values():
            machine.write("/etc/forebay/topology.toml", text)

    def do(self, host, root, command, expected):
        """Until it prints what is expected."""
        said = None

        def try_once():
            nonlocal said
            said = self.machines[host].attempt("sh", "-c", command, user=None if root else "forebay")
            done = said.returncode == 0 or expected  # what fails on purpose says what it prints
            return done and printed(expected, said.stdout + said.stderr)

        try:
            wait_until(try_once, f"{host}: {command}", 60 if LOOKS.match(command) else 0)
        except AssertionError as failure:
            text = said.stdout + said.stderr
            raise AssertionError(f"{failure}\nwanted:\n{chr(10).join(expected)}\nprinted ({said.returncode}):\n{text}") from None
        if command.startswith("forebay keys generate"):
            self.keys.append(said.stdout)


def main():
    with tempfile.TemporaryDirectory(prefix="fb-", dir="/tmp") as folder:
        config = pathlib.Path(os.environ["FOREBAY_BIN"]).parent / "CPackConfig.cmake"
        packed = pathlib.Path(folder) / "packed"
        subprocess.run(["cpack", "--config", config, "-B", packed], cwd=folder, check=True, capture_output=True)
        hosts = Hosts(next(packed.glob("forebay_*.deb")))
    try:
        for what, *step in steps():
            if what == "toml":
                topology = step[0]
                hosts.configure(topology)
                continue
            hosts.do(what, *step)
            if len(hosts.keys) == 2:
                hosts.configure(topology + "[keys]\n" + "".join(hosts.keys))
                hosts.keys = []
    finally:
        hosts.end()


if __name__ == "__main__":
    if reason := why_none():
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    main()
