#!/usr/bin/python3
"""publish, tail, status and the feed, as they are used from a shell."""

import json
import os
import signal
import subprocess
import time
import unittest

from forebay_test import Installation, wait_until

TOPOLOGY = """
[topology]
name = "test"
[hosts.a]
[sidecars.events]
host = "a"
streams = { events = {}, trimmed = { retention = { bytes = "64KiB" } } }
[sidecars.other]
host = "a"
streams = { others = {} }
[nodes.feed]
kind = "feed"
host = "a"
publishes = ["events"]
source = "feed.ndjson"
[nodes.follower]
kind = "feed"
host = "a"
publishes = ["events"]
source = "follow.ndjson"
follow = true
"""


def line(number, kind="stock.set", pad=""):
    return json.dumps({"type": kind, "subject": f"sku-{number}", "data": {"n": number, "pad": pad}}) + "\n"


class CliTest(unittest.TestCase):
    def setUp(self):
        self.installation = Installation(TOPOLOGY)
        self.addCleanup(self.installation.__exit__, None)
        self.sidecar = self.installation.start_sidecar("events")

    def run_verb(self, *words, given="", seconds=30):
        """Exit code, stdout, stderr of the command line tool."""
        done = subprocess.run(
            [str(self.installation.program("forebay")), *map(str, words)],
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=dict(os.environ, FOREBAY_TOPOLOGY=str(self.installation.topology)),
        )
        return done.returncode, done.stdout, done.stderr

    def publish(self, text, *words, code=0, stream="events"):
        returned, out, err = self.run_verb("publish", stream, *words, "--json", given=text)
        self.assertEqual(returned, code, err)
        return json.loads(out)

    def tail(self, *words, code=0, stream="events"):
        returned, out, err = self.run_verb("tail", stream, *words)
        self.assertEqual(returned, code, err)
        return [json.loads(text) for text in out.splitlines()]

    def numbers(self, *words, **more):
        return [event["data"]["n"] for event in self.tail(*words, **more)]

    def file(self, name, text):
        path = self.installation.folder / name
        path.write_text(text)
        return path

    def start_feed(self, name):
        return self.installation.start(
            [self.installation.program("forebay-feed"), "-t", self.installation.topology, name], name
        )

    def rejects(self, name="feed"):
        path = self.installation.folder / "state" / name / "rejects.ndjson"
        return [json.loads(text) for text in path.read_text().splitlines()]


class PublishAndTail(CliTest):
    def test_producers_are_listed_and_one_that_is_gone_is_forgotten(self):
        files = [self.installation.folder / name for name in ("one.ndjson", "two.ndjson")]
        for number, path in enumerate(files):
            path.write_text(line(number) + line(number + 10))
            self.assertEqual(self.run_verb("publish", "events", path, "--as", "shop")[0], 0)

        def listed():
            _, out, err = self.run_verb("producers", "list", "--json")
            self.assertIn("no answer from the sidecar", err)  # the other one does not run
            events, other = json.loads(out)
            self.assertIn("error", other)
            return [each["id"] for each in events["producers"] if each["name"] == "shop"]

        one, two = listed()
        code, out, _ = self.run_verb("producers", "list")
        self.assertEqual((code, out.count("said goodbye"), one in out, two in out), (1, 2, True, True), out)
        forget = lambda *words: self.run_verb("producers", "forget", *words)  # noqa: E731
        code, _, err = forget("events", "shop")
        self.assertEqual((code, one in err, two in err), (2, True, True), err)
        code, _, err = forget("events", "shpo")
        self.assertEqual((code, "did you mean 'shop'" in err), (2, True), err)
        code, _, err = forget("events", one)
        self.assertEqual(code, 0, err)
        self.assertEqual(listed(), [two])
        self.assertEqual(forget("events", "shop")[0], 0)
        self.assertEqual(forget("events", "shop")[0], 2)
        # What it has published before is new now.
        self.assertEqual(self.run_verb("publish", "events", files[0], "--as", "shop")[0], 0)
        self.assertEqual(self.numbers(), [0, 10, 1, 11, 0, 10])

    def test_what_is_published_is_tailed(self):
        outcome = self.publish("".join(line(n) for n in range(5000)))
        self.assertEqual((outcome["events"], outcome["first"], outcome["last"]), (5000, 1, 5000))
        events = self.tail()
        self.assertEqual([event["data"]["n"] for event in events], list(range(5000)))
        self.assertEqual(len({event["id"] for event in events}), 5000, "each has an id of its own")

    def test_the_acknowledged_range_and_token_are_printed(self):
        code, out, _ = self.run_verb("publish", "events", given=line(1) + line(2))
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^acknowledged 2 events, sequences 1-2, token [0-9a-f]{32}:2\n$")

    def test_the_end_of_stdin_ends_its_last_line(self):
        self.assertEqual(self.publish(line(1).rstrip("\n"))["events"], 1)

    def test_a_named_file_goes_on_where_it_was(self):
        path = self.file("a.ndjson", line(0) + line(1))
        self.assertEqual(self.publish("", path, "--as", "wms")["events"], 2)
        with open(path, "a", encoding="ascii") as more:
            more.write("\n" + line(2))
        outcome = self.publish("", path, "--as", "wms")
        self.assertEqual((outcome["events"], outcome["already"]), (1, 2))
        self.assertEqual(self.publish("", path, "--as", "wms")["events"], 0)
        self.assertEqual(self.numbers(), [0, 1, 2])

    def test_what_an_earlier_run_dealt_with_need_not_have_been_published(self):
        path = self.file("a.ndjson", line(0) + "nonsense\n" + line(1))
        self.assertEqual(self.publish("", path, "--as", "wms", code=2)["bad"], 1)
        code, _, err = self.run_verb("publish", "events", path, "--as", "wms")
        self.assertEqual(code, 0, err)
        self.assertIn("the first 3 lines were dealt with by an earlier run", err)

    def test_a_truncated_named_file_is_refused(self):
        path = self.file("a.ndjson", line(0) + line(1))
        self.publish("", path, "--as", "wms")
        path.write_text(line(0))
        code, _, err = self.run_verb("publish", "events", path, "--as", "wms")
        self.assertEqual(code, 2)
        self.assertIn("truncated", err)

    def test_malformed_lines_are_named_and_the_rest_goes_on(self):
        path = self.file("a.ndjson", line(0) + "nonsense\n" + '{"type": 5}\n' + "\n" + line(1) + '{"type": "cut')
        code, _, err = self.run_verb("publish", "events", path)
        self.assertEqual(code, 2)
        for place in (f"{path}:2: ", f"{path}:3: ", f"{path}:6: "):
            self.assertIn(place, err)
        self.assertIn("left alone (append one, or give the file as - on stdin)", err)
        self.assertEqual(self.numbers(), [0, 1])

    def test_a_line_that_is_too_long_is_passed_over(self):
        long = line(7, pad="x" * (3 << 20))
        path = self.file("a.ndjson", line(0) + long + line(1) + line(8, pad="y" * (3 << 19)) + line(2))
        outcome = self.publish("", path, code=2)
        self.assertEqual((outcome["events"], outcome["bad"]), (3, 2))
        self.assertEqual(self.numbers(), [0, 1, 2])

    def test_a_sidecar_that_goes_meanwhile_is_named_and_waited_for(self):
        read_end, write_end = os.pipe()
        verb = self.installation.forebay("publish", "events", stdin=read_end, log="waiting")
        os.close(read_end)
        os.write(write_end, line(0).encode())
        wait_until(lambda: self.numbers() == [0], "the first line")
        self.sidecar.kill()
        os.write(write_end, line(1).encode())
        os.close(write_end)
        wait_until(lambda: "waiting for the sidecar at" in verb.errors(), "it says that it waits", 20)
        self.assertIn(self.installation.endpoint("events", "control"), verb.errors())
        self.sidecar = self.installation.start_sidecar("events")
        self.assertEqual(verb.wait(), 0, verb.errors())
        self.assertEqual(self.numbers(), [0, 1])

    def test_a_signal_ends_the_wait_for_the_registration(self):
        verb = self.installation.forebay("publish", "others", log="unanswered")
        wait_until(lambda: self.blocks_sigint(verb), "it looks at signals")
        begin = time.monotonic()
        verb.signal(signal.SIGINT)
        self.assertEqual(verb.wait(), 1)
        self.assertLess(time.monotonic() - begin, 4, "the wait itself is of 5 s")
        self.assertIn("stopped before anything was published", verb.errors())

    @staticmethod
    def blocks_sigint(process):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as figures:
            blocked = next(int(figure.split()[1], 16) for figure in figures if figure.startswith("SigBlk:"))
        return blocked & 1 << signal.SIGINT - 1

    def test_a_line_without_end_is_stopped_by_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with open("/dev/zero", "rb") as zeros:
                verb = self.installation.forebay("publish", "events", stdin=zeros, log=f"endless-{number}")
            wait_until(lambda verb=verb: self.bytes_read(verb) > 8 << 20, "it reads the line")
            verb.signal(number)
            self.assertEqual(verb.wait(), 1, verb.errors())
            self.assertIn("stopped before the end", verb.errors())

    @staticmethod
    def bytes_read(process):
        with open(f"/proc/{process.pid}/io", encoding="ascii") as figures:
            return next(int(figure.split()[1]) for figure in figures if figure.startswith("rchar:"))

    def test_tail_from_a_sequence_a_token_a_time_and_the_end(self):
        token = self.publish(line(0) + line(1))["token"]
        self.publish(line(2))
        log = self.tail()
        self.assertEqual(self.numbers("--from", "2"), [1, 2])
        self.assertEqual(self.numbers("--from", token), [1, 2])
        self.assertEqual(self.numbers("--from", "end"), [])
        self.assertEqual(self.numbers("--from", log[2]["time"])[-1:], [2])
        self.assertEqual(self.numbers("--from", "2001-01-01T00:00:00Z"), [0, 1, 2])
        self.assertEqual(self.numbers("--from", "2099-01-01T00:00:00Z"), [])

    def test_tail_filters_and_limits(self):
        self.publish(line(0, "a.b") + line(1, "a.c") + line(2, "b.c") + line(10, "a.b"))
        self.assertEqual(self.numbers("--type", "a.*"), [0, 1, 10])
        self.assertEqual(self.numbers("--subject", "sku-1*"), [1, 10])
        self.assertEqual(self.numbers("--type", "*.b", "--limit", 1), [0])

    def test_tail_names_what_is_trimmed(self):
        for first in range(0, 60, 20):
            self.publish("".join(line(n, pad="x" * 4000) for n in range(first, first + 20)), stream="trimmed")

        def trimmed():
            _, out, _ = self.run_verb("status", "--json")
            streams = [s for r in json.loads(out)["sidecars"] for s in r.get("streams", [])]
            return next(s["oldest"] for s in streams if s["stream"] == "trimmed") > 1

        wait_until(trimmed, "retention trims")
        kept = self.numbers(stream="trimmed")
        self.assertEqual(kept, list(range(60 - len(kept), 60)))
        code, out, err = self.run_verb("tail", "trimmed", "--from", "1")
        self.assertEqual(code, 1)
        self.assertIn(f"sequences 1-{60 - len(kept)}", err)
        self.assertEqual(len(out.splitlines()), len(kept))

    def test_follow_survives_a_restart_of_the_sidecar_and_ends_quietly(self):
        self.publish(line(0))
        tail = self.installation.forebay("tail", "events", "--follow", log="follow")

        def seen():
            return [json.loads(text)["data"]["n"] for text in tail.out_path.read_text().splitlines()]

        wait_until(lambda: seen() == [0], "what was there")
        self.publish(line(1))
        wait_until(lambda: seen() == [0, 1], "what came")
        self.sidecar.kill()
        self.sidecar = self.installation.start_sidecar("events")
        self.publish(line(2))
        wait_until(lambda: seen() == [0, 1, 2], "what came after the restart", 20)
        tail.signal(signal.SIGINT)
        self.assertEqual(tail.wait(), 0)


class WrongUse(CliTest):
    def test_bad_usage_exits_2_and_says_how_to_mend_it(self):
        for words, hint in [
            (("publish", "evnts"), "did you mean 'events'"),
            (("publish",), "STREAM"),
            (("publish", "events", "/nowhere/at/all"), "no file"),
            (("publish", "events", "--as", "Not A Name"), "--as"),
            (("tail", "evnts"), "did you mean 'events'"),
            (("tail", "events", "--from", "yesterday"), "no position"),
            (("tail", "events", "--from", "5"), "last one is 0"),
            (("tail", "events", "--from", "0"), "begin at 1"),
            (("tail", "events", "--limit", "0"), "--limit"),
            (("query", "edd", "--sku", "a", "--to", "b"), "no node of kind sourcing"),
            (("query", "edd"), "--sku"),
            (("status", "--nonsense"), "there is no option '--nonsense'; see forebay status --help"),
            (("status", "--wach"), "did you mean '--watch'? see forebay status --help"),
            (("consumers", "list", "--jsn=1"), "there is no option '--jsn'; did you mean '--json'? see forebay consumers list --help"),
            (("status", "events"), "events"),
            (("replay", "events", "--to", "yesterday"), "--to: "),
            (("statsu",), "did you mean 'status'? see forebay --help"),
            (("consumers", "lst"), "did you mean 'list'? see forebay consumers --help"),
            (("topology", "statsu"), "there is no verb 'statsu'; see forebay topology --help"),
            (("-t", "t.toml", "status"), "a verb comes before its options"),
            (("--topology", "t.toml", "status"), "a verb comes before its options"),
            (("--watch",), "a verb comes before '--watch'"),
        ]:
            with self.subTest(words=words):
                code, out, err = self.run_verb(*words)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn(hint, err)

    def test_a_replay_without_its_sidecar_complains_of_that_and_of_no_option(self):
        self.sidecar.kill()
        code, out, err = self.run_verb("replay", "events")
        self.assertEqual((code, out), (1, ""), err)
        self.assertTrue(err.startswith("forebay: no answer from the sidecar"), err)

    def test_the_generator_says_what_it_is(self):
        done = subprocess.run([self.installation.program("forebay-generator"), "--help"], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("usage: forebay-generator FOLDER", done.stdout)
        self.assertIn("/etc/forebay/topology.toml", done.stdout)

    def test_a_token_of_another_log_is_refused(self):
        code, _, err = self.run_verb("tail", "events", "--from", "0" * 31 + "1:1")
        self.assertEqual(code, 1)
        self.assertIn("incarnation", err)

    def test_every_verb_has_help_with_an_example(self):
        for verb in (["publish"], ["tail"], ["status"], ["query", "edd"]):
            code, out, _ = self.run_verb(*verb, "--help")
            self.assertEqual(code, 0)
            self.assertIn("Examples:\n  forebay " + " ".join(verb), out)

    def test_a_sidecar_that_is_down_is_named(self):
        for words in (("tail", "others"), ("publish", "others")):
            code, _, err = self.run_verb(*words)
            self.assertEqual(code, 1)
            self.assertIn("other/control.sock", err)
            self.assertIn("is it running?", err)


class Status(CliTest):
    def test_a_row_for_each_stream_and_one_for_a_sidecar_that_is_down(self):
        self.publish(line(0) + line(1))
        code, out, _ = self.run_verb("status")
        self.assertEqual(code, 1, "other is down")
        rows = [row.split() for row in out.splitlines()]
        self.assertEqual(rows[0][:7], ["STREAM", "SIDECAR", "HEAD", "OLDEST", "BYTES", "RATE", "LOST"])
        events = next(row for row in rows if row[0] == "events")
        self.assertEqual(events[:4], ["events", "events", "2", "1"])
        self.assertTrue(next(text for text in out.splitlines() if " other " in text).endswith("! does not answer"))

    def test_the_reports_in_json(self):
        self.installation.start_sidecar("other")
        self.publish(line(0))
        self.publish("", stream="others")
        code, out, _ = self.run_verb("status", "--json")
        self.assertEqual(code, 0)
        reports = {report["sidecar"]: report for report in json.loads(out)["sidecars"]}
        self.assertEqual({s["stream"]: s["head"] for s in reports["events"]["streams"]}, {"events": 1, "trimmed": 0})
        self.assertEqual([s["stream"] for s in reports["other"]["streams"]], ["others"])


class Feed(CliTest):
    def test_it_publishes_its_file_once_and_sets_rejects_aside(self):
        self.file("feed.ndjson", line(0) + "nonsense\n" + line(1) + "[]\n")
        for _ in range(2):
            self.assertEqual(self.start_feed("feed").wait(), 0)
        self.assertEqual(self.numbers(), [0, 1])
        self.assertEqual([(r["line"], r["text"]) for r in self.rejects()], [(2, "nonsense"), (4, "[]")])
        self.assertTrue(all(event["source"] == "/feed" for event in self.tail()))

    def test_kill_9_at_any_moment_neither_loses_nor_doubles(self):
        count = 60000
        text = "".join("nonsense\n" if n % 1000 == 999 else line(n) for n in range(count))
        self.file("feed.ndjson", text)
        self.publish("")  # it serves
        for pause in range(6):
            feed = self.start_feed("feed")
            head = pause * count // 6
            wait_until(lambda: self.head() >= head or not feed.running(), "it goes on")
            if not feed.running():
                break
            feed.kill()
        self.assertEqual(self.start_feed("feed").wait(), 0)
        self.assertEqual(self.numbers(), [n for n in range(count) if n % 1000 != 999])
        lines = [reject["line"] for reject in self.rejects()]
        self.assertEqual(lines, list(range(1000, count + 1, 1000)))

    def head(self):
        _, out, _ = self.run_verb("status", "--json")
        streams = [s for r in json.loads(out)["sidecars"] for s in r.get("streams", [])]
        return next((s["head"] for s in streams if s["stream"] == "events"), 0)

    def test_it_waits_while_the_sidecar_is_down(self):
        self.sidecar.kill()
        self.file("feed.ndjson", line(0))
        feed = self.start_feed("feed")
        wait_until(lambda: "waiting for the sidecar" in feed.errors(), "it says that it waits")
        self.sidecar = self.installation.start_sidecar("events")
        self.assertEqual(feed.wait(), 0)
        self.assertEqual(self.numbers(), [0])
        self.assertEqual(feed.errors().count("waiting for the sidecar"), 1, "said once")

    def test_it_follows_a_growing_file_and_stops_on_sigterm(self):
        path = self.file("follow.ndjson", "")
        feed = self.start_feed("follower")
        with open(path, "a", encoding="ascii", buffering=1) as growing:
            for n in range(3):
                text = line(n)
                growing.write(text[:10])
                growing.flush()
                growing.write(text[10:])
                wait_until(lambda n=n: self.numbers() == list(range(n + 1)), f"line {n}")
        self.assertEqual(feed.stop(), 0)

    def test_a_followed_file_that_is_truncated_or_replaced_ends_it(self):
        for last, change in (
            (1, lambda path: path.write_text("")),
            (3, lambda path: (path.rename(f"{path}.1"), path.write_text(line(9)))),
        ):
            path = self.file("follow.ndjson", line(last - 1) + line(last))
            feed = self.start_feed("follower")
            wait_until(lambda last=last: self.numbers()[-1:] == [last], "what is there")
            change(path)
            self.assertEqual(feed.wait(), 2)
            self.assertIn("while it was followed", feed.errors())

    def test_a_file_shorter_than_what_was_published_is_refused(self):
        path = self.file("feed.ndjson", line(0) + line(1))
        self.assertEqual(self.start_feed("feed").wait(), 0)
        path.write_text(line(0))
        feed = self.start_feed("feed")
        self.assertEqual(feed.wait(), 2)
        self.assertIn("truncated", feed.errors())

    def test_two_of_one_name_are_refused(self):
        self.file("follow.ndjson", line(0))
        first = self.start_feed("follower")
        wait_until(lambda: self.numbers() == [0], "it runs")
        second = self.start_feed("follower")
        self.assertEqual(second.wait(), 1)
        self.assertTrue(first.running())
        self.assertIn("in use by another process", second.errors())

    def test_output_that_does_not_arrive_is_told(self):
        self.publish(line(1))
        for words in (["topology", "show"], ["status", "--json"], ["tail", "events"], ["--help"]):
            with self.subTest(words=words), open("/dev/full", "w") as full:
                done = subprocess.run(
                    [str(self.installation.program("forebay")), *words],
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    timeout=30,
                    env=dict(os.environ, FOREBAY_TOPOLOGY=str(self.installation.topology)),
                )
                self.assertEqual(done.returncode, 1)
                self.assertIn("cannot write to stdout", done.stderr)


if __name__ == "__main__":
    unittest.main()
