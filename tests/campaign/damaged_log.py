"""The part of row D that damages a log.

Of each case (damages.py says what is done to it):

- `verify` calls it sound only if a sidecar then serves everything as it was published; else it says what is damaged.
- A sidecar serves batches that are, byte for byte, those that were committed there, or says which it cannot serve, or
  refuses to run with a message. Its heads are those of the last commit, whatever it serves below them. What is published
  to it then gets the next sequences.
- `verify --repair` keeps the damaged file, and what it makes is sound. A sidecar then serves, under new incarnations, for
  each sequence what was published or a gap, and nothing twice. Each batch whose bytes are whole is there; where the
  damage hides where a stream ended (it is then said to go on far behind), each one before the first that is not whole.
  A stream of which no record is whole anywhere in the file is said to begin anew.

One thing cannot be seen: both first pages replaced by older ones whose trees are still whole is the log of that time.
Nothing outside of it says more. Then what is served has to be the log of that time, exactly.
"""

import json
import re
import resource

from damages import make
from logs import Site, make_logs
from serving import Reader, repaired_faults, served_faults
from verbs import run_verb

MEMORY_MAX = 400 << 20
VERB_SECONDS = 60


def one(case, logs):
    log = case.dice.choice(logs)
    damage = make(case.dice, log.data, [data for data, _ in log.older], log.places)
    case.kind = damage.kind
    (case.folder / "what").write_text(f"{case.name}: {log.kind} log, {damage.kind}, pages {shown(damage, log)}\n")
    with Site(case.folder, log.topology) as site:
        case.site = site
        folder = site.folder / "state" / "events"
        log.put(folder, damage.data)
        sound = verified(case, log, damage)
        served(case, log, damage, sound)
        if not sound:
            log.put(folder, damage.data)
            repaired(case, log, damage)
        elif case.violations:
            log.put(folder, damage.data)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    case.need(peak < MEMORY_MAX, "I8", f"a process of this case or one before took {peak >> 20} MiB")


def shown(damage, log):
    return ", ".join(f"{page} ({log.places.pages.get(page, 'none')})" for page in sorted(damage.touched)[:12])


def verb(case, *words):
    code, out, err = run_verb(case.site, VERB_SECONDS, *words)
    case.need(code in (0, 1), "I7", f"{' '.join(words)} ended with {code}: {err[-2000:]}")
    return code, out, err


def verified(case, log, damage):
    """Whether `forebay verify` calls it sound."""
    code, out, err = verb(case, "verify", "events")
    if code == 1:
        said = "damaged" in out or re.search(r"cannot|its format", err)
        case.need(said, "I7", f"verify ended with 1 and does not say why: {out}{err}")
    reachable = damage.touched & log.places.used() or len(damage.data) != len(log.data)
    case.need(code == 0 or reachable, "I7", f"verify finds fault where nothing is: {out}{err}")
    return code == 0


def served(case, log, damage, sound):
    reader = Reader(case, log)
    reader.read_all()
    for fault in served_faults(reader, log, damage, [heads for _, heads in log.older]):
        case.violation("I7", f"{damage.kind}: {fault}; verify says {'sound' if sound else 'damaged'}")
    if sound:
        case.need(reader.all_served(), "I7", f"{damage.kind}: verify says sound, and the sidecar: {reader.told()}")


def repaired(case, log, damage):
    file = case.site.folder / "state" / "events" / "data.mdb"
    before = file.stat()
    code, out, err = verb(case, "verify", "events", "--repair", "--json")
    if code != 0:
        case.need(err.strip(), "I7", "a repair that failed says nothing")
        case.need(begins_with(file, damage.data), "I7", "a repair that failed changed the log")
        nothing = not any(damage.intact(*place) for place in log.places.batches.values())
        case.need(nothing, "I1", f"{damage.kind}: the repair failed, and there is what is sound: {err}")
        return
    repair = json.loads(out)["repair"]
    kept = case.site.folder / repair["kept_as"]
    same = kept.stat().st_size == before.st_size and begins_with(kept, damage.data)
    case.need(same, "I7", "the damaged file was not kept as it was")
    case.need(verb(case, "verify", "events")[0] == 0, "I7", f"{damage.kind}: what was repaired is not sound")
    reader = Reader(case, log)
    reader.read_all()
    for fault in repaired_faults(reader, log, damage, repair):
        case.violation("I7", f"{damage.kind}: repaired: {fault}")


def begins_with(path, data):
    with open(path, "rb") as file:
        return file.read(len(data)) == data


__all__ = ["make_logs", "one"]
