#!/usr/bin/python3
"""A real Prometheus on a run, with the shipped configuration and rules: it finds every daemon, reads what the docs say
that they tell, and its alerts fire and end.
"""

import contextlib
import json
import pathlib
import re
import socket
import unittest
import urllib.error
import urllib.parse
import urllib.request

import zmq
from forebay_test import Installation, free_ports, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "prometheus"
RULES = (SHIPPED / "forebay.rules.yml").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PORTS = 6  # of two sidecars and two nodes, and one over: Prometheus's own

TOPOLOGY = """
[topology]
name = "scraped"
[hosts.a]
metrics_port = {port}
[sidecars.inventory]
host = "a"
streams = {{ inventory = {{}} }}
[sidecars.catalog]
host = "a"
streams = {{ catalog = {{}} }}
[nodes.lines]
kind = "feed"
host = "a"
publishes = ["inventory"]
source = "lines.ndjson"
follow = true
[nodes.answers]
kind = "sourcing"
host = "a"
subscribes = ["inventory", "catalog"]
"""
DAEMONS = {"inventory": "sidecar", "catalog": "sidecar", "lines": "feed", "answers": "sourcing"}


def section(title):
    """Of docs/operations.md."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", OPERATIONS, re.S | re.M).group(1)


def documented_metrics():
    return set(re.findall(r"`(forebay_\w+)`", section("Metrics and health")))


def documented_alerts():
    return set(re.findall(r"^\| `(\w+)`", section("Alerts"), re.M))


def reasons_refused_for():
    """All that the code counts a refusal under."""
    text = "".join(path.read_text() for path in (ROOT / "sidecar").glob("*.cc"))
    named = set(re.findall(r'(?:count_refused\(|refused\[)"(\w+)"', text))
    codes = set(re.findall(r'CodeName{ErrorCode::\w+, "(\w+)"}', (ROOT / "common" / "base" / "result.cc").read_text()))
    return named | codes - {"io", "timeout", "trimmed"}  # which a sidecar says to nobody


class Scraped(unittest.TestCase):
    def setUp(self):
        self.port = free_ports(PORTS)
        self.installation = Installation(TOPOLOGY.format(port=self.port))
        self.addCleanup(self._end)
        self.folder = self.installation.folder
        event = {"type": "stock.set", "subject": "s", "data": {"sku": "s", "fc": "f", "on_hand": 1}}
        (self.folder / "lines.ndjson").write_text(f"{json.dumps(event)}\n")
        self.daemons = {name: self.start(name) for name in DAEMONS}
        self.prometheus = self.start_prometheus()

    def _end(self):
        result = self._outcome.result
        self.installation.__exit__(bool(result.failures or result.errors))

    def start(self, name):
        program = self.installation.program(f"forebay-{DAEMONS[name]}")
        return self.installation.start([program, "-t", self.installation.topology, name], name)

    def start_prometheus(self):
        """As it is shipped, but that it looks each second, and that what is so needs not stay so for a while."""
        shipped = (SHIPPED / "prometheus.yml").read_text()
        config, changes = re.subn(r"scrape_interval: \w+", "scrape_interval: 1s", shipped)
        self.assertEqual(changes, 1)
        (self.folder / "prometheus.yml").write_text(config)
        rules = re.sub(r"( for| interval): \w+", lambda match: f"{match[1]}: {'0s' if 'for' in match[1] else '1s'}", RULES)
        (self.folder / "forebay.rules.yml").write_text(rules)
        listing = self.installation.forebay("topology", "endpoints", "--prometheus", log="targets")
        self.assertEqual(listing.wait(), 0, listing.errors())
        (self.folder / "targets.json").write_text(listing.output())
        options = [f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data", "--log.level=warn"]
        listen = f"--web.listen-address=127.0.0.1:{self.port + PORTS - 1}"
        return self.installation.start(["prometheus", *options, listen], "prometheus", cwd=self.folder)

    def ask(self, what, **query):
        """Prometheus's answer; None while there is none."""
        url = f"http://127.0.0.1:{self.port + PORTS - 1}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        self.assertTrue(self.prometheus.running(), "Prometheus ended")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except (OSError, urllib.error.HTTPError):
            return None

    def up(self):
        """What each daemon's target is like."""
        targets = (self.ask("targets", state="active") or {}).get("activeTargets", [])
        return {(each["labels"]["daemon"], each["labels"]["kind"]): each["health"] for each in targets}

    def firing(self):
        """(alert, daemon): summary."""
        alerts = (self.ask("alerts") or {}).get("alerts", [])
        return {
            (each["labels"]["alertname"], each["labels"]["daemon"]): each["annotations"]["summary"]
            for each in alerts
            if each["state"] == "firing"
        }

    def stored_metrics(self):
        """Names of what it has of ours, a histogram's parts as one."""
        names = self.ask("label/__name__/values", **{"match[]": '{job="forebay"}'}) or []
        return {re.sub(r"_(bucket|sum|count)$", "", each) for each in names if each.startswith("forebay_")}

    def refused_once(self):
        """So that there is a count by its reason."""
        with zmq.Context() as context, context.socket(zmq.PUSH) as push:
            push.linger = 5000
            push.connect(self.installation.endpoint("catalog", "ingest"))
            push.send(b"no batch at all")

    def test_it_finds_all_reads_what_is_documented_and_its_alerts_fire_and_end(self):
        all_up = {each: "up" for each in DAEMONS.items()}
        wait_until(lambda: self.up() == all_up, "every daemon is up", 40)
        wait_until(lambda: self.ask("query", query="forebay_ready == 1")["result"], "one is ready", 20)

        self.refused_once()
        for name in ("lines", "catalog"):
            self.daemons[name].kill()
        down = {("ForebayDown", name) for name in ("lines", "catalog")}
        said = {("ForebaySilentProducer", "inventory"), ("ForebaySilentBeacon", "answers")}

        def fired():
            told = self.firing()
            return told if down | said <= set(told) else None

        firing = wait_until(fired, "they fire", 40)
        self.assertNotIn(("ForebayDown", "inventory"), firing)
        self.assertEqual(firing["ForebayDown", "lines"], f"lines does not answer at 127.0.0.1:{self.port + 1}")
        self.assertEqual(firing["ForebaySilentProducer", "inventory"], "Nothing is heard of lines of inventory")
        self.assertEqual(firing["ForebaySilentBeacon", "answers"], "answers hears nothing of catalog")

        for name in ("lines", "catalog"):
            self.daemons[name] = self.start(name)
        wait_until(lambda: self.up() == all_up and not (down | said) & set(self.firing()), "they end", 60)

        self.refused_once()  # what was counted before went with its process
        with contextlib.suppress(AssertionError):  # the next says which are missing, or too many
            wait_until(lambda: self.stored_metrics() >= documented_metrics(), "all that is documented is there", 20)
        self.assertEqual(self.stored_metrics(), documented_metrics())
        groups = self.ask("rules")["groups"]
        self.assertEqual({rule["health"] for group in groups for rule in group["rules"]}, {"ok"})
        self.assertEqual(self.prometheus.stop(), 0, self.prometheus.errors())


class Rules(unittest.TestCase):
    def test_each_reason_of_a_refusal_is_documented(self):
        documented = re.findall(r"^\| `(\w+)`", section("What is refused"), re.M)
        self.assertEqual(sorted(documented), sorted(reasons_refused_for()))

    def test_a_rule_for_each_alert_of_the_docs_and_a_test_for_each_rule(self):
        self.assertEqual(set(re.findall(r'forebay_alert{alert="(\w+)"}', RULES)), documented_alerts())
        used = set(re.findall(r"forebay_\w+", re.sub(r"(?m)^ *(?!.*expr:).*$", "", RULES)))
        self.assertLessEqual({re.sub(r"_bucket$", "", each) for each in used}, documented_metrics())
        tested = "".join(file.read_text() for file in (ROOT / "tests" / "prometheus").glob("*_test.yml"))
        rules = set(re.findall(r"- alert: (\w+)", RULES))
        self.assertEqual(rules, set(re.findall(r"Forebay\w+", tested)))
        self.assertEqual(RULES.count("runbook: "), len(rules))
        for runbook in re.findall(r"runbook: (.*)", RULES):
            page, heading = runbook.split("#")
            titles = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.M)
            self.assertIn(heading, [title.lower().replace(" ", "-") for title in titles])


if __name__ == "__main__":
    unittest.main()
