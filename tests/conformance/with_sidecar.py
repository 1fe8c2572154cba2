"""The ground of the conformance tests: one sidecar for a class of tests, a stream for each test."""

import json
import os
import unittest

from client import Client, Refused
from forebay_test import Installation
from formats import Batch, event

STREAMS = [f"s{i}" for i in range(48)]
TOPOLOGY = f"""
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = {{ {", ".join(f"{stream} = {{}}" for stream in STREAMS)}, order = {{}}, orders = {{}} }}
"""


class WithSidecar(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installation = Installation(TOPOLOGY)
        cls.addClassCleanup(cls.installation.__exit__, None)
        cls.sidecar = cls.installation.start_sidecar("events")
        cls.streams = iter(STREAMS)

    def setUp(self):
        self.stream = next(self.streams)
        self.client = self.new_client()

    def new_client(self):
        client = Client(lambda socket: self.installation.endpoint("events", socket))
        self.addCleanup(client.__exit__)
        return client

    def register(self, client=None, **keys):
        keys = {"stream": self.stream, "instance": os.urandom(16), **keys}
        return (client or self.client).request("register", "registered", **keys)

    def batch(self, registered, previous, last, count=None, **fields):
        events = [event("it.happened", {"n": n}) for n in range(last - previous if count is None else count)]
        who = {key: registered[key] for key in ("incarnation", "producer", "epoch")}
        return Batch.of(events, **{"previous": previous, "last": last, **who, **fields}).encode()

    def send(self, data):
        self.client.ingest.send(data)

    def unasked(self, op):
        message = self.client.receive(5)
        self.assertIsNotNone(message, f"no {op}")
        self.assertEqual((message["op"], message["id"]), (op, 0), message)
        return message

    def status(self):
        return json.loads(self.client.request("status", "status")["report"])

    def refused(self, reason):
        return self.status()["counters"]["refused"].get(reason, 0)

    def head(self):
        return self.client.fetch(self.stream)[0]["head"]

    def refuse(self, code, **keys):
        with self.assertRaises(Refused) as caught:
            self.client.request(keys.pop("op"), "", **keys)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.message
