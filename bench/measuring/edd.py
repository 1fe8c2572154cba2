"""Workload 8: delivery dates, in process and over the socket, idle and while the view is kept up to date."""

import time

from measuring.server import Role, wait_for
from measuring.systems import Sourcing

APPLIED_RATE = 100_000
PIPELINED = 64


def in_process(settings):
    with Role(settings.binaries / "bench_edd", settings.scratch) as running:
        times = running.end()["all"]
    return {"edd-process/p50/forebay": times["p50_us"], "edd-process/p99/forebay": times["p99_us"]}


def over_socket(settings):
    with Sourcing(settings) as running:
        told = running.role("world").end()["events"]
        wait_for(lambda: running.applied() == (told, 0), "the view of the world", 120)
        node = running.endpoint()
        found, answer_bytes = ask(settings, running, "idle", "forebay", node)
        echo = running.endpoint("x")
        running.role("echo", endpoint=echo, answer_bytes=answer_bytes).line()
        found |= ask(settings, running, "idle", "echo", echo)[0]

        loading = running.role("load", rate=APPLIED_RATE, events=APPLIED_RATE * 600)
        loading.line()
        time.sleep(settings.seconds(1))
        (before, _), began = running.applied(), time.monotonic()
        found |= ask(settings, running, "loaded", "forebay", node)[0]
        (after, lag), ended = running.applied(), time.monotonic()
        found |= ask(settings, running, "loaded", "echo", echo)[0]
        found["edd-applied/loaded/forebay"] = (after - before) / (ended - began)
        found["edd-lag/loaded/forebay"] = lag
        running.end(loading)
    return found


def ask(settings, running, load, system, endpoint):
    """One at a time and pipelined; figures, and how large answers are."""
    for_seconds = settings.seconds(3)
    one = running.role("ask", endpoint=endpoint, seconds=for_seconds).end()
    many = running.role("ask", endpoint=endpoint, seconds=for_seconds, in_flight=PIPELINED).end()
    return {
        f"edd-one/{load}/{system}": one["latency"]["p50_us"],
        f"edd-one-p99/{load}/{system}": one["latency"]["p99_us"],
        f"edd/{load}/{system}": many["events"] / ((many["end_ns"] - many["begin_ns"]) / 1e9),
    }, many["answer_bytes"]
