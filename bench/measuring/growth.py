"""Workloads 11 and 12: a log that grows, one that stays as large as its retention, and start-up with much in it."""

import statistics

from measuring.settings import megabytes, rate
from measuring.systems import Forebay

FILL_BYTES = 16 << 10  # of an event that only fills the log
FILL_EVENTS_MAX = 300_000  # of a publisher, so that none takes for ever
GB = 1_000_000_000


def points(settings):
    """Sizes of the log, in GB, at which it is measured."""
    return (1, 10, 40) if settings.full else (0.01, 0.02) if settings.smoke else (1, 3)


def growing(settings, size):
    found, held = {}, 0
    with Forebay(settings) as running:
        for point in points(settings):
            while (missing := int((point * GB - held) / FILL_BYTES)) > 0:
                events = min(missing, FILL_EVENTS_MAX)
                held += running.role("publish", events=events, size=FILL_BYTES).end()["bytes"]
            running.restart()  # so that the worst commit is one of this size
            speeds = []
            for _ in range(3):
                figures = running.role("publish", events=settings.count(2_000_000), size=size).end()
                held += figures["bytes"]
                speeds.append(rate(figures))
            found[f"growth/{point} GB/forebay"] = statistics.median(speeds)
            found[f"memory/{point} GB/forebay"] = running.memory.peak_mib
            if "max_us" in (commits := running.commits()):
                found[f"worst-commit/{point} GB/forebay"] = commits["max_us"] / 1000
        starts = []
        for _ in range(3):
            running.restart(evicted=True)
            starts.append(running.started_seconds * 1000)
        found[f"start-up/{point} GB/forebay"] = statistics.median(starts)
    return found


def steady(settings):
    """Sizes from 64 B to 16 KiB into three streams; the same with a retention for each, and with none."""
    events = settings.count(2_000_000)
    expected = events * 1300
    retention = [f'bytes = "{expected // 50}B"', f'bytes = "{expected // 10}B"', 'age = "1s"']
    texts = {"steady": [f"retention = {{ {text} }}" for text in retention], "growing": [""] * 3}
    found = {}
    for name, each in texts.items():
        with Forebay(settings, {f"events-{number}": text for number, text in enumerate(each)}) as running:
            load = {"events": events, "streams": 3, "mixed": True}
            running.role("publish", **load).end()
            running.restart()
            found[f"mixed/{name}/forebay"] = megabytes(running.role("publish", **load).end())
            found[f"memory/{name}/forebay"] = running.memory.peak_mib
            if "max_us" in (commits := running.commits()):
                found[f"worst-commit/{name}/forebay"] = commits["max_us"] / 1000
            if name == "steady":
                held = sum(stream["bytes"] for stream in running.status()["streams"])
                found["held/steady/forebay"] = held / (1 << 20)
    return found
