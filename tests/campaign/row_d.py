"""Row D: a log, or a consumer's store, is damaged at rest; then a sidecar or consumer is started on it, and the log is
verified and repaired. damaged_log.py says what is checked."""

import importlib

TITLE = "corruption"
FULL, CI = 10_000, 300
SLICE = 100
STORES = 10  # one case in so many damages a consumer's store


def play(run):
    # Not before there is a path to what the tests share.
    logs, stores = importlib.import_module("damaged_log"), importlib.import_module("damaged_store")
    made = logs.make_logs(f"{run.seed} {run.first // SLICE * SLICE}")  # of one slice the same, wherever it begins
    store = stores.StoreAtRest(run.seed)
    run.each(lambda case: store.play(case) if case.number % STORES == STORES - 1 else logs.one(case, made))
