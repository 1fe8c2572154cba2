"""Row C: in a sidecar or a consumer the nth call of a kind on its files fails, for each kind, n and error; and in a sidecar
with traffic, whose threads commit in turns, some of those of a commit.

A counting run tells how often each kind is called in a small workload; what it found is kept for as long as the
programs stay the same, so that a case's number names the same point again.
"""

import errno
import hashlib
import json
import math
import os
import pathlib
import shutil

import harness
from episodes import Episode
from faults import FOR_EVER, Fault
from traffic_trial import TrafficTrial
from trials import CONSUMER, COUNTED_ROUNDS, SIDECAR, STREAM, WHO, Trial

TITLE = "nth call fails"
SLICE = 20
CI_STRIDE = 10
WORKLOAD_SEED = 1  # the same events in each case: what they lead to is what was counted
INTERRUPTIONS = 3  # in a row; no kernel interrupts for ever
WRITES = ("pwrite", "meta", "writev", "write")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EINTR, "short")
TRAFFIC = "traffic"
TRAFFIC_POINTS = [(kind, action) for kind in ("pwrite", "meta", "fdatasync") for action in (errno.EIO, "short")
                  if (kind, action) != ("fdatasync", "short")]  # fmt: skip
TRAFFIC_NTH = range(20, 140, 10)


def FULL():
    return len(points())


def CI():
    return -(-len(points()) // CI_STRIDE)


def play(run):
    run.each(one)


def one(case):
    role, fresh, kind, nth, action, times = point_of(case)
    fault = Fault(kind, nth, action, times)
    if fresh == TRAFFIC:
        TrafficTrial(case, role, fault).play()
        case.violations[:] = [f"{each} [{role} with traffic, {fault}]" for each in case.violations]
        return
    if times != 1:
        fault.while_there = case.folder / "fault"
        fault.while_there.touch()
    case.kind = f"{role} {kind}"
    with Episode(case, {STREAM: SIDECAR}, {WHO: STREAM}) as episode:
        episode.seed = WORKLOAD_SEED
        trial = Trial(episode, role, fresh, fault)
        try:
            trial.play()
            case.kind = f"{role}: {trial.end()}"
            episode.settle(stop_publishers=False)
        finally:
            trial.close()
    where = f"{role}{' on an empty folder' * fresh}, {fault}"
    case.violations[:] = [f"{each} [{where}]" for each in case.violations]


def point_of(case):
    """Of any seed, all cases are all points, and the first tenth of them lies evenly among them."""
    every = points()
    stride = next(step for step in range(CI_STRIDE, CI_STRIDE + len(every)) if math.gcd(step, len(every)) == 1)
    return every[(case.seed + case.number * stride) % len(every)]


def points():
    """Every (role, whether its folder is empty, kind, n, error, times)."""
    every = []
    for role, fresh, kind, count in counted():
        for nth in range(1, count + 1):
            for action in ERRORS:
                if action == "short" and kind not in WRITES:
                    continue
                if action == errno.ENOSPC and kind in ("read", "pread", "flock"):
                    continue
                for times in (1, INTERRUPTIONS if action == errno.EINTR else FOR_EVER):
                    every.append([role, fresh, kind, nth, action, times])
    return every + [[SIDECAR, TRAFFIC, kind, nth, action, 1] for kind, action in TRAFFIC_POINTS for nth in TRAFFIC_NTH]


def counted():
    """How often each kind of call is made in the workload, by a run without a fault."""
    os.environ.setdefault("FOREBAY_BIN", str(harness.ROOT / "build" / "bin"))
    folder = pathlib.Path(os.environ["FOREBAY_BIN"])
    programs = [folder / name for name in ("forebay-sidecar", "forebay-test-consumer")]
    sources = [pathlib.Path(__file__).with_name(name) for name in ("row_c.py", "trials.py", "faults.c")]
    name = hashlib.sha256(b"".join(path.read_bytes() for path in (*programs, *sources))).hexdigest()[:16]
    kept = harness.ROOT / ".run" / "campaign" / f"calls-{name}.json"
    if not kept.exists():
        found = [
            [role, fresh, kind, count]
            for role in (SIDECAR, CONSUMER)
            for fresh in (True, False)
            for kind, count in count_calls(role, fresh).items()
            if count
        ]
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(found))
        part.replace(kept)
    return json.loads(kept.read_text())


def count_calls(role, fresh):
    case = harness.Case(harness.Run("C", 0, 0, 1), 0)
    with Episode(case, {STREAM: SIDECAR}, {WHO: STREAM}) as episode:
        episode.seed = WORKLOAD_SEED
        trial = Trial(episode, role, fresh)
        try:
            calls = trial.play(COUNTED_ROUNDS[fresh])
            episode.settle(stop_publishers=False)
        finally:
            trial.close()
    shutil.rmtree(case.folder, ignore_errors=True)
    if case.violations:
        raise AssertionError(f"the workload fails without a fault: {case.violations}")
    return {kind: count for kind, count in calls.items() if kind not in ("fired", "synced after")}
