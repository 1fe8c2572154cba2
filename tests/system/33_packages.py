#!/usr/bin/python3
"""The Debian packages: what is in them, a node that is built against them alone, and dpkg under a real systemd."""

import gzip
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from forebay_test import Process, wait_until
from forebay_test.machine import Machine, why_none

BIN = pathlib.Path(os.environ["FOREBAY_BIN"])
SOURCES = pathlib.Path(__file__).resolve().parents[2]
# Of what a program in C++ needs whatever it includes; libspdlog-dev brings libfmt-dev.
OF_THE_COMPILER = re.compile(r"libc6-dev|linux-libc-dev|libstdc\+\+-\d+-dev|libgcc-\d+-dev|libfmt-dev")
SIDECAR = "forebay-sidecar@events.service"


def run(*command, **options):
    """What it prints; fails if it does."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def setUpModule():
    """Packs what is built; ROOT is where both packages are unpacked, by their files alone."""
    global FOLDER, PACKAGES, ROOT
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
    unittest.addModuleCleanup(shutil.rmtree, FOLDER)
    quickly = ["-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"]
    run("cpack", "--config", BIN.parent / "CPackConfig.cmake", "-B", FOLDER / "packed", *quickly, cwd=FOLDER)
    files = list((FOLDER / "packed").glob("*.deb"))
    PACKAGES = {run("dpkg-deb", "-f", file, "Package").strip(): file for file in files}
    ROOT = FOLDER / "root"
    for file in files:
        run("dpkg-deb", "-x", file, ROOT)


def field(package, name):
    return run("dpkg-deb", "-f", PACKAGES[package], name).strip()


def verbs(words=()):
    """All of them, with those of verbs, as the installed program tells them."""
    text = run(ROOT / "usr/bin/forebay", *words, "--help")
    yield words, text
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    for name in re.findall(r"^  (\S+)", below[1], re.MULTILINE) if below else []:
        yield from verbs((*words, name))


class Packed(unittest.TestCase):
    def test_there_are_two_with_the_version_of_the_programs(self):
        self.assertEqual(set(PACKAGES), {"forebay", "libforebay-dev"})
        version = run(ROOT / "usr/bin/forebay", "--version").split()[1]
        for package in PACKAGES:
            self.assertEqual(field(package, "Version"), version)
            self.assertEqual(field(package, "Architecture"), run("dpkg", "--print-architecture").strip())
            changelog = ROOT / f"usr/share/doc/{package}/changelog.gz"
            self.assertEqual(run("dpkg-parsechangelog", "-l", changelog, "-S", "Version").strip(), version)
            self.assertTrue((ROOT / f"usr/share/doc/{package}/copyright").exists())

    def test_the_programs_depend_on_the_libraries_they_are_linked_to(self):
        depends = field("forebay", "Depends")
        for library in ("libzmq5", "liblmdb0", "libc6", "systemd", "tzdata"):
            self.assertRegex(depends, rf"(^|, ){library}\b")

    def test_all_is_of_root_below_usr_and_nobody_else_may_write_it(self):
        for package, file in PACKAGES.items():
            for line in run("dpkg-deb", "-c", file).splitlines():
                mode, owner, *_, path = line.split(maxsplit=5)
                self.assertEqual(owner, "root/root", line)
                self.assertRegex(mode, r"^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x)$", line)
                self.assertTrue(path == "./" or path.startswith("./usr/"), line)

    def test_nothing_names_a_folder_of_the_build(self):
        (FOLDER / "control").mkdir()
        names = [str(path).encode() for path in (SOURCES, BIN.parent, FOLDER)]
        for package, file in PACKAGES.items():
            run("dpkg-deb", "-e", file, FOLDER / "control" / package)
        for folder in (ROOT, FOLDER / "control"):
            for path in folder.rglob("*"):
                data = path.read_bytes() if path.is_file() else b""
                data = gzip.decompress(data) if path.suffix == ".gz" else data
                self.assertEqual([name for name in names if name in data], [], path)

    def test_the_programs_are_stripped_and_those_of_the_units_are_there(self):
        for unit in (ROOT / "usr/lib/systemd/system").glob("*@.service"):
            program = re.search(r"^ExecStart=/(\S+)", unit.read_text(), re.MULTILINE)[1]
            self.assertIn(", stripped", run("file", "-b", ROOT / program))

    def test_the_example_is_a_sound_topology_and_is_not_in_use(self):
        run(ROOT / "usr/bin/forebay", "topology", "check", "-t", ROOT / "usr/share/doc/forebay/examples/topology.toml")
        self.assertFalse((ROOT / "etc").exists())


class Pages(unittest.TestCase):
    def pages(self):
        return sorted((ROOT / "usr/share/man").glob("man*/*.gz"))

    def test_each_verb_and_each_daemon_has_one(self):
        wanted = {"-".join(("forebay", *words)) + ".1.gz" for words, _ in verbs()}
        wanted |= {f"forebay-{daemon}.8.gz" for daemon in ("sidecar", "feed", "sourcing")}
        self.assertEqual({page.name for page in self.pages()}, wanted)

    def test_a_page_has_all_words_of_the_help(self):
        def words_of(text):
            return set(re.findall(r"[a-z]{4,}", text.lower()))

        # Of CLI11's, and the line that leads to more help.
        not_told = words_of("Usage Positionals Subcommands Excludes Needs TEXT UINT FLOAT POSITIVE NUMBER REQUIRED Exit codes")
        for words, text in verbs():
            page = ROOT / "usr/share/man/man1" / ("-".join(("forebay", *words)) + ".1.gz")
            said = words_of(re.sub(r"\\f[BRI]|\\&|\\\(..", " ", gzip.decompress(page.read_bytes()).decode()))
            told = words_of(re.sub(r"^forebay VERB --help .*", "", text, flags=re.MULTILINE))
            self.assertEqual(told - said - not_told, set(), page)

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_they_are_laid_out_without_a_warning(self):
        for page in self.pages():
            text = gzip.decompress(page.read_bytes())
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=text, capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""), page)


class Completion(unittest.TestCase):
    TOPOLOGY = SOURCES / "topology" / "demo.toml"

    def complete(self, *words):
        """What bash offers for the last of these words."""
        script = """
            source "$1"; shift
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _forebay "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
        """
        file = ROOT / "usr/share/bash-completion/completions/forebay"
        return set(run("bash", "-uc", script, "bash", file, ROOT / "usr/bin/forebay", *words).splitlines())

    def test_it_knows_the_verbs_and_options_of_every_help(self):
        for words, text in verbs():
            options = {name for names in re.findall(r"^  (-\S+)", text, re.MULTILINE) for name in names.split(",")}
            self.assertEqual(self.complete(*words, "-"), options, words)
        self.assertEqual(self.complete("topology", ""), {"check", "show", "endpoints"})
        self.assertEqual(self.complete("pub"), {"publish"})

    def test_it_knows_the_names_of_the_topology(self):
        streams = {"catalog", "inventory", "fulfilment", "carriers"}
        self.assertEqual(self.complete("tail", "-t", self.TOPOLOGY, ""), streams)
        self.assertEqual(self.complete("tail", "--topology", "=", self.TOPOLOGY, "--from", "end", "--follow", "in"), {"inventory"})
        self.assertEqual(self.complete("consumers", "reset", "-t", self.TOPOLOGY, "sour"), {"sourcing-1"})
        self.assertEqual(self.complete("consumers", "reset", "-t", self.TOPOLOGY, "sourcing-1", "ca"), {"catalog", "carriers"})
        self.assertEqual(self.complete("up", "-t", self.TOPOLOGY, "--host", ""), {"a"})
        self.assertEqual(self.complete("verify", "-t", self.TOPOLOGY, ""), streams)  # its sidecars are called the same

    def test_files_are_left_to_bash(self):
        self.assertEqual(self.complete("publish", "-t", self.TOPOLOGY, "inventory", ""), set())
        self.assertEqual(self.complete("tail", "-t", ""), set())


class Built(unittest.TestCase):
    """Programs of users, against what libforebay-dev has and nothing of the checkout."""

    EXAMPLE = "usr/share/doc/libforebay-dev/examples/hello"

    @classmethod
    def setUpClass(cls):
        configured = next(ROOT.rglob("forebay.pc"))
        environment = dict(os.environ, PKG_CONFIG_PATH=str(configured.parent))
        cls.compile_flags, cls.link_flags = (
            run("pkg-config", f"--{kind}", "forebay", env=environment).split() for kind in ("cflags", "libs")
        )

    def check(self, publisher, consumer):
        """What one says, the other hears, through the sidecar of the package."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=FOLDER))
        shutil.copytree(ROOT / self.EXAMPLE / "topology", folder / "topology")
        command = [ROOT / "usr/bin/forebay-sidecar", "-t", "topology/single.toml", "events"]
        sidecar = Process(command, folder / "sidecar", cwd=folder)
        self.addCleanup(sidecar.stop)
        counting = Process(["stdbuf", "-oL", consumer], folder / "consumer", cwd=folder, stdin=subprocess.PIPE)
        self.addCleanup(counting.kill)
        self.assertEqual(run(publisher, cwd=folder), "on disk as event 1\n")
        wait_until(lambda: counting.output() == "order.placed: 1\n", "the event has arrived")
        counting.close_input()
        self.assertEqual(counting.wait(), 0)

    def test_with_cmake(self):
        build = FOLDER / "with-cmake"
        strictly = ["-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", f"-DCMAKE_PREFIX_PATH={ROOT}/usr"]
        said = run("cmake", "-S", ROOT / self.EXAMPLE, "-B", build, "-G", "Ninja", *strictly)
        found = re.search(r"^Forebay_DIR:PATH=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)[1]
        self.assertTrue(pathlib.Path(found).is_relative_to(ROOT), said)
        run("cmake", "--build", build)
        self.check(build / "hello-publisher", build / "hello-consumer")

    def test_with_pkg_config(self):
        build = FOLDER / "with-pkg-config"
        build.mkdir()
        for name in ("publisher", "consumer"):
            source = ROOT / self.EXAMPLE / f"{name}.cc"
            self.assertLessEqual(len(source.read_text().splitlines()), 30)
            run("g++", "-std=c++20", *self.compile_flags, source, "-o", build / name, *self.link_flags)
        self.check(build / "publisher", build / "consumer")

    def test_it_depends_on_the_packages_its_headers_and_archive_need_and_no_others(self):
        headers = sorted((ROOT / "usr/include/forebay").rglob("*.h"))
        self.assertIn(ROOT / "usr/include/forebay/common/client/publisher.h", headers)
        including = "".join(f'#include "{header.relative_to(ROOT / "usr/include/forebay")}"\n' for header in headers)
        found = run("g++", "-std=c++20", *self.compile_flags, "-fsyntax-only", "-M", "-x", "c++", "-", input=including)
        words = found.replace("\\\n", " ").split()
        used = {word for word in words if word.startswith("/") and not word.startswith(str(ROOT))}
        self.assertFalse([path for path in used if path.startswith(str(SOURCES))])
        libraries = [f"lib{flag[2:]}.so" for flag in self.link_flags if flag.startswith("-l") and flag != "-lforebay"]
        used |= {run("g++", f"-print-file-name={library}").strip() for library in libraries}
        paths = {os.path.normpath(path) for path in used}
        owners = subprocess.run(["dpkg", "-S", *sorted(paths)], capture_output=True, text=True).stdout
        needed = {line.split(":")[0] for line in owners.splitlines()}
        needed = {package for package in needed if not OF_THE_COMPILER.fullmatch(package)}
        self.assertEqual(set(field("libforebay-dev", "Depends").split(", ")), needed)


@unittest.skipIf(why_none(), f"{why_none()}")
class Installed(unittest.TestCase):
    def dpkg(self, *words):
        return self.machine.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", *words)

    def publish(self):
        event = '{"type": "stock.set", "subject": "a"}\n'
        return self.machine.run("forebay", "publish", "events", user="forebay", input=event)

    def test_installing_upgrading_removing_and_purging(self):
        self.machine = machine = Machine()
        self.addCleanup(machine.end)
        machine.boot(installed=False)
        # With what is installed here, so that the dependencies have to be right.
        machine.run("mkdir", "-p", "/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers")
        machine.write("/var/lib/dpkg/status", pathlib.Path("/var/lib/dpkg/status").read_text())
        machine.run("rm", "-f", "/usr/sbin/policy-rc.d")  # which a container may have, so that nothing is started
        machine.path("/tmp/forebay.deb").write_bytes(PACKAGES["forebay"].read_bytes())

        self.dpkg("-i", "/tmp/forebay.deb")
        self.assertEqual(machine.run("stat", "-c", "%U %a", "/var/lib/forebay").split(), ["forebay", "700"])
        self.assertEqual(machine.run("systemctl", "is-enabled", "forebay.target").strip(), "enabled")
        self.assertEqual(machine.show("forebay.target", "Wants", "ActiveState"), ("", "active"))
        self.assertEqual(machine.run("systemctl", "--failed", "--plain", "--no-legend"), "")

        machine.run("cp", "/usr/share/doc/forebay/examples/topology.toml", "/etc/forebay/")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "forebay.target")
        machine.run("systemctl", "start", SIDECAR)  # waits until it is ready
        self.assertIn("sequences 1-1", self.publish())

        before = machine.show(SIDECAR, "InvocationID")
        self.dpkg("-i", "/tmp/forebay.deb")
        self.assertNotEqual(machine.show(SIDECAR, "InvocationID"), before)
        self.assertEqual(machine.show(SIDECAR, "ActiveState"), ("active",))
        self.assertIn("sequences 2-2", self.publish())

        self.dpkg("-r", "forebay")
        self.assertEqual(machine.show(SIDECAR, "ActiveState"), ("inactive",))
        self.assertEqual(machine.show("forebay.target", "ActiveState"), ("inactive",))
        self.assertEqual(machine.run("find", "/usr", "-xdev", "-name", "forebay*"), "")

        said = machine.attempt("dpkg", "-P", "forebay").stderr
        self.assertIn("/var/lib/forebay stays", said)
        self.assertNotEqual(machine.attempt("systemctl", "is-enabled", "forebay.target").returncode, 0)
        machine.run("test", "-s", "/var/lib/forebay/events/data.mdb")

        self.dpkg("-i", "/tmp/forebay.deb")
        machine.run("systemctl", "start", SIDECAR)
        self.assertIn("sequences 3-3", self.publish())


if __name__ == "__main__":
    unittest.main()
