"""Row F: what happens to a process from around it: it is stopped, its clock jumps, it may open too little."""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import time

from forebay_test import wait_until
from scene import CONVERGE_SECONDS, STREAMS, Scene
from verbs import run_verb

ENOUGH_DESCRIPTORS = 100  # for the few who stay
LONG_FROM = 21  # cases before this one are those of CI, and short
CATALOG = "catalog = {}"
SOURCING = '[nodes.shop]\nkind = "sourcing"\nhost = "a"\nsubscribes = ["catalog"]\n'
ITEM = {"sku": "S", "length_mm": 9, "width_mm": 9, "height_mm": 9, "weight_g": 9, "attributes": []}
FAKETIME = [path for path in pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
YEAR, HOUR = 365 * 86400, 3600
CPU_TICKS = os.sysconf("SC_CLK_TCK")
# What libzmq 4.3.4 says when it aborts because accept() finds no descriptor at the hard limit.
ABORTED = re.compile(r"Too many open files \(.*ipc_listener\.cpp")


def pause(case):
    """Someone is stopped, and goes on as if nothing had been."""
    dice = case.dice
    who = dice.choice(("sidecar", "sidecar", "consumer", "named", "anonymous"))
    longest = 60 if case.number >= LONG_FROM and dice.random() < 0.2 else 5
    seconds = 0.1 * (longest / 0.1) ** dice.random()
    with Scene(case) as scene:
        if who == "sidecar":
            with_shop(scene)
        scene.work()
        stopped = {"sidecar": scene.sidecar, "consumer": scene.consumer.process}.get(who) or scene.publishers[who]
        if who == "sidecar":
            start_shop(scene)
        stopped.signal(signal.SIGSTOP)
        end = time.monotonic() + seconds
        if who == "sidecar":
            wait_until(lambda: stale(scene), "the stopped sidecar's stream is called stale", 15)
            scene.consumer.dump()  # it answers meanwhile
        time.sleep(max(0.0, end - time.monotonic()))
        stopped.signal(signal.SIGCONT)
        if who == "sidecar":
            wait_until(lambda: not stale(scene), "no longer stale", CONVERGE_SECONDS)
        scene.settle()
        case.need(scene.sidecar.running(), "I5", "the sidecar ended")


def with_shop(scene):
    text = scene.site.topology.read_text().replace("b = {} }", f"b = {{}}, {CATALOG} }}")
    scene.site.topology.write_text(text + SOURCING)


def start_shop(scene):
    path = scene.site.folder / "item.ndjson"
    path.write_text(json.dumps({"type": "item.upserted", "data": ITEM}) + "\n")
    code, _, err = run_verb(scene.site, 30, "publish", "catalog", path)
    assert code == 0, err
    scene.site.start([scene.site.program("forebay-sourcing"), "-t", scene.site.topology, "shop"], "shop")
    wait_until(lambda: stale(scene) is False, "the shop answers from a stream that is there", CONVERGE_SECONDS)


def stale(scene):
    """Whether a query's answer calls its input stale; nothing while there is none."""
    code, out, _ = run_verb(scene.site, 30, "query", "edd", "--sku", "S", "--to", "Z", "--json")
    with contextlib.suppress(json.JSONDecodeError, KeyError, IndexError):
        return json.loads(out.splitlines()[0])["as_of"]["catalog"]["stale"] if code == 0 else None
    return None


def clock(case):
    """The wall clock of the sidecar, perhaps also the consumer's, goes forth and back by up to a year.

    Nothing is old enough to be trimmed by age, and the clock of the machine says otherwise, for which nobody vouches (what
    is synchronised would be believed at once)."""
    dice = case.dice
    assert FAKETIME, "libfaketime is not installed (scripts/packages.txt)"
    with Scene(case, retention='{ retention = { age = "1d" } }') as scene:
        offset = scene.site.folder / "offset"
        offset.write_text("+0\n")
        scene.environment = {
            "LD_PRELOAD": f"{case.library('unsynced.c')}:{FAKETIME[0]}", "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        scene.work()
        for _ in range(dice.randint(2, 4)):
            now = int(dice.choice((-1, 1)) * YEAR ** dice.uniform(0, 1))
            now = dice.choice((now, YEAR, -YEAR, 2 * HOUR, 25 * HOUR))
            jumped(scene, offset, now)
            if dice.random() < 0.4:
                scene.sidecar.kill()
                scene.start_sidecar()
                scene.wait_moving()
        untrimmed(scene, "at the end")
        scene.settle()
        trusted(scene, offset)


def jumped(scene, offset, now):
    set_clock(offset, now)
    scene.wait_moving()
    commits = scene.status()["commits"]["count"]
    if abs(now) > 2 * HOUR:  # it looks at the clock once a second, and says it once in its life
        try:
            wait_until(lambda: doubts(scene), f"the jump by {now} s is noticed", 10)
        except AssertionError as missed:
            scene.case.violation("I1", str(missed))
    wait_until(lambda: scene.status()["commits"]["count"] > commits + 20, "it commits", CONVERGE_SECONDS)
    untrimmed(scene, f"after a jump by {now} s")


def trusted(scene, offset):
    """Once an operator says that the clock is right, what is too old by it goes."""
    set_clock(offset, 2 * YEAR)
    wait_until(lambda: scene.status()["clock_doubted"], "the clock is doubted", CONVERGE_SECONDS)
    code, _, err = run_verb(scene.site, 30, "clock", "trust", "left")
    scene.case.need(code == 0, "I5", f"clock trust ended with {code}: {err}")
    kept = lambda: {each["stream"]: each["head"] + 1 - each["oldest"] for each in scene.status()["streams"]}  # noqa: E731
    wait_until(lambda: kept()["a"] == 0, "what is a year old is trimmed", CONVERGE_SECONDS)
    scene.case.need(kept()["b"] > 0, "I1", "a stream that keeps everything was trimmed")
    scene.case.need(not scene.status()["clock_doubted"], "I5", "the clock is doubted still")


def set_clock(offset, seconds):
    replacement = offset.with_suffix(".new")
    replacement.write_text(f"{seconds:+d}\n")
    os.replace(replacement, offset)


def doubts(scene):
    return "the wall clock jumped" in scene.said()


def untrimmed(scene, when):
    for each in scene.status()["streams"]:
        scene.case.need(each["oldest"] == 1, "I1", f"{when}, {each['stream']} is trimmed up to {each['oldest'] - 1}")


def descriptors(case):
    """The sidecar may open few files, and many want to talk to it. It serves whom it served, or ends loudly; afterwards
    everybody is served, and it does not spin."""
    dice = case.dice
    limit = dice.choice((30, 40, 48, 64, 100))
    with Scene(case) as scene:
        few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))}
        with contextlib.suppress(AssertionError, TimeoutError):
            scene.start_sidecar(**few)
            scene.status(5)
        if not scene.sidecar.running():
            ended_loudly(scene)
            limit = 100  # too few even to begin: said
            scene.start_sidecar(**few)
        for who in scene.ledgers:
            scene.start_publisher(who)
        scene.consumer.start()
        ends_within(scene, few, lambda: moving(scene, 8))
        with flood(scene, dice.choice((20, limit, 3 * limit))):
            end = time.monotonic() + dice.uniform(0.5, 3)
            while time.monotonic() < end:
                ends_within(scene, few, lambda: time.sleep(0.1))
        if limit >= ENOUGH_DESCRIPTORS:
            settled(scene, few)
        ends_within(scene, few, lambda: not_spinning(scene))
        if not scene.sidecar.running() or "serving, boot" not in scene.said():
            scene.sidecar.kill()
        else:
            code = scene.sidecar.stop()
            case.need(code == 0, "I8", f"asked to stop, it ended with {code}: {scene.said()[-500:]}")
        case.kind = f"descriptors: {'ended and came back' if scene.ends else 'served throughout'}"
        scene.start_sidecar()  # with as many as it wants
        scene.settle()


def settled(scene, few):
    """A supervisor goes on starting it for as long as it ends; with nobody there any more it has to stay."""
    deadline = time.monotonic() + CONVERGE_SECONDS
    while time.monotonic() < deadline:
        if not ends_within(scene, few, lambda: moving(scene, 5)) and moving(scene, 5):
            return
    scene.case.violation("I5", f"it does not serve after the flood: {scene.said()[-800:]}")


def not_spinning(scene):
    """While it is there."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        spent = processor_seconds(scene.sidecar.pid)
        time.sleep(1)  # over which it is measured
        spent = processor_seconds(scene.sidecar.pid) - spent
        scene.case.need(spent < 0.7, "I8", f"it takes {spent:.2f} s of processor in a second, with nobody else there")


def moving(scene, seconds):
    with contextlib.suppress(AssertionError):
        scene.wait_moving(seconds)
        return True
    return False


def ends_within(scene, few, action):
    """Whether the sidecar ended meanwhile; then it is started again, as by a supervisor."""
    action()
    if scene.sidecar.running():
        return False
    ended_loudly(scene)
    scene.start_sidecar(**few)
    return True


def ended_loudly(scene):
    scene.ends += 1
    code, said = scene.sidecar.wait(), scene.said()
    loud = code > 0 and said and "critical" in said.splitlines()[-1]
    aborted = code == -signal.SIGABRT and ABORTED.search(said)
    scene.case.need(loud or aborted, "I8", f"short of descriptors, it ended with {code}: {said[-800:]}")


@contextlib.contextmanager
def flood(scene, count):
    """So many who connect and say nothing."""
    sockets = []
    for number in range(count):
        peer = socket.socket(socket.AF_UNIX)
        peer.setblocking(False)
        sockets.append(peer)
        with contextlib.suppress(OSError):  # it may be full, or gone
            peer.connect(str(scene.site.socket_path("left", ("control", "ingest", "broadcast")[number % 3])))
    try:
        yield
    finally:
        for peer in sockets:
            peer.close()


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CPU_TICKS


__all__ = ["STREAMS", "clock", "descriptors", "pause"]
