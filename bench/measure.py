#!/usr/bin/python3
"""Measures Forebay, what it would replace, and what the bare libraries give, in one go; see bench/run.

    bench/measure.py [--quick | --smoke] [--rounds N] [--only TEXT] [--json FILE]

Each round runs everything once, one after the other, so that what drifts hits all alike. Systems that are not installed
are left out.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True
from measuring import goals  # noqa: E402
from measuring.workloads import UNITS, Settings, all_of  # noqa: E402

EXPLAINED = ROOT / "bench" / "explained.json"


def first_line(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "not there"


def versions():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) >> 20
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "machine": f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory} GiB, Linux {platform.release()}",
        "file system": first_line("stat", "-f", "-c", "%T", str(ROOT)),
        "nats-server": first_line("nats-server", "--version"),
        "redis-server": first_line("redis-server", "--version"),
        "packages": first_line("dpkg-query", "-W", "-f", "libzmq ${Version}\n", "libzmq5")
        + ", "
        + first_line("dpkg-query", "-W", "-f", "liblmdb ${Version}\n", "liblmdb0"),
    }


def show(rounds, judged):
    names = sorted({name for each in rounds for name in each})
    for name in names:
        values = [each[name] for each in rounds if name in each]
        unit = UNITS.get(name.split("/")[0], "MB/s")
        print(f"{name:36} {statistics.median(values):>14,.1f} {unit:10} {min(values):>14,.1f} to {max(values):,.1f}")
    print()
    for goal in judged:
        state = "met" if goal["met"] else "explained" if goal["explained"] else "NOT MET"
        print(f"{goal['name']:56} {goal['measured']:>9.2f}   at {goal['at']} {goal['goal']:<6} {state}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="one round of a quarter of the events, 256 B only")
    sizes.add_argument("--smoke", action="store_true", help="hardly any events: whether it works, no figures to keep")
    parser.add_argument("--rounds", type=int, help="default: 3, or 1 with --quick and --smoke")
    parser.add_argument("--only", default="", help="of the workloads, those whose name holds this text")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file, too")
    parser.add_argument("--scratch", type=pathlib.Path, help="a folder on the disk to measure (default: .run/bench)")
    arguments = parser.parse_args()
    scale = 0.001 if arguments.smoke else 0.25 if arguments.quick else 1
    scratch = arguments.scratch or ROOT / ".run" / "bench"
    settings = Settings(pathlib.Path(os.environ.get("FOREBAY_BIN", ROOT / "build" / "bin")), scratch, scale)
    runs = [(name, run) for name, run in all_of(settings) if arguments.only in name]
    about = versions() | {"scale": scale, "rounds": arguments.rounds or (3 if settings.full else 1)}
    for name, value in about.items():
        print(f"{name}: {value}")
    rounds = []
    for number in range(about["rounds"]):
        figures = {}
        for name, run in runs:
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
            figures |= run()
        rounds.append(figures)
    explained = json.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {}
    judged = goals.judge(rounds, explained)
    print()
    show(rounds, judged)
    if arguments.json:
        arguments.json.write_text(json.dumps({"about": about, "goals": judged, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
