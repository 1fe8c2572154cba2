"""Row J: bugs planted on purpose (common/base/planted.h), each of which the row named here has to see. A case is a bug.

The planted programs (build/planted) have all of them compiled in, and FOREBAY_BUG says which one is alive. A case is
caught when its row reports a violation of a promise; one that reports nothing, or only that it could not play, is the
violation here: a harness that cannot fail shows nothing.
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

SIMULATION = ("G", "--seed", 0, "--first", 1000, "--count", 25)
# Bug → the row that has to see it, and its cases from the first on until one does.
SEEN_BY = {
    1: SIMULATION,
    2: SIMULATION,
    3: ("A", "--count", 200),
    4: ("A", "--count", 400),
    5: ("B", "--count", 60),
    6: SIMULATION,
    7: SIMULATION,
    8: SIMULATION,
    9: SIMULATION,
    10: SIMULATION,
    11: ("G", "--seed", 0, "--first", 62, "--count", 1),  # a stream that is trimmed empty is rare
    12: ("F", "--first", 5, "--count", 1),  # a restored log
    13: ("F", "--first", 4, "--count", 1),  # retention that waits
    14: ("I", "--first", 16, "--count", 1),  # a gatekeeper that is dead
    15: ("D", "--count", 100),
    16: ("I", "--first", 9, "--count", 1),  # bombs, and a batch that lies
    17: ("A", "--seed", 5, "--count", 400),  # a recording that is trimmed past the consumer
    18: SIMULATION,
    19: SIMULATION,
    20: ("A", "--count", 800),
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
    row, *options = SEEN_BY[bug]
    case.kind = f"bug {bug} by row {row}"
    programs = case.folder / "bin"
    programs.mkdir()
    environment = dict(os.environ, FOREBAY_BIN=str(planted_programs(programs)), FOREBAY_BUG=str(bug))
    argv = [sys.executable, "-B", pathlib.Path(harness.__file__).with_name("run"), row, "--seed", str(case.seed), "--stop",
            *map(str, options)]  # fmt: skip
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PLAY_SECONDS_MAX, check=False)
    broken = re.findall(r"^VIOLATION \w+ seed \d+ case \d+: (\w+)", done.stdout, re.M)
    ended = re.search(r"^\d+ cases, (\d+) violations$", done.stdout, re.M)
    told = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    case.need(ended, "harness", f"row {row} did not end: {told}")
    case.need(set(broken) - {"harness"}, "not caught", f"bug {bug} by row {row}: {told}")
