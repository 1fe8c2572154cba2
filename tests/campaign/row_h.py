"""Row H: every decoder and stored record under libFuzzer with ASan and UBSan; a case is one decoder for 20 s of a processor.

The targets are tests/fuzz (README.md there), built by clang in build-fuzz. What a slice finds stays in
.run/campaign/corpus/<decoder>, where the next one of that decoder goes on; it begins with the targets' own seeds and
the examples. An input must neither crash, leak, break a property, take more than a second nor allocate without bound.
"""

import contextlib
import fcntl
import math
import os
import re
import resource
import shutil
import subprocess
import time

import harness

TITLE = "fuzz"
DECODERS = (
    "backup", "batch", "beacon", "event", "event_json", "log_record", "node_record", "node_request", "page_file",
    "query", "records_reply", "reply", "request", "secret", "status_report", "subscription", "time", "token",
    "topology", "upstream_event", "value", "zap",
)  # fmt: skip
SECONDS = 20
CI, FULL = len(DECODERS), len(DECODERS) * 90  # 30 minutes a decoder
SLICE = 1

LENGTH_MAX = {"backup": 20_000, "batch": 40_000, "event": 12_000, "page_file": 65_536, "request": 20_000}
LENGTH_MAX_ELSE = 8_192
INPUT_SECONDS_MAX = 1
HANG_SECONDS = 20  # of the clock, not of a processor: others may have it
ENDED_BY_TIMEOUT = 70  # libFuzzer's code
INPUTS_MIN = 100  # a slice that tried fewer has shown nothing

PLACE = harness.KEPT.parent
BUILD = harness.ROOT / "build-fuzz"
PROGRAM = BUILD / "bin" / "forebay-fuzz"
EXAMPLES = {"event_json": "examples/demo/[cfi]*.ndjson", "topology": "topology/*.toml"}
ARTIFACTS = ("crash-", "leak-", "oom-", "timeout-", "slow-unit-")


@contextlib.contextmanager
def alone(name):
    """One slice at a time, of all that run in this checkout."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build():
    """Does nothing if everything is built."""
    environment = dict(os.environ, CC="clang", CXX="clang++")
    command = ["scripts/build", BUILD.name, "-DFOREBAY_FUZZ=ON", "-DFOREBAY_TESTS=OFF", "--", "forebay-fuzz"]
    with alone("fuzz-build"):
        done = subprocess.run(command, cwd=harness.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"tests/fuzz does not build (packages: scripts/install test):\n{done.stdout[-4000:]}"
    named = subprocess.run([PROGRAM], env=fuzzing(None), capture_output=True, text=True, check=True).stdout.split()
    assert tuple(named) == DECODERS, f"the program fuzzes {named}, this row {DECODERS}"


def fuzzing(decoder, **more):
    """The environment in which the program fuzzes it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY_FUZZ")}
    if decoder:
        environment["FOREBAY_FUZZ"] = decoder
    environment["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=16:strict_string_checks=1"
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    return environment | more


def corpus_of(decoder, folder):
    """Where its inputs are; with its seeds the first time."""
    corpus = PLACE / "corpus" / decoder
    with alone("fuzz-seeds"):
        if not corpus.exists():
            made = folder / "seeds"
            made.mkdir()
            subprocess.run([PROGRAM], env=fuzzing(decoder, FOREBAY_FUZZ_SEEDS=str(made)), cwd=folder, check=True)
            for number, line in enumerate(examples(decoder)):
                (made / f"example-{number}").write_bytes(line)
            corpus.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, corpus)
    return corpus


def examples(decoder):
    for path in sorted(harness.ROOT.glob(EXAMPLES[decoder])) if decoder in EXAMPLES else ():
        text = path.read_bytes()
        yield from text.splitlines()[:10] if path.suffix == ".ndjson" else [text]


def command_for(decoder, seed, corpus, folder, seconds):
    return [
        PROGRAM, corpus, f"-seed={seed}", f"-max_total_time={math.ceil(seconds)}", f"-artifact_prefix={folder}/",
        f"-max_len={LENGTH_MAX.get(decoder, LENGTH_MAX_ELSE)}", "-rss_limit_mb=512", "-malloc_limit_mb=64",
        f"-timeout={HANG_SECONDS}", f"-report_slow_units={INPUT_SECONDS_MAX}", "-print_final_stats=1", "-use_value_profile=1",
    ]  # fmt: skip


def play(run):
    build()
    run.each(fuzz)


def fuzz(case):
    decoder = case.kind = DECODERS[case.number % len(DECODERS)]
    work = case.folder / "work"
    work.mkdir()
    corpus = corpus_of(decoder, work)
    code, left = 0, SECONDS
    try:
        with open(case.folder / "log", "wb") as log:
            while code == 0 and left > 0:  # the fuzzer's own clock goes on while others have the processor
                # A little more, lest what lacks at the end has all of the corpus read once more.
                command = command_for(decoder, case.dice.randrange(1, 1 << 31), corpus, case.folder, left + 1)
                before = processor_seconds()
                code = subprocess.run(command, cwd=work, env=fuzzing(decoder), stdout=log, stderr=log, check=False,
                                      timeout=SECONDS * 30).returncode  # fmt: skip
                left -= processor_seconds() - before
                if code == ENDED_BY_TIMEOUT and not found_in(case.folder, decoder):
                    code = 0
    finally:
        shutil.rmtree(work)
    log = (case.folder / "log").read_text(encoding="utf-8", errors="replace")
    found = found_in(case.folder, decoder)
    for path in found:
        tell(case, decoder, path, log)
    case.need(code == 0 or found, "harness", f"{decoder}: the fuzzer ended with {code}\n{log[-3000:]}")
    tried = sum(map(int, re.findall(r"stat::number_of_executed_units:\s+(\d+)", log)))
    case.need(found or tried >= INPUTS_MIN, "harness", f"{decoder}: {tried} inputs tried\n{log[-1500:]}")


def found_in(folder, decoder):
    """The inputs that are violations; removes those that were only slow while others had the processor."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("slow-unit-", "timeout-")) and not slow(decoder, path, folder):
            path.unlink()
    return [path for path in sorted(folder.iterdir()) if path.name.startswith(ARTIFACTS)]


def tell(case, decoder, path, log):
    """The violation that an input is."""
    kind = path.name.partition("-")[0]
    kept = harness.KEPT / f"{case.row}-{case.seed}-{case.number}" / path.name
    where = re.search(r"^(==\d+== ?ERROR|.*runtime error|does not hold|.*broken invariant)", log, re.M)
    begin = where.start() if where else max(0, len(log) - 3000)
    case.violation(
        "I7" if kind == "crash" else "I8",
        f"{decoder}: {kind} with an input of {path.stat().st_size} bytes; again:\n"
        f"  (cd $(mktemp -d) && FOREBAY_FUZZ={decoder} {PROGRAM} {kept})\n"
        f"{log[begin : begin + 3000]}",
    )
    case.keep(path)


def slow(decoder, path, folder):
    """Whether the input takes so long of a processor, beside what an empty one takes, or hangs, each time."""
    empty = folder / "empty"
    empty.write_bytes(b"")
    took = (seconds_of(decoder, path, folder) - seconds_of(decoder, empty, folder) for _ in range(3))
    return all(seconds > INPUT_SECONDS_MAX for seconds in took)


def seconds_of(decoder, path, folder):
    work = folder / f"again-{time.monotonic_ns()}"
    work.mkdir()
    before = processor_seconds()
    command = [PROGRAM, path, f"-timeout={HANG_SECONDS}", "-artifact_prefix=./"]
    code = subprocess.run(command, cwd=work, env=fuzzing(decoder), capture_output=True, check=False).returncode
    took = processor_seconds() - before
    shutil.rmtree(work)
    return math.inf if code == ENDED_BY_TIMEOUT else took


def processor_seconds():
    """Of a processor, that what was started from here has taken, as far as it has ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
