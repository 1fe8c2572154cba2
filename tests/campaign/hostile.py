"""Row I's cases: hostile peers, each kind in turn.

Whatever they do, peers that mean well are served, the sidecar's memory and descriptors stay within bounds, what can be
counted is, and the log holds what the valid publisher sent and nothing else.
"""

import os
import sys

from attacks import KINDS, dead_zap_handler
from far import SIDECAR, TwoHosts
from forebay_test import wait_until
from siege import NODES, Siege

LARGE_FROM = len(KINDS)  # the first of each kind, which CI plays, is small
DEATHS = ("hangs", "closed", "ends", "unbound")


def one(case):
    kind = KINDS[case.number % len(KINDS)]
    case.kind = kind.__name__.replace("_", " ")
    size = 1 if case.number < LARGE_FROM else case.dice.choice((1, 2, 5, 10))
    death, environment = None, {}
    if kind is dead_zap_handler:
        death = DEATHS[case.number // len(KINDS) % len(DEATHS)]
        file = str(case.folder / "zap.dead")
        environment = {"LD_PRELOAD": str(case.library("zap_death.c")), "ZAP_DEATH": death, "ZAP_DEATH_FILE": file}
    if death == "unbound":
        return refuses_to_start(case, environment)
    with Siege(case, environment) as siege:
        kind(siege, size)
        if not siege.sidecar.running():
            return case.need(death, "I8", f"the sidecar ended: {siege.sidecar.errors()[-2000:]}")
        siege.end_attack()
        siege.check()
        if os.environ.get("FOREBAY_CAMPAIGN_TELL"):
            peer = siege.peer
            print(f"{case.kind}, size {size}: {peer.served} served, the slowest in {peer.slowest:.2f} s, applied in "
                  f"{siege.slowest_applied:.2f} s; {peer.memory >> 20} MiB, {peer.descriptors} descriptors",
                  file=sys.stderr)  # fmt: skip
        if death is None:  # a dead gatekeeper is not waited for by any rule
            siege.stop()


def refuses_to_start(case, environment):
    """A sidecar whose gatekeeper cannot take its post ends before it binds anything."""
    with TwoHosts(case, "ab", NODES, True, ["alice"], ["other"]) as here:
        words = [here.program("forebay-sidecar"), "-t", here.topology, SIDECAR]
        sidecar = here.start(words, SIDECAR, env=dict(os.environ, **environment))
        wait_until(lambda: not sidecar.running(), "it ends", 20)
        case.need(sidecar.wait() == 1, "I9", f"it ended with {sidecar.wait()}")
        case.need("zeromq.zap" in sidecar.errors(), "I9", f"it says {sidecar.errors()[-500:]}")
        case.need(not here.socket_path(SIDECAR, "control").exists(), "I9", "it had bound a socket")
