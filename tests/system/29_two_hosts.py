#!/usr/bin/python3
"""Two hosts, each a network namespace with an address of its own, and what those with a wrong key or too small a role get."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest
import unittest.mock

from forebay_test import Installation, wait_until

TOPOLOGY = """
[topology]
name = "test"
state_dir = "../state"
[hosts.here]
address = "10.77.0.1"
[hosts.there]
address = "10.77.0.2"
[sidecars.left]
host = "here"
streams = { a = {}, b = {} }
[nodes.counter]
kind = "service"
host = "there"
subscribes = ["a"]
"""
FAR_CLIENT = pathlib.Path(__file__).resolve().parents[1] / "support" / "far_client.py"
CONTROL, BROADCAST = "tcp://10.77.0.1:7400", "tcp://10.77.0.1:7401"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Hosts:
    """Made and removed by the test; nothing leaves them."""

    ADDRESSES = {"here": "10.77.0.1/24", "there": "10.77.0.2/24"}

    def __init__(self):
        self._names = {host: f"fb{os.getpid()}{host[0]}" for host in self.ADDRESSES}

    def __enter__(self):
        here, there = self._names.values()
        for name in (here, there):
            ip("netns", "add", name)
        ip("link", "add", here, "netns", here, "type", "veth", "peer", "name", there, "netns", there)
        for host, name in self._names.items():
            ip("-n", name, "address", "add", self.ADDRESSES[host], "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for name in self._names.values():
            ip("netns", "delete", name)

    def on(self, host, *words):
        return ["ip", "netns", "exec", self._names[host], *map(str, words)]


class TwoHosts(unittest.TestCase):
    def setUp(self):
        self.enterContext(unittest.mock.patch.dict(os.environ, FOREBAY_LOG="trace"))
        self.hosts = self.enterContext(Hosts())
        # The example program looks for its topology beside it.
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(lambda: self.installation.__exit__(False))
        self.said, self.secrets = [], set()
        self.addCleanup(self.check_that_no_secret_was_said)
        folder = self.installation.folder / "topology"
        folder.mkdir()
        self.installation.topology = self.installation.topology.rename(folder / "single.toml")
        lines = [self.generate("left"), self.generate("counter")]
        self.alice = self.installation.folder / "alice.key"
        person = self.generate("alice", "--out", self.alice)
        self.add("[keys]", *lines, "[operators]", person)
        self.assertEqual(self.verb("topology", "check")[0], 0)
        self.start_sidecar()

    def add(self, *lines):
        path = self.installation.topology
        path.write_text(path.read_text() + "\n".join(lines) + "\n")

    def check_that_no_secret_was_said(self):
        """By any process, of any key that there was."""
        folder = self.installation.folder
        outputs = [path.read_text(errors="replace") for end in ("out", "err") for path in folder.glob(f"*.{end}")]
        self.assertGreaterEqual(len(self.secrets), 3)
        for text in self.said + outputs:
            self.assertFalse([secret for secret in self.secrets if secret in text], text)

    def add_secrets(self):
        for pattern in ("state/*/secret.*", "*.key"):
            self.secrets.update(path.read_text().strip() for path in self.installation.folder.glob(pattern))

    def verb(self, *words):
        process = self.installation.forebay(*map(str, words), log="verb")
        code = process.wait(60)
        out, errors = process.output(), process.errors()
        process.out_path.unlink(), process.err_path.unlink()
        self.said += out, errors
        return code, out, errors

    def generate(self, *words):
        code, out, errors = self.verb("keys", "generate", *words)
        self.assertEqual(code, 0, errors)
        self.add_secrets()
        return out.strip()

    def start_sidecar(self):
        program = self.installation.program("forebay-sidecar")
        self.sidecar = self.installation.start(self.hosts.on("here", program, "-t", self.installation.topology, "left"), "left")

    def reload_sidecar(self):
        lives = self.sidecar.errors().count("serving, boot")
        self.sidecar.signal(signal.SIGHUP)
        wait_until(lambda: self.sidecar.errors().count("serving, boot") > lives, "it has begun anew", 30)

    def start_consumer(self):
        program = self.installation.program("hello-consumer")
        return self.installation.start(self.hosts.on("there", program), "counter", cwd=self.installation.folder, stdin=subprocess.PIPE)

    def publish(self, stream, count):
        path = self.installation.folder / "events.ndjson"
        path.write_text("".join(json.dumps({"type": "made", "data": {"n": n}}) + "\n" for n in range(count)))
        code, _, errors = self.verb("publish", stream, path)
        self.assertEqual(code, 0, errors)

    def consumer_status(self):
        report = json.loads(self.verb("status", "--json")[1])["sidecars"][0]
        return next((each for each in report["consumers"] if each["consumer"] == "counter"), None)

    def keys(self, name=None, secret=None, server="left"):
        """Of a sidecar or node, or of a secret's file."""
        path = secret or self.installation.folder / "state" / name / "secret.key"
        own = path.read_text().strip()
        return {"secret": own, "public": self.public(own), "server": self.public_of_left() if server == "left" else server}

    def public(self, secret):
        import zmq

        return zmq.curve_public(secret.encode()).decode()

    def public_of_left(self):
        return self.public((self.installation.folder / "state" / "left" / "secret.key").read_text().strip())

    def far(self, endpoint, keys, what, text, host="there"):
        words = self.hosts.on(host, sys.executable, FAR_CLIENT, endpoint, json.dumps(keys), what, text)
        return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    def ask(self, keys, op, **fields):
        return self.far(CONTROL, keys, "ask", json.dumps({"op": op, **fields}))

    def caught_up(self, head):
        status = self.consumer_status()
        return status and (status["cursor"], status["lost"]) == (head, 0)

    def test_events_cross_hosts_encrypted(self):
        consumer = self.start_consumer()
        self.publish("a", 300)
        wait_until(lambda: self.caught_up(300), f"all arrive\n{consumer.errors()}", 30)
        # A host has files of its own: from this one, nothing of the consumer is to be seen but what its sidecar knows.
        elsewhere = self.installation.topology.with_name("elsewhere.toml")
        elsewhere.write_text(self.installation.topology.read_text().replace("../state", "../elsewhere"))
        (counter,) = wait_until(lambda: self.consumers_listed_there(elsewhere), "they are listed", 30)
        (entry,) = counter["streams"]
        self.assertEqual((counter["consumer"], counter["build"]), ("counter", None))
        self.assertEqual((entry["cursor"], entry["head"], entry["age_ms"], entry["registered"]), (300, 300, None, True))
        self.sidecar.kill()
        self.start_sidecar()
        self.publish("a", 50)
        wait_until(lambda: self.caught_up(350), "and after a restart", 30)

    def consumers_listed_there(self, topology):
        code, out, _ = self.there("consumers", "list", "--json", "--key", self.alice, topology=topology)
        return json.loads(out) if code == 0 else None

    def test_a_wrong_key_gets_nothing_while_the_right_one_is_served(self):
        self.start_consumer()
        self.publish("a", 10)
        wait_until(lambda: self.caught_up(10), "the right one", 30)
        unknown = self.installation.folder / "unknown.key"
        self.generate("mallory", "--out", unknown)
        status = {"op": "status"}
        for keys in (self.keys(secret=unknown), None, self.keys("counter", server=self.public(unknown.read_text().strip()))):
            self.assertIsNone(self.ask(keys, **status))
            self.assertIsNone(self.far(BROADCAST, keys, "hear", "a%"))
        self.assertIn("is not in the topology's [keys]", self.sidecar.errors())
        self.publish("a", 10)
        wait_until(lambda: self.caught_up(20), "the right one is still served", 30)

    def test_whoever_has_a_wrong_key_is_told_which(self):
        self.publish("a", 1)
        mine, secret = self.installation.topology, self.installation.folder / "state" / "counter" / "secret.key"
        text, left, counter = mine.read_text(), self.public_of_left(), self.public(secret.read_text().strip())
        unknown, theirs = self.installation.folder / "unknown.key", mine.with_name("theirs.toml")
        other = self.public(self.secret_of(unknown))
        # Each host reads a topology of its own; the sidecar has read its own already.
        theirs.write_text(text.replace(left, other))
        code, _, errors = self.there("tail", "a", "--limit", 1, "--key", self.alice, topology=theirs)
        self.assertEqual((code, "the public key that our topology has for it may not be its own" in errors), (1, True), errors)
        theirs.write_text(text.replace(self.public(self.alice.read_text().strip()), other))
        code, _, errors = self.there("tail", "a", "--limit", 1, "--key", unknown, topology=theirs)
        self.assertEqual((code, "does not know our key" in errors), (1, True), errors)
        mine_last = text.replace(counter, other)
        for ours, said, heard in (
            (text.replace(left, other), "may not be its own", "has another public key for this sidecar"),
            (mine_last, "does not know our key", f"the key {other} is not in the topology's [keys]"),
        ):
            mine.write_text(ours)
            said_before = len(self.sidecar.errors())
            secret.write_text(unknown.read_text() if counter not in ours else secret.read_text())
            consumer = self.start_consumer()
            wait_until(lambda: said in consumer.output() + consumer.errors(), f"it is told: {said}", 30)
            # It has said so before, and says it ever more rarely.
            wait_until(lambda: heard in self.sidecar.errors()[said_before:], f"the sidecar says: {heard}", 30)
            if ours != mine_last:
                consumer.kill()
        # What it was told to do helps, and it need not be started again for that.
        self.sidecar.kill()
        self.start_sidecar()
        self.publish("a", 1)
        wait_until(lambda: self.caught_up(2), f"it is let in\n{consumer.output()}", 30)

    def secret_of(self, path):
        self.generate("mallory", "--out", path)
        return path.read_text().strip()

    def test_each_role_gets_what_it_may_and_is_told_what_not(self):
        self.publish("a", 10)
        counter, alice = self.keys("counter"), self.keys(secret=self.alice)
        fetch = {"op": "fetch", "from": 1, "to": 0, "bytes": 0, "checksum": 0, "incarnation": "hex:" + "00" * 16}
        reply = self.ask(counter, stream="b", **fetch)
        self.assertEqual(reply["code"], "forbidden", reply)
        self.assertIn("may not read stream 'b' here, only a", reply["message"])
        # Refused, it writes no line of its own into the log.
        self.assertEqual(self.ask(counter, stream="b\nforged\x1b[2J", **fetch)["code"], "forbidden")
        self.assertIn("refused 2 requests of counter: 'counter' may not read stream 'b?forged?[2J' here", self.sidecar.errors())
        self.assertEqual(self.ask(counter, stream="a", **fetch)["op"], "batches")
        for request in ({"op": "status"}, {"op": "records"}, {"op": "forget", "stream": "a", "consumer": "counter"}):
            reply = self.ask(counter, **request)
            self.assertEqual((reply["code"], "is no operator" in reply["message"]), ("forbidden", True), reply)
        self.assertEqual(self.ask(alice, "status")["op"], "status")
        self.assertEqual(self.far(BROADCAST, counter, "hear", "a%")["topic"], "a\0")
        self.assertIsNone(self.far(BROADCAST, counter, "hear", "b%"))
        self.assertIsNone(self.far(BROADCAST, counter, "hear", ""))
        refused = self.refused()
        self.assertEqual((refused["forbidden"], refused["forbidden_topic"]), (5, 2))
        self.assertIn("wishes of counter: it may not hear stream 'b' here", self.sidecar.errors())

    def refused(self):
        return json.loads(self.verb("status", "--json")[1])["sidecars"][0]["counters"]["refused"]

    def test_an_operator_asks_from_the_other_host_and_others_do_not(self):
        self.publish("a", 10)
        code, out, errors = self.there("status", "--key", self.alice)
        self.assertEqual((code, "a  " in out), (0, True), out + errors)
        code, out, errors = self.there("tail", "b", "--key", self.alice)
        self.assertEqual((code, out), (0, ""), errors)
        code, out, _ = self.there("tail", "a", "--limit", 3, "--key", self.alice)
        self.assertEqual((code, len(out.splitlines())), (0, 3))
        other = self.installation.folder / "other.key"
        self.generate("mallory", "--out", other)
        code, _, errors = self.there("status", "--key", other)
        self.assertEqual((code, "is nobody's under [operators]" in errors + _), (1, True), errors)
        other.chmod(0o644)
        code, _, errors = self.there("tail", "a", "--key", other)
        self.assertEqual((code, "can be read by others" in errors), (2, True), errors)

    def test_the_doctor_asks_the_sidecar_of_another_host_as_who_it_may(self):
        self.start_consumer()
        self.publish("a", 1)
        wait_until(lambda: self.caught_up(1), "it runs", 30)

        def left(*words):
            code, out, errors = self.there("doctor", "--json", *words)
            report = json.loads(out)
            self.assertEqual((report["hosts"], report["not_asked"]), (["there"], []), errors)
            found = {check["check"]: check["result"] for check in report["checks"] if check["where"] == "left"}
            return found if found["reachability"] == "ok" else None

        # As the node that reads from it, which may not ask for its status.
        self.assertEqual(set(wait_until(left, "it is there", 30)), {"reachability"})
        as_alice = wait_until(lambda: left("--key", self.alice), "it tells an operator", 30)
        self.assertEqual(set(as_alice), {"reachability", "versions", "clock", "streams", "log", "alerts"})
        self.sidecar.kill()
        code, out, errors = self.there("doctor")
        self.assertEqual((code, "on host 'here' `systemctl start forebay-sidecar@left`" in out), (1, True), out + errors)
        # Here, the machine has neither address.
        code, _, errors = self.verb("doctor")
        self.assertEqual((code, "say with --host which one it is (known: 'here', 'there')" in errors), (2, True), errors)
        self.assertEqual(json.loads(self.verb("doctor", "--json", "--host", "there")[1])["hosts"], ["there"])

    def test_keys_are_changed_while_events_flow(self):
        consumer = self.start_consumer()
        self.publish("a", 10)
        wait_until(lambda: self.caught_up(10), "before", 30)
        old = {name: self.public_in("secret.key", name) for name in ("left", "counter")}
        for name in old:
            self.generate(name, "--next")
        new = {name: self.public_in("secret.next", name) for name in old}
        self.assertEqual(self.verb("keys", "promote", "left")[0], 2)  # nobody would know it yet
        self.replace_keys({name: [old[name], new[name]] for name in old})
        for step, name in enumerate(("counter", "left")):
            self.assertEqual(self.verb("keys", "promote", name)[0], 0)
            self.reload_sidecar()
            consumer.kill()
            consumer = self.start_consumer()
            self.publish("a", 10)
            wait_until(lambda: self.caught_up(20 + 10 * step), f"with two keys, {name}'s changed", 30)
        self.replace_keys({name: [new[name]] for name in old})
        self.reload_sidecar()
        self.publish("a", 10)
        wait_until(lambda: self.caught_up(40), "with the new ones alone", 30)
        self.assertIsNone(self.ask({**self.counters_old, "server": new["left"]}, "status"))

    def public_in(self, file, name):
        secret = (self.installation.folder / "state" / name / file).read_text().strip()
        if (name, file) == ("counter", "secret.key"):
            self.counters_old = {"secret": secret, "public": self.public(secret)}
        return self.public(secret)

    def replace_keys(self, keys):
        path = self.installation.topology
        lines = path.read_text().splitlines()
        changed = [f"{line.split()[0]} = {json.dumps(keys[line.split()[0]])}" if line.split(" =")[0] in keys else line for line in lines]
        path.write_text("\n".join(changed) + "\n")

    def there(self, *words, topology=None):
        program = self.installation.program("forebay")
        command = self.hosts.on("there", program, *words, "-t", topology or self.installation.topology)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.said += done.stdout, done.stderr
        return done.returncode, done.stdout, done.stderr


if __name__ == "__main__":
    unittest.main()
