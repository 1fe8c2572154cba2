"""The systems that are measured, each started by itself in a scratch folder, on loopback, and stopped again."""

import json
import pathlib
import shutil
import socket
import subprocess
import time

from measuring.server import Memory, Role, Server, free_port, wait_for

# Events of a publisher under way: the best of those tried, from 256 to 262,144.
IN_FLIGHT = {"nats": 65_536, "redis-always": 16_384, "redis-everysec": 1024, "rabbit": 4096}


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Forebay(Server):
    NAME, PROGRAM = "forebay", "bench_forebay"
    NODES = ""

    def __init__(self, settings, streams=("events",)):
        """`streams`: names, or the topology's text for each name, as {"events": 'retention = {…}'}."""
        super().__init__(settings)
        texts = streams if isinstance(streams, dict) else dict.fromkeys(streams, "")
        entries = "\n".join(f"{name} = {{ {text} }}" for name, text in texts.items())
        (self.folder / "t.toml").write_text(
            '[topology]\nname = "bench"\nstate_dir = "s"\n[hosts.a]\n[sidecars.x]\nhost = "a"\n'
            f"[sidecars.x.streams]\n{entries}\n{self.NODES}"
        )
        self.memory = None

    def start(self):
        self.started_seconds = self.spawn_ready("forebay-sidecar", "x")
        self.memory = Memory(self.processes[-1].pid)

    def spawn_ready(self, program, name):
        """Starts one of Forebay's own; how long it takes until it serves."""
        path = self.folder / "notify.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(path))
            ready.settimeout(0.5)
            began = time.monotonic()
            self.spawn(self.binaries / program, "-t", self.folder / "t.toml", name, NOTIFY_SOCKET=str(path))
            while True:
                try:
                    if b"READY=1" in ready.recv(4096):
                        return time.monotonic() - began
                except TimeoutError:
                    self.watch()

    def stop(self):
        if self.memory:
            self.memory.stop()
        told = [process for process in self.processes if process.poll() is None]
        super().stop()
        for process in told:
            if process.returncode != 0:
                raise RuntimeError(f"{process.args[0]} ended with {process.returncode} when told to stop")

    def address(self):
        return ["--state", self.folder / "s" / "x"]

    def status(self):
        words = [self.binaries / "forebay", "status", "--json", "-t", self.folder / "t.toml"]
        return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["sidecars"][0]

    def commits(self):
        """What the sidecar's commits took since it started; nothing if it does not tell."""
        return self.status().get("commits", {})

    def expect(self, events):
        """So many events in the log, none missing and none twice."""
        if (held := sum(self.heads().values())) != events:
            raise RuntimeError(f"{events} events were published, and the log has {held}")

    def heads(self):
        return {stream["stream"]: stream["head"] for stream in self.status()["streams"]}


class Sourcing(Forebay):
    """A sidecar with four upstreams and a node that keeps a view of them."""

    NAME, PROGRAM = "sourcing", "bench_edd_socket"
    STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
    NODES = f'[nodes.sourcing]\nkind = "sourcing"\nhost = "a"\nsubscribes = {list(STREAMS)}\n'.replace("'", '"')

    def __init__(self, settings):
        super().__init__(settings, self.STREAMS)

    def start(self):
        super().start()
        self.spawn_ready("forebay-sourcing", "sourcing")

    def endpoint(self, folder="sourcing"):
        return f"ipc://{self.folder}/s/{folder}/query.sock"

    def applied(self):
        """How many events the view has, and how many it lacks."""
        rows = self.status()["consumers"]
        return sum(row["cursor"] for row in rows), sum(row["lag"] for row in rows)


class Nats(Server):
    NAME, PROGRAM = "nats", "bench_nats"

    def start(self):
        self.port = free_port()
        config = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/store" }}\nmax_payload: 2MB\n'
        (self.folder / "nats.conf").write_text(config)
        self.spawn("nats-server", "-c", self.folder / "nats.conf")
        wait_for(lambda: listens(self.port), "nats-server")

    def address(self):
        return ["--url", f"nats://127.0.0.1:{self.port}"]


class Redis(Server):
    NAME, PROGRAM = "redis", "bench_redis"

    def __init__(self, settings, fsync="always"):
        super().__init__(settings)
        self.fsync = fsync

    def start(self):
        self.socket = self.folder / "redis.sock"
        self.spawn(
            *["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", ""],
            *["--appendonly", "yes", "--appendfsync", self.fsync, "--auto-aof-rewrite-percentage", "0"],
        )
        wait_for(self.serves, "redis-server", 60)

    def serves(self):
        """Not while it reads its file."""
        self.watch()
        with socket.socket(socket.AF_UNIX) as one:
            if one.connect_ex(str(self.socket)) != 0:
                return False
            one.sendall(b"PING\r\n")
            return one.recv(64).startswith(b"+PONG")

    def address(self):
        return ["--socket", self.socket]


class Rabbit(Server):
    """With an epmd of its own, which the node would otherwise start as a daemon and leave."""

    NAME, PROGRAM = "rabbit", "bench_rabbit"
    SCRIPT = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's; the one in PATH changes the user

    def start(self):
        self.port, names, distribution = free_port(), str(free_port()), str(free_port())
        loopback = {"ERL_EPMD_PORT": names, "ERL_EPMD_ADDRESS": "127.0.0.1"}
        self.spawn("epmd", **loopback)
        (self.folder / "plugins").write_text("[].\n")
        self.spawn(
            self.SCRIPT,
            **loopback,
            HOME=str(self.folder),
            RABBITMQ_NODENAME="bench@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=distribution,
            RABBITMQ_MNESIA_BASE=str(self.folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(self.folder / "log"),
            RABBITMQ_CONFIG_FILE=str(self.folder / "none"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.folder / "plugins"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
        )
        wait_for(lambda: self.watch() or listens(self.port), "rabbitmq-server", 120)

    def address(self):
        return ["--port", self.port]


def server(settings, system):
    """By its name in figures."""
    kind, _, fsync = system.partition("-")
    made = Redis(settings, fsync) if kind == "redis" else {"forebay": Forebay, "nats": Nats, "rabbit": Rabbit}[kind](settings)
    made.publishing = {"in_flight": IN_FLIGHT[system]} if system in IN_FLIGHT else {}
    return made


def systems(settings):
    """Names of those that are measured: all, or in a small run what is installed here."""
    needs = {
        "nats": shutil.which("nats-server"),
        "redis-always": shutil.which("redis-server"),
        "redis-everysec": shutil.which("redis-server"),
        "rabbit": Rabbit.SCRIPT.exists(),
    }
    clients = {system: settings.binaries / f"bench_{system.split('-')[0]}" for system in needs}
    found = ["forebay"] + [system for system, there in needs.items() if there and clients[system].exists()]
    if missing := [system for system in needs if system not in found and not settings.smoke]:
        raise SystemExit(f"bench: {', '.join(missing)} cannot be measured here: start bench/run, which installs and builds them")
    quick = not settings.full and not settings.smoke
    return [system for system in found if not (quick and system == "rabbit")]  # which takes its time


def limit(settings, role, keep=False, kept=False, **options):
    """Runs a role of bench_limits to its end. `keep`: its files, for another role, which has `kept` them in the page cache."""
    folder = pathlib.Path(settings.scratch) / "limits"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    if not kept:
        settings.prepare()
    try:
        with Role(settings.binaries / "bench_limits", role, "--dir", folder, *words) as running:
            return running.end()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
