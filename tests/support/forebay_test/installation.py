"""An installation of Forebay in a temporary folder: a topology file, and the processes started from it."""

import os
import pathlib
import shutil
import sys
import tempfile

from forebay_test.process import Process

ONE_STREAM = """
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = { events = {} }
"""


class Installation:
    """Its folder goes at the end, with what still runs. The path is short: that of a socket ends at 107 bytes."""

    def __init__(self, topology):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
        self.topology = self.folder / "t.toml"
        self.topology.write_text(topology)
        self._processes = []

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        for process in self._processes:
            if process.running():
                process.kill()
            if failure:
                print(f"--- {process.err_path.name}\n{process.errors()}", file=sys.stderr)
        shutil.rmtree(self.folder)

    @staticmethod
    def program(name):
        return pathlib.Path(os.environ["FOREBAY_BIN"]) / name

    def endpoint(self, name, socket):
        """Where a sidecar or node binds that socket (docs/topology.md, derived endpoints)."""
        return f"ipc://{self.socket_path(name, socket)}"

    def socket_path(self, name, socket):
        return self.folder / "state" / name / f"{socket}.sock"

    def start(self, argv, log, **popen):
        """Starts a program; its output is in <folder>/<log>.out and .err."""
        process = Process(argv, self.folder / log, **popen)
        self._processes.append(process)
        return process

    def start_sidecar(self, name, **popen):
        """Does not wait: whoever talks to it is answered as soon as it serves."""
        return self.start([self.program("forebay-sidecar"), "-t", self.topology, name], name, **popen)

    def forebay(self, *words, log="forebay", **popen):
        """Starts the command line tool with FOREBAY_TOPOLOGY set."""
        environment = dict(os.environ, FOREBAY_TOPOLOGY=str(self.topology))
        return self.start([self.program("forebay"), *words], log, env=environment, **popen)
