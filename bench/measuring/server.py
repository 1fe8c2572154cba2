"""Programs of the benchmark and the servers they talk to: started, watched and stopped. Whatever ends early, says
something unexpected or takes too long is an error."""

import functools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

DEADLINE_SECONDS = 180
SAMPLE_SECONDS = 0.05
PIECE = 4 << 20


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


def undisturbed(function):
    """A signal to stop waits until the function is through, so that nothing is started and forgotten, or half stopped."""

    @functools.wraps(function)
    def call(*values, **options):
        arrived = []
        handlers = {each: signal.signal(each, lambda *what: arrived.append(what)) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            return function(*values, **options)
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
            for number, frame in arrived[:1]:
                handlers[number](number, frame)

    return call


class Late(RuntimeError):
    """Nothing within DEADLINE_SECONDS."""


class Role:
    """A program under way; each line it prints is a JSON object. `watch` raises if what it depends on has failed."""

    def __init__(self, program, *words, watch=lambda: None):
        self._name = " ".join(map(str, (pathlib.Path(program).name, *words)))
        self._watch = watch
        self._unread = b""
        self._process = subprocess.Popen([str(program), *map(str, words)], stdout=subprocess.PIPE, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def line(self):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while b"\n" not in self._unread:
            if select.select([self._process.stdout], [], [], 0.5)[0]:
                read = os.read(self._process.stdout.fileno(), 65536)
                if not read:
                    raise RuntimeError(f"{self._name} ended with {self._process.wait()}")
                self._unread += read
            self._watch()
            if time.monotonic() > deadline:
                raise Late(f"{self._name}: nothing within {DEADLINE_SECONDS} s")
        line, self._unread = self._unread.split(b"\n", 1)
        return json.loads(line)

    def end(self):
        """What it measured."""
        figures = self.line()
        if self._process.wait(DEADLINE_SECONDS) != 0:
            raise RuntimeError(f"{self._name} ended with {self._process.returncode}")
        return figures

    def failed(self):
        """How, if it has."""
        code = self._process.poll()
        return f"{self._name} ended with {code}" if code else None

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Memory:
    """The peak of a process's own memory (what is in the page cache or shared is not), looked at every 50 ms."""

    def __init__(self, pid):
        self._status = pathlib.Path(f"/proc/{pid}/status")
        self._stop = threading.Event()
        self.peak_mib = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(SAMPLE_SECONDS):
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            kib = next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)
            self.peak_mib = max(self.peak_mib, kib / 1024)

    def stop(self):
        self._stop.set()
        self._thread.join()


class Server:
    """One server in a folder of its own, which goes with it."""

    def __init__(self, settings):
        self.binaries, self.prepare = settings.binaries, settings.prepare
        self.folder = pathlib.Path(settings.scratch).resolve() / self.NAME
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.processes = []
        self.roles = []
        self.publishing = {}  # options of its publishers

    def __enter__(self):
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    @undisturbed
    def __exit__(self, *_):
        for role in self.roles:
            role.kill()
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @undisturbed
    def spawn(self, *words, **environment):
        with open(self.folder / "server.log", "ab") as log:
            process = subprocess.Popen(
                list(map(str, words)),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | environment,
                start_new_session=True,  # Ctrl-C is the driver's alone, which stops all in order
            )
        self.processes.append(process)
        return process

    @undisturbed
    def stop(self):
        """In the reverse of the order they were started."""
        while self.processes:
            process = self.processes.pop()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def restart(self, evicted=False, cached=False):
        """What it has on disk: `evicted` from the page cache, or `cached` there."""
        self.stop()
        files = [file for file in self.folder.rglob("*") if file.is_file() and not file.is_symlink()]
        for file in files if evicted else []:
            with open(file, "rb") as opened:
                os.fsync(opened)
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.prepare()
        for file in files if cached else []:
            with open(file, "rb", buffering=0) as opened:
                while opened.read(PIECE):
                    pass
        self.start()

    def watch(self):
        for process in self.processes:
            if process.poll() is not None:
                log = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{process.args[0]} ended with {process.returncode}:\n{log}")
        for role in self.roles:
            if how := role.failed():
                raise RuntimeError(how)

    @undisturbed
    def role(self, name, program=None, **options):
        """Starts a role; `events=5` is --events 5, `behind=True` is --behind."""
        words = [name, *self.address()]
        for option, value in (options | (self.publishing if name == "publish" else {})).items():
            words += [f"--{option.replace('_', '-')}"] + ([] if value is True else [str(value)])
        role = Role(self.binaries / (program or self.PROGRAM), *words, watch=self.watch)
        self.roles.append(role)
        return role

    def end(self, role):
        """Ends a role that goes on for ever, or that nobody waits for any more."""
        self.roles.remove(role)
        role.kill()
