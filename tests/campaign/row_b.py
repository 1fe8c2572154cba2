"""Row B: kill -9 of every role at random times and at each named point of the commit path, several in an episode."""

import time

from episodes import FILE_STREAM, Episode, counts
from faults import Fault

TITLE = "kill -9"
FULL, CI = 1_000, 60
SLICE = 10
POINT_SECONDS = 4  # a point that traffic has not led to by then is not reached, and the process is killed anyway

# The last n of each kind of call that is worth a try: what is asked for while opening comes first, commits follow.
FIRST_POINTS = {"pwrite": 2, "meta": 3, "writev": 2, "fdatasync": 3, "fsync": 2, "ftruncate": 1, "open": 7, "mkdir": 2,
                "fallocate": 1, "write": 1, "rename": 1}  # fmt: skip
ONLY_OF = {"fallocate": "left", "write": "consumer", "rename": "consumer"}
SIDECAR_POINTS = {"pwrite": 40, "meta": 40, "writev": 30, "fdatasync": 40, "fsync": 2, "open": 7}
CONSUMER_POINTS = {"pwrite": 40, "meta": 40, "writev": 20, "fdatasync": 40, "fsync": 3, "open": 8}
BUILD_POINTS = {"pwrite": 30, "meta": 20, "writev": 10, "fdatasync": 20, "fsync": 8, "open": 8, "write": 1, "rename": 1,
                "unlink": 4, "mkdir": 2}  # fmt: skip


def play(run):
    run.each(one)


def one(case):
    streams = {"a": "left", FILE_STREAM: "left"}
    publishers = {"p0": "a", "p1": "a"}
    if case.dice.random() < 0.3:
        streams["b"], publishers["p1"] = "right", "b"
    faults = case.dice.choices((random_times, first_start, commit_point, during_build), (5, 1, 4, 2))[0]
    with Episode(case, streams, publishers) as episode:
        episode.append_lines(case.dice.randrange(50, 400))
        roles = [*sorted(set(streams.values())), "consumer", *publishers, "file"]
        if faults is first_start:
            die_first(episode, roles.pop(case.dice.choice((roles.index("left"), roles.index("consumer")))), roles)
        else:
            for role in roles:
                episode.start(role)
        if case.dice.random() < 0.8:  # else perhaps before anything is there
            episode.wait_acknowledged()
        case.kind = faults(episode)
        episode.settle()


def random_times(episode):
    dice = episode.dice
    kills = dice.choice((1, 2, 3, 5))
    for _ in range(kills):
        roles = list(episode.running)
        killed = dice.sample(roles, dice.choice((1, 1, 1, 2, 3)))
        if dice.random() < 0.7:
            episode.wait_acknowledged()
        if dice.random() < 0.5:
            episode.applied()
        episode.watch(dice.uniform(0, 0.12))
        for role in killed:
            episode.kill(role)
        episode.append_lines(dice.randrange(0, 200))
        episode.watch(dice.choice((0, 0, 0.05)))
        for role in killed:
            episode.start(role)
        if dice.random() < 0.3:  # at once again, in the midst of opening
            episode.watch(dice.uniform(0, 0.04))
            for role in killed:
                episode.restart(role)
        file_again(episode)
    return "random times"


def die_first(episode, role, others):
    """The first process on an empty folder does not come far, nor perhaps the next one."""
    dice = episode.dice
    for other in others:
        episode.start(other)
    kinds = [kind for kind in FIRST_POINTS if ONLY_OF.get(kind, role) == role]
    for _ in range(dice.choice((1, 2, 2))):
        kind = dice.choice(kinds)
        episode.start(role, Fault(kind, dice.randint(1, FIRST_POINTS[kind]), dice.choice(("before", "after"))))
        episode.watch(dice.uniform(0.1, 0.4))
        episode.kill(role)
    episode.start(role)


def first_start(episode):
    episode.wait_acknowledged()
    return "first start"


def commit_point(episode):
    dice = episode.dice
    reached = False
    for _ in range(dice.choice((1, 1, 2))):
        role, points = dice.choice((("left", SIDECAR_POINTS), ("left", SIDECAR_POINTS), ("consumer", CONSUMER_POINTS)))
        reached |= die_at(episode, role, points)
        file_again(episode)
    return "commit point" if reached else "commit point not reached"


def die_at(episode, role, points):
    """The role is started so that it kills itself at a point, and again without; true if it came to that."""
    dice = episode.dice
    kind = dice.choice(list(points))
    fault = Fault(kind, dice.randint(1, points[kind]), dice.choice(("before", "after")))
    out = episode.restart(role, fault)
    if points is BUILD_POINTS:
        build(episode)
    deadline = time.monotonic() + POINT_SECONDS
    while episode.running[role].running() and time.monotonic() < deadline:
        episode.watch(0.01)
    ended = not episode.running[role].running()
    code = episode.running[role].wait() if ended else None
    fired = counts(out).get("fired", 0)
    episode.case.need(not ended or (code == -9 and fired == 1), "I5", f"{role} ended with {code} by itself at {fault}")
    if dice.random() < 0.2:  # and once more while it opens
        kind = dice.choice(("meta", "fdatasync", "pwrite", "fsync", "open"))
        episode.restart(role, Fault(kind, dice.randint(1, 3), dice.choice(("before", "after"))))
        episode.watch(dice.uniform(0, 0.2))
    episode.restart(role)
    return fired == 1


def during_build(episode):
    """A view is being built; the consumer or its sidecar is killed in the midst of it."""
    dice = episode.dice
    reached = False
    for _ in range(dice.choice((1, 2, 2))):
        episode.wait_acknowledged()
        what = dice.choice(("point", "point", "consumer", "left"))
        if what == "point":
            reached |= die_at(episode, "consumer", BUILD_POINTS)
        else:
            build(episode)
            episode.watch(dice.uniform(0, 0.06))
            episode.restart(what)
            reached = True
        file_again(episode)
    if dice.random() < 0.5:  # and one that nobody disturbs
        build(episode)
        episode.consumer.wait_built()
    return "during a build" if reached else "build point not reached"


def build(episode):
    """Asks for a build; the consumer may die of being asked, or while it starts."""
    deadline = time.monotonic() + POINT_SECONDS
    while episode.running["consumer"].running() and time.monotonic() < deadline:
        try:
            if episode.consumer.ask("build", seconds=1, view="").get("ok"):
                return
        except AssertionError:
            continue
        episode.watch(0.02)


def file_again(episode):
    """`forebay publish` ends at the end of the file; sometimes there is more."""
    if episode.running["file"].running():
        return
    code = episode.running["file"].wait()
    episode.case.need(code == 0, "I5", f"publish ended with {code}: {episode.running['file'].errors()[-500:]}")
    episode.append_lines(episode.dice.randrange(1, 100))
    episode.start("file")
