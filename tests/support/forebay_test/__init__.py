"""What the system tests share: an installation in a folder of its own, its processes, waiting with a deadline.

    with Installation(ONE_STREAM) as installation:
        sidecar = installation.start_sidecar("events")
        ...
        sidecar.kill()  # as kill -9 does

The folder of the binaries stands in the environment variable FOREBAY_BIN.
"""

from forebay_test.installation import ONE_STREAM, Installation
from forebay_test.keyed_consumer import KeyedConsumer, fold
from forebay_test.pages import fetched, free_ports, metrics
from forebay_test.process import Process
from forebay_test.seed import seed_of_this_run
from forebay_test.waiting import wait_until

__all__ = [
    "ONE_STREAM", "Installation", "KeyedConsumer", "Process", "fetched", "fold", "free_ports", "metrics", "seed_of_this_run",
    "wait_until",
]  # fmt: skip
