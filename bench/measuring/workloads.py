"""What is run in each round, in which order, and the units of its figures.

A workload is a function of the round's figures so far that runs once and returns its own: `workload/what/system`, a value
in the unit that UNITS names for the workload.
"""

from dataclasses import dataclass
from typing import Callable

from measuring import edd, growth, latency, many, throughput
from measuring.systems import systems

UNITS = {
    "publish": "events/s",
    "publish-bytes": "MB/s",
    "live": "events/s",
    "live-bytes": "MB/s",
    "view": "events/s",
    "apply": "events/s",
    "replay": "events/s",
    "replay-evicted": "events/s",
    "scan": "MB/s",
    "hop": "MB/s",
    "catch-up": "s",
    "catch-up-speed": "events/s",
    "catch-up-published": "% of half speed",
    "catch-up-beside": "% of alone",
    "wait": "µs p50",
    "wait-p99": "µs p99",
    "wait-p999": "µs p99.9",
    "handler": "µs p50",
    "handler-p99": "µs p99",
    "handler-p999": "µs p99.9",
    "latency": "µs p50",
    "latency-p99": "µs p99",
    "latency-p999": "µs p99.9",
    "commit": "µs p50",
    "edd-process": "µs",
    "edd-one": "µs p50",
    "edd-one-p99": "µs p99",
    "edd": "questions/s",
    "edd-applied": "events/s",
    "edd-lag": "events",
    "fan-out": "events/s",
    "streams": "events/s",
    "growth": "events/s",
    "mixed": "MB/s",
    "held": "MiB",
    "worst-commit": "ms",
    "start-up": "ms",
    "memory": "MiB",
    "memory-streams": "MiB",
}


@dataclass
class Workload:
    name: str
    run: Callable[[dict], dict]
    once: bool = False  # in the first round alone


def all_of(settings):
    here = systems(settings)
    sizes = [64, 256, 1024, 16384] if settings.full else [256]
    counts = [1, 20] if settings.smoke else [1, 1000, 10, 100]
    runs = []

    def add(name, function, *values, **options):
        runs.append(Workload(name, lambda figures: function(settings, *values), **options))

    # What two make a goal of run one right after the other.
    for size in sizes:
        if size == 256:
            add("bare LMDB appends", throughput.appends, size)
        for system in here:
            add(f"publish and replay {size} B, {system}", throughput.publish, system, size)
        if size == 256:
            add("bare pipe", throughput.pipe, size)
        for system in here:
            add(f"live {size} B, {system}", throughput.live, system, size)
    add("view", throughput.view, 256)
    add("one event and wait, zmq+lmdb", latency.round_trip, 256)
    for system in here:
        add(f"one event and wait, {system}", latency.wait, system, 256)
    for system in ("forebay", "nats"):
        if system in here:
            under_load = lambda figures, s=system: latency.under_load(settings, s, 256, figures)  # noqa: E731
            runs.append(Workload(f"latency under load, {system}", under_load))
    add("catch-up", many.catch_up, 256)
    for consumers in (1, 4, 16):
        add(f"fan-out to {consumers}", many.fan_out, 256, consumers)
    for count in counts:
        add(f"streams: {count}", many.streams, 256, count)
    add("delivery dates in process", edd.in_process)
    add("delivery dates over the socket", edd.over_socket)
    add("steady state", growth.steady)
    add("growth and start-up", growth.growing, 256, once=True)
    return runs
