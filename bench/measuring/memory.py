"""Memory that the machine has at hand while something is measured.

A virtual machine's host may take back what its guest leaves free; the first to touch such a page again waits some 10 µs for
it: 3 s for each GB written to files, which hides what the systems themselves take. A machine that has been up for a while
has its memory full of files and none such left. Here most of it is held for the whole run, and what is left is touched
before each measurement.
"""

import mmap

PAGE = 4096
MARGIN = 256 << 20


def free_bytes():
    lines = open("/proc/meminfo").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemFree:")) * 1024


def _touched(size):
    pages = mmap.mmap(-1, size // PAGE * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages[::PAGE] = bytes(size // PAGE)
    return pages


class Memory:
    """`left`: bytes that the measurements have, all processes and their files in the page cache."""

    def __init__(self, left):
        spare = free_bytes() - left
        self._held = _touched(spare) if spare > 0 else None

    def ready(self):
        """Touches what is free, for the next measurement."""
        if (size := free_bytes() - MARGIN) > PAGE:
            _touched(size).close()
