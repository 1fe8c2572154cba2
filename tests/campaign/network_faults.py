"""The faults of row E's episodes. Each has `begin()` and `end()`, and tells itself with str()."""

import signal
import subprocess
import sys

from far import HERE, view_folder
from proxy import BOTH, DOWN, UP


class Fault:
    """Of one link, drawn with the episode's dice."""

    def __init__(self, episode):
        self.episode, self.dice = episode, episode.dice
        self.who = self.dice.choice(sorted(episode.links))
        self.number = self.dice.randrange(len(episode.links[self.who]))
        self.direction = self.dice.choice(BOTH)
        self.choose()

    def choose(self):
        """What else there is to draw."""

    @property
    def link(self):
        return self.episode.links[self.who][self.number]

    @property
    def links(self):
        return self.episode.links[self.who]

    def end(self):
        pass

    def __str__(self):
        drawn = {name: value for name, value in vars(self).items() if name not in ("episode", "dice")}
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in drawn.items())})"


class Delay(Fault):
    def choose(self):
        self.seconds = round(self.dice.uniform(0.005, 0.5), 3)

    def begin(self):
        self.link.delay(self.direction, self.seconds)

    def end(self):
        self.link.delay(self.direction, 0.0)


class Throttle(Fault):
    def choose(self):
        self.rate = self.dice.choice((2_000, 20_000, 200_000))

    def begin(self):
        self.link.throttle(self.direction, self.rate)

    def end(self):
        self.link.throttle(self.direction, 0)


class Cut(Fault):
    """In the midst of a frame, at whatever byte that is."""

    def choose(self):
        self.after = self.dice.randrange(self.dice.choice((1, 2, 200, 20_000, 500_000)))

    def begin(self):
        self.link.cut(self.direction, self.after)


class CutAgainAndAgain(Fault):
    """All connections of one who connects, at once; and those that follow, after some bytes."""

    def choose(self):
        self.abrupt = self.dice.random() < 0.5
        self.after = self.dice.randrange(20_000)

    def begin(self):
        for link in self.links:
            link.cut_now(self.abrupt)

    def end(self):
        for link in self.links:
            link.cut(self.direction, self.after)


class HalfOpen(Fault):
    """It stays so, and the peers have to notice. Of tcp alone, since a system tells both ends of its own ipc."""

    def choose(self):
        self.who = "counter"
        self.directions = self.dice.choice(((UP,), (DOWN,), BOTH))
        self.how = self.dice.choice(("deaf", "swallowed"))

    def begin(self):
        self.link.half_open(self.directions, self.how)


class HalfOpenAll(HalfOpen):
    def begin(self):
        for link in self.links:
            link.half_open(self.directions, self.how)


class Partition(Fault):
    """One who connects, from the sidecar, one way or both; what was sent meanwhile comes at its end, or never."""

    def choose(self):
        self.directions = self.dice.choice(((UP,), (DOWN,), BOTH, BOTH))
        self.how = self.dice.choice((None, "deaf", "swallowed")) if self.who == "counter" else None

    def begin(self):
        for link in self.links:
            for direction in self.directions:
                link.stall(direction, True)

    def end(self):
        for link in self.links:
            if self.how:
                link.half_open(self.directions, self.how)
            for direction in self.directions:
                link.stall(direction, False)


class Refuse(Fault):
    def begin(self):
        for link in self.links:
            link.refuse(True)
            link.cut_now(True)

    def end(self):
        for link in self.links:
            link.refuse(False)


class Overflow(Fault):
    """More is broadcast than a consumer's queues hold, while nothing comes to it."""

    def choose(self):
        self.who, self.number = self.dice.choice(("keyed", "counter")), 1
        self.batches, self.bytes = self.dice.randrange(1000, 2000), self.dice.choice((1_000, 10_000))

    def begin(self):
        self.link.stall(DOWN, True)
        self.episode.trickle.burst(self.batches, self.bytes)

    def end(self):
        self.link.stall(DOWN, False)


class Pause(Fault):
    """A consumer is stopped, while much is broadcast."""

    def choose(self):
        self.who = self.dice.choice(("keyed", "counter"))
        self.batches = self.dice.randrange(0, 1500)

    def begin(self):
        self.episode.consumers[self.who].process.signal(signal.SIGSTOP)
        self.episode.trickle.burst(self.batches, 1000)

    def end(self):
        self.episode.consumers[self.who].process.signal(signal.SIGCONT)


class HangingDisk(Fault):
    """A consumer cannot commit, and so does not read, while its connections live on: longer than heartbeats wait."""

    def choose(self):
        self.who = self.dice.choice(("keyed", "counter"))
        self.seconds = round(5 + self.dice.random() * 3, 1)

    def begin(self):
        folder = view_folder(self.episode.consumers[self.who])
        words = [sys.executable, HERE / "lmdb_peek.py", folder, "hold", self.seconds]
        self._holder = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self.episode.trickle.burst(600, 1000)

    def end(self):
        self._holder.communicate()


class LateJoin(Fault):
    """A consumer that begins in the midst of it all."""

    def begin(self):
        self.episode.start_late_consumer()


class Restart(Fault):
    """Of the sidecar."""

    def choose(self):
        self.gently = self.dice.random() < 0.3

    def begin(self):
        self.episode.restart_sidecar(self.gently)


FAULTS = (Delay, Throttle, Cut, CutAgainAndAgain, HalfOpen, HalfOpenAll, Partition, Refuse, Overflow, Pause,
          HangingDisk, LateJoin, Restart)  # fmt: skip
WEIGHTS = (2, 2, 3, 1, 3, 2, 4, 2, 3, 1, 1, 2, 2)
