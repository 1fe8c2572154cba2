#!/usr/bin/python3
"""Measures Forebay, what it would replace, and what the bare libraries give, in one go; see bench/run.

    bench/measure.py [--quick | --smoke] [--rounds N] [--only TEXT]… [--json FILE] [--write-docs]

Each round runs everything once, one after the other, so that what drifts hits all alike; what grows a log to 40 GB runs in
the first alone. --smoke leaves out systems that are not installed.
"""

import argparse
import fcntl
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True
from measuring import docs, goals, report  # noqa: E402
from measuring.memory import Memory  # noqa: E402
from measuring.settings import Settings  # noqa: E402
from measuring.systems import IN_FLIGHT  # noqa: E402
from measuring.workloads import all_of  # noqa: E402

EXPLAINED = ROOT / "bench" / "explained.json"
PACKAGES = ["libzmq5", "liblmdb0", "libnats3.4", "libhiredis0.14", "librabbitmq4", "rabbitmq-server"]


def first_line(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "not there"


def about(settings, rounds):
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) >> 20
    packages = [f"{name} {first_line('dpkg-query', '-W', '-f', '${Version}', name)}" for name in PACKAGES]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"),
        "machine": f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory} GiB, Linux {platform.release()}",
        "file system": first_line("stat", "-f", "-c", "%T", str(settings.scratch)),
        "nats-server": first_line("nats-server", "--version"),
        "redis-server": first_line("redis-server", "--version"),
        "packages": ", ".join(packages),
        "peers' events under way": ", ".join(f"{name} {count}" for name, count in IN_FLIGHT.items()),
        "servers": "JetStream: file store, default sync interval; Redis: append-only file, no snapshots; RabbitMQ: defaults",
        "events of 256 B": ", ".join(f"{name} {settings.count(count):,}" for name, count in settings.EVENTS.items()),
        "memory": "as it is" if settings.smoke else f"{settings.memory_bytes >> 30} GiB left to what is measured",
        "scale": settings.scale,
        "rounds": rounds,
    }


def run_all(workloads, rounds):
    found = []
    for number in range(rounds):
        figures = {}
        for workload in workloads:
            if workload.once and number > 0:
                continue
            began = time.monotonic()
            print(f"round {number + 1}: {workload.name}", end="", file=sys.stderr, flush=True)
            figures |= workload.run(figures)
            print(f" ({time.monotonic() - began:.1f} s)", file=sys.stderr, flush=True)
        found.append(figures)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="a quarter of the events, 256 B, up to 3 GB of log, without RabbitMQ")
    sizes.add_argument("--smoke", action="store_true", help="hardly any events: whether it works, no figures to keep")
    parser.add_argument("--rounds", type=int, help="default: 3, 2 with --quick, 1 with --smoke")
    parser.add_argument("--only", action="append", help="of the workloads, those whose name holds this text, or one of these")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file, too")
    parser.add_argument("--write-docs", action="store_true", help="put table and plots into docs/performance.md")
    parser.add_argument("--scratch", type=pathlib.Path, help="a folder on the disk to measure (default: .run/bench)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped, as after Ctrl-C
    scale = 0.001 if arguments.smoke else 0.25 if arguments.quick else 1
    binaries = pathlib.Path(os.environ.get("FOREBAY_BIN", ROOT / "build" / "bin"))
    folder = arguments.scratch or ROOT / ".run" / "bench"
    settings = Settings(binaries, folder / "run", scale)
    settings.scratch.mkdir(parents=True, exist_ok=True)
    alone = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        parser.error(f"another benchmark uses {folder}")
    workloads = [each for each in all_of(settings) if any(text in each.name for text in arguments.only or [""])]
    if not workloads:
        parser.error(f"no workload has {' or '.join(arguments.only)} in its name: {', '.join(each.name for each in all_of(settings))}")
    known = about(settings, arguments.rounds or (1 if settings.smoke else 2 if arguments.quick else 3))
    for name, value in known.items():
        print(f"{name}: {value}", flush=True)
    try:
        if not settings.smoke:
            settings.prepare = Memory(settings.memory_bytes, settings.scratch).fill
        rounds = run_all(workloads, known["rounds"])
    finally:
        shutil.rmtree(settings.scratch, ignore_errors=True)
    judged = goals.judge(rounds, json.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {})
    print()
    report.show(rounds, judged)
    found = {"about": known, "goals": judged, "rounds": rounds}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.write_docs:
        docs.write(ROOT / "docs", found)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
