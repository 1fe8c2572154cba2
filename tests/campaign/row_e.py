"""Row E: the network fails, and all converges within 30 s after that. network.py says what is checked."""

import importlib

TITLE = "network"
FULL, CI = 200, 20
SLICE = 4


def play(run):
    run.each(importlib.import_module("network").one)  # not before there is a path to what the tests share
