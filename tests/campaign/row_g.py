"""Row G: the production state machines on a simulated clock, network and disk; a case is a seed of build/bin/sim."""

import os
import pathlib
import re
import subprocess
import time

TITLE = "simulation"
FULL, CI = 200_000, 3_000
SLICE = 500
SEEDS_APART = 1_000_000  # more than a full run plays of one seed


def play(run):
    """One process for all seeds of a slice; it tells of each that failed, and how to run it again."""
    first, began = run.seed % SEEDS_APART * SEEDS_APART + run.first, time.monotonic()
    environment = dict(os.environ, FOREBAY_SIM_FIRST=str(first), FOREBAY_SIM_SEEDS=str(run.count))
    environment.pop("TMPDIR", None)  # its logs are synced as ever: it puts them on memory unless told otherwise
    program = pathlib.Path(os.environ["FOREBAY_BIN"]) / "sim"
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    failures = {int(seed): what for seed, what in re.findall(r"^seed (\d+): (.*(?:\n  .*)?)", done.stdout, re.M)}
    ended = re.search(r"^(\d+) seeds, (\d+) failed", done.stdout, re.M)
    whole = ended and int(ended[1]) == run.count and int(ended[2]) == len(failures)
    if not whole or (done.returncode == 0) != (not failures):
        failures.setdefault(first, f"ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-3000:]}")
    seconds = (time.monotonic() - began) / run.count
    for seed in range(first, first + run.count):
        run.tell(run.first + seed - first, "", [f"simulation: {failures[seed]}"] if seed in failures else [], seconds)
