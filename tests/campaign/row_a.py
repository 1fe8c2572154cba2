"""Row A: what a loss of power leaves of a sidecar's log, of a consumer's store and of its views (images.py), opened by
the real processes.

An image is taken in the midst of any operation of a recording (recordings.py). Everything that the world had been told
by then (told.py) has to be in it: acknowledged events, registrations, what was broadcast or fetched, reported cursors,
finished views. Kinds of cases (looks.py), beside the recording's:

    log       a sidecar on its image: I1, I2, I3 against the recording's whole log, which the oracle read meanwhile
    store     a consumer on its image, its sidecar down: I4, I6, whichever view is the live one, and views of the past
    both      both on images of one moment: the consumer converges (I5)

FOREBAY_IMAGES_IGNORE breaks the disk on purpose, to see the row catch it: dsync, fdatasync, fsync, folder (syncs of that
kind do nothing), fdatasync:events (of the file in a folder of that name), early (what was told within 3 ms after the
loss counts as told before).
"""

import os
import pathlib
import tempfile

TITLE = "crash images"
FULL, CI = 100_000, 2_000
SLICE = 200


def play(run):
    from looks import Bench  # the tests' own modules are on the path only now
    from recordings import Studio

    with tempfile.TemporaryDirectory(prefix="fb-", dir="/tmp") as folder:
        ignored = tuple(filter(None, os.environ.get("FOREBAY_IMAGES_IGNORE", "").split(",")))
        bench = Bench(Studio(pathlib.Path(folder), ignored), run.seed)
        try:
            run.each(bench.play)
        finally:
            bench.close()
