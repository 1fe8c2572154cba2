"""What a loss of power leaves of files whose recording (recorder.c) is there: crash images.

    recording = Recording(folder_of_recs, root)      # once the processes have ended
    recording.settle(pid)                            # after each kill, before the next process begins
    recording.load()
    crash = recording.crash(k)                       # in the midst of operation k; crash.ns is when
    crash.write(folder, dice)                        # one of the images that it may leave

What may be there, and why it is as harsh as a disk under ext4 or XFS may be, or harsher:

- A file holds what its last finished fdatasync or fsync found, and what was written to an O_DSYNC descriptor (that
  range alone). Of each write since then, and of one under way, any of its 512-byte sectors is there or is not,
  whatever became of others: page cache and disk keep no order. A sector is whole: LMDB relies on that, and disks
  promise it.
- A size set (ftruncate, fallocate, O_TRUNC) and not synced is there or is not, by itself; what lies between is zeros.
- Names: a folder's changes since its last fsync are there up to some point, in their order, a rename in one piece (both
  file systems write them into a journal). Harsher than both: each folder has a journal of its own, so that what went to
  another one may be in both or in neither, and no sync of a file brings its name along. So a file that was synced is gone if its folder was not.
- A sync under way has done nothing. sync_file_range counts for nothing.
- Of a process that was killed, what it did last is in the page cache as far as it came; the next process reads it, and
  it is on disk only once that one syncs.

The root itself is there. Sockets are not. What is in LMDB's lock file is of no use after a restart: it is left away, or
holds rubbish of its size.
"""

import collections
import os
import pathlib
import struct

RECORD = struct.Struct("<IcBHiIQqqq")
MAGIC = 0x43524246
CREATED, OPEN_DSYNC, TRUNCATES = 1, 2, 4  # flags of an open
DSYNC = 2  # of a descriptor
SECTOR, PAGE = 512, 4096
CHECKPOINT = 64
ZEROS = bytes(PAGE)
SCRAP = "lock.mdb"  # its content is not recorded, as it is mapped


class Unrecorded(Exception):
    """The recording does not tell all that happened to the files."""


class Operation:
    """One call. `end` is None where its process was killed in it; `done`: it had its effect."""

    __slots__ = ("kind", "pid", "fd", "flags", "offset", "extent", "data", "begin", "end", "result", "done", "where", "at")

    def __init__(self, kind, pid, fd, flags, offset, extent, data, begin):
        self.kind, self.pid, self.fd, self.flags = kind, pid, fd, flags
        self.offset, self.extent, self.data, self.begin = offset, extent, data, begin
        self.end = self.result = None
        self.done = False
        self.where = ""  # the path, for whoever reads a violation
        self.at = begin

    def paths(self):
        return [os.path.normpath(part.decode()) for part in self.data.split(b"\0")[:-1]]

    def synced(self):
        return self.flags & DSYNC and self.kind == "W"

    def __str__(self):
        names = {"W": "write", "D": "fdatasync", "F": "fsync", "T": "ftruncate", "A": "fallocate", "O": "open",
                 "R": "rename", "U": "unlink", "K": "mkdir"}  # fmt: skip
        size = f" {len(self.data)} bytes at {self.offset}" if self.kind == "W" else ""
        where = self.where or " ".join(os.path.basename(path) for path in self.paths()) if self.kind not in "WTADFS" else self.where
        return f"{names.get(self.kind, self.kind)}{' (O_DSYNC)' if self.synced() else ''}{size} {where} of process {self.pid}"


class File:
    """Pages that are on disk, and what may be: (kind, offset, data or size), of which "sure" ones are."""

    def __init__(self):
        self.pages, self.size, self.pending, self.scrap = {}, 0, [], 0

    def copy(self):
        twin = File()
        twin.pages, twin.size, twin.pending, twin.scrap = dict(self.pages), self.size, list(self.pending), self.scrap
        return twin

    def apply(self, change):
        kind, offset, what = change
        if kind in ("write", "sure"):
            self._write(offset, what)
        elif kind == "grow":
            self.size = max(self.size, offset + what)
        else:
            self._cut(what)

    def _write(self, offset, data):
        self.size = max(self.size, offset + len(data))
        at = 0
        while at < len(data):
            page, inside = divmod(offset + at, PAGE)
            part = data[at : at + PAGE - inside]
            if len(part) == PAGE:
                self.pages[page] = bytes(part)
            else:
                held = bytearray(self.pages.get(page, ZEROS))
                held[inside : inside + len(part)] = part
                self.pages[page] = bytes(held)
            at += len(part)

    def _cut(self, size):
        if size < self.size:
            for page in [page for page in self.pages if page * PAGE >= size]:
                del self.pages[page]
            page, inside = divmod(size, PAGE)
            if inside and page in self.pages:
                self.pages[page] = self.pages[page][:inside] + bytes(PAGE - inside)
        self.size = size

    def put_surely(self, offset, data):
        """This range alone is on disk now, and comes over what was written there before and is not synced."""
        if self.pending:
            self.pending.append(("sure", offset, data))
        else:
            self._write(offset, data)

    def sync(self):
        for change in self.pending:
            self.apply(change)
        self.pending = []

    def store(self, path):
        with open(path, "wb") as file:
            for page in sorted(self.pages):
                file.seek(page * PAGE)
                file.write(self.pages[page])
            file.truncate(self.size)


class Folder:
    """Names that are on disk, and changes that may be: each a map from name to inode, None where it goes."""

    def __init__(self):
        self.names, self.pending = {}, []

    def copy(self):
        twin = Folder()
        twin.names, twin.pending = dict(self.names), list(self.pending)
        return twin

    def live(self):
        return self.after(len(self.pending))

    def after(self, count):
        names = dict(self.names)
        for change in self.pending[:count]:
            names.update(change)
        return {name: inode for name, inode in names.items() if inode is not None}

    def sync(self):
        self.names, self.pending = self.live(), []


class Disk:
    """Inodes, of which 0 is the root, and who has them open."""

    def __init__(self, root, ignored=()):
        self.root, self.ignored = root, ignored
        self.inodes, self.open = {0: Folder()}, {}

    def copy(self):
        twin = Disk(self.root, self.ignored)
        twin.inodes = {number: inode.copy() for number, inode in self.inodes.items()}
        twin.open = dict(self.open)
        return twin

    def find(self, path):
        """Its number in the live tree, or None."""
        number = 0
        for name in pathlib.PurePath(os.path.relpath(path, self.root)).parts:
            if name == "..":
                return None
            if name == ".":
                continue
            inode = self.inodes.get(number)
            number = inode.live().get(name) if isinstance(inode, Folder) else None
            if number is None:
                return None
        return number

    def place(self, path):
        """The folder that holds it, and its name there."""
        parent, name = os.path.split(path)
        number = self.find(parent)
        return (self.inodes[number] if number is not None else None), name

    def _make(self, path, inode):
        number = len(self.inodes)
        folder, name = self.place(path)
        if folder is None:
            raise Unrecorded(f"{path} was made in a folder that is not known")
        self.inodes[number] = inode
        folder.pending.append({name: number})
        return number

    def play(self, operation, under_way=False):
        """Its effect; one that is under way, or that its process did not return from, has synced nothing."""
        if not operation.done:
            return
        kind, sure = operation.kind, not under_way and operation.end is not None
        if kind == "O":
            return self._open(operation)
        if kind in "RUKLY":
            return self._rename(operation, kind)
        number = self.open.get((operation.pid, operation.fd))
        if number is None:
            raise Unrecorded(f"{operation}: nothing is known of its descriptor")
        inode = self.inodes[number]
        if kind in "DF":
            if sure and not self._ignored(kind, operation, inode):
                inode.sync()
        elif kind == "W":
            change = ("write", operation.offset, operation.data)
            if operation.synced() and sure and "dsync" not in self.ignored:
                inode.put_surely(operation.offset, operation.data)
            else:
                inode.pending.append(change)
        elif kind == "T":
            inode.pending.append(("cut", 0, operation.offset))
            inode.scrap = operation.offset
        elif kind == "A":
            inode.pending.append(("grow", operation.offset, operation.extent))
        elif kind == "M":
            if not operation.where.endswith(SCRAP):
                raise Unrecorded(f"{operation.where} is mapped writable")
        return None

    def _ignored(self, kind, operation, inode):
        if isinstance(inode, Folder):
            return "folder" in self.ignored
        name = "fdatasync" if kind == "D" else "fsync"
        return name in self.ignored or f"{name}:{os.path.basename(os.path.dirname(operation.where))}" in self.ignored

    def _open(self, operation):
        (path,) = operation.paths()
        number = self.find(path)
        if number is None:
            if not operation.offset & CREATED:
                return
            number = self._make(path, File())
        elif operation.offset & TRUNCATES and isinstance(self.inodes[number], File):
            self.inodes[number].pending.append(("cut", 0, 0))
        if operation.result is not None:
            self.open[operation.pid, operation.result] = number

    def _rename(self, operation, kind):
        path, *more = operation.paths()
        if kind == "K":
            if self.find(path) is None:  # else a process was killed that asked for one that was there
                self._make(path, Folder())
        elif kind == "U":
            folder, name = self.place(path)
            if folder is not None and name in folder.live():
                folder.pending.append({name: None})
        elif kind == "R":
            folder, name = self.place(path)
            other, new = self.place(more[0])
            if folder is None or other is None or name not in folder.live():
                raise Unrecorded(f"{path} was renamed from or to where nothing is known")
            number = folder.live()[name]
            if folder is other:
                folder.pending.append({name: None, new: number})
            else:
                other.pending.append({new: number})
                folder.pending.append({name: None})
        else:
            raise Unrecorded(f"a link {path}")

    def lay_out(self, folder, dice, number=0):
        """Writes an image of the tree into an empty folder."""
        inode = self.inodes[number]
        keep = dice.choice((0, len(inode.pending), dice.randint(0, len(inode.pending))))
        for name, below in sorted(inode.after(keep).items()):
            path = folder / name
            if isinstance(self.inodes[below], Folder):
                path.mkdir()
                self.lay_out(path, dice, below)
            elif name == SCRAP:
                if dice.random() < 0.5 and self.inodes[below].scrap:
                    path.write_bytes(dice.randbytes(self.inodes[below].scrap))
            else:
                chosen(self.inodes[below], dice).store(path)

    def lay_out_live(self, folder, number=0):
        """What the page cache has."""
        for name, below in self.inodes[number].live().items():
            inode = self.inodes[below]
            if isinstance(inode, Folder):
                (folder / name).mkdir()
                self.lay_out_live(folder / name, below)
            else:
                live = inode.copy()
                live.sync()
                live.store(folder / name)


def chosen(file, dice):
    """The file as it may be found: its pending changes kept, dropped or torn."""
    image = file.copy()
    image.pending = []
    count = len(file.pending)
    way = dice.random()
    if way < 0.25 or not count:
        kept = set()
    elif way < 0.35:
        kept = set(range(count))
    elif way < 0.55:  # as far as the disk came
        kept = set(range(dice.randint(0, count)))
    elif way < 0.65:  # only the last ones
        kept = set(range(dice.randint(0, count), count))
    elif way < 0.75:  # one lacks
        kept = set(range(count)) - {dice.randrange(count)}
    else:
        part = dice.random()
        kept = {n for n in range(count) if dice.random() < part}
    tearing = dice.choice((0.0, 0.0, 0.2, 1.0))
    for n, change in enumerate(file.pending):
        if change[0] == "write" and dice.random() < tearing:
            for part in sectors(change, dice):
                image.apply(part)
        elif n in kept or change[0] == "sure":
            image.apply(change)
    return image


def sectors(change, dice):
    """A write of which any of its sectors is there or is not."""
    _, offset, data = change
    share, at = dice.choice((0.1, 0.5, 0.9)), 0
    while at < len(data):
        size = SECTOR - (offset + at) % SECTOR
        if dice.random() < share:
            yield ("write", offset + at, data[at : at + size])
        at += size


class Crash:
    """A loss of power in the midst of one operation."""

    def __init__(self, disk, operation, ns):
        self._disk, self.operation, self.ns = disk, operation, ns

    def write(self, folder, dice):
        self._disk.lay_out(folder, dice)


class Recording:
    """`ignored` breaks the disk on purpose (row_a.py): dsync, fdatasync, fsync,
    folder; fdatasync:events means the file in a folder of that name alone."""

    def __init__(self, folder, root, ignored=()):
        self._folder, self._root, self._ignored = pathlib.Path(folder), pathlib.Path(root), tuple(ignored)
        self._settled = {}
        self.operations, self._checkpoints = [], []

    def settle(self, pid):
        """A process has ended. If it was killed in an operation, finds out from the files whether that had its effect."""
        path = self._folder / f"{pid}.rec"
        operations = read(path) if path.exists() else []  # else it was killed before it did anything
        self._settled[pid] = operations
        if operations and operations[-1].end is None:
            self._find_out(operations[-1], operations)

    def _find_out(self, last, operations):
        if last.kind == "W":
            path = _path_of(last.fd, operations)
            with open(path, "rb") as file:
                file.seek(last.offset)
                there = file.read(len(last.data))
            # As far as it agrees, it makes no difference whether that was written or had been there.
            last.data = last.data[: len(os.path.commonprefix((there, last.data)))]
            last.done = bool(last.data)
        elif last.kind in "TA":
            size = os.path.getsize(_path_of(last.fd, operations))
            last.done = size == last.offset if last.kind == "T" else size >= last.offset + last.extent
        elif last.kind in "OK":
            last.done = os.path.lexists(last.paths()[0])
        elif last.kind in "UR":
            last.done = not os.path.lexists(last.paths()[0])

    def load(self):
        """Puts the operations of all processes in order; fails if the files are not what they make."""
        self.operations = sorted((each for some in self._settled.values() for each in some), key=lambda each: each.at)
        disk = Disk(self._root, self._ignored)
        for n, operation in enumerate(self.operations):
            if n % CHECKPOINT == 0:
                self._checkpoints.append(disk.copy())
            disk.play(operation)
        self._compare(disk)

    def _compare(self, disk, number=0, folder=None):
        folder = folder or self._root
        live = disk.inodes[number].live()
        for path in folder.iterdir() if number else ():  # beside what is recorded the root has other things
            if path.name not in live and not path.is_socket():
                raise Unrecorded(f"{path} is not in the recording")
        for name, below in live.items():
            path, inode = folder / name, disk.inodes[below]
            if isinstance(inode, Folder):
                self._compare(disk, below, path)
            elif name != SCRAP:
                file = inode.copy()
                file.sync()
                self._compare_file(file, path)

    @staticmethod
    def _compare_file(file, path):
        if path.stat().st_size != file.size:
            raise Unrecorded(f"{path} has {path.stat().st_size} bytes, {file.size} were recorded")
        with open(path, "rb") as real:
            for page in range(max(file.pages, default=-1) + 1):
                there = real.read(PAGE)
                if there != file.pages.get(page, ZEROS)[: len(there)]:
                    raise Unrecorded(f"page {page} of {path} is not as recorded")

    def crash(self, k):
        """Just before operation k ended: what ended before is done, what had begun is under way."""
        operation = self.operations[k]
        disk = self._checkpoints[k // CHECKPOINT].copy()
        for each in self.operations[k - k % CHECKPOINT : k]:
            disk.play(each)
        under_way = [each for each in self.operations[k + 1 : k + 20] if each.begin < operation.at]
        for each in [operation, *under_way]:
            disk.play(each, under_way=True)
        return Crash(disk, operation, operation.at)


def _path_of(fd, operations):
    opened = [each for each in operations if each.kind == "O" and each.result == fd]
    return opened[-1].paths()[0]


def read(path):
    """The operations of a process, those that failed left out."""
    data, offset = path.read_bytes(), 0
    pid, by_number, paths = int(path.stem), collections.OrderedDict(), {}
    while offset + RECORD.size <= len(data):
        magic, kind, after, flags, fd, length, number, place, extent, ns = RECORD.unpack_from(data, offset)
        if magic != MAGIC:
            raise Unrecorded(f"{path} is damaged at {offset}")
        offset += RECORD.size
        if offset + length > len(data):
            break  # killed while it was written: the operation had not begun
        if not after:
            by_number[number] = Operation(kind.decode(), pid, fd, flags, place, extent, data[offset : offset + length], ns)
            by_number[number].where = paths.get(fd, "") if kind in b"WTADFSM" else ""
        else:
            operation = by_number[number]
            operation.end = operation.at = ns
            operation.result = place
            operation.done = place >= 0 if operation.kind != "A" else place == 0
            if operation.kind == "W":
                operation.data = operation.data[: max(0, place)]
            elif operation.kind == "O" and place >= 0:
                paths[place] = operation.paths()[0]
        offset += length
    return [each for each in by_number.values() if each.done or each.end is None]
