"""Workloads 5, 9 and 10: a consumer that catches up, many consumers, many streams."""

import time

from measuring.server import DEADLINE_SECONDS, Late
from measuring.settings import rate, seconds
from measuring.systems import Forebay


def catch_up(settings, size):
    """From far behind to live, while publishing goes on at half speed; and what that costs a publisher at full speed."""
    behind = settings.count(5_000_000, 20_000)
    with Forebay(settings) as running:
        alone = rate(running.role("publish", events=behind, size=size).end())
        speed = int(alone / 2)
        publishing = running.role("publish", events=speed * (2 if settings.smoke else 600), size=size, rate=speed)
        before, began = running.heads()["events"], time.monotonic()
        catching = running.role("listen", behind=True, until_live=True)
        catching.line()
        try:
            caught_up = catching.end()
        except Late:  # a machine that gives it less than the publisher: as many seconds at least
            if settings.smoke:
                raise
            caught_up = None
            running.end(catching)
        after, ended = running.heads()["events"], time.monotonic()
        running.end(publishing)
        # A consumer at the log's beginning again, and a publisher that does not hold back.
        catching = running.role("listen", behind=True, until_live=True)
        catching.line()
        beside = rate(running.role("publish", events=behind // 2, size=size).end())
        running.end(catching)
        memory = running.memory.peak_mib
    taken = seconds(caught_up, caught_up) if caught_up else DEADLINE_SECONDS
    found = {f"catch-up-speed/{size}/forebay": caught_up["events"] / taken} if caught_up else {}
    return found | {
        f"catch-up/{size}/forebay": taken,
        f"catch-up-published/{size}/forebay": 100 * (after - before) / (ended - began) / speed,
        f"catch-up-beside/{size}/forebay": 100 * beside / alone,
        f"memory/catch-up {size}/forebay": memory,
    }


def fan_out(settings, size, consumers):
    """From the first event published until the last consumer has all."""
    events = settings.count(2_000_000)
    with Forebay(settings) as running:
        listening = [running.role("listen", events=events) for _ in range(consumers)]
        for each in listening:
            each.line()
        publishing = running.role("publish", events=events, size=size)
        end = max((each.end() for each in listening), key=lambda figures: figures["end_ns"])
        speed = rate(publishing.end(), end)
        running.expect(events)
        return {
            f"fan-out/{consumers}/forebay": speed,
            f"memory/fan-out to {consumers}/forebay": running.memory.peak_mib,
        }


def streams(settings, size, count):
    """Until durable, events in turn to each stream of one sidecar."""
    names = [f"events-{number}" for number in range(count)] if count > 1 else ["events"]
    with Forebay(settings, names) as running:
        figures = running.role("publish", events=settings.count(2_000_000), size=size, streams=count).end()
        running.expect(figures["events"])
        return {
            f"streams/{count}/forebay": rate(figures),
            f"memory-streams/{count}/forebay": running.memory.peak_mib,
            f"memory/{count} streams/forebay": running.memory.peak_mib,
        }
