#!/usr/bin/python3
"""A log that was replaced or rolled back is never taken for the one read so far: DIVERGED, until an operator decides."""

import shutil
import unittest

from keyed_publishing import KeyedTest, wait_until


class OtherLog(KeyedTest):
    def diverged(self, consumer, stream="a"):
        consumer.wait_state(stream, "DIVERGED")
        self.wait_raised(stream, "diverged", f"keyed of {stream}")
        wait_until(lambda: consumer.dump()["streams"][stream]["diverged"], "committed")

    def replace_log(self, consumer, count_before, count_after):
        """The sidecar `left` loses its folder; its consumer has applied `count_before`. The old view of `a`."""
        self.publish("a", count_before)
        self.publish("b", 50)
        self.assert_folded(consumer, "a", "b")
        old = self.fold("a")
        self.forget_publishers()
        self.restart_sidecar("left", shutil.rmtree)
        if count_after:
            self.publish("a", count_after)
        self.diverged(consumer)
        return old

    def assert_others_go_on(self, consumer):
        self.publish("c", 100)
        self.assert_folded(consumer, "c")

    def rebuild(self, consumer, stream="a"):
        wait_until(lambda: consumer.ask("reset", stream=stream, mode="rebuild").get("ok"), "a rebuild begins")
        self.assertNotIn("error", consumer.wait_built())

    def test_a_rebuild_leads_out_of_another_incarnation(self):
        consumer = self.consumer()
        self.replace_log(consumer, 300, 100)
        self.assert_others_go_on(consumer)
        wait_until(lambda: (self.reported("a") or {}).get("state") in (None, "DIVERGED"), "not reported as LIVE")
        consumer.restart()
        self.diverged(consumer)
        self.assert_others_go_on(consumer)
        self.rebuild(consumer)
        self.publish("a", 100)
        self.assert_folded(consumer)

    def adopt_leads_out(self, count_before, count_after, restart):
        consumer = self.consumer()
        old = self.replace_log(consumer, count_before, count_after)
        if restart:
            consumer.restart()
            self.diverged(consumer)
        self.adopt()
        self.diverged(consumer, "b")  # of the same sidecar: each stream is decided on by itself
        wait_until(lambda: not consumer.dump()["streams"]["a"]["diverged"], "adopted")
        self.publish("a", 100)
        dump = consumer.wait_applied("a", self.head("a"))
        values = {key: value for key, value in dump["values"].items() if key[0] == "a"}
        self.assertEqual(values, self.added(old, self.fold("a")))  # nothing of it was applied before
        self.assertEqual((dump["streams"]["a"]["lost"], dump["streams"]["a"]["diverged"]), (0, False))

    def test_a_shorter_log_that_began_anew_is_adopted_from_its_beginning(self):
        self.adopt_leads_out(300, 100, restart=False)

    def test_a_shorter_log_that_began_anew_is_adopted_from_its_beginning_after_a_restart(self):
        self.adopt_leads_out(300, 100, restart=True)

    def test_a_longer_log_that_began_anew_is_adopted_from_its_beginning(self):
        self.adopt_leads_out(100, 300, restart=True)

    def roll_back(self, consumer, count_after):
        """The log goes back to 100 of 300 events under its incarnation, and goes on otherwise."""
        self.publish("a", 100)
        copy = self.installation.folder / "copy.mdb"
        self.restart_sidecar("left", lambda folder: shutil.copy(folder / "data.mdb", copy))
        self.publish("a", 200)
        self.assert_folded(consumer, "a")
        self.forget_publishers()
        self.restart_sidecar("left", lambda folder: shutil.copy(copy, folder / "data.mdb"))
        if count_after:
            self.publish("a", count_after)
        self.diverged(consumer)
        self.assert_others_go_on(consumer)

    def test_a_log_rolled_back_is_seen_whatever_came_after(self):
        for count_after in (0, 50, 200, 400):
            with self.subTest(after=count_after):
                self.doCleanups()
                self.setUp()
                consumer = self.consumer()
                self.roll_back(consumer, count_after)
                self.rebuild(consumer)
                self.publish("a", 100)
                self.assert_folded(consumer)

    def test_a_log_rolled_back_is_adopted_from_its_beginning_since_nothing_tells_where_it_parted(self):
        consumer = self.consumer()
        self.roll_back(consumer, 50)
        old = {key: value for key, value in consumer.dump()["values"].items() if key[0] == "a"}
        consumer.restart()
        self.diverged(consumer)
        self.adopt()
        self.publish("a", 100)
        dump = consumer.wait_applied("a", self.head("a"))
        values = {key: value for key, value in dump["values"].items() if key[0] == "a"}
        self.assertEqual(values, self.added(old, self.fold("a")))

    def test_a_log_rolled_back_and_then_restored_is_adopted_from_its_beginning(self):
        consumer = self.consumer()
        self.roll_back(consumer, 400)
        old = {key: value for key, value in consumer.dump()["values"].items() if key[0] == "a"}
        consumer.process.kill()
        backup = self.installation.folder / "left.fbak"
        self.assertEqual(self.verb("backup", "left", backup)[0], 0)

        def restore(folder):
            (folder / "data.mdb").unlink()
            self.assertEqual(self.verb("restore", "left", backup)[0], 0)

        self.restart_sidecar("left", restore)
        self.assertEqual(self.reported("a")["state"], "DIVERGED")
        consumer.start()
        self.diverged(consumer)
        self.adopt()
        dump = consumer.wait_applied("a", self.head("a"))
        values = {key: value for key, value in dump["values"].items() if key[0] == "a"}
        self.assertEqual(values, self.added(old, self.fold("a")))

    def test_where_the_log_that_was_read_is_back_it_is_adopted_at_the_cursor(self):
        consumer = self.consumer()
        self.publish("a", 300)
        self.assert_folded(consumer, "a")
        kept = self.installation.folder / "copy.mdb"

        def lose(folder):
            shutil.copy(folder / "data.mdb", kept)
            shutil.rmtree(folder)

        self.forget_publishers()
        self.restart_sidecar("left", lose)
        self.diverged(consumer)
        self.restart_sidecar("left", lambda folder: shutil.copy(kept, folder / "data.mdb"))
        wait_until(lambda: (self.reported("a") or {}).get("read") == 300, "its registration shows that it is the log it read")
        self.adopt()
        self.publish("a", 100)
        self.assert_folded(consumer, "a")


if __name__ == "__main__":
    unittest.main()
