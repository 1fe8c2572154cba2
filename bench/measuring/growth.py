"""Workloads 11 and 12: a log that grows, one that stays as large as its retention, and start-up with much in it."""

import statistics

from measuring.settings import megabytes, rate
from measuring.systems import Forebay

FILL_BYTES = 16 << 10  # of an event that only fills the log
FILL_EVENTS_MAX = 300_000  # of a publisher, so that none takes for ever
GB = 1_000_000_000


class Small(Forebay):
    """Beside the log that grows."""

    NAME = "small"


def points(settings):
    """Sizes of the log, in GB, at which it is measured."""
    return (1, 10, 40) if settings.full else (0.01, 0.02) if settings.smoke else (1, 3)


def growing(settings, size):
    """The smallest log is made anew for each turn of the largest, and measured right after it, so that what drifts hits both."""
    smallest, *larger = points(settings)
    turns_each = 3 if settings.full else 1
    turns = {point: [] for point in (smallest, *larger)}
    with Forebay(settings) as running:
        held = 0
        for point in larger:
            held += fill(running, point * GB - held)
            for _ in range(turns_each):
                turns[point].append(one_turn(running, settings, size))
                held += turns[point][-1]["bytes"]
                if point == larger[-1]:
                    running.stop()
                    with Small(settings) as small:
                        fill(small, smallest * GB)
                        turns[smallest].append(one_turn(small, settings, size))
        starts = []
        for _ in range(turns_each):
            running.restart(evicted=True)
            starts.append(running.started_seconds * 1000)
    found = {f"start-up/{larger[-1]} GB/forebay": statistics.median(starts)}
    for point, measured in turns.items():
        name = f"{point} GB/forebay"
        found[f"growth/{name}"] = statistics.median(each["speed"] for each in measured)
        found[f"memory/{name}"] = max(each["memory"] for each in measured)
        if worst := [each["worst"] for each in measured if "worst" in each]:
            found[f"worst-commit/{name}"] = statistics.median(worst)
    return found


def fill(running, missing):
    """At least so many bytes more in its log; how many they are."""
    added = 0
    while (events := int((missing - added) / FILL_BYTES)) > 0:
        added += running.role("publish", events=min(events, FILL_EVENTS_MAX), size=FILL_BYTES).end()["bytes"]
    return added


def one_turn(running, settings, size):
    running.restart()  # so that the worst commit is one of this turn
    figures = running.role("publish", events=settings.count(5_000_000), size=size).end()
    found = {"speed": rate(figures), "bytes": figures["bytes"], "memory": running.memory.peak_mib}
    if "max_us" in (commits := running.commits()):
        found["worst"] = commits["max_us"] / 1000
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
