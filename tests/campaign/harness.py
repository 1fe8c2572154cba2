"""What the rows of the campaign share: cases with a seed, where violations go, and slices as child processes.

A row is a file row_x.py with

    TITLE = "crash images"
    FULL, CI = 100_000, 2_000  # cases; or a function without arguments that counts them
    SLICE = 500                # cases that one child process plays

    def play(run):             # plays the cases of a slice
        run.each(one)          # one(case): a violation is case.violation(…), or any exception

All that is random in a case comes from `case.dice`, seeded by row, seed and number: the same case again makes the same
choices (not the machine's timing).
"""

import importlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / ".run" / "campaign" / "violations"
ROWS = "ABCDEFGHIJ"


def row_module(letter):
    return importlib.import_module(f"row_{letter.lower()}")


class Case:
    """One case. `folder` is its own, with a path short enough for sockets, and goes when the case ends well."""

    def __init__(self, run, number):
        self.row, self.seed, self.number = run.row, run.seed, number
        self.name = f"{run.row} seed {run.seed} case {number}"
        self.dice = random.Random(f"{run.row} {run.seed} {number}")
        self.kind = ""  # what the figures count it under
        self.violations = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))

    def violation(self, invariant, what):
        """`invariant`: I1 to I9, or "harness" where the case itself could not be played."""
        self.violations.append(f"{invariant}: {what}")

    def need(self, condition, invariant, what):
        if not condition:
            self.violation(invariant, what)
        return condition

    def library(self, source):
        """One of the campaign's .c files, built to be preloaded."""
        path = self.folder / f"{source}.so"
        flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", *flags, "-o", path, pathlib.Path(__file__).with_name(source)], check=True)
        return path

    def keep(self, *paths):
        """Copies what shows a violation to where it stays."""
        place = KEPT / f"{self.row}-{self.seed}-{self.number}"
        for path in map(pathlib.Path, paths):
            place.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, place / path.name, dirs_exist_ok=True, ignore=_sockets)
            elif path.exists():
                shutil.copy2(path, place)


def _sockets(folder, names):
    return [name for name in names if (pathlib.Path(folder) / name).is_socket()]


class Run:
    """A slice: so many cases of a row from one on, told on stdout, a line of JSON each."""

    def __init__(self, row, seed, first, count, stop_at_violation=False):
        self.row, self.seed, self.first, self.count = row, seed, first, count
        self._stops = stop_at_violation

    def each(self, play_one):
        for number in range(self.first, self.first + self.count):
            case, began = Case(self, number), time.monotonic()
            try:
                play_one(case)
            except AssertionError as failure:
                case.violation("assertion", f"{failure}\n{traceback.format_exc()}")
            except Exception:  # whatever it is, the case did not show what it is there to show
                case.violation("harness", traceback.format_exc())
            finally:
                if case.violations:
                    case.keep(case.folder)
                shutil.rmtree(case.folder, ignore_errors=True)
            self.tell(number, case.kind, case.violations, time.monotonic() - began)
            if case.violations and self._stops:
                return

    def tell(self, number, kind, violations, seconds):
        line = {"case": number, "kind": kind, "violations": violations, "seconds": round(seconds, 2)}
        print(json.dumps(line), flush=True)


def play_slice(row, seed, first, count, stop_at_violation):
    """In a child process of its own: a case that takes the interpreter down costs no other slice."""
    for name in ("support", "conformance"):
        sys.path.insert(0, str(ROOT / "tests" / name))
    os.environ.setdefault("FOREBAY_BIN", str(ROOT / "build" / "bin"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # a case ends what it started
    row_module(row).play(Run(row, seed, first, count, stop_at_violation))
