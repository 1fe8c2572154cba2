// What check refuses: each text with every problem it has, position and words.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "topology/load.h"

namespace forebay {
namespace {

// Eight lines, so that what a case adds begins at line 9.
const std::string kBase =
    "[topology]\n"
    "name = 't'\n"
    "[hosts.a]\n"
    "[sidecars.stock]\n"
    "host = 'a'\n"
    "[sidecars.stock.streams]\n"
    "inventory = {}\n"
    "catalog = {}\n";

std::string problems_of(const std::string& text) {
  const auto topology = parse_topology(text, "/etc/forebay");
  if (topology) return "";
  std::string all;
  for (const Problem& problem : topology.error()) all += problem.text("t") + "\n";
  return all;
}

struct Case {
  std::string text;
  std::string problems;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& bad : cases) {
    INFO(bad.text);
    CHECK(problems_of(bad.text) == bad.problems);
  }
}

TEST_CASE("ASoundTopologyHasNoProblems") { CHECK(problems_of(kBase) == ""); }

TEST_CASE("WhatIsNotTomlIsRefusedWhereItStops") {
  check_all({
      {"[topology\nname = 't'\n",
       "t:1:10: not TOML: Error while parsing table header: expected ']', saw '\\n'; mend this "
       "first, "
       "the rest was not checked\n"},
      {"[\x05]\n",
       "t:1:2: not TOML: Error while parsing key: expected bare key starting character or string "
       "delimiter, saw '\\u0005'; mend this first, the rest was not checked\n"},
      {"[hosts\u025d]\n",
       "t:1:7: not TOML: Error while parsing table header: expected ']', saw '\u025d'; mend this "
       "first, the rest was not checked\n"},
      {"a = 1\n\u3005 = 2\n",
       "t:2:1: not TOML: Error while parsing root table: expected keys, tables, whitespace or "
       "comments, saw '\u3005'; mend this first, the rest was not checked\n"},
      {"a = 1\na = 2\n",
       "t:2:5: not TOML: Error while parsing key-value pair: cannot redefine existing integer 'a'; "
       "mend "
       "this first, the rest was not checked\n"},
      {"a = \"\xff\"\n",
       "t:1:5: not TOML: Encountered invalid utf-8 sequence; mend this first, the rest was not "
       "checked\n"},
      {"a = 1\n" + std::string(5000, '#') + "\n",
       "t:2:1: the line is longer than 4096 bytes; break it (a list may span lines)\n"},
      {std::string(2 << 20, '\n'),
       "t: the file has 2097152 bytes, a topology has at most 1048576; name the topology file, not "
       "a "
       "data file\n"},
  });
}

TEST_CASE("KeysByTheHundredThousandDoNotOverflowTheStack") {
  std::string dotted = "a";
  for (int i = 0; i < 100'000; ++i) dotted += ".a";
  CHECK(problems_of(dotted + " = 1").find("t:1:1: the line is longer") == 0);
  CHECK(problems_of("[" + dotted + "]").find("t:1:1: the line is longer") == 0);
  CHECK(problems_of("a = " + std::string(4000, '[')).find("not TOML") != std::string::npos);
  CHECK(problems_of("[" + dotted.substr(0, 4001) + "]").find("unknown key 'a'") !=
        std::string::npos);
}

TEST_CASE("AnEmptyTopologyIsRefused") {
  check_all({
      {"", "t:1:1: there is no [topology]; add [topology] with name = \"…\"\n"},
      {"[topology]\nname = 't'\n",
       "t:1:1: the topology has no host; add [hosts.a]\n"
       "t:1:1: the topology has no sidecar, so nothing could be published; add [sidecars.NAME] "
       "with "
       "host and streams\n"},
      {"[topology]\nname = 't'\n[hosts.a]\n",
       "t:1:1: the topology has no sidecar, so nothing could be published; add [sidecars.NAME] "
       "with "
       "host and streams\n"},
      {"[topology]\nname = 't'\n[hosts.a]\n[sidecars.s]\nhost = 'a'\n",
       "t:4:11: sidecar 's': it owns no stream; add streams = { NAME = {} }\n"},
  });
}

TEST_CASE("UnknownKeysAreRefusedEverywhere") {
  check_all({
      {"nmae = 1\n" + kBase,
       "t:1:1: the file: unknown key 'nmae'; known: 'topology', 'hosts', 'sidecars', 'nodes', "
       "'keys', 'operators', 'alerts'\n"},
      {kBase + "[node.x]\n", "t:9:2: the file: unknown key 'node'; did you mean 'nodes'?\n"},
      {"[topology]\nname = 't'\nstatedir = 'x'\n" + kBase.substr(22),
       "t:3:1: topology: unknown key 'statedir'; did you mean 'state_dir'?\n"},
      {"[topology]\nname = 't'\nlog_level = 'loud'\n" + kBase.substr(22),
       "t:3:13: topology: log_level 'loud' is no level; choose one of trace, debug, info, warning, "
       "error, critical, off\n"},
      {kBase + "[hosts.b]\nport = 1\n",
       "t:10:1: host 'b': unknown key 'port'; known: 'address', 'base_port', 'metrics_port', "
       "'metrics_address', 'alerts'\n"},
      {kBase + "[sidecars.t]\nhosts = 'a'\nstreams = { x = {} }\n",
       "t:9:11: sidecar 't': host is missing; add host = \"a\"\n"
       "t:10:1: sidecar 't': unknown key 'hosts'; did you mean 'host'?\n"},
      {kBase + "x = { retain = 1 }\n",
       "t:9:7: stream 'x': unknown key 'retain'; known: 'retention'\n"},
      {kBase + "x = { retention = { days = 1 } }\n",
       "t:9:21: stream 'x', retention: unknown key 'days'; known: 'age', 'bytes', 'discard'\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\nsubscribes = [{stream = 'catalog', form = "
               "1}]\n",
       "t:12:36: node 'n', subscribes: unknown key 'form'; known: 'stream', 'start'\n"},
      {kBase + "[alerts]\nlag_event = 5\n",
       "t:10:1: alerts: unknown key 'lag_event'; did you mean 'lag_events'?\n"},
  });
}

TEST_CASE("NamesThatLeadNowhereAreRefused") {
  check_all({
      {kBase + "[sidecars.t]\nhost = 'b'\nstreams = { x = {} }\n",
       "t:10:8: sidecar 't': there is no host 'b'; known: 'a'\n"},
      {kBase + "[sidecars.t]\nhost = 'warehouse'\nstreams = { x = {} }\n",
       "t:10:8: sidecar 't': there is no host 'warehouse'; known: 'a'\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'warehouse'\npublishes = ['inventory']\n",
       "t:11:8: node 'n': there is no host 'warehouse'; known: 'a'\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\npublishes = ['catalog', 'inventry']\n",
       "t:12:25: node 'n' publishes 'inventry', which no sidecar owns; did you mean "
       "'inventory'?\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\nsubscribes = [{stream = 'weather'}]\n",
       "t:12:25: node 'n' subscribes to 'weather', which no sidecar owns; known: 'inventory', "
       "'catalog'\n"},
      {kBase + "[nodes.n]\nkind = 'fed'\nhost = 'a'\n",
       "t:10:8: node 'n': unknown kind 'fed'; did you mean 'feed'?\n"},
      {kBase +
           "[sidecars.t]\nhost = 'a'\nstreams = { inventory = {} }\n[nodes.n]\nkind = 'service'\n"
           "host = 'a'\npublishes = ['weather']\n",
       "t:11:13: stream 'inventory' already has an owner (line 7); a stream is owned by one "
       "sidecar: "
       "remove or rename one of them\n"
       "t:15:14: node 'n' publishes 'weather', which no sidecar owns; known: 'inventory', "
       "'catalog'\n"},
      {"[topology]\nname = 't'\n[hosts.a]\nalerts = 'pages'\n[hosts.b]\nalerts = 'x'\n"
       "[sidecars.s]\nhost = 'a'\nstreams = { x = {} }\n",
       "t:4:10: host 'a': alerts go to 'pages', which no sidecar owns; known: 'x'\n"
       "t:6:10: host 'b': alerts go to 'x', whose sidecar is on another host; name a stream of a "
       "sidecar on this host\n"},
  });
}

TEST_CASE("WhatIsNoNameIsRefused") {
  const std::string mend =
      "; use 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit\n";
  check_all({
      {"[topology]\nname = 'Edd Demo'\n" + kBase.substr(22),
       "t:2:8: topology: 'Edd Demo' is not a name" + mend},
      {kBase + "[hosts.B]\n", "t:9:8: 'B' is not a name" + mend},
      {kBase + "[sidecars.'a/b']\nhost = 'a'\nstreams = { x = {} }\n",
       "t:9:11: 'a/b' is not a name" + mend},
      {kBase + "'' = {}\n", "t:9:1: '' is not a name" + mend},
      {kBase + "[nodes.'..']\nkind = 'service'\nhost = 'a'\nsubscribes = ['catalog']\n",
       "t:9:8: '..' is not a name" + mend},
  });
}

TEST_CASE("AStreamHasOneOwner") {
  check_all({
      {kBase + "[sidecars.t]\nhost = 'a'\nstreams = { inventory = {} }\n",
       "t:11:13: stream 'inventory' already has an owner (line 7); a stream is owned by one "
       "sidecar: "
       "remove or rename one of them\n"},
  });
}

TEST_CASE("ANodeIsNotNamedLikeASidecar") {
  check_all({
      {kBase + "[nodes.stock]\nkind = 'service'\nhost = 'a'\nsubscribes = ['catalog']\n",
       "t:9:8: node 'stock' has the name of a sidecar (line 4); names are state folders: rename "
       "one, "
       "e.g. 'stock-1'\n"},
  });
}

TEST_CASE("APublisherSitsBesideItsSidecar") {
  check_all({
      {kBase + "[hosts.b]\nbase_port = 8000\n"
               "[nodes.n]\nkind = 'service'\nhost = 'b'\npublishes = ['inventory']\n",
       "t:14:14: node 'n' on host 'b' publishes 'inventory', whose sidecar 'stock' is on host 'a'; "
       "publishers talk to a sidecar beside them: move one of the two\n"},
  });
}

TEST_CASE("AStreamIsNamedOnce") {
  check_all({
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\npublishes = ['catalog', 'catalog']\n"
               "subscribes = ['catalog', {stream = 'catalog'}]\n",
       "t:12:25: node 'n' publishes 'catalog' twice; name it once\n"
       "t:13:36: node 'n' subscribes to 'catalog' twice; name it once\n"},
  });
}

TEST_CASE("EachKindOfNodeHasItsKeys") {
  check_all({
      {kBase + "[nodes.n]\nkind = 'feed'\nhost = 'a'\npublishes = ['catalog']\n",
       "t:9:8: node 'n': a feed needs a source; add source = \"FILE.ndjson\", or \"-\" for "
       "stdin\n"},
      {kBase + "[nodes.n]\nkind = 'feed'\nhost = 'a'\nsource = 'x'\n",
       "t:9:8: node 'n': a feed publishes exactly one stream; write publishes = [\"STREAM\"], and "
       "a "
       "feed for each stream\n"},
      {kBase + "[nodes.n]\nkind = 'feed'\nhost = 'a'\nsource = '-'\npublishes = ['catalog', "
               "'inventory']\n"
               "follow = true\nsubscribes = ['catalog']\nreplay = true\n",
       "t:13:13: node 'n': a feed publishes exactly one stream; write publishes = [\"STREAM\"], "
       "and a "
       "feed for each stream\n"
       "t:14:10: node 'n': follow is of no use to stdin, which is always read to its end; remove "
       "it\n"
       "t:15:14: node 'n': subscribes is of no use to a feed; a feed only publishes: remove it\n"
       "t:16:10: node 'n': replay is of no use to a feed; a feed takes no events: remove it\n"},
      {kBase + "[nodes.n]\nkind = 'sourcing'\nhost = 'a'\npublishes = ['catalog']\nreplay = true\n"
               "source = 'x'\n",
       "t:9:8: node 'n': a sourcing node subscribes to at least one stream; add subscribes = "
       "[\"STREAM\"]\n"
       "t:12:13: node 'n': publishes is of no use to a sourcing node; it only reads: remove it\n"
       "t:13:10: node 'n': replay is of no use to a sourcing node; it keeps a view: replay into a "
       "scratch view (--view) or rebuild\n"
       "t:14:10: node 'n': source is of no use to a node that is no feed; remove it, or write kind "
       "= "
       "\"feed\"\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\n",
       "t:9:8: node 'n' neither publishes nor subscribes; add publishes = [\"STREAM\"] or "
       "subscribes = "
       "[\"STREAM\"]\n"},
      {kBase + "[nodes.n]\nhost = 'a'\n",
       "t:9:8: node 'n': kind is missing; add kind = \"service\"\n"},
  });
}

TEST_CASE("TypesAreChecked") {
  check_all({
      {"topology = 1\n",
       "t:1:12: the file: topology is a whole number, not a table; write [topology]\n"},
      {kBase + "[hosts]\nb = 'x'\n",
       "t:10:5: host 'b' is a string, not a table; write [hosts.b]\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 7\nsubscribes = 'catalog'\n",
       "t:11:8: node 'n': host is a whole number, not a string; write host = \"…\"\n"
       "t:12:14: node 'n': subscribes is a string, not an array; write subscribes = [\"…\"]\n"},
      {kBase + "[nodes.n]\nkind = 'service'\nhost = 'a'\nsubscribes = [4]\npublishes = [true]\n",
       "t:12:15: node 'n': subscribes holds a whole number; list stream names or { stream = \"…\", "
       "start = \"latest\" }\n"
       "t:13:14: node 'n': publishes holds a boolean; list stream names\n"},
      {kBase + "[hosts.b]\nbase_port = '7400'\n",
       "t:10:13: host 'b': base_port is a string, not a whole number; write it without quotes or "
       "fraction\n"},
  });
}

TEST_CASE("DurationsSizesAndTimesAreChecked") {
  const std::string duration =
      "; write a whole number and ms, s, m, h or d, e.g. \"250ms\" or \"90d\"\n";
  const std::string size =
      "; write a whole number and B, KiB, MiB, GiB or TiB, e.g. \"512MiB\" or \"8GiB\"\n";
  const std::string service = "[nodes.n]\nkind = 'service'\nhost = 'a'\nsubscribes = ";
  check_all({
      {kBase +
           "[alerts]\nlag_age = '5 seconds'\nbeacon_silent = '0s'\nproducer_silent = '200000d'\n",
       "t:10:11: alerts: lag_age '5 seconds' is not a duration" + duration +
           "t:11:17: alerts: beacon_silent '0s' is zero, too small for a duration" + duration +
           "t:12:19: alerts: producer_silent '200000d' is too large for a duration" + duration},
      {kBase + "[hosts.b]\nmetrics_port = 70000\nmetrics_address = 'here'\n",
       "t:10:16: host 'b': metrics_port 70000 is not a port; choose one from 1 to 65535, or 0 for "
       "none\n"
       "t:11:19: host 'b': metrics_address 'here' is no IPv4 address; write one of the host's, or "
       "\"0.0.0.0\" for all\n"},
      {kBase + "[alerts]\ndisk_percent = 0\nrefusals = 0\nexec = 'page'\n",
       "t:10:16: alerts: disk_percent 0 is no share; write how many per cent are used when it is "
       "an alert, e.g. 90\n"
       "t:11:12: alerts: refusals 0 is below 1; write how many a minute are an alert\n"
       "t:12:8: alerts: exec 'page' is no absolute path; write the program's whole path\n"},
      {kBase + "[alerts]\nlag_age = 5\nlag_events = 0\n",
       "t:10:11: alerts: lag_age is a whole number, not a string; write lag_age = \"5s\", with its "
       "unit\n"
       "t:11:14: alerts: lag_events 0 is below 1; write the number of events from which lag is an "
       "alert\n"},
      {kBase + "x = { retention = { age = '', bytes = '8GB' } }\n",
       "t:9:27: stream 'x', retention: age '' is not a duration" + duration +
           "t:9:39: stream 'x', retention: bytes '8GB' is not a size" + size},
      {kBase + "x = { retention = { bytes = '8GiB', discard = 'some' } }\n",
       "t:9:47: stream 'x', retention: discard 'some' is neither \"old\" nor \"new\"; old trims "
       "what a "
       "consumer has yet to read, which is told of it; new makes publishers hold\n"},
      {kBase + "x = { retention = { age = '1d', discard = 'new' } }\n",
       "t:9:43: stream 'x', retention: discard has no effect without bytes; give bytes, or leave "
       "discard out\n"},
      {kBase + "x = { retention = {} }\n",
       "t:9:19: stream 'x': retention is empty; give age or bytes, or leave it out to keep "
       "everything\n"},
      {kBase + "[sidecars.t]\nhost = 'a'\ndisk_max = '9999999999999TiB'\nstreams = { x = {} }\n",
       "t:11:12: sidecar 't': disk_max '9999999999999TiB' is too large for a size" + size},
      {kBase + "[sidecars.t]\nhost = 'a'\ndisk_max = '16383KiB'\nstreams = { x = {} }\n",
       "t:11:12: sidecar 't': disk_max is too small: a log that filled it would stay full "
       "even with all trimmed; give at least \"16MiB\"\n"},
      {kBase + service + "[{stream = 'catalog', start = 'yesterday'}]\n",
       "t:12:44: node 'n', subscribes: start 'yesterday' is neither a word nor a time; write "
       "\"earliest\", \"latest\" or a time such as \"2026-03-01T00:00:00Z\"\n"},
      {kBase + service + "[{start = 'latest'}]\n",
       "t:12:15: node 'n', subscribes: stream is missing; add stream = \"inventory\"\n"},
  });
}

TEST_CASE("AddressesAndPortsAreChecked") {
  const std::string mend = "; write the host's IPv4 address, e.g. \"127.0.0.1\"\n";
  check_all({
      {kBase + "[hosts.b]\naddress = 'localhost'\n[hosts.c]\naddress = '0.0.0.0'\n",
       "t:10:11: host 'b': address 'localhost' is not one other hosts can reach" + mend +
           "t:12:11: host 'c': address '0.0.0.0' is not one other hosts can reach" + mend},
      {kBase + "[hosts.b]\nbase_port = 70000\n",
       "t:10:13: host 'b': base_port 70000 is not a port; choose one from 1 to 65535\n"},
      {kBase + "[hosts.b]\nmetrics_port = 65535\nbase_port = 65000\n"
               "[sidecars.t]\nhost = 'b'\nstreams = { x = {} }\n",
       "t:10:16: host 'b' uses ports 65535 to 65536, which go past 65535; choose a metrics_port of "
       "at "
       "most 65534\n"},
      {kBase + "[hosts.b]\nmetrics_port = 7400\nbase_port = 7500\n"
               "[sidecars.t]\nhost = 'b'\nstreams = { x = {} }\n",
       "t:10:16: host 'b' uses ports 7400 to 7401 of 127.0.0.1, some of them used by host 'a' "
       "(line 3); choose another metrics_port, e.g. 7402\n"},
      {kBase + "[hosts.b]\nbase_port = 65535\n"
               "[sidecars.t]\nhost = 'b'\nstreams = { x = {} }\n",
       "t:10:13: host 'b' uses ports 65535 to 65536, which go past 65535; choose a base_port of at "
       "most "
       "65534\n"},
      {kBase + "[hosts.b]\nbase_port = 7401\nmetrics_port = 0\n"
               "[sidecars.t]\nhost = 'b'\nstreams = { x = {} }\n",
       "t:10:13: host 'b' uses ports 7401 to 7402 of 127.0.0.1, some of them used by host 'a' "
       "(line 3); "
       "choose another base_port, e.g. 7402\n"},
  });
}

TEST_CASE("AcrossHostsOnlyLoopbackIsAllowedWithoutKeys") {
  const std::string consumer =
      "[nodes.n]\nkind = 'service'\nhost = 'b'\nsubscribes = ['catalog']\n";
  const std::string reads = ", and node 'n' reads stream 'catalog' across hosts over ";
  const auto mend = [](const std::string& name, const std::string& host) {
    return "; run `forebay keys generate " + name + "` on host " + host +
           " and put the line that it prints under [keys]\n";
  };
  const std::string far_sidecar =
      "[topology]\nname = 't'\n[hosts.a]\naddress = '192.168.7.1'\n" + kBase.substr(32);
  const std::string ones = "'" + std::string(40, '1') + "'",
                    twos = "'" + std::string(40, '2') + "'";
  check_all({
      {kBase + "[hosts.b]\naddress = '10.0.0.2'\n" + consumer,
       "t:10:11: 'n' has no key" + reads + "10.0.0.2" + mend("n", "b")},
      {far_sidecar + "[hosts.b]\naddress = '127.0.0.2'\n" + consumer,
       "t:4:11: 'stock' has no key" + reads + "192.168.7.1" + mend("stock", "a")},
      {far_sidecar, ""},
      {kBase + "[hosts.b]\naddress = '127.0.0.2'\n" + consumer, ""},
      {far_sidecar + "[hosts.b]\naddress = '192.168.7.2'\n" + consumer + "[keys]\nstock = " + ones +
           "\n",
       "t:11:11: 'n' has no key" + reads + "192.168.7.2" + mend("n", "b")},
      {far_sidecar + "[hosts.b]\naddress = '192.168.7.2'\n" + consumer + "[keys]\nstock = " + ones +
           "\nn = " + twos + "\n",
       ""},
  });
}

TEST_CASE("KeysAreOneOrTwoForEachWhoIsThere") {
  const std::string ones = "'" + std::string(40, '1') + "'",
                    twos = "'" + std::string(40, '2') + "'";
  const std::string threes = "'" + std::string(40, '3') + "'";
  check_all({
      {kBase + "[keys]\nstock = 'short'\n",
       "t:10:1: 'stock': this is no public key; write the 40 characters that `forebay keys "
       "generate "
       "stock` printed\n"},
      {kBase + "[keys]\nstock = []\n",
       "t:10:1: 'stock' has 0 keys; give one, or two while it is being changed\n"},
      {kBase + "[keys]\nstock = [" + ones + ", " + twos + ", " + threes + "]\n",
       "t:10:1: 'stock' has 3 keys; give one, or two while it is being changed\n"},
      {kBase + "[keys]\nstock = [" + ones + ", " + twos + "]\n", ""},
      {kBase + "[keys]\nstokc = " + ones + "\n",
       "t:10:1: there is no sidecar or node 'stokc'; did you mean 'stock'?\n"},
      {kBase + "[keys]\nstock = " + ones + "\n[operators]\nalice = " + ones + "\n",
       "t:12:1: 'alice' has a key that stands already in line 10; everybody has a key of their "
       "own: "
       "`forebay keys generate alice`\n"},
      {kBase + "[operators]\nstock = " + ones + "\n",
       "t:10:1: operator 'stock' has the name of a sidecar or node; its key belongs under [keys]; "
       "give the person another name\n"},
  });
}

TEST_CASE("ASidecarOwnsOnlySoManyStreams") {
  std::string text = kBase;
  for (std::size_t i = 2; i < limits::kStreamsMax; ++i) text += "s" + std::to_string(i) + " = {}\n";
  CHECK(problems_of(text) == "");
  CHECK(problems_of(text + "more = {}\n") == "t:6:1: sidecar 'stock': it owns more than " +
                                                 std::to_string(limits::kStreamsMax) +
                                                 " streams; spread them over several "
                                                 "sidecars\n");
}

TEST_CASE("AnIpcPathPast107BytesIsRefused") {
  const auto with_state_dir = [](std::size_t length) {
    return "[topology]\nname = 't'\nstate_dir = '/" + std::string(length - 1, 'x') + "'\n" +
           kBase.substr(22);
  };
  // "/stock/broadcast.sock" has 21 bytes.
  CHECK(problems_of(with_state_dir(86)) == "");
  CHECK(problems_of(with_state_dir(87)) == "t:3:13: the socket /" + std::string(86, 'x') +
                                               "/stock/broadcast.sock has a path of 108 bytes, the "
                                               "system allows 107; choose a state_dir "
                                               "that is 1 bytes shorter, e.g. \"/run/forebay\"\n");
}

TEST_CASE("AllProblemsAreTold") {
  CHECK(
      problems_of(kBase +
                  "[nodes.n]\nkind = 'feed'\nhost = 'c'\npublishes = ['catlog']\nfolow = true\n"
                  "[alerts]\nlag_age = 'x'\n") ==
      "t:9:8: node 'n': a feed needs a source; add source = \"FILE.ndjson\", or \"-\" for stdin\n"
      "t:11:8: node 'n': there is no host 'c'; known: 'a'\n"
      "t:12:14: node 'n' publishes 'catlog', which no sidecar owns; did you mean 'catalog'?\n"
      "t:13:1: node 'n': unknown key 'folow'; did you mean 'follow'?\n"
      "t:15:11: alerts: lag_age 'x' is not a duration; write a whole number and ms, s, m, h or d, "
      "e.g. \"250ms\" or \"90d\"\n");
}

}  // namespace
}  // namespace forebay
