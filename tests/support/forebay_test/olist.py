"""The Olist events as the system tests play them: files a stream, what a fold of a log must answer, and asking the same
of the pipeline.

    streams = converted(data_or_skip(), folder)  # by stream, the events as dicts
    queries = add_probes(streams, dice, 1000)
    ...  # play them
    assert asked(installation, queries, node, streams) == answers_of(fold(logs), queries)
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
from collections import defaultdict

from client import Client
from formats import EVENTS, Chain

ROOT = pathlib.Path(__file__).resolve().parents[3]
OLIST = ROOT / "examples" / "olist"
sys.path.insert(0, str(OLIST))
import check  # noqa: E402
import convert  # noqa: E402

STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
SKIP = 77


def data_or_skip():
    data = pathlib.Path(os.environ.get("FOREBAY_OLIST_DATA") or ROOT.parent / "shared" / "data" / "olist")
    if not any((data / f"{name}.csv{end}").is_file() for name in ("orders", "olist_orders_dataset") for end in ("", ".gz")):
        print(f"skipped: no Olist data in {data} (or $FOREBAY_OLIST_DATA; examples/olist/README.md says where it is)")
        sys.exit(SKIP)
    return data


def converted(data, folder):
    """By stream, its events."""
    convert.convert(data, folder, 80)
    streams = {stream: [] for stream in STREAMS}
    with open(folder / "timeline.ndjson", encoding="utf-8") as timeline:
        for line in timeline:
            entry = json.loads(line)
            if "ask" not in entry:
                streams[entry["stream"]].append(entry["event"])
    return streams


def add_probes(streams, dice, most):
    """Appends events to the streams after which answers tell whether each fold is exact, and returns the questions.

    At the end all stock is used up and no capacity is bounded, so that one event too many or too few would not show.
    Hence stock comes back in known numbers, and capacities are set to exactly what is used, or to one more; at most so
    many of each are asked for.
    """
    view = fold(streams)
    added = {stream: [] for stream in STREAMS}
    queries = []
    zones = sorted({to for _, to in view.lanes})
    skus = defaultdict(list)

    def add(stream, kind, data):
        number = len(streams[stream]) + len(added[stream]) + 1
        added[stream].append({
            "specversion": "1.0", "id": f"{stream}-probe-{number}", "source": "/probe", "type": kind,
            "time": "2018-12-01T00:00:00Z", "data": data,
        })  # fmt: skip

    def ask(sku, quantity, date):
        line = {"sku": sku, "quantity": quantity}
        queries.append({"lines": [line], "to_zone": dice.choice(zones), "at": f"{date}T12:00:00-03:00"})

    records = sorted((fc, sku) for sku, stock in view.stock.items() for fc in stock if fc in view.fcs)
    for fc, sku in dice.sample(records, min(most, len(records))):
        skus[fc].append(sku)
        there = dice.randint(1, 3)
        add("inventory", "stock.adjusted", {"sku": sku, "fc": fc, "delta": there - view.stock[sku][fc]})
        ask(sku, there, "2018-12-04")
        ask(sku, there + 1, "2018-12-04")
    keys = sorted(key for key in view.used if key[-2] in skus)
    for key in dice.sample(keys, min(most, len(keys))):
        *carrier, fc, date = key
        count = view.used[key] + dice.choice((0, 1))
        if carrier:
            add("carriers", "carrier.capacity_set", {"carrier": carrier[0], "fc": fc, "date": date, "boxes": count})
            date = _processed_for(view, fc, date)
        else:
            add("fulfilment", "fc.capacity_set", {"fc": fc, "date": date, "orders": count})
        ask(dice.choice(skus[fc]), 1, date)
    for stream in STREAMS:
        streams[stream] += added[stream]
    return queries


def _processed_for(view, fc, date):
    """The day whose orders are ready on that date, capacities aside."""
    day, steps = datetime.date.fromisoformat(date), view.fcs[fc]["handling_days"]
    while steps > 0:
        day -= datetime.timedelta(days=1)
        steps -= day.isoweekday() in view.fcs[fc]["working_days"] and (fc, day.toordinal()) not in view.closed
    return day.isoformat()


def fold(streams):
    view = check.View()
    for events in streams.values():
        for event in events:
            view.apply(event)
    return view


def answers_of(view, queries):
    """What the sourcing node has to say, by the plain calculation."""
    return [check.answer(check.options(view, query)) for query in queries]


def lines_of(events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def log_of(installation, stream):
    """The events of a stream's log from its beginning; fails unless its sequences are dense and its chain holds."""
    with Client(lambda socket: installation.endpoint(stream, socket)) as client:
        chain, events = Chain(client.fetch(stream, 1, 1)[0]["incarnation"]), []
        for batch in client.read(stream, 1, chain.incarnation, chain.checksum):
            chain.add(batch)
            assert batch.kind == EVENTS, f"{stream}: a gap record at {batch.base}"
            shared, *parts = batch.parts()
            for kind, _, _, data, attributes in parts:
                events.append({"type": kind, "data": data, "id": {**shared, **attributes}["id"]})
        assert chain.sequence == len(events)
        return events


def same_events(ours, theirs):
    """Whether type, data and id are equal, in order."""
    return len(ours) == len(theirs) and all(
        all(a[name] == b[name] for name in ("type", "data", "id")) for a, b in zip(ours, theirs)
    )


def asked(installation, queries, node, streams, **popen):
    """The node's answers, once it has applied all events of the streams."""
    file = installation.folder / f"queries-{node}.ndjson"
    at_least = {stream: len(events) for stream, events in streams.items()}
    with open(file, "w", encoding="utf-8") as out:
        for query in queries:
            out.write(json.dumps({**query, "at_least": at_least, "timeout_ms": 60000}) + "\n")
    done = subprocess.run(
        [installation.program("forebay"), "query", "edd", "-t", installation.topology, "--node", node, "--file", file],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, f"query edd ended with {done.returncode}: {done.stderr}{done.stdout[:2000]}"
    names = check.answer([])
    return [{name: answer[name] for name in names} for answer in map(json.loads, done.stdout.splitlines())]


def standing(installation):
    """By consumer and stream, the entry of `forebay consumers list`, where every consumer is known."""
    done = subprocess.run(
        [installation.program("forebay"), "consumers", "list", "-t", installation.topology, "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"consumers list ended with {done.returncode}: {done.stderr}"
    all_ = {
        (node["consumer"], stream["stream"]): stream for node in json.loads(done.stdout) for stream in node["streams"]
    }
    assert all(entry["cursor"] is not None for entry in all_.values()), "some have not registered yet"
    return all_


def topology(follow, sourcing):
    """Four sidecars, a feed each, reading NDJSON beside the topology, and sourcing nodes of these names."""
    every = ", ".join(f'"{stream}"' for stream in STREAMS)
    parts = ['[topology]\nname = "olist"\n[hosts.a]\n']
    for stream in STREAMS:
        parts.append(f'[sidecars.{stream}]\nhost = "a"\nstreams = {{ {stream} = {{}} }}\n')
        parts.append(
            f'[nodes.{stream}-feed]\nkind = "feed"\nhost = "a"\npublishes = ["{stream}"]\n'
            f'source = "{stream}.ndjson"\nfollow = {"true" if follow else "false"}\n'
        )
    for node in sourcing:
        parts.append(f'[nodes.{node}]\nkind = "sourcing"\nhost = "a"\nsubscribes = [{every}]\n')
    return "".join(parts)
