#!/usr/bin/python3
"""`query edd` as it is used from a shell: reads its own writes, asks views of the past, keeps the order of a file."""

import contextlib
import datetime
import itertools
import json
import os
import pathlib
import unittest

import msgpack
import zmq

from forebay_test import Installation

STREAMS = ("catalog", "inventory", "fulfilment", "carriers")
DEMO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "demo"
NODE = """
[nodes.{}]
kind = "sourcing"
host = "a"
subscribes = ["catalog", "inventory", "fulfilment", "carriers"]
"""
TOPOLOGY = (
    """
[topology]
name = "query"
[hosts.a]
[sidecars.shop]
host = "a"
streams = { catalog = {}, inventory = {}, fulfilment = {}, carriers = {} }
"""
    + NODE.format("sourcing-1")
    + NODE.format("sourcing-2")
)
# What the demo's first question asks.
ORDER = ("--sku", "TENT-2P", "--to", "EU-W", "--at", "2026-03-02T10:00:00+01:00")


class QueryEdd(unittest.TestCase):
    def setUp(self):
        self.logs = itertools.count()
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(self.installation.__exit__, None)
        self.installation.start_sidecar("shop")
        node = [self.installation.program("forebay-sourcing"), "-t", self.installation.topology, "sourcing-1"]
        self.node = self.installation.start(node, "sourcing")
        self.tokens = {stream: self.publish(stream, (DEMO / f"{stream}.ndjson").read_text()) for stream in STREAMS}

    def run_verb(self, *words):
        """Exit code, stdout, stderr."""
        process = self.installation.forebay(*map(str, words), log=f"verb-{next(self.logs)}")
        return process.wait(60), process.output(), process.errors()

    @property
    def heads(self):
        return {stream: int(token.split(":")[1]) for stream, token in self.tokens.items()}

    def publish(self, stream, text):
        """The token of its end."""
        path = self.installation.folder / f"events-{next(self.logs)}.ndjson"
        path.write_text(text)
        code, out, err = self.run_verb("publish", stream, path, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)["token"]

    def query(self, *words, code=0, node="sourcing-1"):
        returned, out, err = self.run_verb("query", "edd", "--node", node, "--json", *words)
        self.assertEqual(returned, code, out + err)
        return json.loads(out) if out else err

    def knowing_all(self):
        return [word for stream in STREAMS for word in ("--at-least", f"{stream}={self.tokens[stream]}")]

    def stock(self, fc, on_hand):
        data = {"sku": "TENT-2P", "fc": fc, "on_hand": on_hand}
        event = {"type": "stock.set", "subject": "TENT-2P", "data": data}
        self.tokens["inventory"] = self.publish("inventory", json.dumps(event) + "\n")

    def test_more_queries_than_may_wait_are_told_so_and_the_others_are_answered(self):
        for lines, cost_min in ((100, 0), (1, 1024)):  # a small one counts for more than it has
            with self.subTest(lines=lines):
                while not self.more_than_may_wait_are_answered(lines, cost_min):
                    self.stock("BER", 4)  # what is left of them waits no longer
                    self.query(*ORDER, *self.knowing_all())

    def more_than_may_wait_are_answered(self, lines, cost_min):
        """False if the node gave a connection up, which it does when this process stood still for seconds."""
        incarnation, head = self.tokens["inventory"].split(":")
        lines = [{"sku": f"{n:0128}", "quantity": 1} for n in range(lines)]
        query = {"lines": lines, "to_zone": "EU-W", "at": "2026-03-02T10:00:00+01:00", "timeout_ms": 60_000,
                 "at_least": {"inventory": f"{incarnation}:{int(head) + 1}"}}  # fmt: skip
        waiting = (8 << 20) // max(cost_min, len(msgpack.packb({**query, "id": f"{0:06}"})))
        many, refused, poller, ended = 200, 400, zmq.Poller(), set()
        with zmq.Context() as context, contextlib.ExitStack() as closing:
            for first in range(0, waiting + refused, many):  # each socket's answers find room
                socket = closing.enter_context(context.socket(zmq.DEALER))
                socket.linger = 0
                ended.add(socket.get_monitor_socket(zmq.EVENT_DISCONNECTED))
                socket.connect(self.installation.endpoint("sourcing-1", "query"))
                poller.register(socket, zmq.POLLIN)
                for n in range(first, min(first + many, waiting + refused)):
                    socket.send(msgpack.packb({**query, "id": f"{n:06}"}))
            for socket in ended:
                poller.register(socket, zmq.POLLIN)

            def answers(count):
                """The errors that they say; none if they do not come any more."""
                errors = set()
                while count > 0:
                    readable = dict(poller.poll(30_000))
                    self.assertTrue(readable, f"{count} answers are not there")
                    if ended & readable.keys():
                        return None
                    for socket in list(readable)[:count]:
                        count -= 1
                        error = msgpack.unpackb(socket.recv())["error"]
                        errors.add((error["code"], error["field"]))
                return errors

            if (said := answers(refused)) is None:
                return False
            self.assertEqual(said, {("unavailable", "at_least")})
            self.stock("BER", 3)
            if (said := answers(waiting)) is None:
                return False
            self.assertEqual({code for code, _ in said}, {"unknown_sku"})
            return True

    def test_a_frame_longer_than_a_question_ends_its_connection_and_others_are_served(self):
        longest = b"\xc1" * (64 << 10)
        with zmq.Context() as context, contextlib.ExitStack() as closing:

            def connected():
                socket = closing.enter_context(context.socket(zmq.DEALER))
                socket.linger = 0
                ended = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
                socket.connect(self.installation.endpoint("sourcing-1", "query"))
                return socket, ended

            def ask(socket, ended, question):
                """The code of the answer's error, or none if the connection ended instead."""
                poller = zmq.Poller()
                poller.register(socket, zmq.POLLIN)
                poller.register(ended, zmq.POLLIN)
                socket.send(question)
                came = dict(poller.poll(30_000))
                self.assertTrue(came, "neither an answer nor an end")
                return msgpack.unpackb(socket.recv())["error"]["code"] if socket in came else None

            first = connected()
            self.assertEqual(ask(*first, longest), "bad_query")
            self.assertIsNone(ask(*first, longest + b"\xc1"))
            self.assertEqual(ask(*connected(), longest), "bad_query")

    def test_a_publisher_reads_its_own_writes(self):
        self.assertTrue(self.query(*ORDER, *self.knowing_all())["edd"])
        for fc in ("ams1", "ewr1", "lax1", "lon1"):
            self.stock(fc, 0)
        for round_ in range(10):
            self.stock("ams1", round_ % 2)
            answer = self.query(*ORDER, *self.knowing_all())
            self.assertEqual(answer["fc"], "ams1" if round_ % 2 else None)
            position = int(self.tokens["inventory"].split(":")[1])
            self.assertGreaterEqual(answer["as_of"]["inventory"]["sequence"], position)

    def test_what_has_not_come_in_time_is_a_timeout_and_what_cannot_come_diverged(self):
        head = int(self.tokens["inventory"].split(":")[1])
        error = self.query(*ORDER, "--at-least", f"inventory={head + 1}", "--timeout", "200ms", code=1)["error"]
        self.assertEqual((error["code"], error["field"]), ("timeout", "at_least"))
        self.query(*ORDER, *self.knowing_all())
        other = "0123456789abcdef0123456789abcdef:1"
        error = self.query(*ORDER, "--at-least", f"inventory={other}", code=1)["error"]
        self.assertEqual((error["code"], error["field"]), ("diverged", "at_least.inventory"))
        error = self.query(*ORDER, "--at-least", "prices=1", code=2)["error"]
        self.assertEqual((error["code"], error["field"]), ("bad_query", "at_least.prices"))

    def test_a_view_of_the_past_answers_as_it_was(self):
        was = self.query(*ORDER, *self.knowing_all())
        noon = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        for fc in ("ams1", "ewr1", "lax1", "lon1"):
            self.stock(fc, 0)
        self.assertIsNone(self.query(*ORDER, *self.knowing_all())["edd"])
        code, out, err = self.run_verb("rebuild", "sourcing-1", "--until", noon, "--view", "noon", "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["view"], "noon")
        past = self.query(*ORDER, "--view", "noon")
        for field in ("edd", "ship_date", "fc", "carrier", "boxes", "options", "excluded"):
            self.assertEqual(past[field], was[field])
        self.assertEqual({entry["state"] for entry in past["as_of"].values()}, {"VIEW"})
        self.assertEqual(self.query(*ORDER, "--view", "evening", code=2)["error"]["field"], "view")
        # Before anything there is nothing to build; a number counts in each stream, as far as it goes.
        code, _, err = self.run_verb("rebuild", "sourcing-1", "--until", "2020-01-01T00:00:00Z", "--view", "old")
        self.assertEqual(code, 2)
        self.assertIn("the view would be empty", err)
        code, out, err = self.run_verb("rebuild", "sourcing-1", "--until", "50", "--view", "fifty", "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["sequences"], sum(min(50, self.heads[stream]) for stream in STREAMS))
        code, _, err = self.run_verb("rebuild", "sourcing-1")
        self.assertEqual(code, 0, err)
        self.assertIsNone(self.query(*ORDER, *self.knowing_all())["edd"])

    def test_a_files_answers_keep_its_order_and_ids_whatever_they_are(self):
        self.query(*ORDER, *self.knowing_all())
        skus = ["TENT-2P", "NO-SUCH-THING", "TENT-2P"] * 100
        questions = self.installation.folder / "questions.ndjson"
        with questions.open("w") as file:
            for number, sku in enumerate(skus):
                question = {"id": number, "lines": [{"sku": sku, "quantity": 1}], "to_zone": "EU-W"}
                file.write(json.dumps(question) + "\nno question\n")
        code, out, err = self.run_verb("query", "edd", "--node", "sourcing-1", "--file", questions)
        self.assertEqual(code, 2, err)
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(answers), 2 * len(skus))
        for number, (answer, refusal) in enumerate(zip(answers[::2], answers[1::2])):
            self.assertEqual(answer["id"], number)
            self.assertEqual("error" in answer, skus[number] == "NO-SUCH-THING")
            self.assertEqual(refusal["error"]["code"], "bad_query")

    def test_a_files_last_question_needs_no_newline(self):
        self.query(*ORDER, *self.knowing_all())
        questions = self.installation.folder / "questions.ndjson"
        for last, expected in (("TENT-2P", 0), ("NO-SUCH-THING", 2)):
            texts = [json.dumps({"id": sku, "lines": [{"sku": sku, "quantity": 1}], "to_zone": "EU-W"}) for sku in ("TENT-2P", last)]
            questions.write_text("\n".join(texts))
            code, out, err = self.run_verb("query", "edd", "--node", "sourcing-1", "--file", questions)
            self.assertEqual((code, err), (expected, ""))
            self.assertEqual([json.loads(line)["id"] for line in out.splitlines()], ["TENT-2P", last])

    def test_frames_that_are_no_questions_do_not_fill_its_memory(self):
        self.query(*ORDER, *self.knowing_all())
        before = self.node.anonymous_memory()
        with zmq.Context() as context:
            for socket_name in ("query", "control"):
                for size in (8 << 20, 1 << 20, 60_000, 100):
                    with context.socket(zmq.DEALER) as dealer:
                        dealer.linger = 0
                        dealer.sndtimeo = 2000
                        dealer.connect(self.installation.endpoint("sourcing-1", socket_name))
                        with contextlib.suppress(zmq.Again):
                            for _ in range(200):
                                dealer.send(os.urandom(size))
        self.query(*ORDER, *self.knowing_all())
        self.assertLess(self.node.anonymous_memory() - before, 64 << 20)

    def test_mistakes_are_told(self):
        self.query(*ORDER, *self.knowing_all())
        code, _, err = self.run_verb("query", "edd", *ORDER)
        self.assertEqual(code, 2)
        self.assertIn("several sourcing nodes; choose one with --node", err)
        code, _, err = self.run_verb("query", "edd", *ORDER, "--node", "sourcing-3")
        self.assertEqual(code, 2)
        self.assertIn("there is no sourcing node 'sourcing-3'", err)
        self.assertEqual(self.query("--sku", "NO-SUCH-THING", "--to", "EU-W", code=2)["error"]["code"], "unknown_sku")
        code, _, err = self.run_verb("query", "edd", "--node", "sourcing-1", "--to", "EU-W")
        self.assertEqual(code, 2)
        self.assertIn("--sku", err)
        code, _, err = self.run_verb("query", "edd", *ORDER, "--file", "-")
        self.assertEqual(code, 2)
        self.assertIn("excludes", err)

    def test_a_node_that_is_down_is_told(self):
        error = self.query(*ORDER, node="sourcing-2", code=1)["error"]
        self.assertEqual(error["code"], "timeout")
        self.assertIn("is it running?", error["message"])
        self.query(*ORDER, *self.knowing_all())
        self.node.kill()
        self.assertEqual(self.query(*ORDER, code=1)["error"]["code"], "timeout")


if __name__ == "__main__":
    unittest.main()
