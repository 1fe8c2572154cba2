"""Row I: hostile peers, of each kind one after the other. hostile.py says what is checked, attacks.py what they do."""

import importlib

TITLE = "hostile peers"
KINDS = 12
FULL, CI = 20 * KINDS, KINDS
SLICE = 3


def play(run):
    hostile = importlib.import_module("hostile")  # not before there is a path to what the tests share
    assert len(hostile.KINDS) == KINDS
    run.each(hostile.one)
