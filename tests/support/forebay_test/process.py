"""A child process of a test, with its output in files."""

import pathlib
import signal
import subprocess

STOP_SECONDS = 20


class Process:
    """Runs argv; its stdout and stderr are in <log>.out and <log>.err, appended to over restarts."""

    def __init__(self, argv, log, **popen):
        self.out_path, self.err_path = (pathlib.Path(f"{log}.{end}") for end in ("out", "err"))
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self._popen = subprocess.Popen(
                [str(word) for word in argv], stdin=popen.pop("stdin", subprocess.DEVNULL), stdout=out, stderr=err, **popen
            )

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def signal(self, number):
        self._popen.send_signal(number)

    def wait(self, seconds=STOP_SECONDS):
        """The exit code, negative the signal that ended it."""
        return self._popen.wait(seconds)

    def stop(self):
        """Asks it to end in order, as a supervisor does; returns its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def close_input(self):
        """Of one that was started with stdin=subprocess.PIPE: it reads the end of its input."""
        self._popen.stdin.close()

    def kill(self):
        """Ends it as kill -9 does."""
        self._popen.kill()
        self.wait()

    def output(self):
        return self.out_path.read_text(errors="replace")

    def errors(self):
        return self.err_path.read_text(errors="replace")

    def anonymous_memory(self):
        """Bytes of its own memory that are in RAM, without mapped files."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"process {self.pid} has no RssAnon")
