"""What stands where in the file of a log at rest, read by Python alone, and ways to damage it.

    places = Places(data)            # of a sound file: which page is what, and where each batch's bytes are
    damage = make(dice, data, older, places)
    damage.data, damage.kind         # the damaged file; what was done, in words
    damage.touched                   # numbers of the pages that differ from the sound file

The layout is LMDB 0.9's, as the head of sidecar/log/page_file.h gives it.
"""

import struct

PAGE = 4096
HEADER = 16
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
IN_OVERFLOW, IS_TREE = 1, 2
NO_PAGE = (1 << 64) - 1
META_TREES, META_LAST, META_TRANSACTION = HEADER + 24, HEADER + 120, HEADER + 128
TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root


def number(data, at, kind="<Q"):
    return struct.unpack_from(kind, data, at)[0]


class Places:
    """`pages`: by number, "meta", "branch", "leaf", "overflow", "free list" or "free". `batches`: by (stream, base),
    the byte range of each batch. `records`: the pages of the unnamed database; `of_stream`: of each stream's."""

    def __init__(self, data):
        self._data = data
        metas = {number(data, slot * PAGE + META_TRANSACTION): slot for slot in (0, 1)}
        self.transaction = max(metas)
        self.newest_meta = metas[self.transaction]
        meta = self.newest_meta * PAGE
        self.count = number(data, meta + META_LAST) + 1
        self.pages = {0: "meta", 1: "meta"}
        self.batches, self.records, self.of_stream = {}, set(), {}
        self._walk(self._tree(meta + META_TREES), lambda *_: None, "free list")
        self._walk(self._tree(meta + META_TREES + TREE.size), self._record, None, self.records)
        for page in range(self.count):
            self.pages.setdefault(page, "free")

    def used(self):
        return {page for page, kind in self.pages.items() if kind != "free"}

    def of_kind(self, *kinds):
        return sorted(page for page, kind in self.pages.items() if kind in kinds)

    def _tree(self, at):
        *_, root = TREE.unpack_from(self._data, at)
        return root, TREE.unpack_from(self._data, at)[2]

    def _record(self, key, at, size, is_tree):
        if not is_tree:
            return
        name = key.decode().removeprefix("s/")  # of a consumer's store: a table's

        def value(key, at, size, _):
            self.batches[name, int.from_bytes(key, "little")] = (at, at + size)

        self._walk(self._tree(at), value, None, self.of_stream.setdefault(name, set()))

    def _walk(self, tree, visit, kind, seen=None):
        root, depth = tree
        if root != NO_PAGE:
            self._page(root, depth, visit, kind, set() if seen is None else seen)

    def _page(self, page, depth, visit, kind, seen):
        data, begin = self._data, page * PAGE
        assert number(data, begin) == page, f"page {page} says it is {number(data, begin)}"
        self.pages[page] = kind or ("leaf" if depth == 1 else "branch")
        seen.add(page)
        for offset in struct.unpack_from(f"<{(number(data, begin + 12, '<H') - HEADER) // 2}H", data, begin + HEADER):
            node = begin + offset
            low, high, flags, size = struct.unpack_from("<HHHH", data, node)
            key, at = data[node + 8 : node + 8 + size], node + 8 + size
            if depth > 1:
                self._page(low | high << 16 | flags << 32, depth - 1, visit, kind, seen)
                continue
            length = low | high << 16
            if flags & IN_OVERFLOW:
                run = number(data, at)
                for each in range(run, run + (length + HEADER + PAGE - 1) // PAGE):
                    self.pages[each] = kind or "overflow"
                    seen.add(each)
                at = run * PAGE + HEADER
            visit(bytes(key), at, length, bool(flags & IS_TREE))


def leaf_nodes(page):
    """Key and value, one behind the other, of each entry of a leaf that lies within it; none if it is no leaf."""
    lower, upper = number(page, 12, "<H"), number(page, 14, "<H")
    if not number(page, 10, "<H") & LEAF or not HEADER <= lower <= upper <= PAGE or lower % 2:
        return []
    nodes = struct.unpack_from(f"<{(lower - HEADER) // 2}H", page, HEADER)
    if any(node < upper or node + 8 > PAGE for node in nodes):
        return []
    sizes = [struct.unpack_from("<HHHH", page, node) for node in nodes]
    return [page[node + 8 : node + 8 + key + (low | high << 16)]
            for node, (low, high, flags, key) in zip(nodes, sizes) if not flags]  # fmt: skip


class Damage:
    def __init__(self, sound, data, kind, rolled_back=False):
        self.sound, self.data, self.kind = sound, bytes(data), kind
        self.rolled_back = rolled_back  # both first pages are older ones: LMDB sees an older log
        pages = max(len(sound), len(data)) // PAGE + 1
        self.touched = {
            page for page in range(pages)
            if self.data[page * PAGE : (page + 1) * PAGE] != sound[page * PAGE : (page + 1) * PAGE]
        }  # fmt: skip

    def intact(self, begin, end):
        return len(self.data) >= end and self.data[begin:end] == self.sound[begin:end]


def _pages(dice, places, count_max=3):
    """Some pages, of a kind that is chosen first, so that the rare ones have their turn."""
    kinds = sorted(set(places.pages.values()))
    weights = {"free": 1, "meta": 3}
    chosen = places.of_kind(dice.choices(kinds, [weights.get(kind, 2) for kind in kinds])[0])
    return dice.sample(chosen, min(len(chosen), dice.choice((1, 1, 1, 2, count_max))))


def _spot(dice, places, page):
    """A byte of it that means something more often than not: headers, offsets and nodes are at both ends of a page."""
    if places.pages[page] == "meta" and dice.random() < 0.8:
        return page * PAGE + dice.randrange(META_TRANSACTION + 8)
    if dice.random() < 0.3:
        return page * PAGE + dice.randrange(2 * HEADER)
    return page * PAGE + dice.randrange(PAGE)


def flip_bits(dice, data, _, places):
    for page in _pages(dice, places):
        for _ in range(dice.choice((1, 1, 2, 8, 64))):
            data[_spot(dice, places, page)] ^= 1 << dice.randrange(8)
    return "bits flipped"


def cut(dice, data, _, places):
    size = dice.choice((0, dice.randrange(2 * PAGE), dice.randrange(len(data)), dice.randrange(places.count) * PAGE,
                        (places.count - dice.randrange(1, 4)) * PAGE))  # fmt: skip
    del data[size:]
    return f"cut to {'nothing' if size == 0 else 'less than the first pages' if size < 2 * PAGE else 'a part'}"


def stale_pages(dice, data, older, places):
    copy = dice.choice(older)
    differ = [page for page in places.used() if page * PAGE < len(copy)
              and copy[page * PAGE : (page + 1) * PAGE] != data[page * PAGE : (page + 1) * PAGE]]  # fmt: skip
    trees = [page for page in differ if places.pages[page] != "meta"] or differ
    chosen = dice.sample(trees, min(len(trees), dice.choice((1, 1, 2, 5))))
    if dice.random() < 0.3:
        chosen = dice.choice(([0], [1], [0, 1]))
    for page in chosen:
        data[page * PAGE : (page + 1) * PAGE] = copy[page * PAGE : (page + 1) * PAGE]
    return "both first pages stale" if chosen == [0, 1] else "a first page stale" if chosen[0] < 2 else "stale pages"


def swap_pages(dice, data, _, places):
    pool = places.of_kind(dice.choice(("leaf", "overflow", "branch"))) if dice.random() < 0.6 else sorted(places.used())
    if len(pool) < 2:
        pool = sorted(places.used())
    one, other = dice.sample(pool, 2)
    one, other = slice(one * PAGE, (one + 1) * PAGE), slice(other * PAGE, (other + 1) * PAGE)
    data[one], data[other] = data[other], data[one]
    return "pages swapped"


def wipe(dice, data, _, places):
    """Whole pages or sectors: zeroes, or what a disk that mixed things up may give."""
    filling = dice.choice((b"\0", b"\xff", None))
    for page in _pages(dice, places):
        begin, size = page * PAGE, PAGE
        if dice.random() < 0.5:
            begin, size = begin + 512 * dice.randrange(8), 512
        data[begin : begin + size] = filling * size if filling else dice.randbytes(size)
    return "zeroed" if filling == b"\0" else "overwritten"


WAYS = (flip_bits, flip_bits, cut, stale_pages, swap_pages, wipe)


def make(dice, sound, older, places):
    """One damage, sometimes two at once; never none."""
    while True:
        data, kinds = bytearray(sound), []
        for _ in range(dice.choice((1, 1, 1, 2))):
            if len(data) == len(sound):
                kinds.append(dice.choice(WAYS)(dice, data, older, places))
        damage = Damage(sound, data, " and ".join(kinds), "both first pages stale" in kinds)
        if damage.touched:
            return damage
