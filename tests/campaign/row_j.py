"""Row J: bugs planted on purpose (common/base/planted.h), each of which the row named here has to see. A case is a bug.

The planted programs (build/planted) have all of them compiled in, and FOREBAY_BUG says which one is alive. A case is
caught when its row reports the violation that the bug has to lead to, and nothing when it plays the same again with none
of them alive; one that reports another, or nothing, or only that it could not play, is the violation here: a harness
that cannot fail shows nothing.
"""

import os
import pathlib
import re
import subprocess
import sys

import harness

TITLE = "planted bugs"
FULL = CI = 20
SLICE = 1

SIMULATION = ("G", "--seed", 0, "--first", 1000, "--count", 100)
OVERTAKEN = "overlap what was taken|was committed before this epoch|are on disk, but"
# Bug → the row that has to see it, its cases from the first on until one does, and what that says.
SEEN_BY = {
    1: (SIMULATION, "are on disk, but"),
    2: (SIMULATION, "are on disk, but"),
    3: (("A", "--count", 200), "^I[14]"),
    4: (("A", "--count", 400), "^I[24]"),
    5: (("B", "--count", 60), "^I4"),
    6: (SIMULATION, "not converged"),
    7: (SIMULATION, "a beacon names an uncommitted head"),
    8: (SIMULATION, "belongs: doubled"),
    9: (SIMULATION, OVERTAKEN),
    10: (SIMULATION, OVERTAKEN),
    11: (SIMULATION, "the log lost its end"),
    12: (("F", "--first", 5, "--count", 1), "a is DIVERGED$"),  # a restored log
    13: (("F", "--first", 4, "--count", 1), "it takes nothing new$"),  # retention that waits
    14: (("I", "--first", 16, "--count", 1), "^I9: .* with nobody at the gate, was answered"),
    15: (("D", "--count", 100), "^I7: .*fails its checksums"),
    16: (("I", "--first", 9, "--count", 1), "^I9: refusals rose"),  # bombs, and a batch that lies
    17: (("A", "--seed", 5, "--count", 400), "^I6"),  # a recording that is trimmed past the consumer
    18: (SIMULATION, r"got \d+ after"),
    19: (SIMULATION, "lost or out of order|are on disk, but|was told that its last event"),
    20: (("A", "--count", 800), "^I4"),
}
PLAY_SECONDS_MAX = 600


def play(run):
    run.each(one)


def planted_programs(folder):
    """The planted programs, with the sound ones beside them that have nothing planted."""
    sound = pathlib.Path(os.environ["FOREBAY_BIN"])
    planted = sound.parent / "planted"
    for program in {each.name for each in sound.iterdir()} | {each.name for each in planted.iterdir()}:
        here = planted / program
        (folder / program).symlink_to(here if here.exists() else sound / program)
    return folder


def one(case):
    bug = case.number % 20 + 1
    (row, *options), what = SEEN_BY[bug]
    case.kind = f"bug {bug} by row {row}"
    programs = case.folder / "bin"
    programs.mkdir()
    planted_programs(programs)
    ended, broken, told = run(programs, bug, row, "--seed", case.seed, "--stop", *options)
    case.need(ended, "harness", f"row {row} did not end: {told}")
    seen = [(seed, number) for seed, number, text in broken if re.search(what, text.removeprefix("simulation: "))]
    case.need(seen, "not caught", f"bug {bug} by row {row}: {told}")
    if not seen:
        return
    seed, number = seen[0]
    ended, broken, told = run(programs, 0, row, "--seed", seed, "--first", number, "--count", 1)
    case.need(ended and not broken, "harness", f"row {row} finds fault where there is no bug: {told}")


def run(programs, bug, *options):
    """Plays a row; whether it came to its end, its violations as (seed, case, text), and what it printed."""
    environment = dict(os.environ, FOREBAY_BIN=str(programs), FOREBAY_BUG=str(bug))
    argv = [sys.executable, "-B", pathlib.Path(harness.__file__).with_name("run"), *map(str, options)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PLAY_SECONDS_MAX, check=False)
    broken = re.findall(r"^VIOLATION \w+ seed (\d+) case (\d+): (.*)$", done.stdout, re.M)
    ended = re.search(r"^\d+ cases, \d+ violations$", done.stdout, re.M)
    return ended, broken, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
