"""Row C's trial: a sidecar, a publisher and a consumer in step, while the nth call of a kind fails in one of the
processes, and a supervisor that starts it again.

What is allowed. Inside a commit, every error but an interruption ends the process, and so does fallocate's, unless it
is that there is no room: then the sidecar says that it is full, publishers hold, and it goes on by itself later.
Any other call may fail without an end, where nothing comes of it. Who ends does so with an exit code, not a signal, and
says of what; once, and once more if the fault is there at the next start. A build of a view may be refused, named, if
its new store cannot be made. LMDB tries an interrupted write again, and Forebay an interrupted fallocate; an
interrupted fdatasync (which no local file system answers with) counts as an error.
"""

import errno
import os

import episode_publisher
from client import Client
from episode_publisher import Gone, PatientPublisher
from episodes import GONE_SECONDS, Missed, counts
from faults import FOR_EVER, Fault
from forebay_test import wait_until
from ledger import STEP

WHO, STREAM, SIDECAR, CONSUMER = "heavy", "a", "left", "consumer"
COUNTED_ROUNDS = {True: 1, False: 8}  # of one on an empty folder its opening is looked at, of the other more
ROUNDS_BEFORE = 4
ROUNDS_MAX = 40  # a call that comes a little later than in the counting run is still met
ROUNDS_AFTER = 2
BUILD_AT, BUILD_EVERY = 4, 12
IN_A_COMMIT = ("pwrite", "meta", "writev", "fdatasync")
RETRIED = ("pwrite", "meta", "writev", "fallocate")  # EINTR is not seen of these


class Trial:
    """`fresh`: the fault is in the first process on an empty folder, else in one that goes on there."""

    def __init__(self, episode, role, fresh, fault=None):
        self._episode, self._role, self._fresh, self._fault = episode, role, fresh, fault
        self._exits, self._told, self._refused_build, self._full = 0, 0, False, False
        self._outs = []
        endpoint = lambda socket: episode.installation.endpoint(SIDECAR, socket)  # noqa: E731
        self._client, self._reader = Client(endpoint), Client(endpoint)
        self._publisher = None

    def play(self, rounds=None):
        """So many rounds, or until the fault has struck and some more."""
        episode, after = self._episode, 0
        for role in (SIDECAR, CONSUMER):
            if role != self._role or not self._fresh:
                episode.start(role)
        if not self._fresh:
            for number in range(ROUNDS_BEFORE):
                self._round(number)
            if self._role == CONSUMER:
                self._build()
            if episode.running[self._role].stop() != 0:
                raise Missed("I5", f"{self._role} did not stop: {self._errors()}")
            self._told = len(episode.running[self._role].errors())
        self._outs.append(episode.start(self._role, self._fault, counting=True))
        for number in range(rounds or ROUNDS_MAX):
            self._round(number)
            after += self.fired()
            if not rounds and after > ROUNDS_AFTER:
                break
        return counts(self._outs[0])

    def fired(self):
        return any(counts(out).get("fired", 0) > 0 for out in self._outs)

    def close(self):
        self._client.__exit__()
        self._reader.__exit__()

    def end(self):
        """The fault is over; what was published is flushed. How it went, for the figures."""
        if self._fault.while_there:  # what is still to come of it does not
            self._fault.while_there.unlink(missing_ok=True)
        self._wait(lambda: not self._publisher.waiting(), "everything acknowledged")
        self._supervise()
        refused = self._refused_build
        if refused:  # what it left of the view is removed by the next one, which nothing keeps from being built
            self._refused_build = False
            self._build()
            if self._refused_build:
                raise Missed("I5", f"a view still cannot be built after {self._fault}")
            self._refused_build = refused
        if not self.fired():
            return "not reached"
        self._judge()
        if self._full:
            return "full, went on"
        return "ended, restarted" if self._exits else "build refused" if self._refused_build else "went on"

    def _judge(self):
        fault = self._fault
        if self._exits > (1 if fault.times != FOR_EVER else 2):
            raise Missed("I5", f"{self._role} ended {self._exits} times of {fault}")
        if fault.kind == "fallocate" and fault.action == errno.ENOSPC:
            if self._exits:
                raise Missed("I5", f"{self._role} ended for want of room: {fault}")
            if fault.times == FOR_EVER and not self._full:
                raise Missed("I5", f"{self._role} did not say that it is full: {fault}")
        elif fault.action == errno.EINTR:
            if fault.kind in RETRIED and self._exits:
                raise Missed("I5", f"{self._role} ended of an interrupted call: {fault}")
        elif fault.kind in (*IN_A_COMMIT, "fallocate") and not self._exits and not self._refused_build:
            raise Missed("I1", f"{self._role} went on after {fault}")

    # a round: a batch until it is acknowledged, and for the consumer's trials applied; a build of the view now and then

    def _round(self, number):
        episode = self._episode
        if self._publisher is None:
            self._register()
        ledger, first = episode.ledgers[WHO], self._publisher.position // STEP + 1
        last = first + (1, 2, 5)[number % 3] - 1
        ledger.sent(last)
        events = [episode_publisher.event_of(WHO, episode.seed, n) for n in range(first, last + 1)]
        self._guarded(lambda: self._publisher.publish(events, last=STEP * last))
        if self._role == SIDECAR:  # read beside the commit, by other threads than commit
            while self._reader.receive(0):
                pass
            self._reader.send("fetch", stream=STREAM, incarnation=bytes(16), **{"from": 1, "to": 0})
            self._reader.send("status")
        self._wait(lambda: not self._publisher.waiting(), f"event {last} acknowledged")
        if self._role == CONSUMER:
            self._wait(lambda: self._has_applied(last), f"event {last} applied")
            if number % BUILD_EVERY == BUILD_AT:
                self._build()

    def _register(self):
        """Whenever the sidecar is there; it may have ended before it ever served."""
        for _ in range(4):
            if not self._episode.wait_serving_or_ended(SIDECAR):
                self._supervise()
                continue
            try:
                self._publisher = PatientPublisher(self._client, STREAM, WHO, self._on_acknowledged, self._sidecar_gone)
                return
            except Gone:
                self._supervise()
            except TimeoutError:
                if not self._end_fullness():
                    raise
        raise Missed("I5", f"{SIDECAR} does not come to serve: {self._errors()}")

    def _on_acknowledged(self, position, sequence):
        self._episode.ledgers[WHO].acknowledged(position // STEP, sequence)

    def _sidecar_gone(self):
        self._end_fullness()
        return not self._episode.running[SIDECAR].running()

    def _has_applied(self, last):
        dump = self._episode.applied(0.5)
        return dump and dump["streams"].get(STREAM, {}).get("cursor", 0) >= last

    def _build(self):
        """A new view, unless the consumer ends of it, or refuses to since its store cannot be made."""
        try:
            answer = self._episode.consumer.ask("build", seconds=2, view="")
        except AssertionError:
            self._supervise()
            return
        if "error" in answer:
            self._refuse_build(answer["error"])
            return

        def ended():
            if not self._episode.running[CONSUMER].running():
                return True
            try:
                progress = self._episode.consumer.ask("progress", seconds=1)
            except AssertionError:
                return False
            if "error" in progress:
                self._refuse_build(progress["error"])
            return not progress["running"]

        wait_until(ended, "the view is built", GONE_SECONDS)
        self._supervise()
        self._episode.applied(1)  # which view is the live one now

    def _refuse_build(self, error):
        if not self.fired() or not self._is_named(error["message"]):
            raise Missed("I5", f"a build was refused: {error}")
        self._refused_build = True

    # the supervisor

    def _guarded(self, call):
        try:
            return call()
        except Gone:
            return None

    def _wait(self, condition, what):
        """Keeps the publisher at work and the processes running until it is so."""

        def once():
            self._supervise()
            self._guarded(lambda: self._publisher.work(0.01))
            self._end_fullness()
            return condition()

        try:
            wait_until(once, what, GONE_SECONDS)
        except Missed:
            raise
        except AssertionError as failure:
            raise Missed("I5", f"{failure}, {self._role} neither goes on nor ends: {self._errors()}") from failure

    def _end_fullness(self):
        """Once it says that it is full, there is room again."""
        fault = self._fault
        if fault is None or fault.while_there is None or fault.kind != "fallocate" or fault.action != errno.ENOSPC:
            return False
        if "full:" in self._errors() and fault.while_there.exists():
            self._full = True
            self._episode.watch(self._episode.dice.uniform(0, 0.3))
            fault.while_there.unlink()
        return self._full

    def _supervise(self):
        """Starts again what has ended; a fault that lasts strikes once more while it starts."""
        for role, process in self._episode.running.items():
            if role != self._role and not process.running():
                raise Missed("I5", f"{role} ended, and no call of its failed: {process.errors()[-800:]}")
        process = self._episode.running[self._role]
        if process.running():
            return
        self._exits += 1
        code = process.wait()
        said = [line for line in self._errors().splitlines() if " critical " in line]
        if code <= 0 or not self.fired():
            raise Missed("I5", f"{self._role} ended with {code}: {self._errors()}")
        if not said or not self._is_named(said[-1]):
            raise Missed("I5", f"{self._role} ended with {code} and does not say of what: {self._errors()}")
        self._told = len(process.errors())
        fault = self._fault
        again = None
        if fault.times == FOR_EVER and self._exits == 1:
            again = Fault(fault.kind, 1, fault.action, FOR_EVER, fault.while_there)
        out = self._episode.start(self._role, again)
        if again:
            self._outs.append(out)
            if self._role == SIDECAR:
                self._episode.wait_serving_or_ended(SIDECAR)

    def _is_named(self, text):
        """Whether it says what went wrong. Half a write has no errno; LMDB calls it an I/O error."""
        action = self._fault.action
        if self._fault.kind == "unlink" and "cannot bind" in text:
            return True  # libzmq does not look whether a socket of before could be removed
        if action == "short":
            return any(word in text for word in ("Input/output error", "No space left on device", "cannot write"))
        return os.strerror(action) in text or "MDB_PANIC" in text

    def _errors(self):
        return self._episode.running[self._role].errors()[self._told :][-1500:]
