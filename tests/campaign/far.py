"""An installation on two hosts of loopback, and who talks to each other there: what rows E and I share.

The sidecar `left` is on the host `here`, the node `counter` on the host `there`. Each host has an address of its own in
127.0.0.0/8, new for each installation, so that slices do not meet; what lies between the hosts may be a proxy.
"""

import itertools
import json
import os
import pathlib
import subprocess
import sys

import zmq

from client import Client
from forebay_test import Installation, KeyedConsumer
from formats import Chain

HERE = pathlib.Path(__file__).resolve().parent
BASE_PORT = 7400
CONTROL_PORT, BROADCAST_PORT = BASE_PORT, BASE_PORT + 1
SIDECAR = "left"
TOPOLOGY = """
[topology]
name = "test"
state_dir = "{state}"
[hosts.here]
address = "{here}"
base_port = {port}
[hosts.there]
address = "{there}"
base_port = {port}
[sidecars.left]
host = "here"
streams = {{ {streams} }}
"""
_numbers = itertools.count(1)


def addresses(count):
    """So many addresses of loopback that no other process of these tests uses."""
    low, number = os.getpid() & 0xFFFF, itertools.islice(_numbers, count)
    return [f"127.{16 + each % 200}.{low >> 8}.{low & 0xFF}" for each in number]


def public_key(secret_path):
    return zmq.curve_public(secret_path.read_text().strip().encode()).decode()


class TwoHosts(Installation):
    """In the case's folder, which the harness removes, or keeps. `nodes` is the topology's text after the sidecar.

    With `keyed`, the sidecar, the counter, `others` of the nodes, and people who are operators have keys.
    """

    def __init__(self, case, streams, nodes, keyed, operators=(), others=()):
        self.case, self.folder, self._processes = case, case.folder, []
        self.here, self.there, self.between = addresses(3)
        self._streams = ", ".join(f"{stream} = {{}}" for stream in streams)
        self._nodes, self._keys = nodes, ""
        self.topology = self.write_topology("t.toml")
        if keyed:
            lines = [self.generate(name) for name in (SIDECAR, "counter", *others)]
            people = [self.generate(person, "--out", self.folder / f"{person}.key") for person in operators]
            self._keys = "\n".join(["[keys]", *lines, "[operators]", *people, ""])
            self.write_topology("t.toml")

    def __exit__(self, *_):
        for process in self._processes:
            if process.running():
                process.kill()

    def write_topology(self, name, state="state", here=None):
        """`here`: as which address the sidecar's host is known to whoever reads this file."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        text = TOPOLOGY.format(state=self.folder / state, here=here or self.here, there=self.there, port=BASE_PORT,
                               streams=self._streams)  # fmt: skip
        path.write_text(text + self._nodes + self._keys)
        return path

    def generate(self, *words):
        program, environment = self.program("forebay"), dict(os.environ, FOREBAY_TOPOLOGY=str(self.topology))
        command = [program, "keys", "generate", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def keys_of(self, name):
        """As a CURVE client uses them: the secret of a node, or of an operator, and the sidecar's public key."""
        path = self.folder / f"{name}.key"
        path = path if path.exists() else self.folder / "state" / name / "secret.key"
        server = public_key(self.folder / "state" / SIDECAR / "secret.key")
        return {"secret": path.read_text().strip(), "public": public_key(path), "server": server}

    def far_endpoint(self, socket, address=None):
        return f"tcp://{address or self.here}:{CONTROL_PORT if socket == 'control' else BROADCAST_PORT}"

    def client(self):
        """Beside the sidecar, with nothing between them."""
        return Client(lambda socket: self.endpoint(SIDECAR, socket))


class Counter(KeyedConsumer):
    """hello-consumer, the node `counter`: its view has how many events there are of each type.

    Over tcp: encrypted where the topology has keys. `here` is the address where it looks for the sidecar.
    """

    def __init__(self, installation, here=None):
        super().__init__(installation, {}, "counter")
        # The program looks for its topology beside it.
        self._place = installation.folder / "far"
        installation.write_topology("far/topology/single.toml", here=here)

    def start(self):
        program = self._installation.program("hello-consumer")
        self.process = self._installation.start([program], self.name, cwd=self._place, stdin=subprocess.PIPE)
        return self.process

    def values(self):
        words = [sys.executable, HERE / "lmdb_peek.py", view_folder(self), "dump", "counts"]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
        return {type_: int(count) for type_, count in json.loads(done.stdout).items()}


def view_folder(consumer):
    """Of its live view."""
    return consumer.state / "views" / (consumer.state / "current").read_text().strip()


def read_log(client, stream):
    """All its batches; that they are dense and chained is checked."""
    incarnation = client.fetch(stream, 1, 1)[0]["incarnation"]
    chain = Chain(incarnation)
    return [chain.add(batch) for batch in client.read(stream, 1, incarnation)]


def differences(is_, must_be):
    """Of two views, the first few: by key, what is there and what must be."""
    wrong = {key: (is_.get(key), must_be.get(key)) for key in is_.keys() | must_be.keys()}
    return dict([each for each in wrong.items() if each[1][0] != each[1][1]][:10])


def view_and_fold(consumer, logs):
    """What a consumer has, and what it must have after these logs."""
    if isinstance(consumer, Counter):
        return consumer.values(), count_types(logs)
    return consumer.dump()["values"], fold_keyed(logs)


def count_types(logs):
    """What the counter's view must be."""
    counts = {}
    for batches in logs.values():
        for batch in batches:
            for type_, *_ in batch.events():
                counts[type_] = counts.get(type_, 0) + 1
    return counts


def fold_keyed(logs):
    """What the view of forebay-test-consumer must be: [sum, count, last sequence] by stream and key."""
    values = {}
    for stream, batches in logs.items():
        for batch in batches:
            for sequence, (_, _, _, data, _) in enumerate(batch.events(), batch.base):
                record = values.setdefault(f"{stream}/{data.get('key', '')}", [0, 0, 0])
                record[:] = [record[0] + data.get("delta", 0), record[1] + 1, sequence]
    return values
