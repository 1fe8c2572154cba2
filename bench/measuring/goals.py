"""The goals: ratios taken within one round, so that the machine's drift hits both sides, and their medians over rounds."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    name: str
    over: str  # a figure; with a / at its end: the largest of those that begin so
    goal: float
    under: str = ""  # the figure it is divided by, if any
    at_most: bool = False

    def reached(self, value, bound):
        return value <= bound if self.at_most else value >= bound

    def values(self, rounds):
        found = []
        for figures in rounds:
            names = [name for name in figures if name == self.over or self.over.endswith("/") and name.startswith(self.over)]
            if names and (not self.under or self.under in figures):
                over = max(figures[name] for name in names)
                found.append(over / figures[self.under] if self.under else over)
        return found


GOALS = [
    Goal("publish until durable ÷ JetStream, file store, unsynced", "publish/256/forebay", 8, "publish/256/nats"),
    Goal("publish until durable ÷ Redis Streams, appendfsync always", "publish/256/forebay", 6, "publish/256/redis-always"),
    Goal("publish until durable ÷ bare LMDB synced appends", "publish-bytes/256/forebay", 0.7, "publish-bytes/256/lmdb"),
    Goal("end to end, live ÷ bare PUSH→PULL→LMDB→PUB→SUB", "live-bytes/256/forebay", 0.85, "live-bytes/256/pipe"),
    Goal("replay ÷ JetStream replay", "replay/256/forebay", 8, "replay/256/nats"),
    Goal("one event and wait ÷ bare zmq + LMDB round trip, p50", "wait/256/forebay", 1.15, "wait/256/zmq+lmdb", True),
    Goal("end to end p99 at 50 % load ÷ p50 commit time", "latency-p99/50 %/forebay", 3, "commit/50 %/forebay", True),
    Goal("apply into a keyed view ÷ bare LMDB keyed updates", "apply/256/forebay", 0.7, "apply/256/lmdb"),
    Goal("EDD query in process, p99, µs", "edd-process/p99/forebay", 30, at_most=True),
    Goal("EDD query over the socket, under load ÷ bare ROUTER echo", "edd/loaded/forebay", 0.5, "edd/loaded/echo"),
    Goal("publish speed at 40 GB ÷ at 1 GB", "growth/40 GB/forebay", 0.9, "growth/1 GB/forebay"),
    Goal("publish speed at steady state with retention ÷ growing", "mixed/steady/forebay", 1.0, "mixed/growing/forebay"),
    Goal("worst commit at steady state with retention, ms", "worst-commit/steady/forebay", 50, at_most=True),
    Goal("publish speed with 1,000 streams ÷ with 1", "streams/1000/forebay", 0.5, "streams/1/forebay"),
    Goal("private memory of a sidecar at full load, MiB", "memory/", 96, at_most=True),
    Goal("start-up with 40 GB of log, ms", "start-up/40 GB/forebay", 200, at_most=True),
]


def judge(rounds, explained):
    """`rounds`: figures by name, of each round. `explained`: by goal, why it is not reached, and a bound: what lies `beyond` it
    is not explained. What this run leaves out has neither measured nor met."""
    return [_entry(goal, goal.values(rounds), explained) for goal in GOALS]


def _entry(goal, values, explained):
    entry = {"name": goal.name, "measured": None, "spread": None, "goal": goal.goal}
    entry |= {"at": "most" if goal.at_most else "least", "met": None, "explained": None}
    if values:
        value = statistics.median(values)
        entry["measured"] = round(value, 3)
        entry["spread"] = [round(min(values), 3), round(max(values), 3)]
        entry["met"] = goal.reached(value, goal.goal)
        known = explained.get(goal.name)
        if not entry["met"] and known and goal.reached(value, known["beyond"]):
            entry["explained"] = known["why"]
    return entry
