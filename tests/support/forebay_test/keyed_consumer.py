"""forebay-test-consumer under test, and the oracle that folds the log by itself.

    consumer = KeyedConsumer(installation, {"events": {"a": "earliest"}})
    consumer.start()
    consumer.wait_applied("a", head)
    assert consumer.dump()["values"] == fold("a", batches)
"""

import time

import msgpack
import zmq

from forebay_test.waiting import wait_until


class KeyedConsumer:
    """`links`: by sidecar, the start of each of its streams (earliest, latest, or an RFC 3339 time)."""

    def __init__(self, installation, links, name="keyed", options=()):
        self._installation, self.name = installation, name
        self.state = installation.folder / "state" / name
        self._links = [
            ",".join([str(installation.folder / "state" / sidecar), *(f"{stream}={start}" for stream, start in streams.items())])
            for sidecar, streams in links.items()
        ]
        self._options = options
        self.process = None

    def start(self):
        program = self._installation.program("forebay-test-consumer")
        self.process = self._installation.start([program, "--name", self.name, "--state", self.state, *self._options, *self._links], self.name)
        return self.process

    def restart(self):
        self.process.kill()
        return self.start()

    def ask(self, op, seconds=20.0, **fields):
        """Its answer to what operators may ask."""
        return self._exchange("control.sock", {"op": op, **fields}, seconds)

    def dump(self, view="", seconds=20.0):
        """What a view holds."""
        return self._exchange("test.sock", {"view": view}, seconds)

    def _exchange(self, socket_name, request, seconds):
        """On a connection of its own, so that a restart loses none."""
        deadline = time.monotonic() + seconds
        with zmq.Context() as context:
            while True:
                with context.socket(zmq.DEALER) as socket:
                    socket.linger = 0
                    socket.connect(f"ipc://{self.state}/{socket_name}")
                    socket.send(msgpack.packb(request))
                    if socket.poll(2000):
                        return msgpack.unpackb(socket.recv(), unicode_errors="surrogateescape")  # of a damaged view, too
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.name} does not answer {request}")

    def stream(self, stream):
        """What it says of a subscription, its state among it."""
        return next((each for each in self.ask("status")["streams"] if each["stream"] == stream), None)

    def wait_state(self, stream, state, seconds=20.0):
        wait_until(lambda: self.stream(stream)["state"] == state, f"{stream} is {state}", seconds)

    def wait_applied(self, stream, sequence, seconds=30.0):
        """Until its committed cursor is there; the dump that shows it."""

        def applied():
            dump = self.dump()
            return dump if dump["streams"].get(stream, {}).get("cursor", -1) >= sequence else None

        return wait_until(applied, f"{stream} applied up to {sequence}", seconds)

    def wait_built(self, seconds=30.0):
        """Until no view is being built; how that ended."""

        def ended():
            progress = self.ask("progress")
            return None if progress["running"] else progress

        return wait_until(ended, "the view is built", seconds)


def fold(stream, batches, from_=1, to=None):
    """The view of these batches' events from one sequence to another: {"stream/key": [sum, count, last sequence]}."""
    values = {}
    for batch in batches:
        for sequence, (_, _, _, data, _) in enumerate(batch.events(), batch.base):
            if sequence < from_ or (to is not None and sequence > to) or "refuse" in data:
                continue
            record = values.setdefault(f"{stream}/{data['key']}", [0, 0, 0])
            values[f"{stream}/{data['key']}"] = [record[0] + data["delta"], record[1] + 1, sequence]
    return values
