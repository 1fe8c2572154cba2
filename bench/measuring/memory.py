"""Memory that the machine has at hand while something is measured.

A virtual machine's host may take back what its guest leaves free; the first to touch such a page again waits some 10 µs for
it: 3 s for each GB written to files, and 100 ms at the start of every process, which hides what the systems themselves take.
A machine that has been up for a while leaves none free: its memory is full of files, and each new page is one that a file
gave up just now. Here that state is made: most memory is held for the whole run, and before each measurement a file is read
until the page cache fills the rest.
"""

import mmap
import os

PAGE = 4096
PIECE = 4 << 20
MORE = 1 << 30  # than the file is read: the cache lets go of its oldest while it grows
NEARLY_NONE = 320 << 20  # free: about what the kernel keeps so
READ_ON = 2 << 30  # then, so that what it keeps free was in use just now, too


def _of(name):
    lines = open("/proc/meminfo").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


class Memory:
    """`left`: bytes that the measurements have, all processes and their files in the page cache. `folder`: on a disk that has
    room for as many."""

    def __init__(self, left, folder):
        spare = (_of("MemAvailable") - left) // PAGE * PAGE
        self._held = None
        if spare > 0:
            self._held = mmap.mmap(-1, spare, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self._held[::PAGE] = bytes(spare // PAGE)
        self._path = folder / "fills-the-page-cache"
        self._size = left + MORE
        piece = bytes(PIECE)
        with open(self._path, "wb") as file:
            for _ in range(self._size // PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def fill(self):
        """What is free, for the next measurement."""
        touched = touched_on = 0
        with open(self._path, "rb") as file:
            # Read again and again it would become what the page cache holds on to, and what is measured would be let go of.
            # Linux heeds NOREUSE for what is mapped, not for what is read.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_NOREUSE)
            with mmap.mmap(file.fileno(), self._size // PIECE * PIECE, prot=mmap.PROT_READ) as mapped:
                while touched < 2 * self._size and touched_on < READ_ON:
                    touched_on += PIECE if _of("MemFree") <= NEARLY_NONE else 0
                    begin = touched % len(mapped)
                    mapped[begin : begin + PIECE : PAGE]
                    touched += PIECE
