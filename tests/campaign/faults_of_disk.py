"""Row F: full disks. The log or the consumer's store is on a small tmpfs of its own."""

import contextlib
import signal
import subprocess
import time

from forebay_test import wait_until
from scene import CONVERGE_SECONDS, STREAMS, Scene

LOG_MIB, ENOUGH_MIB, STORE_MIB = 72, 2000, 2  # a log takes its first 64 MiB at once
FILL_AT_ONCE = 1 << 20


def disk(case):
    kind = case.dice.choice(("from outside", "by the log", "store"))
    case.kind = f"disk: {kind}"
    {"from outside": from_outside, "by the log": by_the_log, "store": store}[kind](case)


@contextlib.contextmanager
def small_disk(folder, mebibytes):
    """A tmpfs there; afterwards what is on it goes with it."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def enlarge(folder, mebibytes):
    subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", folder], check=True)


def fill(path):
    """Takes all there is left, to the last byte."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        size = FILL_AT_ONCE
        while size:
            try:
                if file.write(b"x" * size) == 0:
                    break
            except OSError:
                size //= 2


def is_full(scene):
    return scene.status()["full"]


def stands_still(scene):
    """Publishers hold: nothing more is acknowledged over a while, and none of them gives up."""
    before = scene.acknowledged()
    time.sleep(scene.dice.uniform(0.2, 1.5))  # for how long it stays full
    for who, publisher in scene.publishers.items():
        scene.case.need(publisher.running(), "I1", f"{who} gave up: {publisher.errors()[-800:]}")
    return before


def from_outside(case):
    """Something else fills the disk of the log while events come in; then it is gone again."""
    with Scene(case, event_bytes=8000, pace_ms=10) as scene, small_disk(scene.state / "left", LOG_MIB):
        scene.work()
        filler = scene.state / "left" / "filler"
        fill(filler)
        wait_until(lambda: is_full(scene), "it says that it is full", 120)
        stands_still(scene)
        if case.dice.random() < 0.4:  # a full disk does not keep it from being started
            scene.sidecar.kill()
            scene.start_sidecar()
            scene.status()
        enlarge(scene.state / "left", ENOUGH_MIB)  # else its own publishers had filled it again before the end
        filler.unlink()
        wait_until(lambda: not is_full(scene), "no longer full", CONVERGE_SECONDS)
        scene.settle()
        told_full(scene)


def by_the_log(case):
    """The log itself fills its disk, or comes to its disk_max; there is room again when that is raised."""
    limited = case.dice.random() < 0.5
    options = 'disk_max = "16MiB"' if limited else ""
    with Scene(case, options=options, event_bytes=8000, pace_ms=10) as scene, small_disk(scene.state / "left", LOG_MIB):
        scene.work()
        wait_until(lambda: is_full(scene), "it is full", 120)
        stands_still(scene)
        scene.check_disk()
        if limited:  # the topology says more from the next start on
            text = scene.site.topology.read_text()
            scene.site.topology.write_text(text.replace('"16MiB"', '"1900MiB"'))
            assert scene.sidecar.stop() == 0
            scene.start_sidecar()
        enlarge(scene.state / "left", ENOUGH_MIB)
        scene.wait_moving()
        case.need(not is_full(scene), "I5", "there is room, and it says that it is full")
        scene.settle()
        told_full(scene)


def told_full(scene):
    scene.case.need("full: " in scene.sidecar.errors(), "I8", "the sidecar did not say that it was full")


def store(case):
    """The consumer's disk is full: it stops with a message rather than go on without what it was to keep; started again
    when there is room, it goes on where it was."""
    with Scene(case) as scene, small_disk(scene.state / "keyed", STORE_MIB):
        scene.work()
        filler = scene.state / "keyed" / "filler"
        fill(filler)
        process = scene.consumer.process
        stopped = held(scene, process)
        if stopped:
            code, said = process.wait(), process.errors()
            case.need(code > 0 and "critical" in said, "I8", f"the consumer ended with {code}: {said[-800:]}")
        case.kind += ", the consumer ended" if stopped else ", the consumer went on"
        filler.unlink()
        if stopped:
            scene.consumer.start()
        scene.settle()


def held(scene, process):
    """Whether the full disk ended it; a store that uses its free pages again may need no more room."""
    end = time.monotonic() + 5
    while time.monotonic() < end and process.running():
        time.sleep(0.1)  # it goes on, or ends
    return not process.running()


def retention(case):
    """A stream that takes nothing new rather than trim what its consumer has yet to read, and a consumer that is away."""
    dice = case.dice
    with Scene(case, retention='{ retention = { bytes = "64KiB", discard = "new" } }') as scene:

        def stream():
            return next(each for each in scene.status()["streams"] if each["stream"] == "a")

        scene.work()
        stopped = dice.random() < 0.5
        if stopped:
            scene.consumer.process.signal(signal.SIGSTOP)
        else:
            scene.consumer.process.kill()
        wait_until(lambda: stream()["refusing"], "it takes nothing new", CONVERGE_SECONDS)
        known = {each["stream"]: each["cursor"] for each in scene.status()["consumers"]}
        oldest = stream()["oldest"]
        case.need(oldest <= known["a"] + 1, "I6", f"trimmed up to {oldest - 1}, past the consumer's {known['a']}")
        if stopped:
            scene.consumer.process.signal(signal.SIGCONT)
        else:
            scene.consumer.start()
        scene.wait_moving()
        scene.stop_publishers()
        head = stream()["head"]
        sent = sum(scene.ledgers[who].read()[0] for who in STREAMS["a"])
        case.need(head == sent, "I1", f"a has {head} events, {sent} were sent and acknowledged")
        dump = scene.consumer.wait_applied("a", head, CONVERGE_SECONDS)
        applied = sum(value[1] for key, value in dump["values"].items() if key.startswith("a/"))
        case.need(applied == head, "I4", f"{applied} of {head} events are in the view")
        case.need(dump["streams"]["a"]["lost"] == 0, "I6", f"lost {dump['streams']['a']['lost']}")
