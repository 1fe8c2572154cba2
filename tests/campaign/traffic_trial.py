"""Row C's trial of a sidecar with traffic: several publishers at once, one with events that are long now and then, so that its
threads commit in turns.

A call of a commit fails. The process ends, with an exit code and saying of what; and after the failure nothing more is
committed, by whichever thread: what the kernel still has of the pages before is not known.
"""

import episodes
from episodes import Episode, Missed, counts
from forebay_test import wait_until


class TrafficTrial:
    def __init__(self, case, role, fault):
        self._case, self._role, self._fault = case, role, fault

    def play(self):
        streams = {"a": self._role, "b": self._role}
        with Episode(self._case, streams, {"p0": "a", "p1": "b", "p2": "a", "heavy": "b"}) as episode:
            for role in (self._role, "consumer", *episode.publishers):
                episode.start(role)
            episode.wait_acknowledged()
            out = episode.restart(self._role, self._fault)
            process = episode.running[self._role]
            said_before = len(process.errors())
            wait_until(lambda: not process.running(), f"{self._role} ends of {self._fault}", episodes.GONE_SECONDS)
            self._judge(process.wait(), process.errors()[said_before:], counts(out))
            episode.start(self._role)
            episode.settle()
        self._case.kind = f"{self._role}: ended with traffic, restarted"

    def _judge(self, code, said, calls):
        if calls["fired"] != 1 or code <= 0 or " critical " not in said:
            raise Missed("I5", f"{self._role} ended with {code} of {calls['fired']} faults: {said[-1500:]}")
        if calls["synced after"]:
            raise Missed("I1", f"{self._role} committed {calls['synced after']} times after a commit that failed")
