"""Workloads 1 to 4: publish until durable, end to end, into a view, replay; and what the bare libraries give for them."""

from measuring.settings import megabytes, rate
from measuring.systems import Forebay, limit, server

WIRE_OVERHEAD = 4  # a record's length, in Forebay's batches
BATCH_BYTES = 256 << 10


def publish(settings, system, size):
    """Until durable; then, of the same log, replay from the page cache, and after that was evicted."""
    events = settings.events(system, size)
    name = f"{size}/{system}"
    with server(settings, system) as running:
        figures = running.role("publish", events=events, size=size).end()
        found = {f"publish/{name}": rate(figures)}
        if system == "forebay":
            found[f"publish-bytes/{name}"] = rate(figures) * (size + WIRE_OVERHEAD) / 1e6
            found[f"memory/publish {name}"] = running.memory.peak_mib
            running.expect(events)
        if system == "rabbit":
            return found  # a queue has no replay: what was taken is gone
        behind = {} if system.startswith("redis") else {"behind": True}
        running.restart(cached=True)
        found[f"replay/{name}"] = listen_to_all(running, events, behind)
        if system == "forebay":
            found[f"memory/replay {name}"] = running.memory.peak_mib
        if system in ("forebay", "nats"):
            running.restart(evicted=True)
            found[f"replay-evicted/{name}"] = listen_to_all(running, events, behind)
    return found


def listen_to_all(running, events, options):
    listening = running.role("listen", events=events, **options)
    listening.line()
    figures = listening.end()
    if figures["events"] != events:
        raise RuntimeError(f"{events} events were published, and {figures['events']} came")
    return rate(figures)


def live(settings, system, size):
    """From the publisher's first event to the consumer's last."""
    events = settings.events(system, size)
    with server(settings, system) as running:
        listening = running.role("listen", events=events)
        listening.line()
        publishing = running.role("publish", events=events, size=size)
        end = listening.end()
        speed = rate(publishing.end(), end)
        found = {f"live/{size}/{system}": speed}
        if system == "forebay":
            running.expect(events)
            found[f"live-bytes/{size}/{system}"] = speed * (size + WIRE_OVERHEAD) / 1e6
            found[f"memory/live {size}/{system}"] = running.memory.peak_mib
    return found


def view(settings, size):
    """Into a view of 30,000 keys; and bare LMDB's keyed updates, as many in a transaction."""
    events = settings.count(2_000_000)
    with Forebay(settings) as running:
        keeping = running.role("view", events=events, view_dir=running.folder / "live")
        keeping.line()
        publishing = running.role("publish", events=events, size=size)
        end = keeping.end()
        speed = rate(publishing.end(), end)
        # The same once more from the log, with nobody else at work.
        keeping = running.role("view", events=events, view_dir=running.folder / "behind", behind=True)
        keeping.line()
        applied = keeping.end()
        running.expect(events)
        memory = running.memory.peak_mib
    bare = limit(settings, "keyed", value=size - 38, count=events, group=max(1, events // applied["commits"]))
    return {
        f"view/{size}/forebay": speed,
        f"apply/{size}/forebay": rate(applied),
        f"apply/{size}/lmdb": rate(bare),
        f"memory/view {size}/forebay": memory,
    }


def appends(settings, size):
    """What bare LMDB gives for values of a full batch; and its cursor for reading them."""
    return {
        f"publish-bytes/{size}/lmdb": megabytes(limit(settings, "append", keep=True, **full_batches(settings))),
        "scan/lmdb": megabytes(limit(settings, "scan", kept=True)),
    }


def pipe(settings, size):
    """What PUSH→PULL→LMDB→PUB→SUB gives for frames of a full batch, and one hop of it alone."""
    batches = full_batches(settings)
    return {
        f"live-bytes/{size}/pipe": megabytes(limit(settings, "pipe", **batches)),
        "hop/libzmq": megabytes(limit(settings, "hop", **batches)),
    }


def full_batches(settings):
    return {"bytes": settings.count(1 << 30, 16 << 20), "value": BATCH_BYTES, "commit": 8 << 20}
