#!/usr/bin/env python3
"""House rules that a script can see. Prints each breach as file:line: rule, and exits 1 if there is one.

    tests/tidy/tidy.py [FOLDER]      FOLDER is a git checkout; default: this one

A rule is a function of one file (its path in the tree and its text) that yields (line, message), listed in RULES. What
files there are is git's word: tracked ones and new ones that are not ignored. tidy_test.py breaks each rule once.
"""

import pathlib
import re
import subprocess
import sys

SOURCES = (".h", ".cc")
LINES_MAX = 500

# What a folder may include besides itself: prefixes of the tree. The CMake files say it more finely (and do not build
# otherwise); this table holds the directions, whatever those files are changed to.
COMMON = [
    "common/base", "common/event", "common/wire", "common/store", "common/client", "common/service", "common/watch",
]  # fmt: skip
MAY_INCLUDE = {folder: COMMON[:n] for n, folder in enumerate(COMMON)}
MAY_INCLUDE |= {
    "topology": ["common/base"],
    "topology/daemon": ["common", "topology"],
    "sidecar/log": ["common/base", "common/event", "common/store"],
    "sidecar": ["common", "topology", "topology/daemon"],
    "nodes": ["common", "topology", "topology/daemon"],
    "cli": ["common", "topology", "sidecar/log"],
    "systemd": ["common/base", "topology"],
}
ABOVE = ("topology/daemon",)  # folders that know more than the one they lie in, and are named to be included
INSIDE = ("common", "topology", "sidecar", "nodes", "cli", "systemd", "tests", "bench", "examples")

# A library's headers, and the files (or folders) that may include them.
KEPT_APART = [
    (r"zmq\.hpp|zmq\.h|zmq_addon\.hpp", ["common/wire/transport.cc"]),
    (r"archive\.h|archive_entry\.h", ["cli/archive.cc"]),
    (r"httplib\.h", []),
    (r"prometheus/.*", ["common/watch/"]),
    (r"lmdb\.h", ["common/store/", "sidecar/log/"]),
]
TOML = r"toml\+\+/.*|toml\+\+\.h|toml\.hpp"

# Split so that this file does not break its own rules.
MARKERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.$}/~-])/(work|root|home/\w+|Users/\w+)/")
REGISTRIES = re.compile(
    r"\b(pypi\.or" r"g|pythonhosted\.or" r"g|npmjs\.(?:or" r"g|com)|crates\.i" r"o|docker\.i" r"o|ghcr\.i" r"o|"
    r"quay\.i" r"o|deb\.debian\.or" r"g|rubygems\.or" r"g|proxy\.golang\.or" r"g)\b"
)
SLEEP = re.compile(r"\b(sleep_for|usleep|nanosleep|sleep)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIMIT = re.compile(r"\bconstexpr\b[^;={]*\bk\w+\s*=\s*[\w:{}']+\s*<<\s*(10|20|30|40)\s*;")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def is_source(path):
    return path.endswith(SOURCES)


def is_product(path):
    """Part of what is shipped, as against tests, measurements and examples."""
    return is_source(path) and not path.startswith(("tests/", "bench/", "examples/"))


def lines(text):
    return enumerate(text.splitlines(), 1)


def includes(text):
    for number, line in lines(text):
        if match := INCLUDE.match(line):
            yield number, match.group(1) == '"', match.group(2)


def without_comments(text):
    """The code alone, line numbers kept. Good enough for our own sources: no quotes with // in them but URLs."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r"(?<!:)//.*", "", text)


def home(path):
    """The entry of MAY_INCLUDE that a product file belongs to."""
    return next((f for f in sorted(MAY_INCLUDE, key=len, reverse=True) if path.startswith(f + "/")), None)


def under(path, prefixes):
    return any(path.startswith(prefix + "/") for prefix in prefixes)


def libraries_are_kept_apart(path, text):
    if not is_product(path):
        return
    for number, _, header in includes(text):
        for pattern, allowed in KEPT_APART:
            if re.fullmatch(pattern, header) and not path.startswith(tuple(allowed)):
                yield number, f"{header} is included in {' and '.join(allowed)} only; use our own types around it"


def includes_go_one_way(path, text):
    if not is_product(path):
        return
    own = home(path)
    if own is None:
        yield 1, "source outside the folders of the tree (CONTRIBUTING.md names them)"
        return
    # A node kind knows itself and what all kinds share, no other kind.
    self_folder = "/".join(path.split("/")[:2]) if own == "nodes" else own
    shared = ["nodes/wiring"] if own == "nodes" else []
    for number, quoted, header in includes(text):
        if not quoted:
            continue
        if not header.startswith(tuple(folder + "/" for folder in INSIDE)):
            yield number, f'"{header}" is not a path from the root of the tree'
        elif not under(header, allowed := [self_folder, *shared, *MAY_INCLUDE[own]]) or (
            home(header) in ABOVE and home(header) not in allowed
        ):
            yield number, f"{self_folder} does not include {header.rsplit('/', 1)[0]}"


def headers_open_well(path, text):
    if not path.endswith(".h"):
        return
    if not text.startswith("//"):
        yield 1, "a header opens with a comment that says what it is for"
    if "#pragma once" not in text.splitlines():
        yield 1, "a header has #pragma once"


def sources_stay_short(path, text):
    count = len(text.splitlines())
    if path.endswith((*SOURCES, ".py")) and count > LINES_MAX:
        yield LINES_MAX + 1, f"{count} lines, {LINES_MAX} at most: one concept a file"


def no_markers(path, text):
    for number, line in lines(text):
        if match := MARKERS.search(line):
            yield number, f"{match.group()}: do it, or open an issue"


def no_sleeping(path, text):
    if not is_source(path) or path.startswith("tests/support/"):
        return
    for number, line in lines(without_comments(text)):
        if SLEEP.search(line):
            yield number, "sleeps: wait for a condition with a deadline (tests: tests/support)"


def limits_are_in_one_place(path, text):
    if not is_product(path) or path == "common/base/limits.h":
        return
    for number, line in lines(without_comments(text)):
        if LIMIT.search(line):
            yield number, "a size limit belongs in common/base/limits.h"


def no_trailing_space(path, text):
    for number, line in lines(text):
        if line != line.rstrip():
            yield number, "trailing whitespace"
    if text and not text.endswith("\n"):
        yield len(text.splitlines()), "no newline at the end of the file"


def no_foreign_places(path, text):
    for number, line in lines(text):
        if match := MACHINE_PATHS.search(line):
            yield number, f"{match.group()}… is a path of one machine"
        if match := REGISTRIES.search(line):
            yield number, f"{match.group()} is a package registry's host"


RULES = [
    libraries_are_kept_apart,
    includes_go_one_way,
    headers_open_well,
    sources_stay_short,
    no_markers,
    no_sleeping,
    limits_are_in_one_place,
    no_trailing_space,
    no_foreign_places,
]


def toml_has_one_home(texts):
    """Rule over the whole tree: one file alone knows toml++."""
    users = [
        (path, number)
        for path, text in texts.items()
        if is_product(path)
        for number, _, header in includes(text)
        if re.fullmatch(TOML, header)
    ]
    homes = sorted({path for path, _ in users})
    for path, number in users:
        if path != homes[0]:
            yield path, number, f"toml++ is included in one file only, and {homes[0]} does already"


def links_resolve(root, texts):
    """Rule over the whole tree: relative links of Markdown files lead somewhere."""
    for path, text in texts.items():
        if not path.endswith(".md"):
            continue
        fenced = False
        for number, line in lines(text):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
                target = (match.group(1) or match.group(2)).split("#")[0]
                if target and not re.match(r"[a-z]+:", target):
                    if not (root / pathlib.Path(path).parent / target).exists():
                        yield path, number, f"link to {target}, which does not exist"


def readme_shows_the_examples(texts):
    """Rule over the whole tree: what README.md shows of C++ stands like that in examples/hello."""
    examples = [text for path, text in texts.items() if path.startswith("examples/hello/")]
    readme = texts.get("README.md", "")
    for block in re.finditer(r"^```cpp\n(.*?)^```$", readme, flags=re.S | re.M):
        if not any(block.group(1) in text for text in examples):
            yield "README.md", readme.count("\n", 0, block.start()) + 1, "shows code that is not in examples/hello"


def check(root, paths):
    """All breaches in the named files of the tree at root, as (path, line, message), in order."""
    texts = {}
    for path in paths:
        file = root / path
        if file.is_file() and not file.is_symlink():
            try:
                texts[path] = file.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # not text
    found = [
        (path, number, message)
        for path, text in texts.items()
        for rule in RULES
        for number, message in rule(path, text)
    ]
    over_all = [*toml_has_one_home(texts), *links_resolve(root, texts), *readme_shows_the_examples(texts)]
    return sorted([*found, *over_all])


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    breaches = check(root, [path for path in listed.stdout.split("\0") if path])
    for path, number, message in breaches:
        print(f"{path}:{number}: {message}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
