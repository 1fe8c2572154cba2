"""Row F: who owns a log: one restored from an older backup, and two who want the same folder at once."""

import os
import pathlib
import time

from forebay_test import wait_until
from scene import CONVERGE_SECONDS, STREAMS, Scene
from verbs import run_verb

IN_USE = "in use by another process"


def restore(case):
    """A backup is restored after more was published and applied. Publishers that had more acknowledged than it has, and
    every consumer, are told; nobody goes on in silence. Once an operator has decided, everything converges."""
    dice = case.dice
    with Scene(case) as scene:
        scene.work()
        backup = scene.site.folder / "left.fbak"
        code, _, err = run_verb(scene.site, 60, "backup", "left", backup)
        assert code == 0, err
        scene.wait_moving()
        time.sleep(dice.uniform(0, 0.5))  # how far they are ahead of it
        before = scene.acknowledged()
        if dice.random() < 0.5:
            scene.sidecar.kill()
        else:
            assert scene.sidecar.stop() == 0
        folder = scene.state / "left"
        (folder / "data.mdb").rename(folder / "data.mdb.before")
        restart_consumer = dice.random() < 0.5
        if restart_consumer:
            scene.consumer.process.kill()
        code, _, err = run_verb(scene.site, 60, "restore", "left", backup)
        assert code == 0, err
        scene.start_sidecar()
        if restart_consumer:
            scene.consumer.start()
        for stream in STREAMS:
            scene.consumer.wait_state(stream, "DIVERGED", CONVERGE_SECONDS)
        for who, publisher in scene.publishers.items():
            told(scene, who, publisher)
        stayed = {stream: scene.cursor(stream) for stream in STREAMS}
        restored = heads(scene)
        for stream in STREAMS:
            case.need(stayed[stream] >= restored[stream], "I2", f"{stream}: the cursor {stayed[stream]} went back by itself")
        case.need(all(scene.acknowledged()[who] >= before[who] for who in before), "harness", "the ledgers went back")
        mode = dice.choice(("adopt", "rebuild"))
        if dice.random() < 0.5:
            run_more(scene)  # before anybody decides, perhaps past where the consumer stands
        decide(scene, mode, stayed, restored)


def told(scene, who, publisher):
    """It ends by itself, since it had more acknowledged than is there."""
    try:
        code = publisher.wait(CONVERGE_SECONDS)
    except Exception:  # noqa: BLE001: whatever the wait says, it is still there
        scene.case.violation("I1", f"publisher {who} goes on as if nothing had happened")
        return
    said = publisher.errors()
    loud = any(word in said for word in ("diverged", "bad_sequence", "fenced", "acknowledged, and gone", "AssertionError"))
    scene.case.need(code != 0 and loud, "I1", f"publisher {who} ended with {code}: {said[-600:]}")


def heads(scene):
    return {each["stream"]: each["head"] for each in scene.status()["streams"]}


def decide(scene, mode, stayed, restored):
    """What an operator does; then new events are published, and the consumer has exactly what it should."""
    case = scene.case
    views = scene.consumer.dump()["values"]
    with scene.client() as client:
        if mode == "rebuild":
            code, _, err = run_verb(scene.site, 60, "consumers", "reset", "keyed", "a", "--rebuild")
            case.need(code == 0, "I5", f"reset --rebuild ended with {code}: {err}")
        else:
            for stream in STREAMS:
                adopt(scene, stream)
        for stream in STREAMS:
            wait_until(lambda name=stream: not scene.consumer.dump()["streams"][name]["diverged"], "decided", CONVERGE_SECONDS)
        more = run_more(scene)
        for stream in STREAMS:
            if mode == "rebuild":
                scene.check_view(client, stream)
                continue
            dump = scene.consumer.wait_applied(stream, more[stream], CONVERGE_SECONDS)
            # It keeps its view and goes on after the last event of the backup.
            case.need(dump["streams"][stream]["lost"] == 0, "I6", f"{stream}: lost {dump['streams'][stream]['lost']}")
            counted = sum(value[1] for key, value in dump["values"].items() if key.startswith(f"{stream}/"))
            had = sum(value[1] for key, value in views.items() if key.startswith(f"{stream}/"))
            went_on = min(stayed[stream], restored[stream])
            case.need(counted - had == more[stream] - went_on, "I4",
                      f"{stream}: {counted - had} events applied after the restore, {more[stream] - went_on} are new")  # fmt: skip
    scene.check_live()


def adopt(scene, stream):
    """Asked again while the consumer has yet to hear from the sidecar where the logs part."""

    def adopted():
        code, _, err = run_verb(scene.site, 60, "consumers", "reset", "keyed", stream, "--adopt")
        scene.case.need(code == 0 or "has not answered yet" in err, "I5", f"reset --adopt ended with {code}: {err}")
        return code == 0

    wait_until(adopted, f"{stream} is adopted", CONVERGE_SECONDS)


def run_more(scene):
    """Publishers are started anew and publish for a while; the heads then. A named one resumes where the backup has it."""
    begun = heads(scene)
    for who in ("named", "other"):
        scene.start_publisher(who)
    wait_until(lambda: all(head > begun[stream] for stream, head in heads(scene).items()), "it goes on", CONVERGE_SECONDS)
    for who in ("named", "other"):
        code = scene.publishers[who].stop()
        scene.case.need(code == 0, "I1", f"publisher {who} ended with {code}: {scene.publishers[who].errors()[-800:]}")
    return heads(scene)


def two_starts(case):
    """Two of one name are started at once, or a second one beside a first that serves or is just being killed: one
    serves, the other says that the folder is in use and exits 1."""
    dice = case.dice
    with Scene(case) as scene:
        scene.work()
        for _ in range(dice.randint(2, 4)):
            one_more(scene, dice.choice(("sidecar", "sidecar", "consumer")), dice.choice(("beside", "at once", "at a kill")))
            scene.wait_moving()
        scene.settle()


def one_more(scene, who, when):
    if who == "sidecar":
        first, start = scene.sidecar, scene.start_sidecar
    else:
        first, start = scene.consumer.process, scene.consumer.start
    said_before = first.errors().count(IN_USE)
    if when == "at a kill":
        os.kill(first.pid, 9)  # not waited for: its folder may still be locked
    elif when == "at once":
        first.kill()
    starters = [start()] if when == "beside" else [start(), start()]
    rivals = [*([first] if when == "beside" else []), *starters]
    ended = wait_until(lambda: losers(rivals), f"{who} {when}: all but one end", CONVERGE_SECONDS)
    for loser in ended:
        code = loser.wait()
        scene.case.need(code == 1, "I2", f"{who} {when}: it ended with {code}: {loser.errors()[-600:]}")
    said = first.errors().count(IN_USE) - said_before
    scene.case.need(said >= len(ended), "I2", f"{who} {when}: {len(ended)} ended, {said} said why: {first.errors()[-600:]}")
    left = [rival for rival in rivals if rival.running()]
    scene.case.need(left or when == "at a kill", "I2", f"{who} {when}: none of them runs")
    keep(scene, who, left[0] if left else start())
    # All may come while the dead one's lock is still held; a supervisor starts one again.
    deadline = time.monotonic() + CONVERGE_SECONDS
    while when == "at a kill" and not serves(scene, who) and time.monotonic() < deadline:
        keep(scene, who, start())


def keep(scene, who, process):
    if who == "sidecar":
        scene.sidecar = process
    else:
        scene.consumer.process = process


def serves(scene, who):
    """False once it ended."""
    process = scene.sidecar if who == "sidecar" else scene.consumer.process
    pid = process.pid

    def answers():
        if not process.running():
            return "ended"
        # Whoever else answered there is dead by now, or ends.
        owner = scene.state / ("left" if who == "sidecar" else "keyed") / "lock"
        return "serves" if owner_of(owner) == pid else None

    return wait_until(answers, f"{who} serves or ends", CONVERGE_SECONDS) == "serves"


def owner_of(lock):
    """The process that holds it, as the kernel says."""
    inode = lock.stat().st_ino
    for line in pathlib.Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return None


def losers(rivals):
    """Those that ended, once no more than one runs."""
    running = [rival for rival in rivals if rival.running()]
    return [rival for rival in rivals if rival not in running] if len(running) <= 1 else None
