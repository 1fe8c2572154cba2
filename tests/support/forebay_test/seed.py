"""Faults have a seed, and the same seed replays them."""

import os
import random


def seed_of_this_run():
    """A new seed, or the one in FOREBAY_SEED. A test puts it into the message of each failure."""
    return int(os.environ.get("FOREBAY_SEED") or random.SystemRandom().randrange(1 << 32))
