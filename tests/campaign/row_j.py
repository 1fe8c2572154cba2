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

# Bug → the row that has to see it, and its cases from the first on until one does.
SEEN_BY = {}
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
