#!/usr/bin/python3
"""forebay trace: an order over two streams and their consumers, one of which is stopped; and what it cannot read."""

import itertools
import json
import unittest

from forebay_test import Installation, KeyedConsumer, wait_until

TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.left]
host = "a"
streams = { orders = %s }
[sidecars.right]
host = "a"
streams = { payments = {} }
[nodes.billing]
kind = "service"
host = "a"
subscribes = ["orders"]
publishes = ["payments"]
[nodes.ledger]
kind = "service"
host = "a"
subscribes = ["orders", "payments"]
[nodes.auditor]
kind = "service"
host = "a"
subscribes = ["orders"]
[nodes.shop]
kind = "service"
host = "a"
publishes = ["orders"]
[nodes.newcomer]
kind = "service"
host = "a"
subscribes = ["payments"]
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ANOTHER = f"00-{TRACE}-00f067aa0ba902b7-00"
SHOWN_MAX = 10_000
KEPT_BYTES = 64 << 10


class TraceTest(unittest.TestCase):
    RETENTION = "{}"  # of orders

    def setUp(self):
        self.installation = Installation(TOPOLOGY % self.RETENTION)
        self.addCleanup(self._end)
        self.verbs = itertools.count()
        self.sidecars = {name: self.installation.start_sidecar(name) for name in ("left", "right")}

    def _end(self):
        result = self._outcome.result
        self.installation.__exit__(bool(result.failures or result.errors))

    def verb(self, *words, **popen):
        """Runs a verb to its end: exit code, stdout, stderr."""
        process = self.installation.forebay(*map(str, words), log=f"verb-{next(self.verbs)}", **popen)
        return process.wait(60), process.output(), process.errors()

    def publish(self, stream, *events):
        """On disk; the last one's sequence."""
        path = self.installation.folder / f"events-{next(self.verbs)}"
        lines = [json.dumps({"type": "value.added", "data": {"key": "k", "delta": 1}} | event) for event in events]
        path.write_text("".join(line + "\n" for line in lines))
        code, out, err = self.verb("publish", stream, path, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)["last"]

    def trace(self, *words):
        """Exit code, the events, stderr."""
        code, out, err = self.verb("trace", *words, "--json")
        return code, [json.loads(line) for line in out.splitlines()], err

    def read(self, verb, stream):
        code, out, err = self.verb(verb, stream)
        self.assertEqual(code, 0, err)
        return {event["id"]: event for event in map(json.loads, out.splitlines())}


class Trace(TraceTest):
    def start_consumers(self):
        state = self.installation.folder / "state"
        then = ("--then", f"{state / 'right'},payments")
        billing = KeyedConsumer(self.installation, {"left": {"orders": "earliest"}}, "billing", then)
        ledger = KeyedConsumer(
            self.installation, {"left": {"orders": "earliest"}, "right": {"payments": "earliest"}}, "ledger"
        )
        auditor = KeyedConsumer(self.installation, {"left": {"orders": "earliest"}}, "auditor")
        for consumer in (billing, ledger, auditor):
            consumer.start()
        return billing, ledger, auditor

    def test_an_order_is_followed_from_its_publisher_to_each_consumer(self):
        _, ledger, auditor = self.start_consumers()
        self.publish("orders", {"id": "o-0"})
        auditor.wait_applied("orders", 1)
        wait_until(lambda: self.trace("o-0")[1][0]["consumers"][2]["state"] == "applied", "the auditor has it")
        self.assertEqual(auditor.process.stop(), 0)
        placed = {"id": "o-1", "subject": "order-1", "traceparent": PARENT, "time": "2026-03-01T09:30:00Z"}
        self.assertEqual(self.publish("orders", placed), 2)
        ledger.wait_applied("orders", 2)
        ledger.wait_applied("payments", 2)

        code, (order, payment), err = self.trace("o-1")
        self.assertEqual(code, 0, err)
        self.assertEqual((order["stream"], order["sequence"], order["id"]), ("orders", 2, "o-1"))
        self.assertEqual((order["published"], order["subject"]), (placed["time"], "order-1"))
        self.assertEqual((order["correlationid"], order["causationid"], order["traceparent"]), (None, None, PARENT))
        self.assertEqual((payment["stream"], payment["sequence"], payment["type"]), ("payments", 2, "value.followed"))
        self.assertEqual((payment["correlationid"], payment["causationid"]), ("o-1", "o-1"))
        self.assertEqual((payment["traceparent"], payment["producer"]["name"]), (PARENT, "billing"))
        self.assertLess(order["committed"], payment["committed"])
        for event in (order, payment):
            self.assertEqual({each["state"] for each in event["consumers"] if each["answered"]}, {"applied"})
            for each in event["consumers"]:
                self.assertEqual(each["answered"], each["apply_delay_us"] is not None)
        self.assertEqual([each["consumer"] for each in order["consumers"]], ["billing", "ledger", "auditor"])
        waits = order["consumers"][2]
        self.assertEqual((waits["state"], waits["lag"], waits["answered"]), ("not_yet", 1, False))
        self.assertEqual([each["consumer"] for each in payment["consumers"]], ["ledger", "newcomer"])
        self.assertEqual(payment["consumers"][1]["state"], "not_registered")
        self.assertIn("the last hour", err)

        # The same by its trace, by another span of it, and of one event alone by its place or its own id.
        for sought in (TRACE, ANOTHER):
            self.assertEqual([event["id"] for event in self.trace(sought)[1]], ["o-1", "o-1-followed"])
        token = f"{order['incarnation']}:2"
        for sought, found in (("orders:2", "o-1"), (token, "o-1"), ("o-1-followed", "o-1-followed")):
            code, events, err = self.trace(sought)
            self.assertEqual((code, [event["id"] for event in events]), (0, [found]), err)
        self.assertIn("`forebay trace o-1` shows all", err)

        # As a table, a row an event with its first consumer.
        code, out, err = self.verb("trace", "o-1")
        self.assertEqual(code, 0, err)
        rows = [line.split() for line in out.splitlines()]
        self.assertEqual((rows[0][3], rows[1][3], rows[1][9]), ("EVENT", "orders:2", "billing"))
        self.assertEqual(rows[3][-9:], ["-", "auditor", "not", "yet", "(lag", "1);", "does", "not", "answer"])
        self.assertEqual((rows[4][3], rows[4][7], rows[4][9]), ("payments:2", "orders:2", "ledger"))

        # When it was applied is kept over a crash and a rebuild; who comes back has applied it then.
        ledger.restart()
        auditor.start()
        auditor.wait_applied("orders", 2)
        self.assertEqual(self.fates("o-1", "ledger"), self.of(order, payment, "ledger"))
        self.assertTrue(ledger.ask("build", view="")["ok"])
        self.assertNotIn("error", ledger.wait_built())
        self.assertEqual(self.fates("o-1", "ledger"), self.of(order, payment, "ledger"))
        (late,) = self.fates("o-1", "auditor")
        self.assertEqual((late["state"], late["answered"]), ("applied", True))
        self.assertGreater(late["applied"], payment["committed"])

    def fates(self, sought, consumer):
        return self.of(*self.trace(sought)[1], consumer)

    @staticmethod
    def of(*events_and_consumer):
        *events, consumer = events_and_consumer
        return [each for event in events for each in event["consumers"] if each["consumer"] == consumer]

    def test_what_a_publisher_says_of_an_event_comes_out_as_it_was(self):
        _, ledger, _ = self.start_consumers()
        attributes = {"correlationid": "c-1", "causationid": "x-9", "traceparent": PARENT, "tracestate": "a=b"}
        malformed = {"id": "o-2", "correlationid": 7, "traceparent": "00-not-well-formed"}
        self.publish("orders", {"id": "o-1"} | attributes, malformed, {"subject": "without an id"})
        ledger.wait_applied("payments", 3)
        for verb in ("tail", "replay"):
            orders = self.read(verb, "orders")
            self.assertEqual({key: orders["o-1"].get(key) for key in attributes}, attributes)
            self.assertEqual({key: orders["o-2"].get(key) for key in malformed}, malformed)
            payments = self.read(verb, "payments")
            self.assertEqual({key: payments["o-1-followed"].get(key) for key in attributes}, attributes | {"causationid": "o-1"})
            follows = {"correlationid": 7, "causationid": "o-2", "traceparent": "00-not-well-formed"}
            self.assertEqual({key: payments["o-2-followed"].get(key) for key in follows}, follows)
            (unnamed,) = orders.keys() - {"o-1", "o-2"}
            self.assertEqual(payments[f"{unnamed}-followed"]["causationid"], unnamed)
        for sought in ("c-1", "7", unnamed):
            code, events, err = self.trace(sought)
            self.assertEqual((code, [event["stream"] for event in events]), (0, ["orders", "payments"]), err)
        self.assertEqual([event["id"] for event in self.trace("x-9")[1]], ["o-1"])
        self.assertEqual([event["id"] for event in self.trace(TRACE)[1]], ["o-1", "o-1-followed"])
        self.assertEqual(self.trace("00-not-well-formed")[:2], (1, []))

    def test_an_event_that_was_refused_is_said_to_have_failed_and_why(self):
        _, ledger, _ = self.start_consumers()
        self.publish("orders", {"id": "o-1", "data": {"key": "k", "delta": 1, "refuse": "no such sku"}})
        ledger.wait_applied("orders", 1)
        (fate,) = (each for each in self.fates("orders:1", "ledger"))
        self.assertEqual((fate["state"], fate["reason"]), ("failed", "no such sku"))
        self.assertRegex(self.verb("trace", "o-1")[1], r"ledger +failed \+\S+: no such sku")

    def test_a_sidecar_that_is_down_is_said_and_the_rest_is_found(self):
        self.publish("orders", {"id": "o-1"})
        self.assertEqual(self.trace("o-1")[0], 0)
        self.sidecars["right"].kill()
        code, events, err = self.trace("o-1")
        self.assertEqual((code, [event["id"] for event in events]), (1, ["o-1"]))
        self.assertIn("not complete: payments: no answer", err)
        self.assertNotIn("not complete: orders", err)

    def test_what_is_not_there_is_said_and_what_no_id_can_be_is_refused(self):
        self.publish("orders", {"id": "o-1"})
        code, events, err = self.trace("o-2")
        self.assertEqual((code, events), (1, []))
        self.assertIn("0 of 1 events, in 2 streams", err)
        self.assertEqual(self.trace("o-1", "--to", "1m")[:2], (1, []))  # it came after that
        self.assertEqual(self.trace("o-1", "--from", "start", "--to", "end")[0], 0)
        for words in ((""), ("x" * 4097), ("o-1", "--from", "yesterday"), ("o-1", "--from", "1h", "--to", "2h"), ()):
            words = (words,) if isinstance(words, str) else words
            self.assertEqual(self.verb("trace", *words)[0], 2, words)


    def test_of_more_than_it_shows_it_says_so_and_as_many_as_it_shows_are_complete(self):
        event = {"correlationid": "c-1"}
        self.publish("orders", *([event] * SHOWN_MAX))
        code, events, err = self.trace("c-1")
        self.assertEqual((code, len(events)), (0, SHOWN_MAX), err)
        self.publish("payments", event)
        code, events, err = self.trace("c-1")
        self.assertEqual((code, len(events)), (1, SHOWN_MAX))
        self.assertIn(f"not complete: payments: more than {SHOWN_MAX} events match", err)


class TrimmedTrace(TraceTest):
    RETENTION = f'{{ retention = {{ bytes = "{KEPT_BYTES}B" }} }}'

    def status(self):
        report = json.loads(self.verb("status", "--json")[1])["sidecars"][0]
        return next(stream for stream in report["streams"] if stream["stream"] == "orders")

    def test_a_range_that_was_trimmed_in_part_is_never_called_complete(self):
        self.publish("orders", {"id": "o-1"})
        self.publish("orders", *({"id": f"o-{i}", "subject": "x" * 500} for i in range(2, 2000)))
        wait_until(lambda: self.status()["oldest"] > 1, "trimmed", 30)
        code, events, err = self.trace("o-1")
        self.assertEqual((code, events), (1, []))
        self.assertIn("not complete: orders: what was committed before sequence", err)
        self.publish("orders", {"id": "kept"})  # whatever of the others is held by now
        code, events, err = self.trace("kept", "--from", "start")
        self.assertEqual((code, [event["id"] for event in events]), (1, ["kept"]), err)
        # From where all of it is held, it is complete.
        last = self.publish("orders", {"id": "last"})
        (event,) = self.trace("last", "--from", "start")[1]
        code, events, err = self.trace("last", "--from", event["committed"])
        self.assertEqual((code, [each["sequence"] for each in events]), (0, [last]), err)
        self.assertNotIn("not complete", err)


if __name__ == "__main__":
    unittest.main()
