"""The goals: ratios taken within one round, so that the machine's drift hits both sides, and their medians over rounds."""

import statistics

# name, over, under (figures), goal, whether more is better
RATIOS = [
    ("publish until durable ÷ JetStream (unsynced)", "publish/256/forebay", "publish/256/nats", 8, True),
    ("publish until durable ÷ Redis, appendfsync always", "publish/256/forebay", "publish/256/redis-always", 6, True),
    ("publish ÷ bare LMDB synced appends", "publish-bytes/256/forebay", "publish-bytes/256/lmdb", 0.7, True),
    ("live ÷ bare PUSH→PULL→LMDB→PUB→SUB", "live-bytes/256/forebay", "live-bytes/256/pipe", 0.85, True),
    ("replay ÷ JetStream", "replay/256/forebay", "replay/256/nats", 8, True),
    ("one event and wait ÷ bare zmq + LMDB", "wait/256/forebay", "wait/256/zmq+lmdb", 1.15, False),
    ("into a keyed view ÷ bare LMDB keyed updates", "apply/256/forebay", "apply/256/lmdb", 0.7, True),
]
VALUES = [("private memory of a sidecar after the load, MiB", "memory/256/forebay", 96, False)]


def met(value, goal, more):
    return value >= goal if more else value <= goal


def judge(rounds, explained):
    """`rounds`: figures by name, of each round. `explained`: by goal, why it is not reached."""
    goals = []
    for name, over, under, goal, more in RATIOS:
        ratios = [each[over] / each[under] for each in rounds if over in each and under in each]
        if ratios:
            goals.append(_entry(name, ratios, goal, more, explained))
    for name, figure, goal, more in VALUES:
        values = [each[figure] for each in rounds if figure in each]
        if values:
            goals.append(_entry(name, values, goal, more, explained))
    return goals


def _entry(name, values, goal, more, explained):
    value = statistics.median(values)
    return {
        "name": name,
        "measured": round(value, 3),
        "spread": [round(min(values), 3), round(max(values), 3)],
        "goal": goal,
        "at": "least" if more else "most",
        "met": met(value, goal, more),
        "explained": explained.get(name),
    }
