#!/usr/bin/python3
"""`forebay verify` finds what is damaged in a log; `--repair` keeps the rest, and consumers are told of the gap."""

import json
import os
import unittest

from formats import EVENTS
from keyed_publishing import KeyedTest, fold, wait_until


class Verify(KeyedTest):
    def damage(self, folder, mark):
        path = folder / "data.mdb"
        bytes_ = bytearray(path.read_bytes())
        at = bytes_.find(mark)
        self.assertGreater(at, 0)
        bytes_[at] ^= 1
        path.write_bytes(bytes_)

    def test_a_running_sidecar_or_no_log_is_said(self):
        self.assertEqual(self.verb("verify", "nobody")[0], 2)
        self.head("a")  # it runs
        code, _, errors = self.verb("verify", "left")
        self.assertEqual(code, 1)
        self.assertIn("in use by another process", errors)

    def test_a_sound_log_is_called_sound_and_left_alone(self):
        self.publish("a", 200)
        head = self.head("a")

        def verify(_):
            code, out, _ = self.verb("verify", "left", "--repair", "--json")
            self.assertEqual(code, 0)
            report = json.loads(out)
            self.assertTrue(report["sound"])
            self.assertNotIn("repair", report)
            self.assertEqual(report["streams"][0]["head"], head)

        self.restart_sidecar("left", verify)
        self.assertEqual(self.head("a"), head)

    def test_a_running_sidecar_finds_damage_by_itself(self):
        self.publishers or self.publish("a", 10)
        self.publishers["a"].publish([self.event(note="marked-for-damage" * 10) for _ in range(40)])
        self.publish("a", 10)
        self.assertEqual(self.status("a")["damaged"], 0)
        # Looked at from the beginning after a restart; in place, since the file is in use.
        self.restart_sidecar("left", lambda folder: self.damage(folder, b"marked-for-damage"))
        wait_until(lambda: self.status("a")["damaged"] == 40, "it is found", 30)
        self.wait_raised("a", "damaged", "a")
        code, out, _ = self.verb("status")
        self.assertEqual(code, 0)
        self.assertIn("! damaged", out)
        self.assertEqual(self.status("b")["damaged"], 0)

    def refused(self, damage, said):
        """The sidecar does not start on a log that was damaged so, and says it."""

        def run(folder):
            path = folder / "data.mdb"
            whole = path.read_bytes()
            path.write_bytes(damage(bytearray(whole)))
            sidecar = self.installation.start_sidecar("left")
            self.assertEqual(sidecar.wait(20), 1)
            self.assertIn(said, sidecar.errors())
            self.assertIn("critical", sidecar.errors())
            path.write_bytes(whole)

        head = self.publish("a", 50)
        self.restart_sidecar("left", run)
        self.assertEqual(self.head("a"), head)

    def test_a_log_does_not_go_back_by_a_commit_because_its_newest_first_page_is_damaged(self):
        def damage(data):
            commits = [int.from_bytes(data[page + 144 : page + 152], "little") for page in (0, 4096)]
            newest = 4096 * commits.index(max(commits))
            data[newest + 144 : newest + 152] = (min(commits) // 2).to_bytes(8, "little")
            return data

        self.refused(damage, "the two first pages are not of one commit and the next")

    def test_a_log_that_was_cut_off_does_not_begin_anew(self):
        self.refused(lambda data: b"", "its file is empty, and was whole when it was made")

    def test_a_stream_whose_record_nothing_leads_to_does_not_begin_anew(self):
        def damage(data):
            for name in (b"stream/a", b"s/a"):
                at = data.find(name)
                while at >= 0:
                    data[at + len(name) - 1] = ord("x")
                    at = data.find(name, at + 1)
            return data

        self.refused(damage, "`forebay verify --repair` keeps what is sound")

    def test_what_a_damaged_page_leads_out_of_the_file_ends_it_with_a_word(self):
        self.publish("a", 3000, note="x" * 200)
        # While it runs, as when a disk goes away: what it has mapped is gone.
        os.truncate(self.installation.folder / "state" / "left" / "data.mdb", 8192)
        self.client("a").send("fetch", stream="a", incarnation=bytes(16), **{"from": 1})
        self.assertLess(self.sidecars["left"].wait(20), 0)
        said = self.sidecars["left"].errors()
        self.assertIn("fault in memory (SIGBUS)", said)
        self.assertIn("left/data.mdb", said)
        self.assertIn("`forebay verify left`", said)

    def test_a_repair_that_finds_nothing_of_a_stream_says_so(self):
        self.publish("a", 50)
        self.restart_sidecar("left", self.cut_and_repair)
        self.assertEqual(self.head("a"), 0)

    def cut_and_repair(self, folder):
        os.truncate(folder / "data.mdb", 5000)
        code, out, _ = self.verb("verify", "left", "--repair")
        self.assertEqual(code, 0)
        for stream in "ab":
            self.assertIn(f"stream {stream}: no record of it was found: it begins anew", out)

    def test_a_damaged_batch_is_a_gap_to_whoever_had_not_read_it(self):
        first = self.publish("a", 200)
        consumer = self.consumer()
        consumer.wait_applied("a", first)
        consumer.process.kill()
        self.publish("a", 100)
        # In one batch of pages of its own, so that the mark is in the file once.
        self.publishers["a"].publish([self.event(note="marked-for-damage" * 10) for _ in range(40)])
        lost_to = self.publish("a", 1)
        head = self.publish("a", 100)
        before = self.batches("a")
        repaired = {}

        def damage_and_repair(folder):
            self.damage(folder, b"marked-for-damage")
            code, out, errors = self.verb("verify", "left")
            self.assertEqual(code, 1)
            self.assertIn("a: damaged: ", out)
            self.assertIn("`forebay verify left --repair`", errors)
            code, out, _ = self.verb("verify", "left", "--repair", "--json")
            self.assertEqual(code, 0)
            repaired.update(json.loads(out))
            self.assertEqual(self.verb("verify", "left")[0], 0)

        self.restart_sidecar("left", damage_and_repair)
        damaged = repaired["streams"][0]["damaged"]
        self.assertEqual(len(damaged), 1, repaired)
        lost = damaged[0]["last"] - damaged[0]["first"] + 1
        self.assertGreater(damaged[0]["first"], first + 100)
        self.assertLessEqual(damaged[0]["last"], lost_to)
        consumer.start()
        consumer.wait_state("a", "DIVERGED")
        self.wait_raised("a", "lost", "a")
        self.adopt()
        dump = consumer.wait_applied("a", head)
        self.assertEqual(dump["streams"]["a"]["lost"], lost)
        sound = [batch for batch in before if batch.base != damaged[0]["first"]]
        self.assertEqual({k: v for k, v in dump["values"].items() if k[0] == "a"}, fold("a", sound))
        self.forget_publishers()
        self.assertEqual(self.publish("a", 50), head + 50)
        wait_until(lambda: consumer.dump()["streams"]["a"]["cursor"] == head + 50, "it goes on")

    def test_who_had_read_what_is_lost_neither_lacks_nor_repeats_anything(self):
        head = self.publish("a", 2000, note="x" * 100)
        consumer = self.consumer()
        old = consumer.wait_applied("a", head)["values"]
        self.forget_publishers()

        def cut_and_repair(folder):
            used = (folder / "data.mdb").read_bytes().rstrip(b"\0")
            os.truncate(folder / "data.mdb", len(used) // 8192 * 4096)
            code, out, _ = self.verb("verify", "left", "--repair", "--json")
            self.assertEqual(code, 0)
            self.assertTrue(json.loads(out)["repair"]["streams"][0]["skipped_ahead"])

        self.restart_sidecar("left", cut_and_repair)
        self.assertLess(sum(batch.count for batch in self.batches("a") if batch.kind == EVENTS), head)
        goes_on = self.head("a") + 1
        self.publish("a", 50)
        consumer.wait_state("a", "DIVERGED")
        self.adopt()
        dump = consumer.wait_applied("a", goes_on + 49)
        new = [batch for batch in self.batches("a") if batch.base >= goes_on]
        self.assertEqual(dump["values"], self.added(old, fold("a", new)))
        self.assertEqual(dump["streams"]["a"]["lost"], goes_on - 1 - head)


if __name__ == "__main__":
    unittest.main()
