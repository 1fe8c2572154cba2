#!/usr/bin/python3
"""A view is built anew beside the live one while events and queries go on; a view of the past stays beside it."""

import unittest

from keyed_publishing import KeyedTest


class Rebuild(KeyedTest):
    def views(self, consumer):
        return sorted(folder.name for folder in (consumer.state / "views").iterdir())

    def test_the_new_view_takes_over_while_events_and_queries_go_on(self):
        consumer = self.consumer()
        for stream in "abc":
            self.publish(stream, 5000)
        self.assert_folded(consumer)
        seen = 0
        for _ in range(3):
            self.assertTrue(consumer.ask("build", view="")["ok"])
            running = True
            while running:
                for stream in "abc":
                    self.send(stream, 100)
                dump = consumer.dump()
                count = sum(value[1] for value in dump["values"].values())
                # One moment's view is whole: as many events as its cursors say, and it never goes back.
                self.assertEqual(count, sum(each["cursor"] for each in dump["streams"].values()))
                self.assertGreaterEqual(count, seen)
                seen = count
                running = consumer.ask("progress")["running"]
            self.assertNotIn("error", consumer.ask("progress"))
        for publisher in self.publishers.values():
            publisher.flush(30)
        self.assert_folded(consumer)
        self.assertEqual(self.views(consumer), ["4"])
        consumer.restart()
        self.assert_folded(consumer)

    def test_a_rebuild_that_is_interrupted_leaves_a_whole_view(self):
        consumer = self.consumer()
        self.publish("a", 10_000)
        self.assert_folded(consumer, "a")
        for _ in range(5):
            self.assertTrue(consumer.ask("build", view="")["ok"])
            consumer.restart()
            self.assert_folded(consumer, "a")
            self.assertEqual(len(self.views(consumer)), 1)

    def test_a_view_of_the_past_holds_exactly_the_range(self):
        consumer = self.consumer()
        self.publish("a", 3000)
        self.publish("b", 100)
        self.assert_folded(consumer)
        self.assertTrue(consumer.ask("build", view="past", **{"from": {"a": 100}}, until={"a": 1777})["ok"])
        self.assertNotIn("error", consumer.wait_built())
        for _ in range(2):
            self.assertEqual(consumer.dump("past")["values"], self.fold("a", 100, 1777))
            self.assert_folded(consumer)
            self.publish("a", 100)
            consumer.restart()

    def test_a_view_of_the_past_that_was_interrupted_is_not_there(self):
        consumer = self.consumer()
        head = self.publish("a", 20_000)
        self.assert_folded(consumer, "a")
        for _ in range(5):
            self.assertTrue(consumer.ask("build", view="past", until={"a": head})["ok"])
            consumer.restart()
            dump = consumer.dump("past")
            self.assertIn(dump.get("values"), (None, self.fold("a")))  # not there, or whole


if __name__ == "__main__":
    unittest.main()
