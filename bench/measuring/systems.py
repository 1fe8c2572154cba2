"""The systems that are measured, each started by itself in a scratch folder, on loopback, and stopped again."""

import json
import pathlib
import shutil
import signal
import socket
import subprocess
import time

DEADLINE_SECONDS = 300


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Role:
    """A program of the benchmark under way; each line it prints is a JSON object."""

    def __init__(self, program, *words):
        self._name = " ".join(map(str, (pathlib.Path(program).name, *words)))
        self._process = subprocess.Popen([str(program), *map(str, words)], stdout=subprocess.PIPE, text=True)

    def line(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}")
        return json.loads(line)

    def end(self):
        """What it measured."""
        figures = self.line()
        if self._process.wait(DEADLINE_SECONDS) != 0:
            raise RuntimeError(f"{self._name} ended with {self._process.returncode}")
        return figures

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Server:
    """One server in a folder of its own, which goes with it."""

    def __init__(self, binaries, scratch):
        self.binaries = binaries
        self.folder = pathlib.Path(scratch) / self.NAME
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.process = None
        self.roles = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for role in self.roles:
            role.kill()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, *words):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, cwd=self.folder)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def role(self, name, **options):
        """Starts a role; `events=5` is --events 5, `behind=True` is --behind."""
        words = [name, *self.address()]
        for option, value in options.items():
            words += [f"--{option.replace('_', '-')}"] + ([] if value is True else [str(value)])
        role = Role(self.binaries / self.PROGRAM, *words)
        self.roles.append(role)
        return role


class Forebay(Server):
    NAME, PROGRAM = "forebay", "bench_forebay"

    def __init__(self, binaries, scratch, streams=("events",), retention="{}"):
        super().__init__(binaries, scratch)
        entries = ", ".join(f"{stream} = {retention}" for stream in streams)
        (self.folder / "t.toml").write_text(
            f'[topology]\nname = "bench"\nstate_dir = "s"\n[hosts.a]\n[sidecars.x]\nhost = "a"\nstreams = {{ {entries} }}\n'
        )

    def start(self):
        began = time.monotonic()
        self.spawn(self.binaries / "forebay-sidecar", "-t", self.folder / "t.toml", "x")
        wait_for(lambda: self.status() is not None, "the sidecar")
        self.started_seconds = time.monotonic() - began

    def address(self):
        return ["--state", self.folder / "s" / "x"]

    def status(self):
        done = subprocess.run(
            [self.binaries / "forebay", "status", "--json", "-t", self.folder / "t.toml"], capture_output=True, text=True
        )
        return json.loads(done.stdout)["sidecars"][0] if done.returncode == 0 else None

    def private_bytes(self):
        """Memory of its own: what is in the page cache or shared is not."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Dirty:",)):
                return int(line.split()[1]) * 1024
        return 0


class Nats(Server):
    NAME, PROGRAM = "nats", "bench_nats"

    def start(self):
        self.port = free_port()
        config = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/store" }}\nmax_payload: 2MB\n'
        (self.folder / "nats.conf").write_text(config)
        self.spawn("nats-server", "-c", self.folder / "nats.conf")
        wait_for(self._listens, "nats-server")

    def _listens(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def address(self):
        return ["--url", f"nats://127.0.0.1:{self.port}"]


class Redis(Server):
    NAME, PROGRAM = "redis", "bench_redis"

    def __init__(self, binaries, scratch, fsync="always"):
        super().__init__(binaries, scratch)
        self.fsync = fsync

    def start(self):
        self.socket = self.folder / "redis.sock"
        self.spawn(
            *["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", ""],
            *["--appendonly", "yes", "--appendfsync", self.fsync, "--auto-aof-rewrite-percentage", "0"],
        )
        wait_for(self.socket.exists, "redis-server")

    def address(self):
        return ["--socket", self.socket]


def limit(binaries, scratch, role, keep=False, **options):
    """Runs a role of bench_limits to its end."""
    folder = pathlib.Path(scratch) / "limits"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    try:
        return Role(binaries / "bench_limits", role, "--dir", folder, *words).end()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
