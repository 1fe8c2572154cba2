"""A network that fails on demand: links that carry bytes between two endpoints, of tcp or of ipc, and their faults.

    with Proxy() as proxy:
        link = proxy.link("tcp://127.0.0.3:7400", "tcp://127.0.0.2:7400")
        link.delay(DOWN, 0.2)               # to the one who connected; UP: to the one who listens
        link.throttle(UP, 20_000)           # bytes a second
        link.stall(DOWN, True)              # a partition: what is sent meanwhile comes afterwards
        link.half_open((UP, DOWN), "deaf")  # the connections of now carry nothing any more, and are not closed
        link.cut(DOWN, 1234)                # each connection ends after so many more bytes, wherever that is in a frame
        link.refuse(True)                   # nobody listens
        link.heal()                         # all of that ends but what half-open connections have lost

All of it runs in one thread of its own. What is said to a link is in force once the call returns.
"""

import asyncio
import contextlib
import pathlib
import socket
import struct
import threading

UP, DOWN = "up", "down"
BOTH = (UP, DOWN)
CHUNK_BYTES = 16 << 10
CHUNKS_HELD = 16  # on their way in one direction; then whoever sends is held up
BUFFER_BYTES = 64 << 10  # of the system, at each of the proxy's sockets
ANSWER_SECONDS = 20


def _family_and_address(endpoint):
    kind, _, rest = endpoint.partition("://")
    if kind == "ipc":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))


def _new_socket(family):
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    if family == socket.AF_INET:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


class Connection:
    """Two sockets, and a task for each direction between them."""

    def __init__(self, link, client, server):
        self._link, self._ends = link, {UP: (client, server), DOWN: (server, client)}
        self.dead = {}  # direction: "deaf" (nothing is read any more) or "swallowed" (read and dropped)
        self.cut_after = {}  # direction: bytes that still pass
        self._ended = set()
        self._tasks = []

    def start(self):
        for direction in BOTH:
            queue = asyncio.Queue(CHUNKS_HELD)
            self._tasks += map(self._link.task, (self._read(direction, queue), self._write(direction, queue)))

    def close(self, abrupt=False):
        """The tasks first: they wait for descriptors whose numbers the next connection gets."""
        if self not in self._link.connections:
            return
        self._link.connections.discard(self)
        waited_for = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in waited_for:
            task.cancel()
        self._link.task(self._close_sockets(waited_for, abrupt))

    async def _close_sockets(self, after, abrupt):
        await asyncio.gather(*after, return_exceptions=True)
        for end in self._ends[UP]:
            if abrupt and end.family == socket.AF_INET:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    async def _read(self, direction, queue):
        loop, source = asyncio.get_running_loop(), self._ends[direction][0]
        while True:
            try:
                data = await loop.sock_recv(source, CHUNK_BYTES)
            except OSError:
                data = b""
            if self.dead.get(direction) == "deaf":
                return  # nor is the end told
            await queue.put((loop.time() + self._link.delays[direction], data))
            if not data:
                return

    async def _write(self, direction, queue):
        loop, target = asyncio.get_running_loop(), self._ends[direction][1]
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._link.flowing[direction].wait()
            if direction in self.dead:
                if not data:
                    self._over(direction)
                continue
            if not data:
                return self.close()
            left = self.cut_after.get(direction)
            if left is not None:
                self.cut_after[direction] = left - len(data)
            try:
                await self._send(loop, direction, target, data if left is None else data[:left])
            except OSError:
                return self.close()
            if left is not None and left < len(data):
                self._link.cuts += 1
                return self.close(abrupt=left % 2 == 0)

    async def _send(self, loop, direction, target, data):
        rate = self._link.rates[direction]
        if rate:
            data, rest = data[: max(1, rate // 20)], data[max(1, rate // 20) :]
            await asyncio.sleep(len(data) / rate)
            await loop.sock_sendall(target, data)
            self._link.note(direction, data)
            if rest:
                await self._send(loop, direction, target, rest)
        elif data:
            await loop.sock_sendall(target, data)
            self._link.note(direction, data)

    def _over(self, direction):
        """The end of a dead direction is told to nobody; once both have gone, the sockets go."""
        self._ended.add(direction)
        if self._ended == set(BOTH):
            self.close()


class Link:
    """Where one listens, and where that leads."""

    def __init__(self, proxy, listen, to):
        self._proxy, self._listen, self._to = proxy, listen, to
        self._listener = self._accepting = None
        self.connections = set()
        self.delays, self.rates = dict.fromkeys(BOTH, 0.0), dict.fromkeys(BOTH, 0)
        self.flowing = {direction: asyncio.Event() for direction in BOTH}
        self.carried = dict.fromkeys(BOTH, 0)
        self.accepted = self.cuts = 0
        self._record = None
        self._wake()

    def _wake(self):
        for event in self.flowing.values():
            event.set()

    def task(self, coroutine):
        return self._proxy.task(coroutine)

    # from any thread

    def delay(self, direction, seconds):
        self._proxy.do(lambda: self.delays.update({direction: seconds}))

    def throttle(self, direction, bytes_a_second):
        self._proxy.do(lambda: self.rates.update({direction: bytes_a_second}))

    def stall(self, direction, on):
        self._proxy.do(self.flowing[direction].clear if on else self.flowing[direction].set)

    def half_open(self, directions, how):
        def die():
            for connection in self.connections:
                connection.dead.update(dict.fromkeys(directions, how))

        self._proxy.do(die)

    def cut(self, direction, bytes_to_come):
        def mark():
            for connection in self.connections:
                connection.cut_after[direction] = bytes_to_come

        self._proxy.do(mark)

    def cut_now(self, abrupt):
        def close():
            for connection in list(self.connections):
                connection.close(abrupt)
            self.cuts += 1

        self._proxy.do(close)

    def refuse(self, on):
        self._proxy.do(self.close_listener if on else self.open_listener)

    def heal(self):
        def all_well():
            self.delays.update(dict.fromkeys(BOTH, 0.0))
            self.rates.update(dict.fromkeys(BOTH, 0))
            for connection in self.connections:
                connection.cut_after.clear()
            self._wake()
            self.open_listener()

        self._proxy.do(all_well)

    def record(self):
        """What comes from those who connect, from now on."""
        self._proxy.do(lambda: setattr(self, "_record", bytearray()))

    def recorded(self):
        return self._proxy.do(lambda: bytes(self._record))

    # in the proxy's thread

    def note(self, direction, data):
        self.carried[direction] += len(data)
        if direction == UP and self._record is not None:
            self._record += data

    def open_listener(self):
        if self._listener:
            return
        family, address = _family_and_address(self._listen)
        if family == socket.AF_UNIX:
            pathlib.Path(address).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            pathlib.Path(address).unlink(missing_ok=True)
        listener = _new_socket(family)
        listener.bind(address)
        listener.listen(128)
        self._listener = listener
        self._accepting = self.task(self._accept(listener))

    def close_listener(self):
        """Those who wait in its queue are refused with it; connections of before go on."""
        if self._listener:
            self._accepting.cancel()
            self._listener = None

    async def _accept(self, listener):
        loop = asyncio.get_running_loop()
        try:
            while True:
                client, _ = await loop.sock_accept(listener)
                self.accepted += 1
                self.task(self._connect(client))
        finally:
            listener.close()

    async def _connect(self, client):
        family, address = _family_and_address(self._to)
        server = _new_socket(family)
        try:
            await asyncio.get_running_loop().sock_connect(server, address)
        except OSError:
            server.close()
            client.close()
            return
        connection = Connection(self, client, server)
        self.connections.add(connection)
        connection.start()


class Proxy:
    """Links and their thread; leaving it closes everything."""

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._tasks, self._links = set(), []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(ANSWER_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    def link(self, listen, to):
        def make():
            link = Link(self, listen, to)
            self._links.append(link)
            link.open_listener()
            return link

        return self.do(make)

    def do(self, what):
        """Does that in the proxy's thread, and gives what it returns."""

        async def run():
            return what()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(ANSWER_SECONDS)

    def task(self, coroutine):
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task):
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if failure := task.exception():
                self._loop.call_exception_handler({"message": "a task of the proxy", "exception": failure})

    async def _close(self):
        for link in self._links:
            link.close_listener()
            for connection in list(link.connections):
                connection.close()
        while others := self._tasks - {asyncio.current_task()}:
            for task in others:
                if task.get_coro().__name__ != "_close_sockets":
                    task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
