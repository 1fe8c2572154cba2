#!/usr/bin/python3
"""publishing.py for a network that fails: with heartbeats, and quicker to fill a hole, as the C++ publisher is.

Where the first batch of a window was sent again alone and is acknowledged alone, the others were lost with a
connection: they are sent again at once, not one after each timeout. Answers to keepalives do not put the timeout off.
"""

import sys

import client
import publishing

HEARTBEAT_MS = 1000


class BeatingClient(client.Client):
    def socket(self, kind, name):
        made = self._context.socket(kind)
        self._sockets.append(made)
        made.linger, made.reconnect_ivl, made.heartbeat_ivl = 0, 20, HEARTBEAT_MS
        made.connect(self._endpoint_of(name))
        return made


class QuickPublisher(client.Publisher):
    _probe = None

    def _resend(self, count):
        if count == 1 and self._window:
            self._probe = self._window[0][1]
        super()._resend(count)

    def _settle(self, position, sequence):
        if self.position and position <= self.acknowledged:
            return  # the answer to a keepalive is no reason to wait longer before sending again
        super()._settle(position, sequence)
        probe = self._probe
        if probe is not None and position >= probe:
            self._probe = None
            if position == probe:
                self._resend(len(self._window))


if __name__ == "__main__":
    publishing.Client, publishing.Publisher = BeatingClient, QuickPublisher
    publishing.run(*sys.argv[1:6], anonymous=False)
