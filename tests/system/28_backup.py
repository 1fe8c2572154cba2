#!/usr/bin/python3
"""A backup of a running sidecar, and what consumers and publishers see after it was restored."""

import contextlib
import json
import threading
import unittest

from keyed_publishing import KeyedTest, fold, wait_until


def comparable(batch):
    return batch.base, batch.payload, batch.commit_time, batch.producer, batch.last


class BackupTest(KeyedTest):
    def setUp(self):
        super().setUp()
        self.file = self.installation.folder / "left.fbak"

    def positions(self, stream):
        report = json.loads(self.client(stream).request("status", "status", 20)["report"])
        return [each["position"] for each in report["producers"] if each["stream"] == stream and each["position"]]

    @contextlib.contextmanager
    def publishing(self, stream):
        """Meanwhile, from another thread; at least something before it begins and before it ends."""
        enough = threading.Event()

        def publish():
            while not enough.is_set():
                self.send(stream, 50)
            self.publishers[stream].flush(30)

        head = self.head(stream)
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            wait_until(lambda: self.head(stream) > head, "it publishes")
            yield
            head = self.head(stream)
            wait_until(lambda: self.head(stream) > head, "it still publishes")
        finally:
            enough.set()
            thread.join()

    def back_up(self):
        code, out, errors = self.verb("backup", "left", self.file)
        self.assertEqual(code, 0, errors)
        return out

    def restore(self, keep=False):
        def run(folder):
            if not keep:
                (folder / "data.mdb").rename(folder / "data.mdb.old")
            result.extend(self.verb("restore", "left", self.file))

        result = []
        self.restart_sidecar("left", run)
        return result


class Backup(BackupTest):
    def test_what_was_backed_up_is_restored_with_its_sequences_times_and_producers(self):
        self.publish("a", 500)
        self.publish("b", 70)
        before = {stream: self.batches(stream) for stream in "ab"}
        self.assertIn("a: 500 events", self.back_up())
        self.publish("a", 30)
        code, out, errors = self.restore()
        self.assertEqual(code, 0, errors)
        self.assertIn("a: sequences 1-500, incarnation", out)
        for stream in "ab":
            after = self.batches(stream)
            self.assertEqual([comparable(each) for each in after], [comparable(each) for each in before[stream]])
            self.assertNotEqual(after[0].incarnation, before[stream][0].incarnation)
        # The producer of `a` had more acknowledged than the log now has, which is not hidden from it.
        position = self.publishers["a"].acknowledged
        registered = self.client("a").request("register", "registered", 20, stream="a", instance=b"i" * 16, name="", fingerprint=0)
        self.assertNotEqual(registered["incarnation"], before["a"][0].incarnation)
        self.assertEqual(self.positions("a"), [position - 30])

    def test_what_was_there_when_it_began_is_in_it_while_publishing_goes_on(self):
        self.publish("a", 3000)
        before = self.head("a")
        with self.publishing("a"):
            self.back_up()
        log = [comparable(each) for each in self.batches("a")]
        code, _, errors = self.restore()
        self.assertEqual(code, 0, errors)
        restored = [comparable(each) for each in self.batches("a")]
        self.assertEqual(restored, log[: len(restored)])
        self.assertGreaterEqual(self.head("a"), before)
        self.assertEqual(self.positions("a"), [restored[-1][-1]])

    def test_a_stream_that_left_the_topology_is_left_out(self):
        self.publish("a", 100)
        self.publish("b", 100)
        path = self.installation.topology
        path.write_text(path.read_text().replace(", b = {} }", " }").replace('"b", ', ""))
        self.restart_sidecar("left")
        code, out, errors = self.verb("backup", "left", self.file)
        self.assertEqual(code, 0, errors)
        self.assertIn("stream b is no longer in the topology", errors)
        self.assertEqual(out.count("\n"), 1)
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(self.head("a"), 100)

    def test_what_a_repair_could_not_save_stays_a_gap_in_backup_and_restored_log(self):
        self.publish("a", 100)
        self.publishers["a"].publish([self.event(note="marked-for-damage" * 10) for _ in range(40)])
        self.publishers["a"].flush(30)
        self.publish("a", 100)

        def damage_and_repair(folder):
            whole = (folder / "data.mdb").read_bytes()
            at = whole.index(b"marked-for-damage")
            (folder / "data.mdb").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            self.assertEqual(self.verb("verify", "left", "--repair")[0], 0)

        self.restart_sidecar("left", damage_and_repair)
        self.assertEqual(self.status("a")["lost"], 40)
        self.assertIn("a: 200 events", self.back_up())
        self.assertEqual(self.restore()[0], 0)
        status = self.status("a")
        self.assertEqual((status["lost"], status["head"]), (40, 240))

    def test_a_restore_that_was_killed_left_all_or_nothing(self):
        self.publish("a", 20000, batch_max=1000, note="x" * 500)
        self.back_up()

        def kill_and_repeat(folder):
            (folder / "data.mdb").rename(folder / "data.mdb.old")
            process = self.installation.forebay("restore", "left", str(self.file), log="killed")
            wait_until(lambda: (folder / "restore").exists() or not process.running(), "it has begun")
            process.kill()
            if not (folder / "data.mdb").exists():
                code, _, errors = self.verb("restore", "left", self.file)
                self.assertEqual(code, 0, errors)
                self.assertFalse((folder / "restore").exists())

        self.restart_sidecar("left", kill_and_repeat)
        self.assertEqual(self.head("a"), 20000)

    def test_a_consumer_ahead_of_the_backup_or_not_is_diverged_until_an_operator_decides(self):
        consumer = self.consumer()
        consumer.wait_applied("a", self.publish("a", 100))
        self.back_up()
        consumer.wait_applied("a", self.publish("a", 50))
        self.assertEqual(self.restore()[0], 0)
        consumer.wait_state("a", "DIVERGED")
        consumer.wait_state("b", "DIVERGED")
        wait_until(lambda: consumer.ask("reset", stream="a", mode="rebuild").get("ok"), "a rebuild begins")
        self.assertNotIn("error", consumer.wait_built())
        self.forget_publishers()
        self.publish("a", 20)
        self.assert_folded(consumer, "a", "b")

    def go_on(self, consumer):
        """From 300 that are backed up to 500 that are applied; restored, and published on to 600. The view of 500."""
        self.publish("a", 300)
        self.back_up()
        old = consumer.wait_applied("a", self.publish("a", 200))["values"]
        self.forget_publishers()
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(self.publish("a", 300), 600)
        consumer.wait_state("a", "DIVERGED")
        return old

    def assert_seen_from(self, consumer, sequence, old):
        """It has applied every event of the log from there on, each once, to the view it had."""
        dump = consumer.wait_applied("a", self.head("a"))
        self.assertEqual(dump["values"], self.added(old, self.fold("a", sequence)))
        self.assertEqual(dump["streams"]["a"]["lost"], 0)

    def test_who_adopts_a_log_that_has_gone_past_its_cursor_sees_all_of_it_after_the_backup(self):
        consumer = self.consumer()
        old = self.go_on(consumer)
        self.adopt()
        self.assert_seen_from(consumer, 301, old)

    def test_so_does_one_that_was_down_while_the_log_was_restored_and_then_repaired(self):
        consumer = self.consumer()
        old = self.go_on(consumer)
        consumer.process.kill()
        self.publishers["a"].publish([self.event(note="marked-for-damage" * 10) for _ in range(40)])
        self.publishers["a"].flush(30)
        self.forget_publishers()

        def damage_and_repair(folder):
            whole = (folder / "data.mdb").read_bytes()
            at = whole.index(b"marked-for-damage")
            (folder / "data.mdb").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            self.assertEqual(self.verb("verify", "left", "--repair")[0], 0)

        self.restart_sidecar("left", damage_and_repair)
        consumer.start()
        consumer.wait_state("a", "DIVERGED")
        self.adopt()
        dump = consumer.wait_applied("a", 640)
        log = [batch for batch in self.batches("a") if batch.base <= 600]
        self.assertEqual(dump["values"], self.added(old, fold("a", log, 301)))
        self.assertEqual(dump["streams"]["a"]["lost"], 40)

    def test_who_was_not_ahead_of_the_backup_goes_on_at_its_cursor(self):
        consumer = self.consumer()
        old = consumer.wait_applied("a", self.publish("a", 200))["values"]
        consumer.process.kill()
        self.publish("a", 100)
        self.back_up()
        self.forget_publishers()
        self.assertEqual(self.restore()[0], 0)
        self.publish("a", 50)
        consumer.start()
        consumer.wait_state("a", "DIVERGED")
        self.adopt()
        self.assert_seen_from(consumer, 201, old)

    def test_a_consumer_is_told_up_to_where_the_log_is_the_one_it_read(self):
        self.publish("a", 300)
        before = self.batches("a")[0].incarnation
        self.back_up()
        self.forget_publishers()
        self.assertEqual(self.restore()[0], 0)
        self.publish("a", 50)
        for incarnation, shared in ((before, 300), (self.batches("a")[0].incarnation, 300), (b"x" * 16, 0)):
            told = self.client("a").request("subscribe", "subscribed", stream="a", consumer="other", start="cursor",
                                            incarnation=incarnation, cursor=200)  # fmt: skip
            self.assertEqual((told["start"], told["head"], told["shared"]), (200, 350, shared))

    def test_a_file_that_is_published_again_fills_in_what_the_backup_lacks(self):
        path = self.installation.folder / "events.ndjson"
        lines = [json.dumps({"type": "value.added", "data": {"key": f"k{i}", "delta": i}}) + "\n" for i in range(60)]
        path.write_text("".join(lines[:40]))
        self.assertEqual(self.verb("publish", "a", path, "--as", "file")[0], 0)
        self.back_up()
        path.write_text("".join(lines))
        self.assertEqual(self.verb("publish", "a", path, "--as", "file")[0], 0)
        self.assertEqual(self.head("a"), 60)
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(self.head("a"), 40)
        self.assertEqual(self.verb("publish", "a", path, "--as", "file")[0], 0)
        self.assertEqual(self.head("a"), 60)

    def test_nothing_is_restored_over_a_log_or_from_a_file_that_is_not_whole(self):
        self.publish("a", 300)
        head = self.head("a")
        self.back_up()
        code, _, errors = self.verb("backup", "left", self.file)
        self.assertEqual(code, 2)
        self.assertIn("is there already", errors)
        self.assertEqual(self.verb("restore", "left", self.file)[0], 1)  # it is running
        code, _, errors = self.restore(keep=True)
        self.assertEqual(code, 2)
        self.assertIn("there is a log in", errors)
        self.assertEqual(self.head("a"), head)
        whole = self.file.read_bytes()
        for damaged in (whole[:-1], whole[: len(whole) // 2], whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:], b"", whole + b"x"):
            self.file.write_bytes(damaged)

            def run(folder):
                (folder / "data.mdb").rename(folder / "data.mdb.old")
                code, _, errors = self.verb("restore", "left", self.file)
                self.assertEqual(code, 1, errors)
                self.assertFalse((folder / "data.mdb").exists())
                (folder / "data.mdb.old").rename(folder / "data.mdb")

            self.restart_sidecar("left", run)
            self.assertEqual(self.head("a"), head)


class FeedThatFollows(BackupTest):
    def prepare(self):
        with open(self.installation.topology, "a", encoding="ascii") as topology:
            topology.write('[nodes.feed]\nkind = "feed"\nhost = "a"\npublishes = ["a"]\nsource = "lines.ndjson"\nfollow = true\n')
        self.append(5)

    def append(self, count):
        with open(self.installation.folder / "lines.ndjson", "a", encoding="ascii") as lines:
            lines.write((json.dumps({"type": "value.added", "data": {"key": "k", "delta": 1}}) + "\n") * count)

    def start_feed(self):
        program = self.installation.program("forebay-feed")
        return self.installation.start([program, "-t", self.installation.topology, "feed"], "feed")

    def test_ends_to_publish_again_what_a_restored_log_lacks_though_its_file_has_no_more(self):
        feed = self.start_feed()
        wait_until(lambda: self.head("a") == 5, "its lines are on disk", 30)
        self.back_up()
        self.append(3)
        wait_until(lambda: self.head("a") == 8, "all are", 30)
        self.assertEqual(self.restore()[0], 0)
        self.assertEqual(self.head("a"), 5)
        wait_until(lambda: not feed.running(), "it ends, to be started again", 30)
        self.assertEqual(feed.wait(), 1)
        self.assertRegex(feed.errors().splitlines()[-1], "critical .*(no longer has what it acknowledged|its incarnation changed)")
        feed = self.start_feed()
        wait_until(lambda: self.head("a") == 8, "it has published the rest", 30)
        self.assertEqual(feed.stop(), 0)


class BackupUnderRetention(BackupTest):
    RETENTION = '{ retention = { bytes = "64KiB" } }'

    def test_what_is_trimmed_meanwhile_is_not_missed(self):
        self.publish("a", 3000)
        with self.publishing("a"):
            oldest = self.status("a")["oldest"]
            code, _, errors = self.verb("backup", "left", self.file)
            self.assertEqual(code, 0, errors)
            wait_until(lambda: self.status("a")["oldest"] > oldest, "it trims")
        self.assertEqual(self.restore()[0], 0)
        wait_until(lambda: self.status("a")["bytes"] <= 64 << 10, "it is as long as it may be")
        status = self.status("a")
        self.assertGreaterEqual(status["oldest"], oldest)
        # The client checks that each batch follows on the one before.
        self.assertEqual(sum(each.count for each in self.batches("a", status["oldest"])), status["head"] - status["oldest"] + 1)


if __name__ == "__main__":
    unittest.main()
