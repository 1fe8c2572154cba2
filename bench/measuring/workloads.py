"""The workloads: each a function of the settings that runs once and returns its figures.

A figure's name is `workload/size/system`; its value is in the unit that UNITS names for the workload.
"""

import shutil

from measuring.systems import Forebay, Nats, Redis, limit, wait_for

UNITS = {
    "publish": "events/s",
    "publish-bytes": "MB/s",
    "live": "events/s",
    "live-bytes": "MB/s",
    "view": "events/s",
    "apply": "events/s",
    "replay": "events/s",
    "wait": "µs p50",
    "wait-p99": "µs p99",
    "handler": "µs p50",
    "memory": "MiB",
}
WIRE_OVERHEAD = 4  # a record's length, in Forebay's batches
BATCH_BYTES = 256 << 10


class Settings:
    """`scale`: 1 is a full run, where each measurement takes some seconds."""

    def __init__(self, binaries, scratch, scale):
        self.binaries, self.scratch, self.scale = binaries, scratch, scale

    @property
    def full(self):
        return self.scale == 1

    def events(self, system, size):
        """More of what is faster."""
        base = {"forebay": 4_000_000, "nats": 600_000, "redis": 600_000}[system]
        return max(1000, int(base / max(1, size / 256) * self.scale))

    @property
    def waits(self):
        return max(50, int(3000 * self.scale))

    @property
    def bytes(self):
        return max(16 << 20, int((1 << 30) * self.scale))

    def systems(self):
        """What is installed here of those that are measured."""
        programs = {"nats": ("nats-server", "bench_nats"), "redis": ("redis-server", "bench_redis")}
        here = [
            peer
            for peer, (server_program, client) in programs.items()
            if shutil.which(server_program) and (self.binaries / client).exists()
        ]
        redis = ["redis-always", "redis-everysec"] if "redis" in here else []
        return ["forebay", *(["nats"] if "nats" in here else []), *redis]


def rate(events, begin, end):
    return events / ((end["end_ns"] - begin["begin_ns"]) / 1e9)


def megabytes(figures):
    return figures["bytes"] / ((figures["end_ns"] - figures["begin_ns"]) / 1e9) / 1e6


def server(settings, system):
    if system == "forebay":
        return Forebay(settings.binaries, settings.scratch)
    if system == "nats":
        return Nats(settings.binaries, settings.scratch)
    return Redis(settings.binaries, settings.scratch, system.removeprefix("redis-"))


def publish(settings, system, size):
    """Until durable; then, of the same log, replayed from the page cache."""
    kind = system.split("-")[0]
    events = settings.events(kind, size)
    name = f"{size}/{system}"
    with server(settings, system) as running:
        figures = running.role("publish", events=events, size=size).end()
        found = {f"publish/{name}": rate(events, figures, figures)}
        if kind == "forebay":
            found[f"publish-bytes/{name}"] = found[f"publish/{name}"] * (size + WIRE_OVERHEAD) / 1e6
            found[f"memory/{name}"] = running.private_bytes() / (1 << 20)
        listening = running.role("listen", events=events, **({} if kind == "redis" else {"behind": True}))
        listening.line()
        figures = listening.end()
        found[f"replay/{name}"] = rate(events, figures, figures)
    return found


def live(settings, system, size):
    """From the publisher's first event to the consumer's last."""
    kind = system.split("-")[0]
    events = settings.events(kind, size)
    with server(settings, system) as running:
        listening = running.role("listen", events=events)
        listening.line()
        publishing = running.role("publish", events=events, size=size)
        end = listening.end()
        speed = rate(events, publishing.end(), end)
    found = {f"live/{size}/{system}": speed}
    if kind == "forebay":
        found[f"live-bytes/{size}/{system}"] = speed * (size + WIRE_OVERHEAD) / 1e6
    return found


def view(settings, size):
    """Into a view of 30,000 keys; and bare LMDB's keyed updates, as many in a transaction."""
    events = settings.events("forebay", size) // 2
    with Forebay(settings.binaries, settings.scratch) as running:
        keeping = running.role("view", events=events, view_dir=running.folder / "live")
        keeping.line()
        publishing = running.role("publish", events=events, size=size)
        end = keeping.end()
        speed = rate(events, publishing.end(), end)
        # The same once more from the log, with nobody else at work.
        keeping = running.role("view", events=events, view_dir=running.folder / "behind", behind=True)
        keeping.line()
        end = keeping.end()
    bare = limit(settings.binaries, settings.scratch, "keyed", value=size - 38, count=events, group=max(1, events // end["commits"]))
    return {
        f"view/{size}/forebay": speed,
        f"apply/{size}/forebay": rate(events, end, end),
        f"apply/{size}/lmdb": rate(events, bare, bare),
    }


def wait(settings, system, size):
    """One event, and wait until it is durable."""
    with server(settings, system) as running:
        figures = running.role("wait", events=settings.waits, size=size).end()
        found = {f"wait/{size}/{system}": figures["p50_us"], f"wait-p99/{size}/{system}": figures["p99_us"]}
        if system == "forebay":
            seen = running.role("handler", events=settings.waits, view_dir=running.folder / "v").end()
            found[f"handler/{size}/{system}"] = seen["p50_us"]
    return found


def limits(settings, size):
    """What the bare libraries give for frames and values of a full batch."""
    run = lambda role, **options: limit(settings.binaries, settings.scratch, role, **options)  # noqa: E731
    bytes_ = {"bytes": settings.bytes, "value": BATCH_BYTES, "commit": 8 << 20}
    found = {
        f"publish-bytes/{size}/lmdb": megabytes(run("append", keep=True, **bytes_)),
        "scan/LMDB": megabytes(run("scan")),
        f"live-bytes/{size}/pipe": megabytes(run("pipe", **bytes_)),
        "hop/libzmq": megabytes(run("hop", **bytes_)),
    }
    # One event's batch: header, an empty map of shared attributes, the event, each with its length.
    figures = run("round", value=104 + 4 + 1 + 4 + size, count=settings.waits)
    return found | {f"wait/{size}/zmq+lmdb": figures["p50_us"], f"wait-p99/{size}/zmq+lmdb": figures["p99_us"]}


def all_of(settings):
    """(name, function that measures it once), in the order they are run in each round."""
    peers = settings.systems()
    live_ones = [system for system in peers if not system.startswith("redis")]
    sizes = [64, 256, 1024, 16384] if settings.full else [256]
    runs = []
    for size in sizes:
        runs += [(f"publish and replay {size} B, {s}", lambda s=s, size=size: publish(settings, s, size)) for s in peers]
        runs += [(f"live {size} B, {s}", lambda s=s, size=size: live(settings, s, size)) for s in live_ones]
    runs.append(("view", lambda: view(settings, 256)))
    runs += [(f"one event and wait, {s}", lambda s=s: wait(settings, s, 256)) for s in peers]
    runs.append(("limits", lambda: limits(settings, 256)))
    return runs


__all__ = ["UNITS", "Settings", "all_of", "wait_for"]
