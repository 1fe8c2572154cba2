"""SIGHUP to a daemon: what it takes over, and that what it cannot begin with leaves it as it was. Under systemd: 30_systemd."""

import signal
import unittest

from forebay_test import wait_until
from keyed_publishing import KeyedTest

VISITOR = """
[nodes.visitor]
kind = "service"
host = "%s"
subscribes = ["a"]
"""


class Reload(KeyedTest):
    def prepare(self):
        self.base = self.installation.topology.read_text()
        self.base += "[alerts]\ndisk_percent = 1\n"
        self.installation.topology.write_text(self.base + VISITOR % "a")

    def reload(self, name, topology):
        self.installation.topology.write_text(topology)
        self.sidecars[name].signal(signal.SIGHUP)

    def wait_serving(self, times):
        """A request that comes between two lives is not answered, and whoever asked asks again; the test's client does not."""
        wait_until(lambda: self.sidecars["left"].errors().count("serving, boot") == times, f"it serves for the {times}th time", 30)
        if "left" in self.clients:
            self.clients.pop("left").__exit__()

    def wait_said(self, text):
        wait_until(lambda: text in self.sidecars["left"].errors(), f"it says: {text}", 30)

    def test_a_topology_with_which_it_cannot_begin_is_given_up_and_all_goes_on(self):
        keys = [self.verb("keys", "generate", name) for name in ("left", "visitor")]
        self.assertEqual([code for code, *_ in keys], [0, 0])
        consumer = self.consumer({"a": "earliest"})
        consumer.wait_applied("a", self.publish("a", 20))
        pid = self.sidecars["left"].pid
        # Sound as a file, but no address of this machine.
        far = self.base.replace("[hosts.a]", '[hosts.far]\naddress = "192.0.2.8"\n[hosts.a]\naddress = "192.0.2.7"')
        self.reload("left", far + VISITOR % "far" + "[keys]\n" + "".join(line for _, line, _ in keys))
        self.wait_said("reload failed, and what was served before is served again")
        self.assertIn("192.0.2.7", self.sidecars["left"].errors())
        self.wait_serving(2)
        self.assertEqual((self.sidecars["left"].pid, self.sidecars["left"].running()), (pid, True))
        consumer.wait_applied("a", self.publish("a", 20))
        self.assert_folded(consumer, "a")
        # It is asked again, with what is right.
        self.reload("left", self.base.replace("b = {}", "b = {}, d = {}"))
        self.wait_said("stream d: head 0")
        self.wait_serving(3)
        self.assertIn("d", [each["stream"] for each in self.report("a")["streams"]])
        consumer.wait_applied("a", self.publish("a", 20))
        self.assert_folded(consumer, "a")

    def test_alerts_go_over(self):
        self.wait_raised("a", "disk", "")
        raised = [(each["alert"], each["raised"]) for each in self.report("a")["alerts"]["raised"]]
        self.reload("left", self.base.replace("b = {}", "b = {}, d = {}"))
        self.wait_serving(2)
        after = self.report("a")["alerts"]
        self.assertEqual([(each["alert"], each["raised"]) for each in after["raised"]], raised)
        self.assertEqual(after["history"], [])

    def test_a_feed_of_a_stream_that_the_sidecar_has_yet_to_read_of_is_one_to_start_again(self):
        feeder = '[nodes.feeder]\nkind = "feed"\nhost = "a"\npublishes = ["d"]\nsource = "lines.ndjson"\n'
        (self.installation.folder / "lines.ndjson").write_text('{"type": "value.added", "data": 1}\n')
        self.publish("a", 5)
        changed = self.base.replace("b = {}", "b = {}, d = {}") + feeder
        self.installation.topology.write_text(changed)
        command = [self.installation.program("forebay-feed"), "-t", self.installation.topology, "feeder"]
        feed = self.installation.start(command, "early")
        self.assertEqual(feed.wait(30), 1, feed.errors())  # 2 would be for good: systemd/sandbox.conf
        self.reload("left", changed)
        self.wait_serving(2)
        feed = self.installation.start(command, "late")
        self.assertEqual(feed.wait(30), 0, feed.errors())
        self.assertIn("1 published", feed.errors())

    def test_a_name_that_is_gone_from_it_is_said_and_all_goes_on(self):
        self.publish("a", 5)
        self.reload("left", self.base.replace("[sidecars.left]", "[sidecars.lift]"))
        self.wait_said("there is no sidecar 'left'; did you mean 'lift'?")
        self.publish("a", 5)
        self.assertEqual(self.head("a"), 10)


if __name__ == "__main__":
    unittest.main()
