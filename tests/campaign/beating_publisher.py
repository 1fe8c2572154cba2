#!/usr/bin/python3
"""publishing.py for a network that fails: with heartbeats."""

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


if __name__ == "__main__":
    publishing.Client = BeatingClient
    publishing.run(*sys.argv[1:6], anonymous=False)
