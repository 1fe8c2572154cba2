#!/usr/bin/python3
"""A sidecar that may open few files serves, or ends with status 1 and says what it lacks."""

import re
import resource
import signal
import unittest

from forebay_test import Installation, wait_until

WITH_ALERTS = """
[topology]
name = "test"
[hosts.a]
metrics_port = 0
alerts = "alerts"
[sidecars.events]
host = "a"
streams = { events = {}, alerts = {} }
"""
# libzmq's own threads abort where they find none.
ABORTED = re.compile(r"Too many open files \(.*\.cpp")


class Descriptors(unittest.TestCase):
    def test_whatever_the_limit_it_serves_or_says_what_it_lacks(self):
        ends = {self.end_with(limit) for limit in range(8, 64, 3)}
        self.assertEqual(ends - {"aborted"}, {"served", "told"})

    def end_with(self, limit):
        with Installation(WITH_ALERTS) as installation, self.subTest(limit=limit):
            sidecar = installation.start_sidecar(
                "events", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            )
            serves = lambda: "serving, boot" in sidecar.errors()  # noqa: E731
            wait_until(lambda: serves() or not sidecar.running(), "it serves, or ended")
            if sidecar.running():
                sidecar.signal(signal.SIGTERM)
            status, said = sidecar.wait(), sidecar.errors()
            if status == -signal.SIGABRT and ABORTED.search(said):
                return "aborted"
            if status == 0:
                return "served"
            self.assertEqual(status, 1, said)
            self.assertRegex(said.splitlines()[-1], "critical .*Too many open files")
            return "told"


if __name__ == "__main__":
    unittest.main()
