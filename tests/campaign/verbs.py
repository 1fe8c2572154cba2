"""Runs a verb of the command line to its end."""

import itertools
import subprocess

_number = itertools.count()


def run_verb(installation, seconds, *words):
    """Its exit code, or "no end" past the deadline; stdout, stderr."""
    process = installation.forebay(*map(str, words), log=f"verb-{next(_number)}")
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        code = "no end"
    return code, process.output(), process.errors()
