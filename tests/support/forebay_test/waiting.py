"""Waits for a condition, never for luck."""

import time


def wait_until(condition, what, seconds=10.0):
    """Returns the first true value of condition(); fails after the deadline, naming what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
