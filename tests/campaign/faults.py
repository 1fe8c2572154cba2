"""faults.c: preloaded into one process, it counts the process's calls on files below a folder, or lets one go wrong.

    fault = Fault("fdatasync", 3, errno.EIO)
    with preloaded(folder, out, fault):
        process = installation.start_sidecar("left")
    counts(out)["fired"]
"""

import atexit
import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

ENTRY = struct.Struct("<16sQ")
STEP_BYTES = 11 << 19  # of fallocate: a small workload meets several; more than what a small commit asks for
FOR_EVER = 0


@dataclasses.dataclass
class Fault:
    """`action`: before, after (the process is killed there), short (half is written), or an errno."""

    kind: str
    nth: int
    action: str | int
    times: int = 1
    while_there: pathlib.Path | None = None  # the fault ends when this file goes

    def __str__(self):
        times = {1: "once", FOR_EVER: "from there on"}.get(self.times, f"{self.times} times")
        what = self.action if isinstance(self.action, str) else os.strerror(self.action)
        return f"{self.kind} {self.nth} {what} {times}"


@functools.cache
def library():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source, built = pathlib.Path(__file__).with_name("faults.c"), folder / "faults.so"
    flags = ["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", built, source, "-ldl"], check=True)
    return built


@contextlib.contextmanager
def preloaded(folder, out, fault=None):
    """What is started inside has the library preloaded, and counts into `out`; `fault`: what is to go wrong."""
    chosen = {"LD_PRELOAD": library(), "FAULTS_FOLDER": folder, "FAULTS_OUT": out, "FAULTS_STEP": STEP_BYTES}
    if fault:
        chosen |= {"FAULTS_KIND": fault.kind, "FAULTS_NTH": fault.nth}
        chosen |= {"FAULTS_TIMES": fault.times, "FAULTS_ACTION": fault.action}
        if fault.while_there:
            chosen["FAULTS_WHILE"] = fault.while_there
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update({name: str(value) for name, value in chosen.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def counts(out):
    """By kind of call, how many there were; "fired": how many of them went wrong. Empty: it has not begun."""
    if not out.exists():
        return {}
    bytes_ = out.read_bytes()
    return {name.rstrip(b"\0").decode(): count for name, count in ENTRY.iter_unpack(bytes_) if name[0]}
