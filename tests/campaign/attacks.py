"""The attacks of row I. Each takes a siege (siege.py) and a size, 1 in CI and more in a full run.

It ends with what the sidecar must have counted: refusals exactly; of connections that libzmq itself turns away, at least
those that there were, since whoever is turned away comes again.
"""

import contextlib
import dataclasses
import itertools
import os
import time

import zmq

from client import Client, Publisher, Refused
from far import CONTROL_PORT
from forebay_test import wait_until
from formats import Batch, event, pack
from proxy import Proxy
from siege import MIB

STATUS = pack({"v": 1, "op": "status", "id": 1})
UNANSWERED_SECONDS = 3
HANDSHAKE_SECONDS = 3  # then libzmq hangs up
# What a ZMTP 3.0 peer says first: signature, version, mechanism, no server; then who it is.
SIGNATURE = b"\xff" + bytes(8) + b"\x7f\x03\x00"
GREETING = SIGNATURE + b"NULL".ljust(20, b"\0") + bytes(32)
CURVE_GREETING = SIGNATURE + b"CURVE".ljust(20, b"\0") + bytes(32)
HELLO = CURVE_GREETING + b"\x04\xc8\x05HELLO"  # and 194 bytes that are to follow
KIND_OF = {"ingest": b"PUSH", "control": b"DEALER", "broadcast": b"SUB"}
BOMBS = (b"\x91" * 16000, b"\x81" * 16000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff" * 3000,
         b"\xc6\xff\xff\xff\xff",
         b"\xdd\x7f\xff\xff\xff" + b"\xdd\x7f\xff\xff\xff" * 14, b"\xdb\xff\xff\xff\xff" + b"a" * 60000)  # fmt: skip


def ready(kind):
    body = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    return bytes([4, len(body)]) + body


def new_keys(siege):
    public, secret = zmq.curve_keypair()
    return dict(siege.installation.keys_of("counter"), public=public.decode(), secret=secret.decode())


def expect_silence(siege, sockets, who):
    """None of them is answered, however long one waits within reason."""
    deadline = time.monotonic() + UNANSWERED_SECONDS
    while time.monotonic() < deadline:
        heard = [name for name, each in sockets.items() if each.poll(20)]
        if not siege.need(not heard, "I9", f"{who} was answered at {heard}"):
            return


def knock(siege, keys_of_each, who):
    """As many clients as keys, each at both doors, asking what a friend might ask."""
    before, ended = siege.refused(), siege.ended_connections("far")
    sockets = {}
    for number, keys in enumerate(keys_of_each):
        # They hang on to what they sent, and come again and again.
        control = siege.peer_of(zmq.DEALER, siege.far("control"), keys, reconnect_ivl=50)
        control.send(STATUS)
        control.send(pack({"v": 1, "op": "register", "id": 2, "stream": "b", "instance": os.urandom(16)}))
        subscribe = {"stream": "b", "consumer": "mallory", "start": "earliest"}
        control.send(pack({"v": 1, "op": "subscribe", "id": 3, **subscribe}))
        broadcast = siege.peer_of(zmq.DEALER, siege.far("broadcast"), keys, reconnect_ivl=50)
        broadcast.send(b"a\0")
        subscriber = siege.peer_of(zmq.SUB, siege.far("broadcast"), keys, reconnect_ivl=50)
        subscriber.subscribe(b"")
        sockets[f"control {number}"], sockets[f"broadcast {number}"] = control, broadcast
        sockets[f"broadcast {number} (SUB)"] = subscriber
    expect_silence(siege, sockets, who)
    siege.serve_on()
    siege.expect_ended("far", ended, len(sockets))
    return before, len(sockets)


def unknown_key(siege, size):
    before, count = knock(siege, [new_keys(siege) for _ in range(20 * size)], "an unknown key")
    # SUB is no kind that ROUTER talks to, which is told after the handshake: the key is asked for first.
    siege.expect_counted({"unknown_key": count}, before, exactly=False)


def no_key(siege, size):
    before, _ = knock(siege, [None] * 20 * size, "one without a key")
    siege.expect_counted({}, before)


def wrong_server_key(siege, size):
    """Keys that the topology has, and another public key for the sidecar's: it cannot read the first box."""
    keys = [dict(siege.installation.keys_of("counter"), server=new_keys(siege)["public"]) for _ in range(20 * size)]
    before, _ = knock(siege, keys, "one who takes another for the sidecar")
    siege.expect_counted({}, before)


def overstepped_role(siege, size):
    """Everything that is not its own, by one who has a key: nothing happens but that it is told so, and counted."""
    here, none = siege.installation, bytes(16)
    producer = siege.status()["producers"][0]
    who = {"producer": int(producer["id"], 16), "epoch": producer["epoch"], "instance": os.urandom(16)}
    incarnation = bytes.fromhex(siege.status()["streams"][0]["incarnation"])
    fetch = {"from": 1, "to": 0, "bytes": 0, "checksum": 0, "incarnation": none}
    report = {"stream": "a", "incarnation": incarnation, "sequence": 1, "lost": 7, "failed": 7, "state": "DIVERGED"}
    instance = os.urandom(16)
    requests = [("fetch", {"stream": "a", **fetch}), ("find", {"stream": "a", "time": 1}), ("status", {}),
                ("records", {}), ("keepalive", who), ("goodbye", who),
                ("forget", {"stream": "a", "consumer": "counter"}), ("register", {"stream": "b", "instance": instance}),
                ("register", {"stream": "a", "instance": instance, "name": "till"}),
                ("subscribe", {"stream": "a", "consumer": "other", "start": "earliest"}),
                ("subscribe", {"stream": "b", "consumer": "counter", "start": "earliest"}),
                ("cursor", {"consumer": "counter", **report}), ("cursor", {"consumer": "keyed", **report})]  # fmt: skip
    own = [("cursor", {"consumer": "alice", **report}), ("register", {"stream": "a", "instance": instance}),
           ("subscribe", {"stream": "a", "consumer": "alice", "start": "earliest"}), ("keepalive", who)]  # fmt: skip
    before = siege.refused()
    batch = Batch.of([event("it.happened")], producer=who["producer"], epoch=who["epoch"], incarnation=incarnation,
                     previous=10**9, last=10**9 + 1).encode()  # fmt: skip
    count = 0
    for keys, asked in ((here.keys_of("other"), requests * 10 * size), (here.keys_of("alice"), own * 10 * size)):
        with Client(lambda name: siege.far("control")) as client:  # its ingest is not used
            client.control.close()
            client.control = siege.peer_of(zmq.DEALER, siege.far("control"), keys)
            for op, fields in asked:
                try:
                    code = client.request(op, "error", 20, **fields)["code"]
                except Refused as refused:
                    code = refused.code
                count += siege.need(code == "forbidden", "I9", f"{op} {fields} was answered with {code}")
            client.control.send(batch)  # no request
            siege.need(client.receive(20)["code"] == "bad_input", "I9", "a batch at the far control socket")
        hearer = siege.peer_of(zmq.DEALER, siege.far("broadcast"), keys)
        for topic in (b"", b"a", b"b", b"\0", b"a\0\0", *([b"a\0"] if keys == here.keys_of("other") else [])):
            hearer.send(topic)
        siege.need(not hearer.poll(1500), "I9", "it hears what it may not")
    siege.expect_counted({"forbidden": count, "bad_input": 2, "forbidden_topic": 11}, before)
    kept = {each["consumer"]: (each["lost"], each["failed"], each["state"]) for each in siege.status()["consumers"]}
    sound = all(told[:2] == (0, 0) and told[2] != "DIVERGED" for told in kept.values())
    siege.need(sound, "I9", f"others spoke for {kept}")
    siege.serve_on()


def dead_zap_handler(siege, size):
    """Set up by the row, which loads zap_death.c into the sidecar. Then nobody comes in, those with a key neither."""
    (siege.case.folder / "zap.dead").touch()
    time.sleep(0.3)  # the gatekeeper looks up every 0.1 s
    # Who is in stays in, or may be; who comes in new does not.
    siege.counter_is_served = False
    ended = siege.ended_connections("far")
    for name in ("alice", "other", "counter"):
        sockets = {}
        for number in range(5 * size):
            control = siege.peer_of(zmq.DEALER, siege.far("control"), siege.installation.keys_of(name))
            control.send(STATUS)
            broadcast = siege.peer_of(zmq.DEALER, siege.far("broadcast"), siege.installation.keys_of(name))
            broadcast.send(b"a\0")
            sockets |= {f"control {number}": control, f"broadcast {number}": broadcast}
        for number, keys in enumerate((None, new_keys(siege))):
            sockets[f"nobody's {number}"] = siege.peer_of(zmq.DEALER, siege.far("control"), keys)
            sockets[f"nobody's {number}"].send(STATUS)
        expect_silence(siege, sockets, f"{name}, with nobody at the gate,")
        if not siege.sidecar.running():
            return
    siege.expect_ended("far", ended, 30 * size)
    siege.serve_on()


def half_open_handshakes(siege, size):
    """Connections that say nothing, or half of what there is to say, and stay. All of it twice: what it took, the C library
    keeps, for the next who does this."""
    count = min(10_000, 2_000 * size)
    siege.memory_more = siege.memory_kept = count * 16 * 1024  # two buffers of libzmq's, of 8 KiB at most
    before, ended, taken = siege.refused(), siege.ended_connections("far"), []
    for _ in range(2):
        half_open(siege, count)
        taken.append(siege.sidecar.anonymous_memory())
    siege.need(taken[1] < 1.5 * taken[0] + 16 * MIB, "I8", f"the same again took more memory: {taken}")
    siege.expect_ended("far", ended, 2 * count)
    siege.expect_counted({}, before)


def half_open(siege, count):
    beginnings = (b"", SIGNATURE[:10], SIGNATURE, CURVE_GREETING, HELLO + bytes(100))
    opened = []
    for number in range(count):
        opened.append(siege.raw((siege.far("control"), siege.far("broadcast"))[number % 2]))
        opened[-1].sendall(beginnings[number % len(beginnings)])
        if number % 1000 == 0:
            siege.serve_on(1)
    siege.serve_on()
    # They go within the handshake's time, though nobody hangs up on our side.
    with contextlib.suppress(AssertionError):
        wait_until(lambda: siege.descriptors() <= siege.descriptors_before + 8, "hung up on", HANDSHAKE_SECONDS + 7)
    left = siege.descriptors() - siege.descriptors_before
    siege.need(left <= 8, "I8", f"{left} of {count} connections are left {HANDSHAKE_SECONDS + 7} s later")
    for made in opened:
        made.close()


def dripping_connections(siege, size):
    """A byte at a time, so that there is always something to come: the whole handshake has its time, not each piece."""
    before, count, ended = siege.refused(), 200 * size, siege.ended_connections("far")
    siege.memory_more = count * 16 * 1024
    streams = (HELLO + bytes(200), GREETING + ready(b"DEALER") + bytes(200), os.urandom(300))
    doors = itertools.cycle((siege.far("control"), siege.far("broadcast")))
    dripping = [(siege.raw(endpoint), streams[number % 3]) for number, endpoint in zip(range(count), doors)]
    gone, began = set(), time.monotonic()
    for place in itertools.count():
        for number, (made, data) in enumerate(dripping):
            if number not in gone:
                try:
                    made.sendall(data[place % len(data) : place % len(data) + 1])
                except OSError:
                    gone.add(number)
        if len(gone) == count or time.monotonic() > began + HANDSHAKE_SECONDS + 7:
            break
        time.sleep(0.2)
    left = count - len(gone)
    siege.need(left == 0, "I8", f"{left} of {count} connections still drip after {HANDSHAKE_SECONDS + 7} s")
    siege.expect_ended("far", ended, count)
    siege.serve_on()
    siege.expect_counted({}, before)


def giant_frames(siege, size):
    """Lengths of a gigabyte and more, declared or sent, over ipc, before the handshake, and by those who have a key."""
    before, ended = siege.refused(), {door: siege.ended_connections(door) for door in ("near", "far")}
    for length in (1 << 30, (1 << 31) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1) * size:
        for name, kind in KIND_OF.items():
            said = b"\x02" + length.to_bytes(8, "big") + bytes(MIB)
            siege.say(siege.near(name), GREETING + ready(kind) + said).close()
            siege.say(siege.near(name), GREETING + b"\x06" + length.to_bytes(8, "big") + bytes(MIB)).close()
        for name in ("control", "broadcast"):
            siege.say(siege.far(name), CURVE_GREETING + b"\x06" + length.to_bytes(8, "big") + bytes(MIB)).close()
        siege.serve_on(1)
    siege.expect_ended("near", ended["near"], 6 * 2 * 3 * size)
    siege.expect_ended("far", ended["far"], 6 * 2 * size)
    # Sent whole: longer than the socket takes, and as long as any socket takes at all.
    for bytes_ in (70_000, 2 * MIB, 9 * MIB, 64 * MIB):
        loud = []
        for name in ("counter", "alice"):
            for door in ("control", "broadcast") * size:
                loud.append(siege.peer_of(zmq.DEALER, siege.far(door), siege.installation.keys_of(name), watched=True))
                loud[-1].send(bytes(bytes_))
        for peer in loud:
            if not siege.need(siege.hung_up_on(peer), "I8", f"one who sends {bytes_} bytes is not hung up on"):
                return
        for name, kind in KIND_OF.items():
            if name == "ingest" and bytes_ < MIB:
                continue  # one of that length is taken, and no batch
            # Not by ZeroMQ's own SUB, whose memory of what it subscribed to overflows its stack at these lengths.
            said = b"\x02" + bytes_.to_bytes(8, "big") + b"\x01" + bytes(bytes_ - 1)
            siege.say(siege.near(name), GREETING + ready(kind) + said)
        siege.serve_on(1)
    siege.expect_counted({}, before)


def million_subscriptions(siege, size):
    count = min(10**6, 10**5 * size)
    before = siege.refused()
    # Each is a node or more of the PUB's trie. What it gives back, the C library keeps, for the next one who does this.
    siege.memory_more = siege.memory_kept = count * 200
    taken, whole = [], True
    for _ in range(2):
        plain = siege.raw(siege.near("broadcast"), 60.0)
        plain.sendall(GREETING + ready(b"SUB"))
        for begin in range(0, count, 10_000):
            topics = (b"\x01x%08d" % number for number in range(begin, begin + 10_000))
            try:
                plain.sendall(b"".join(b"\x00" + bytes([len(topic)]) + topic for topic in topics))
            except (BrokenPipeError, ConnectionResetError):
                whole = False  # it answers no heartbeats, and on a busy machine is hung up on before it is through
                break
        siege.serve_on()
        taken.append(siege.sidecar.anonymous_memory())
        plain.close()
        siege.serve_on()
    siege.need(not whole or taken[1] < taken[0] + 16 * MIB, "I8", f"the same again took more memory each time: {taken}")
    hearer = siege.peer_of(zmq.DEALER, siege.far("broadcast"), siege.installation.keys_of("other"), sndhwm=10_000)
    for number in range(count):
        hearer.send(b"x%08d" % number)
        if number % (count // 4) == 0:
            siege.serve_on(1)
    siege.expect_counted({"forbidden_topic": count}, before, seconds=120)
    for _ in range(1000):  # one topic that it may hear, again and again, is one
        hearer.send(b"b\0")
    siege.need(hearer.poll(5000), "harness", "it hears what it may")
    siege.expect_counted({"forbidden_topic": count}, before)
    siege.serve_on()


def msgpack_bombs(siege, size):
    here, before, count = siege.installation, siege.refused(), 50 * size
    ingest, control = siege.peer_of(zmq.PUSH, siege.near("ingest")), siege.peer_of(zmq.DEALER, siege.near("control"))
    far = siege.peer_of(zmq.DEALER, siege.far("control"), here.keys_of("counter"))
    far_broadcast = siege.peer_of(zmq.DEALER, siege.far("broadcast"), here.keys_of("counter"))
    topics = [bomb for bomb in BOMBS if len(bomb) < 1000]  # with a longer one its connection goes
    incarnation = bytes.fromhex(siege.status()["streams"][1]["incarnation"])
    for bomb in BOMBS:
        batch = Batch.of([bomb], previous=0, last=1, incarnation=incarnation, producer=2, epoch=1).encode()
        for _ in range(count):
            control.send(bomb)
            far.send(bomb)
            ingest.send(batch)
            ingest.send(bomb)
    liar = Batch.of([BOMBS[0]], count=3, previous=0, last=3, incarnation=incarnation, producer=2, epoch=1).encode()
    for _ in range(count):
        ingest.send(liar)  # fewer events than it says
    for bomb in topics * count:
        far_broadcast.send(bomb)
    siege.serve_on()
    # Of the consumers, beside them: where operators and where tests ask.
    for consumer in siege.consumers.values():
        for place in ("control.sock", "test.sock"):
            if (consumer.state / place).exists():
                asking = siege.peer_of(zmq.DEALER, f"ipc://{consumer.state}/{place}")
                for bomb in BOMBS * count:
                    asking.send(bomb)
    # Events are looked into by their readers alone: who may publish may publish these, and readers call them failed.
    with here.client() as client:
        publisher = Publisher(client, "b", "bomber")
        for bomb in BOMBS * count:
            publisher.publish([bomb])
            while publisher.waiting() > 64:
                publisher.work(0.01)
        publisher.flush(30)
        publisher.goodbye()
    siege.bombs = len(BOMBS) * count
    keyed = siege.consumers["keyed"]
    with contextlib.suppress(AssertionError):
        wait_until(lambda: keyed.stream("b")["failed"] == siege.bombs, "all failed", 20)
    told = keyed.stream("b")
    figures = told["cursor"], told["failed"], told["lost"]
    siege.need(figures == (siege.bombs, siege.bombs, 0), "I4", f"of {siege.bombs} bombs: {told}")
    siege.serve_on()
    for name, consumer in siege.consumers.items():
        taken = consumer.process.anonymous_memory()
        siege.need(taken < 64 * MIB, "I8", f"{name} took {taken / MIB:.0f} MiB")
    each = count * len(BOMBS)
    reasons = {"bad_input": 2 * each, "corruption": each + count, "unregistered": each, "forbidden_topic": count * len(topics)}
    siege.expect_counted(reasons, before)


def random_garbage(siege, size):
    """At each port and socket, with and without a beginning that makes sense."""
    before, noise, ended = siege.refused(), siege.dice.randbytes, siege.ended_connections("far")
    beginnings = (b"", SIGNATURE, GREETING, CURVE_GREETING, HELLO + b"\x01\x00", CURVE_GREETING + ready(b"DEALER"))

    def shout(endpoint):
        for number in range(100 * size):
            made = siege.say(endpoint, siege.dice.choice(beginnings) + noise(siege.dice.randrange(5000)), 1.0)
            if number % 10:
                made.close()
        siege.serve_on(1)

    for name in ("control", "broadcast"):
        shout(siege.far(name))
    siege.expect_counted({}, before)  # none of it got as far as to us
    siege.expect_ended("far", ended, 200 * size)
    # Beside the sidecar there is none to fail: ZeroMQ takes what has no greeting for a peer of its first version.
    for name in KIND_OF:
        shout(siege.near(name))
    siege.serve_on()
    seen = siege.risen(before)
    known = {"bad_input", "corruption", "version", "unsendable"}
    siege.need(set(seen) <= known, "I9", f"random bytes were counted as {seen}")


def replayed_session(siege, size):
    """What a friend said over the network, and what a publisher sent, said again byte by byte."""
    here = siege.installation
    with Proxy() as proxy:
        link = proxy.link(f"tcp://{here.between}:{CONTROL_PORT}", siege.far("control"))
        link.record()
        friend = siege.peer_of(zmq.DEALER, f"tcp://{here.between}:{CONTROL_PORT}", here.keys_of("alice"))
        friend.send(pack({"v": 1, "op": "forget", "id": 1, "stream": "a", "consumer": "nobody"}))
        friend.send(STATUS)
        for _ in range(2):  # in whichever order
            siege.need(friend.poll(10_000) and friend.recv(), "harness", "the friend is answered")
        recorded = link.recorded()
        friend.close()
    siege.need(len(recorded) > 400, "harness", f"only {len(recorded)} bytes were recorded")
    before, ended = siege.refused(), siege.ended_connections("far")
    for _ in range(50 * size):
        made = siege.say(siege.far("control"), recorded)
        heard = 0
        try:
            while data := made.recv(65536):
                heard += len(data)
        except OSError:
            pass
        # A greeting of 64 bytes and the WELCOME of 170: to be welcome proves nothing yet.
        siege.need(heard <= 64 + 170 + 10, "I9", f"{heard} bytes came back to a session said again")
        made.close()
    siege.expect_counted({}, before)
    siege.expect_ended("far", ended, 50 * size)
    # Beside the sidecar nothing is secret, and what was committed is not committed again.
    duplicates = siege.status()["counters"]["duplicates"]
    _, batches = siege.asking.fetch("a", 1)
    again = siege.peer_of(zmq.PUSH, siege.near("ingest"))
    old = [dataclasses.replace(batch, base=0, commit_time=0, previous_checksum=0) for batch in batches] * 5 * size
    for batch in old:
        again.send(batch.encode())
    counted = lambda: siege.status()["counters"]["duplicates"] - duplicates  # noqa: E731
    wait_until(lambda: counted() >= len(old), "counted as duplicates", 30)
    siege.need(counted() == len(old), "I3", f"{counted()} duplicates of {len(old)}")
    fenced = dict(incarnation=old[0].incarnation, producer=old[0].producer, previous=10**9, last=10**9 + 1)
    for epoch in (0, 2, 99):  # one that was, or is to come
        again.send(Batch.of([event("it.happened")], epoch=epoch, **fenced).encode())
    siege.serve_on()
    siege.expect_counted({"fenced": 1, "unregistered": 2}, before)


KINDS = (unknown_key, no_key, wrong_server_key, overstepped_role, dead_zap_handler, half_open_handshakes,
         dripping_connections, giant_frames, million_subscriptions, msgpack_bombs, random_garbage,
         replayed_session)  # fmt: skip
