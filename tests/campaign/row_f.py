"""Row F: processes that are stopped for a while, clocks that jump, too few descriptors, full disks and logs, logs restored from
an older backup, and two starts at once. A case is of the kind of its number."""

import importlib

TITLE = "pause, clock, descriptors, disk, retention, restore, two starts"
# By kind, the module with the function that plays it.
KINDS = {
    "pause": "faults_around",
    "clock": "faults_around",
    "descriptors": "faults_around",
    "disk": "faults_of_disk",
    "retention": "faults_of_disk",
    "restore": "faults_of_owner",
    "two starts": "faults_of_owner",
}
FULL, CI = 60 * len(KINDS), 3 * len(KINDS)
SLICE = len(KINDS)


def play(run):
    run.each(one)


def one(case):
    case.kind = list(KINDS)[case.number % len(KINDS)]
    module = importlib.import_module(KINDS[case.kind])  # not before there is a path to what the tests share
    getattr(module, case.kind.replace(" ", "_"))(case)
