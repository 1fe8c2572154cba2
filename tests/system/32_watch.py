"""What daemons say of themselves: metrics and health over HTTP, alerts in the report, to a program, to a stream."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import unittest

from forebay_test import Installation, fetched, free_ports, metrics, wait_until
from keyed_publishing import KeyedTest


class Watched(KeyedTest):
    def prepare(self):
        """`left` at the port, `right` two above; alerts to a program and to stream b."""
        self.port = free_ports(4)
        topology = self.installation.topology
        folder = self.installation.folder
        hook = folder / "hook"
        hook.write_text(f"#!/bin/sh\ncat >> {folder}/alerts.ndjson\n")
        hook.chmod(0o700)
        text = topology.read_text().replace("[hosts.a]", f'[hosts.a]\nmetrics_port = {self.port}\nalerts = "b"')
        topology.write_text(f'{text}\n[alerts]\nlag_events = 40\nlag_age = "3s"\ndisk_percent = 1\nnot_moving = "2s"\nexec = "{hook}"\n')

    def url(self, index=0):
        return f"http://127.0.0.1:{self.port + 2 * index}"

    def told(self):
        """What the program was told: (alert, subject, whether it is raised), in order."""
        path = self.installation.folder / "alerts.ndjson"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(each["alert"], each["subject"], each["cleared"] is None) for each in map(json.loads, lines)]

    def test_metrics_follow_what_happens(self):
        consumer = self.consumer({"a": "earliest"})
        head = self.publish("a", 30)
        consumer.wait_applied("a", head)

        def settled():
            now = metrics(self.url())
            return now.get('forebay_consumer_cursor{sidecar="left",stream="a",consumer="keyed"}') == head and now

        now = wait_until(settled, "the cursor is in the metrics", 30)
        self.assertEqual(now['forebay_head{sidecar="left",stream="a"}'], head)
        self.assertGreaterEqual(now['forebay_events_total{sidecar="left"}'], head)  # with alerts
        self.assertGreater(now['forebay_batches_total{sidecar="left"}'], 0)
        self.assertGreater(now['forebay_stream_bytes{sidecar="left",stream="a"}'], 0)
        commits = now['forebay_commit_seconds_count{sidecar="left"}']
        self.assertGreater(commits, 0)
        self.assertGreater(now['forebay_commit_seconds_sum{sidecar="left"}'], 0)
        buckets = [value for name, value in now.items() if name.startswith("forebay_commit_seconds_bucket{") and "Inf" not in name]
        self.assertEqual((buckets, buckets[-1]), (sorted(buckets), commits))
        self.assertGreater(now['forebay_connections_total{sidecar="left",from="near",what="accepted"}'], 0)
        self.assertEqual(now['forebay_full{sidecar="left"}'], 0)
        self.assertGreater(now['forebay_disk_bytes{sidecar="left"}'], now['forebay_disk_left_bytes{sidecar="left"}'])
        self.assertGreater(now['forebay_disk_left_bytes{sidecar="left"}'], 0)
        self.wait_raised("a", "disk", "")
        self.assertEqual(fetched(f"{self.url()}/health"), (200, '{"live":true,"ready":true,"reasons":[]}\n'))

    def test_a_consumer_that_ends_is_raised_shown_told_published_and_cleared(self):
        consumer = self.consumer({"a": "earliest"})
        consumer.wait_applied("a", self.publish("a", 10))
        consumer.process.kill()
        self.publish("a", 50)
        wanted = {(alert, "keyed of a") for alert in ("lag", "silent_consumer")}
        wait_until(lambda: wanted <= self.raised("a"), "the alerts are raised", 60)
        wait_until(lambda: wanted <= {each[:2] for each in self.told()}, "the program is told", 30)
        code, out, _ = self.verb("status")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"(?m)^ALERT +DAEMON +ABOUT +SINCE +FOR +WHAT$")
        self.assertRegex(out, r"(?m)^lag +left +keyed of a ")
        consumer.start()
        consumer.wait_applied("a", self.status("a")["head"])
        wait_until(lambda: not wanted & self.raised("a"), "they are cleared", 60)
        history = {(each["alert"], each["subject"]) for each in self.report("a")["alerts"]["history"]}
        self.assertLessEqual(wanted, history)
        wait_until(lambda: ("lag", "keyed of a", False) in self.told(), "the program is told", 30)

        def published():
            _, out, _ = self.verb("tail", "b")
            events = [json.loads(line) for line in out.splitlines()]
            return {(each["type"], each["source"], each["data"]["alert"]) for each in events}

        wanted = {(f"alert.{what}", "/left", "lag") for what in ("raised", "cleared")}
        wait_until(lambda: wanted <= published(), "they are in the stream", 30)

    def test_a_consumer_that_is_heard_and_goes_on_nowhere_is_raised(self):
        consumer = self.consumer({"a": "earliest"})
        consumer.wait_applied("a", self.publish("a", 10))
        self.forget_publishers()
        self.restart_sidecar("left", shutil.rmtree)
        self.publish("a", 30)
        # Of so few events it is their age that makes them a lag.
        wanted = {(alert, "keyed of a") for alert in ("diverged", "not_moving", "lag")}
        wait_until(lambda: wanted <= self.raised("a"), "all are raised", 60)
        self.assertGreater(metrics(self.url())['forebay_consumer_lag_seconds{sidecar="left",stream="a",consumer="keyed"}'], 3)
        self.assertEqual(metrics(self.url())['forebay_consumer_lag_events{sidecar="left",stream="a",consumer="keyed"}'], 30)
        wait_until(lambda: ("silent_consumer", "keyed of a") not in self.raised("a"), "it is heard", 60)

    def test_alerts_are_published_also_after_the_log_that_takes_them_was_replaced(self):
        def published():
            _, out, _ = self.verb("tail", "b")
            return {(each["source"], each["type"], each["data"]["alert"]) for each in map(json.loads, out.splitlines())}

        def wait_published(what):
            wait_until(lambda: ("/right", f"alert.{what}", "lag") in published(), f"that it is {what} is in the stream", 60)

        consumer = self.consumer({"c": "earliest"})
        consumer.wait_applied("c", self.publish("c", 10))
        consumer.process.kill()
        self.publish("c", 50)
        wait_published("raised")
        consumer.start()
        wait_published("cleared")
        self.restart_sidecar("left", shutil.rmtree)
        wait_published("raised")  # in the stream that began anew
        wait_published("cleared")

    def test_a_stream_of_alerts_that_is_not_served_is_asked_for_ever_more_rarely(self):
        topology = self.installation.topology
        old = topology.read_text()
        self.assertEqual([self.head(stream) for stream in "ac"], [0, 0])  # both serve
        topology.write_text(old.replace("b = {}", "b = {}, alerts = {}").replace('alerts = "b"', 'alerts = "alerts"'))
        self.restart_sidecar("right", lambda _: None)
        errors = self.sidecars["right"].errors
        wait_until(lambda: "tried anew in 4 s" in errors(), "it waits longer each time", 60)
        self.assertRegex(errors(), "alerts: stream 'alerts': .*no stream 'alerts'")
        self.restart_sidecar("left", lambda _: None)
        wait_until(lambda: "alert.raised" in self.verb("tail", "alerts")[1], "it is served", 60)

    def test_a_daemon_that_is_stopped_answers_nothing_until_it_goes_on(self):
        wait_until(lambda: fetched(f"{self.url(1)}/health")[0] == 200, "it is live", 30)
        self.sidecars["right"].signal(signal.SIGSTOP)
        try:
            wait_until(lambda: fetched(f"{self.url(1)}/health")[0] == 0, "it answers no more", 30)
        finally:
            self.sidecars["right"].signal(signal.SIGCONT)
        wait_until(lambda: fetched(f"{self.url(1)}/health")[0] == 200, "it is live again", 30)

    def test_a_port_that_is_taken_keeps_nobody_from_serving(self):
        wait_until(lambda: fetched(f"{self.url(1)}/health")[0] == 200, "it is live", 30)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

            def take(_):
                taken.bind(("127.0.0.1", self.port + 2))
                taken.listen()

            self.restart_sidecar("right", take)
            self.publish("c", 5)
            wait_until(lambda: "cannot bind" in self.sidecars["right"].errors(), "it says so", 30)


STALLING = r"""
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) {
  while (access(getenv("STALLED"), F_OK) == 0) usleep(10000);
  return (int)syscall(SYS_fdatasync, file);
}
"""


class OfTheDisk(KeyedTest):
    def test_a_commit_that_does_not_end_is_raised_and_makes_it_not_ready(self):
        folder, port = self.installation.folder, free_ports(1)
        self.publish("a", 5)
        self.forget_publishers()
        self.assertEqual(self.sidecars["left"].stop(), 0)
        stalled, library = folder / "stalled", folder / "stalling.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "-xc", "-"], input=STALLING, text=True, check=True)
        topology = self.installation.topology
        topology.write_text(topology.read_text().replace("[hosts.a]", f"[hosts.a]\nmetrics_port = {port}"))
        argv = [self.installation.program("forebay-sidecar"), "-t", topology, "left"]
        environment = dict(os.environ, LD_PRELOAD=str(library), STALLED=str(stalled))
        self.sidecars["left"] = self.installation.start(argv, "left", env=environment)
        self.clients.pop("left").__exit__()
        self.publish("a", 5)
        stalled.touch()
        self.send("a", 1, text="x" * 100_000)  # not committed by the main loop at once, as what is small and alone
        self.wait_raised("a", "stuck", "")
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: metrics(url).get('forebay_commit_under_way_seconds{sidecar="left"}', 0) > 5, "it is measured", 30)
        wait_until(lambda: metrics(url).get('forebay_ready{sidecar="left"}') == 0, "it is not ready", 30)
        wait_until(lambda: "a commit does not come to an end" in fetched(f"{url}/health")[1], "it says why", 30)
        stalled.unlink()
        self.publishers["a"].flush(30)
        wait_until(lambda: ("stuck", "") not in self.raised("a"), "it is cleared", 60)
        # Nor does the main loop itself stand still unseen.
        stalled.touch()
        self.send("a", 1)
        wait_until(lambda: fetched(f"{url}/health")[0] == 503, "it is not live", 30)
        told = "alert: stuck"
        wait_until(lambda: self.sidecars["left"].errors().count(told) == 2, "it is raised", 30)
        stalled.unlink()
        self.publishers["a"].flush(30)
        self.assertEqual(self.head("a"), 12)


class OfTheClock(KeyedTest):
    RETENTION = '{ retention = { age = "30d" } }'

    def test_a_clock_that_jumped_is_raised_until_an_operator_trusts_it(self):
        self.publish("a", 5)
        self.assertEqual(self.sidecars["left"].stop(), 0)
        (faketime,) = pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        environment = {
            "LD_PRELOAD": str(faketime), "FAKETIME": "+2d", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
            "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",  # nobody vouches for it
        }  # fmt: skip
        argv = [self.installation.program("forebay-sidecar"), "-t", self.installation.topology, "left"]
        self.sidecars["left"] = self.installation.start(argv, "left", env=dict(os.environ, **environment))
        self.wait_raised("a", "clock", "")
        self.assertEqual(self.verb("clock", "trust", "left")[0], 0)
        wait_until(lambda: ("clock", "") not in self.raised("a"), "it is cleared", 60)


NODES = """
[topology]
name = "test"
[hosts.a]
metrics_port = %d
[sidecars.stock]
host = "a"
streams = { inventory = { retention = { bytes = "64KiB" } } }
[nodes.feeder]
kind = "feed"
host = "a"
publishes = ["inventory"]
source = "lines.ndjson"
follow = true
[nodes.answers]
kind = "sourcing"
host = "a"
subscribes = ["inventory"]
"""


class OfNodes(unittest.TestCase):
    def setUp(self):
        self.port = free_ports(4)
        self.installation = Installation(NODES % self.port)
        self.addCleanup(lambda: self.installation.__exit__(bool(self._outcome.result.failures or self._outcome.result.errors)))
        self.lines = self.installation.folder / "lines.ndjson"

    def append(self, count, sku="a"):
        event = {"type": "stock.set", "data": {"sku": sku, "fc": "x", "on_hand": 3}}
        with open(self.lines, "a", encoding="ascii") as lines:
            lines.write((json.dumps(event) + "\n") * count)

    def start(self, program, name):
        return self.installation.start([self.installation.program(program), "-t", self.installation.topology, name], name)

    def of_feed(self):
        return {name.split("{")[0]: value for name, value in metrics(f"http://127.0.0.1:{self.port + 1}").items()}

    def of_sourcing(self, name):
        return metrics(f"http://127.0.0.1:{self.port + 3}").get(f'forebay_{name}{{consumer="answers",stream="inventory"}}')

    def queries(self):
        return metrics(f"http://127.0.0.1:{self.port + 3}").get('forebay_queries_total{consumer="answers"}', 0)

    def alerts(self, index):
        return {re.search(r'alert="(\w+)"', name)[1] for name in metrics(f"http://127.0.0.1:{self.port + index}") if name.startswith("forebay_alert{")}

    def test_a_feed_and_a_sourcing_node_tell_of_what_they_do_and_of_a_sidecar_that_is_gone(self):
        self.append(3)
        with open(self.lines, "a", encoding="ascii") as lines:
            lines.write("no event\n")
        sidecar = self.installation.start_sidecar("stock")
        self.start("forebay-feed", "feeder")
        self.start("forebay-sourcing", "answers")
        published = {"forebay_feed_published_total": 3, "forebay_feed_rejected_total": 1, "forebay_feed_acknowledged": 3, "forebay_window_bytes": 0}
        wait_until(lambda: published.items() <= self.of_feed().items(), "the feed tells of its lines", 30)
        wait_until(lambda: (self.of_sourcing("cursor"), self.of_sourcing("known_head")) == (3, 3), "the node has applied them", 30)
        before = self.queries()
        self.installation.forebay("query", "edd", "--sku", "b", "--to", "EU-W").wait(30)
        wait_until(lambda: self.queries() > before, "the query is counted", 30)
        sidecar.kill()
        self.append(2)
        wait_until(lambda: self.of_feed().get("forebay_window_bytes", 0) > 0 and "held" in self.alerts(1), "the feed is held", 30)
        wait_until(lambda: self.of_feed().get("forebay_ready") == 0, "it is not ready", 30)
        wait_until(lambda: (self.of_sourcing("beacon_overdue_seconds") or 0) > 1 and "silent_beacon" in self.alerts(3), "the node hears nothing", 30)
        self.installation.start_sidecar("stock")
        wait_until(lambda: self.of_feed().get("forebay_feed_acknowledged") == 5 and not self.alerts(1), "the feed goes on", 60)
        wait_until(lambda: self.of_sourcing("cursor") == 5 and not self.alerts(3), "the node hears it again", 60)

    def test_a_sourcing_node_tells_of_what_it_lost_what_it_refused_and_where_it_stands(self):
        sidecar = self.installation.start_sidecar("stock")
        self.start("forebay-feed", "feeder")
        node = self.start("forebay-sourcing", "answers")
        self.append(3, sku=7)
        wait_until(lambda: self.of_sourcing("failed") == 3, "they are refused", 30)
        self.assertEqual(node.stop(), 0)
        self.append(3000)
        wait_until(lambda: self.of_feed().get("forebay_feed_acknowledged") == 3003, "they are on disk", 60)
        self.start("forebay-sourcing", "answers")
        wait_until(lambda: self.of_sourcing("cursor") == 3003, "it has applied what there is", 30)
        wait_until(lambda: (self.of_sourcing("lost") or 0) > 0, "it says what it lost", 30)
        # Another log, of which it has nothing to do with anything: it stands.
        sidecar.kill()
        shutil.rmtree(self.installation.folder / "state" / "stock")
        self.append(100)
        self.installation.start_sidecar("stock")
        wait_until(lambda: self.of_sourcing("diverged") == 1 and "diverged" in self.alerts(3), "it says so", 60)
        wait_until(lambda: (self.of_sourcing("age_seconds") or 0) > 1, "it grows old", 60)


if __name__ == "__main__":
    unittest.main()
