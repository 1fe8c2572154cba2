"""Memory that the machine has at hand before something is measured.

A virtual machine's host may take back what its guest leaves free; the first to touch such a page again waits some 10 µs for
it, which a write of 400 MB/s feels more than one of 50 MB/s. A machine that has been up for a while has none such left.
"""

import mmap

PAGE = 4096
LEFT_FREE = 1 << 30


def free_bytes():
    lines = open("/proc/meminfo").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemFree:")) * 1024


def touch(wanted):
    """Touches so many bytes of free memory, as far as there are, and leaves them free."""
    size = min(int(wanted), free_bytes() - LEFT_FREE) // PAGE * PAGE
    if size <= 0:
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as pages:
        pages[::PAGE] = bytes(size // PAGE)
