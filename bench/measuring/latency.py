"""Workloads 6 and 7: one event at a time, and latency under load."""

from measuring.settings import rate, tail
from measuring.systems import Forebay, limit, server
from measuring.throughput import live

SHARES = (10, 50, 80)  # percent of the measured maximum


def wait(settings, system, size):
    """One event, and wait until it is durable; Forebay's: until a consumer's handler has it, too."""
    events = settings.count(3000, 50)
    with server(settings, system) as running:
        found = tail("wait", f"{size}/{system}", running.role("wait", events=events, size=size).end())
        if system == "forebay":
            seen = running.role("handler", events=events, view_dir=running.folder / "v").end()
            found |= tail("handler", f"{size}/{system}", seen)
    return found


def round_trip(settings, size):
    # One event's batch: header, an empty map of shared attributes, the event, each with its length.
    bare = limit(settings, "round", value=104 + 4 + 1 + 4 + size, count=settings.count(3000, 50))
    return tail("wait", f"{size}/zmq+lmdb", bare)


def under_load(settings, system, size, figures):
    """From the moment an event was due until a live consumer has it."""
    name = f"live/{size}/{system}"
    most = figures[name] if name in figures else live(settings, system, size)[name]
    found = {}
    for share in SHARES:
        speed = max(1000, int(most * share / 100))
        events = int(speed * settings.seconds(5))
        with server(settings, system) as running:
            listening = running.role("listen", events=events, latency=True)
            listening.line()
            publishing = running.role("publish", events=events, size=size, rate=speed)
            timed = listening.end()
            publishing.end()
            if system == "forebay":
                running.expect(events)
                found[f"memory/latency {share} %/{system}"] = running.memory.peak_mib
            found |= tail("latency", f"{share} %/{system}", timed["latency"])
            if system == "forebay" and "p50_us" in (commits := running.commits()):
                found[f"commit/{share} %/{system}"] = commits["p50_us"]
    return found
