#!/usr/bin/env python3
"""Each house rule finds the breach it is for, and leaves alone what is right."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy

HEADER = "// What it is for.\n#pragma once\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def breaches(self, files):
        for path, text in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return tidy.check(self.root, files)

    def assert_breach(self, path, text, line, words):
        found = self.breaches({path: text})
        self.assertEqual([(p, n) for p, n, _ in found], [(path, line)], found)
        self.assertIn(words, found[0][2])

    def assert_clean(self, path, text):
        self.assertEqual(self.breaches({path: text}), [])

    def test_zmq_is_known_to_the_transport_alone(self):
        self.assert_clean("common/wire/transport.cc", "#include <zmq.hpp>\n")
        self.assert_clean("tests/support/proxy.cc", "#include <zmq.hpp>\n")
        self.assert_clean("bench/peer.cc", "#include <zmq.hpp>\n")
        self.assert_breach("sidecar/ingest.cc", "\n#include <zmq.hpp>\n", 2, "common/wire/transport.cc only")
        self.assert_breach("common/wire/frames.cc", "#include <zmq.h>\n", 1, "zmq.h")

    def test_lmdb_is_known_to_the_stores_alone(self):
        self.assert_clean("common/store/store.cc", "#include <lmdb.h>\n")
        self.assert_clean("sidecar/log/log.cc", "#include <lmdb.h>\n")
        self.assert_breach("common/client/cursors.cc", "#include <lmdb.h>\n", 1, "lmdb.h")
        self.assert_breach("sidecar/commit.cc", "#  include <lmdb.h>\n", 1, "lmdb.h")

    def test_libarchive_is_known_to_one_file_alone(self):
        self.assert_clean("cli/archive.cc", "#include <archive.h>\n")
        self.assert_breach("cli/bundle.cc", "#include <archive_entry.h>\n", 1, "archive_entry.h")

    def test_toml_is_known_to_one_file(self):
        self.assert_clean("topology/document.cc", "#include <toml++/toml.h>\n")
        found = self.breaches({"topology/a.cc": "#include <toml++/toml.h>\n", "cli/b.cc": "\n#include <toml++/toml.hpp>\n"})
        self.assertEqual([(p, n) for p, n, _ in found], [("topology/a.cc", 1)])
        self.assertIn("cli/b.cc", found[0][2])

    def test_includes_go_one_way(self):
        self.assert_clean("nodes/feed/main.cc", '#include "common/client/publisher.h"\n#include "nodes/feed/feed.h"\n')
        self.assert_clean("sidecar/main.cc", '#include "sidecar/log/log.h"\n#include "topology/load.h"\n')
        self.assert_clean("topology/daemon/daemon.cc", '#include "common/watch/watch.h"\n#include "topology/load.h"\n')
        self.assert_clean("nodes/feed/main.cc", '#include "topology/daemon/daemon.h"\n')
        self.assert_clean("cli/verify.cc", '#include "sidecar/log/log.h"\n')
        for path, header in [
            ("nodes/feed/feed.cc", "sidecar/ingest.h"),
            ("nodes/feed/feed.cc", "nodes/sourcing/view.h"),
            ("sidecar/ingest.cc", "nodes/feed/feed.h"),
            ("sidecar/log/log.cc", "sidecar/commit.h"),
            ("cli/status.cc", "sidecar/commit.h"),
            ("cli/status.cc", "nodes/sourcing/view.h"),
            ("topology/load.cc", "common/event/event.h"),
            ("topology/load.cc", "topology/daemon/daemon.h"),
            ("cli/status.cc", "topology/daemon/daemon.h"),
            ("common/client/publisher.cc", "topology/load.h"),
            ("common/event/event.cc", "common/wire/frames.h"),
            ("common/base/clock.cc", "tests/support/clock.h"),
            ("sidecar/main.cc", "bench/load.h"),
        ]:
            with self.subTest(path=path, header=header):
                self.assert_breach(path, f'#include "{header}"\n', 1, "does not include")

    def test_includes_are_paths_from_the_root(self):
        self.assert_breach("sidecar/ingest.cc", '#include "ingest.h"\n', 1, "not a path from the root")

    def test_sources_lie_in_the_folders_of_the_tree(self):
        self.assert_breach("misc/thing.cc", "int x;\n", 1, "outside the folders")
        self.assert_breach("common/thing.cc", "int x;\n", 1, "outside the folders")

    def test_headers_open_with_a_comment_and_have_pragma_once(self):
        self.assert_clean("topology/units.h", HEADER)
        self.assert_breach("topology/units.h", "#pragma once\n", 1, "opens with a comment")
        self.assert_breach("tests/support/clock.h", "// A clock.\n", 1, "#pragma once")

    def test_sources_stay_short(self):
        self.assert_clean("topology/units.cc", "int x;\n" * 500)
        self.assert_breach("topology/units.cc", "int x;\n" * 501, 501, "500 at most")
        self.assert_breach("tests/client.py", "x = 1\n" * 501, 501, "500 at most")
        self.assert_clean("docs/long.md", "x\n" * 600)

    def test_no_marker_is_left(self):
        for marker in ("TO" "DO", "FIX" "ME", "XX" "X"):
            with self.subTest(marker=marker):
                self.assert_breach("docs/a.md", f"text\n{marker}: later\n", 2, "do it")
        self.assert_clean("scripts/a", "mktemp -d x.XXXXXX\n")

    def test_nothing_sleeps_outside_the_tests_support(self):
        self.assert_clean("tests/support/wait.cc", "usleep(3);\n")
        self.assert_clean("sidecar/a.cc", "// a sleep_for(x) would do\n/* usleep(\n3) */\n")
        self.assert_breach("tests/unit/a_test.cc", "std::this_thread::sleep_for(1s);\n", 1, "sleeps")
        self.assert_breach("sidecar/a.cc", "/* two\nlines */\nusleep(3);\n", 3, "sleeps")

    def test_limits_are_in_one_place(self):
        line = "inline constexpr std::size_t kBytesMax = 4 << 20;\n"
        self.assert_clean("common/base/limits.h", HEADER + line)
        self.assert_breach("sidecar/a.h", HEADER + line, 3, "limits.h")
        self.assert_breach("sidecar/a.cc", "constexpr auto kX = std::size_t{4} << 30;\n", 1, "limits.h")
        self.assert_clean("topology/units.cc", 'constexpr std::array kUnits = {Unit{"KiB", 1ull << 10}};\n')

    def test_no_trailing_space(self):
        self.assert_breach("README.md", "a\nb \n", 2, "trailing whitespace")
        self.assert_breach("README.md", "a\nb", 2, "no newline")

    def test_no_place_of_one_machine(self):
        for text in ("cd /wor" "k/main/x", "at /roo" "t/x", "'/hom" "e/joe/x'"):
            with self.subTest(text=text):
                self.assert_breach("docs/a.md", text + "\n", 1, "path of one machine")
        self.assert_clean("docs/a.md", "a/work/b, https://example.org/work/x, $HOME/root/x, ./work/\n")
        self.assert_breach("scripts/a", "curl https://pypi.or" "g/simple\n", 1, "registry")

    def test_links_of_pages_resolve(self):
        (self.root / "docs").mkdir()
        (self.root / "docs/protocol.md").write_text("x\n")
        self.assert_clean("README.md", "[a](docs/protocol.md#frames) [b](https://example.org/x) [c](#here)\n")
        self.assert_clean("docs/a.md", "[a](protocol.md), `[b](none.md)`\n```\n[c](none.md)\n```\n")
        self.assert_breach("docs/a.md", "[a](docs/protocol.md)\n", 1, "does not exist")

    def test_the_readme_shows_code_that_is_built(self):
        (self.root / "examples/hello").mkdir(parents=True)
        (self.root / "examples/hello/a.cc").write_text("#include <x>\nint main() {\n}\n")
        (self.root / "README.md").write_text("text\n```cpp\nint main() {\n}\n```\n")
        self.assertEqual(tidy.check(self.root, ["README.md", "examples/hello/a.cc"]), [])
        self.assert_breach("README.md", "text\n```cpp\nint other() {\n}\n```\n", 2, "not in examples/hello")

    def test_binary_files_are_left_alone(self):
        (self.root / "a.bin").write_bytes(b"\xff\xfe \n")
        self.assertEqual(tidy.check(self.root, ["a.bin"]), [])


if __name__ == "__main__":
    unittest.main()
