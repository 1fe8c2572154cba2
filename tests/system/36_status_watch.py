#!/usr/bin/python3
"""`forebay status --watch` on a real pseudo-terminal: what it shows, that it stands out, and that it gives the terminal
back.
"""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import unittest

import pyte
from forebay_test import Installation, wait_until

TOPOLOGY = """
[topology]
name = "watched"
[hosts.a]
metrics_port = 0
[sidecars.inventory]
host = "a"
streams = { inventory = {}, prices = {} }
[sidecars.catalog]
host = "a"
streams = { catalog = {} }
[nodes.answers]
kind = "sourcing"
host = "a"
subscribes = ["inventory", "catalog"]
"""
OWN_SCREEN, FORMER_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
RESTORED = b"\x1b[?7h\x1b[?25h" + FORMER_SCREEN


class Window:
    """A terminal, and the program that runs on it; `screen` is what somebody who looks at it sees."""

    def __init__(self, installation, words, columns=160, lines=24, **environment):
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._master, self._terminal = pty.openpty()
        os.set_blocking(self._master, False)
        self._resize(columns, lines)
        self.before = self.attributes()
        environment = {**os.environ, "FOREBAY_TOPOLOGY": str(installation.topology), "TERM": "xterm", **environment}
        self.process = subprocess.Popen(
            [installation.program("forebay"), *words], stdin=self._terminal, stdout=self._terminal, stderr=self._terminal, env=environment,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )  # fmt: skip

    def _resize(self, columns, lines):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.read()
        self.screen.resize(lines, columns)
        self._resize(columns, lines)

    def press(self, keys):
        os.write(self._master, keys)

    def read(self):
        """Takes what was written; the lines that are seen then."""
        while True:
            try:
                more = os.read(self._master, 65536)
            except BlockingIOError:
                return [line.rstrip() for line in self.screen.display]
            self.written += more
            self._stream.feed(more)

    def line(self, begin):
        """The number of the first line that begins so; None if there is none."""
        return next((number for number, line in enumerate(self.read()) if line.startswith(begin)), None)

    def looks(self, number):
        """Colour and weight of a line's first character."""
        character = self.screen.buffer[number][0]
        return character.fg, character.bold

    def wait_ended(self):
        wait_until(lambda: self.read() and self.process.poll() is not None, "it ends", 20)
        self.read()
        return self.process.returncode

    def attributes(self):
        return termios.tcgetattr(self._terminal)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._terminal)


class StatusWatch(unittest.TestCase):
    def setUp(self):
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(self._end)
        self.sidecars = {name: self.installation.start_sidecar(name) for name in ("inventory", "catalog")}
        node = [self.installation.program("forebay-sourcing"), "-t", self.installation.topology, "answers"]
        self.node = self.installation.start(node, "answers")

    def _end(self):
        result = self._outcome.result
        self.installation.__exit__(bool(result.failures or result.errors))

    def window(self, *words, **how):
        window = Window(self.installation, words or ("status", "--watch"), **how)
        self.addCleanup(window.end)
        return window

    def is_well(self, window):
        return "  all is well  (q quits)" in window.read()[0]

    def restored(self, window):
        self.assertTrue(window.written.endswith(RESTORED), window.written[-80:])
        self.assertEqual(window.written.count(OWN_SCREEN), 1)
        self.assertEqual(window.attributes(), window.before)

    def test_what_is_not_well_stands_out_and_q_gives_the_terminal_back(self):
        window = self.window()
        wait_until(lambda: self.is_well(window), "all is well", 40)
        self.assertNotEqual(window.attributes(), window.before)  # keys come at once, and unseen
        lines = window.read()
        self.assertTrue(lines[0].startswith("watched  20"))
        self.assertRegex(lines[2], r"^STREAM +SIDECAR .* LOST +CONSUMER .* LOST +FAILED +STATE +HEALTH$")
        self.assertEqual(window.looks(window.line("catalog ")), ("default", False))

        self.sidecars["catalog"].kill()
        wait_until(lambda: any(line.endswith("! does not answer") for line in window.read()), "its sidecar is missed", 20)
        number = window.line("- ")
        self.assertEqual(window.looks(number), ("red", True))
        self.assertEqual(window.looks(window.line("inventory ")), ("default", False))
        self.assertIn("1 of 3 rows not well", window.read()[0])
        self.assertEqual(window.looks(0), ("red", True))
        # The node tells that it hears nothing of it: an alert of its own, which no sidecar has.
        wait_until(lambda: window.line("silent_beacon ") is not None, "the node's alert is shown", 20)
        self.assertRegex(window.read()[window.line("silent_beacon ")], r"^silent_beacon +answers +catalog +20\S+Z +\S+s +nothing is heard")
        first = window.read()[0].split()[1]
        wait_until(lambda: window.read()[0].split()[1] > first, "time goes on while it is down", 20)

        window.press(b"q")
        self.assertEqual(window.wait_ended(), 1)  # as `status` would
        self.restored(window)

    def test_it_fits_a_window_that_becomes_another(self):
        window = self.window()
        wait_until(lambda: self.is_well(window), "all is well", 40)
        self.assertIn(" OLDEST ", window.read()[2])
        window.resize(100, 5)
        wait_until(lambda: "OLDEST" not in window.read()[2] and window.read()[4] == "… 2 more rows", "it fits the small one", 20)
        self.assertRegex(window.read()[2], r"^STREAM +SIDECAR .*LOST +CONSUMER .* HEALTH$")
        self.sidecars["catalog"].kill()
        wait_until(lambda: window.read()[3].endswith("! does not answer"), "what is not well comes first", 20)
        window.resize(160, 24)
        wait_until(lambda: "OLDEST" in window.read()[2] and window.line("prices ") is not None, "it fits the large one", 20)

    def test_signals_give_the_terminal_back(self):
        for end in (lambda window: window.press(b"\x03"), lambda window: window.process.send_signal(signal.SIGTERM)):
            window = self.window()
            wait_until(lambda: self.is_well(window), "all is well", 40)
            end(window)
            self.assertEqual(window.wait_ended(), 0)
            self.restored(window)

    def test_who_stops_it_for_a_while_has_the_terminal_meanwhile(self):
        window = self.window()
        wait_until(lambda: self.is_well(window), "all is well", 40)
        window.press(b"\x1a")  # Ctrl-Z, where nobody could let it go on: it goes on by itself

        def gone_and_back():
            window.read()
            return window.written.count(RESTORED) == 1 and window.written.count(OWN_SCREEN) == 2

        wait_until(gone_and_back, "it was given back, and taken again", 20)
        wait_until(lambda: self.is_well(window), "all is shown anew", 20)
        window.press(b"q")
        self.assertEqual(window.wait_ended(), 0)
        self.assertEqual(window.attributes(), window.before)

    def test_without_colours_or_a_terminal(self):
        window = self.window(NO_COLOR="1")
        wait_until(lambda: self.is_well(window), "all is well", 40)
        self.sidecars["catalog"].kill()
        wait_until(lambda: window.line("- ") is not None, "its sidecar is missed", 20)
        self.assertEqual(window.looks(window.line("- ")), ("default", True))
        plain = self.window(TERM="dumb")
        wait_until(lambda: plain.read() and plain.written.count(b"STREAM ") >= 2, "tables follow one another", 20)
        self.assertNotIn(b"\x1b", plain.written)
        watch = self.installation.forebay("status", "--watch")
        wait_until(lambda: watch.output().count("STREAM ") >= 2, "tables follow one another", 20)
        self.assertNotIn("\x1b", watch.output())
        watch.stop()


if __name__ == "__main__":
    unittest.main()
