"""A connection answers what comes on it in its order, and ends when it should."""

import asyncio
import contextlib
import itertools
import socket
import struct

import pytest

from steno.proxy import client_connection as module
from steno.proxy import listener
from steno.proxy.answers import OwnReply
from steno.proxy.client_request import BrokenRequestError
from steno.proxy.listener import Listener

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n"


def own(text, status=200):
    """Make a reply of a text."""
    return OwnReply(status, text.encode(), {})


class Serving:
    """A listener whose requests one function answers.

    Attributes:
        seen: The targets of the requests.
        ended: How the requests ended: `whole`, or the name of what cut them off.
    """

    def __init__(self, answer=None):
        self.answer = answer or self.echo
        self.seen, self.ended = [], []
        self.writers = []

    @staticmethod
    async def echo(request, _reply):
        body = await request.read_all()
        return own(f"{request.target}:{body.decode()}")

    async def handle(self, request, reply):
        self.seen.append(request.target)
        try:
            found = await self.answer(request, reply)
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("whole")
        return found

    async def __aenter__(self):
        self.listener = Listener(self.handle)
        self.host, self.port = await self.listener.open("127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc):
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self.listener.close()

    async def connect(self, **options):
        reader, writer = await asyncio.open_connection(self.host, self.port, **options)
        self.writers.append(writer)
        return reader, writer

    async def ask(self, data, *, size=None):
        """Send bytes, all at once or in pieces, and read to the connection's end."""
        reader, writer = await self.connect()
        for at in range(0, len(data), size or len(data)):
            writer.write(data[at : at + (size or len(data))])
            await asyncio.sleep(0)
        return await reader.read()


def run(main):
    """Run a test's coroutine, for a while at most."""
    return asyncio.run(asyncio.wait_for(main(), 30))


async def until(condition):
    """Wait until something is so."""
    while not condition():  # noqa: ASYNC110 - it is not told
        await asyncio.sleep(0.005)


async def read_reply(reader):
    """Read one reply with a length; returns its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


def test_keep_alive():
    """A connection carries one request after the other, and its session is one."""

    async def main():
        sessions = []

        async def answer(request, reply):
            sessions.append((request.session_id, request.remote))
            return await Serving.echo(request, reply)

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            for number in range(3):
                writer.write(GET % number)
                head, body = await read_reply(reader)
                assert body == b"/%d:" % number
                assert b"onnection" not in head
            other, writer = await serving.connect()
            writer.write(GET % 9)
            await read_reply(other)
        return sessions

    sessions = run(main)
    assert len({session for session, _ in sessions[:3]}) == 1
    assert sessions[3][0] != sessions[0][0]
    assert sessions[0][1] == "127.0.0.1"


@pytest.mark.parametrize("size", [None, 1])
def test_pipelined(size):
    """Requests that come before their turn are answered in their order, though the first be slow."""

    async def answer(request, reply):
        await asyncio.sleep(0.05 if request.target == "/0" else 0)
        return await Serving.echo(request, reply)

    async def main():
        async with Serving(answer) as serving:
            data = b"".join(GET % number for number in range(20))
            data += POST % (3, b"Connection: close\r\n") + b"abc"
            return await serving.ask(data, size=size)

    got = run(main)
    places = [got.index(b"/%d:" % number) for number in range(20)]
    assert places == sorted(places)
    assert got.endswith(b"/:abc")


def test_pipelining_is_bounded():
    """A client that sends request upon request and waits for none is not read for ever."""

    async def main():
        release = asyncio.Event()

        async def answer(_request, _reply):
            await release.wait()
            return own("x")

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    while True:
                        writer.write(GET % 1 * 1000)
                        await writer.drain()
            (connection,) = serving.listener._crowd.connections
            waiting = len(connection._parser.waiting)
            release.set()
            await read_reply(reader)
            writer.transport.abort()
        return waiting

    assert run(main) < 20_000


def test_close_is_asked_for():
    """A client that asks for the end gets it behind its reply."""

    async def main():
        async with Serving() as serving:
            return await serving.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert run(main).startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n")


def test_old_client():
    """A client of HTTP/1.0 gets its reply, and the end unless it asked otherwise."""

    async def main():
        async with Serving() as serving:
            return (
                await serving.ask(b"GET / HTTP/1.0\r\n\r\n"),
                await serving.ask(
                    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"
                ),
            )

    one, two = run(main)
    assert one.count(b"HTTP/1.1 200 OK") == 1
    assert two.count(b"HTTP/1.1 200 OK") == 2
    assert b"Connection: keep-alive" in two


def test_head():
    """A HEAD gets a head, and the connection goes on."""

    async def main():
        async with Serving() as serving:
            data = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
            return await serving.ask(data + GET % 1 + b"GET / HTTP/1.0\r\n\r\n")

    got = run(main)
    assert b"content-length: 2\r\n\r\nHTTP/1.1 200 OK" in got
    assert b"/1:" in got


def test_continue():
    """Who waits for a word before its body gets it once somebody wants the body."""

    async def main():
        async with Serving() as serving:
            reader, writer = await serving.connect()
            writer.write(POST % (3, b"Expect: 100-continue\r\n"))
            word = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"abc")
            return word, await read_reply(reader)

    word, (_, body) = run(main)
    assert word == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert body == b"/:abc"


@pytest.mark.parametrize("sends", [False, True])
def test_refused_before_its_body(sends):
    """A refusal that needs no body asks for none, and ends the connection, unreset."""

    async def answer(_request, _reply):
        return own("no", 403)

    async def main():
        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            writer.write(POST % (3_000_000, b"Expect: 100-continue\r\n"))
            if sends:
                writer.write(b"x" * 3_000_000)
            return await reader.read()

    got = run(main)
    assert got.startswith(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nConnection: close")
    assert got.endswith(b"no")


def test_slow_reader_of_a_request():
    """A client that sends faster than its body is taken is held back, and all of it comes."""

    async def main():
        sizes = []

        async def answer(request, _reply):
            while data := await request.read():
                sizes.append(len(data))
                await asyncio.sleep(0.002)
            return own("done")

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            writer.write(POST % (20_000_000, b"") + b"x" * 20_000_000)
            _, body = await read_reply(reader)
        return body, sizes

    body, sizes = run(main)
    assert body == b"done"
    assert sum(sizes) == 20_000_000
    assert max(sizes) < 1_000_000


@pytest.mark.parametrize("size", [264_000, 1_000_000])
def test_reply_without_reading_the_request(size):
    """A body that nobody read holds nothing up: the next request is answered, or the end comes."""

    async def main():
        async def answer(_request, _reply):
            await asyncio.sleep(0.1)
            return own("no", 502)

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            for _ in range(3):
                writer.write(POST % (size, b"") + b"x" * 200_000)
                await asyncio.sleep(0.03)
                writer.write(b"x" * (size - 200_000))
                head, _ = await read_reply(reader)
                if b"Connection: close" in head:
                    break
            return len(serving.seen)

    assert run(main) == (3 if size == 264_000 else 1)


def test_stop_while_clients_connect():
    """Whoever connects at the moment of the end gets a reply or the end, but waits for neither."""

    async def main():
        loop = asyncio.get_running_loop()
        for turns in range(8):
            async with Serving() as serving:
                with socket.create_connection((serving.host, serving.port)) as sock:
                    sock.setblocking(False)
                    sock.send(GET % 1)
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    serving.listener.stop()
                    with contextlib.suppress(ConnectionError):
                        await asyncio.wait_for(loop.sock_recv(sock, 1000), 1)

    run(main)


def test_slow_client():
    """A reply waits for a client that does not read, and all of it comes."""

    async def main():
        pieces = 0

        async def answer(_request, reply):
            nonlocal pieces
            reply.begin(200, b"OK", [])
            for _ in range(200):
                await reply.write(b"x" * 100_000)
                pieces += 1
            await reply.end()

        async with Serving(answer) as serving:
            reader, writer = await serving.connect(limit=1000)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await asyncio.sleep(0.3)
            held = pieces
            return held, len(await reader.read())

    held, size = run(main)
    assert held < 150
    assert size > 20_000_000


@pytest.mark.parametrize("reset", [False, True])
def test_hang_up(reset):
    """A client that hangs up is noticed at once, though nothing be written to it."""

    async def main():
        async def answer(_request, _reply):
            await asyncio.sleep(60)

        async with Serving(answer) as serving:
            _, writer = await serving.connect()
            writer.write(GET % 1)
            await until(lambda: serving.seen)
            if reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            writer.close()
            begun = asyncio.get_running_loop().time()
            await until(lambda: serving.ended)
            assert not serving.listener.is_busy or not reset
            return asyncio.get_running_loop().time() - begun, serving.ended

    took, ended = run(main)
    assert took < 5
    assert ended == ["CancelledError"]


def test_hang_up_while_writing():
    """What is written to a client that is gone is an error of its own."""

    async def main():
        raised = []

        async def answer(_request, reply):
            reply.begin(200, b"OK", [])
            try:
                while True:
                    await reply.write(b"x" * 100_000)
            except (ConnectionError, asyncio.CancelledError) as error:
                raised.append(error)
                raise

        async with Serving(answer) as serving:
            _, writer = await serving.connect()
            writer.write(GET % 1)
            await until(lambda: serving.seen)
            writer.transport.abort()
            await until(lambda: raised)
            await until(lambda: not serving.listener.is_busy)

    run(main)


@pytest.mark.parametrize("old", [False, True])
def test_broken_off(old):
    """A reply that has no end ends the connection, so that nobody takes it for the whole."""

    async def answer(_request, reply):
        reply.begin(200, b"OK", [])
        await reply.write(b"half")

    async def main():
        async with Serving(answer) as serving:
            try:
                return await serving.ask(
                    b"GET / HTTP/1.0\r\n\r\n" if old else GET % 1 + GET % 2
                ), serving.seen
            except ConnectionResetError:
                return None, serving.seen

    got, seen = run(main)
    assert len(seen) == 1
    if old:
        assert got is None
    else:
        assert got.endswith(b"4\r\nhalf\r\n")


def test_defect(capsys):
    """A defect of who answers is a 500, and said."""

    async def answer(_request, _reply):
        raise ZeroDivisionError("a defect")

    async def main():
        async with Serving(answer) as serving:
            return await serving.ask(GET % 1)

    assert run(main).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_defect_amid_a_request():
    """The word about a defect reaches also a client that still sends."""

    async def answer(_request, _reply):
        raise ZeroDivisionError("a defect")

    async def main():
        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            writer.write(POST % (100, b""))
            await asyncio.sleep(0.05)
            for _ in range(5):
                writer.write(b"x")
                await asyncio.sleep(0.02)
            return await reader.read()

    assert run(main).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2_000_000, b"431 Request Header Fields Too Large"),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"505 HTTP Version Not Supported"),
    ],
)  # fmt: skip
def test_malformed(head, line):
    """What is no request is answered in words, behind the replies to what came before it."""

    async def main():
        async with Serving() as serving:
            return await serving.ask(GET % 1 + head)

    got = run(main)
    first, _, second = got.partition(b"/1:")
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert second.startswith(b"HTTP/1.1 " + line)
    assert b"steno: " in second


def test_bad_chunks():
    """A badly chunked body breaks off for who reads it, and nothing behind it is a request."""

    async def main():
        async def answer(request, _reply):
            try:
                await request.read_all()
            except BrokenRequestError as error:
                return own(str(error), 400)
            return own("read")

        async with Serving(answer) as serving:
            data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX"
            return await serving.ask(data + GET % 2), serving.seen

    got, seen = run(main)
    assert got.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"Connection: close" in got
    assert seen == ["/"]


@pytest.fixture
def quick(monkeypatch):
    """Make patience short."""
    monkeypatch.setattr(listener, "_CHECK_S", 0.02)
    for name in ("HEAD_S", "BODY_S", "IDLE_S"):
        monkeypatch.setattr(module, name, 0.1)


def test_slow_head(quick):
    """A head that does not come in time is refused, though its bytes keep coming."""

    async def main():
        async with Serving() as serving:
            reader, writer = await serving.connect()

            async def drip():
                for byte in itertools.chain(b"GET /", itertools.repeat(ord("x"))):
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.01)

            task = asyncio.ensure_future(drip())
            got = await reader.read()
            task.cancel()
            return got

    assert run(main).startswith(b"HTTP/1.1 408 Request Timeout")


def test_head_behind_requests_that_wait(quick):
    """The patience with a head does not run out while the proxy itself does not read on."""

    async def main():
        async def answer(_request, _reply):
            await asyncio.sleep(0.03)
            return own("x")

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            whole = GET % 1
            writer.write(whole * 20 + whole[:9])
            await until(lambda: len(serving.ended) > 12)
            writer.write(whole[9:])
            return [(await read_reply(reader))[0][9:12] for _ in range(21)]

    assert run(main) == [b"200"] * 21


def test_heads_cut_in_the_middle(quick):
    """Many heads that each come in time are not taken for one that does not."""

    async def main():
        async with Serving() as serving:
            reader, writer = await serving.connect()
            whole = GET % 1
            writer.write(whole[:9])
            for _ in range(10):
                await asyncio.sleep(0.03)
                writer.write(whole[9:] + whole[:9])
            return [(await read_reply(reader))[0][9:12] for _ in range(10)]

    assert run(main) == [b"200"] * 10


def test_stalled_body(quick):
    """A body that stalls breaks off."""

    async def main():
        async with Serving() as serving:
            reader, writer = await serving.connect()
            writer.write(POST % (10, b"") + b"abc")
            await reader.read()
            return serving.ended

    assert run(main) == ["BrokenRequestError"]


def test_idle(quick):
    """A connection on which nothing is asked for long is ended; one that is answered is not."""

    async def main():
        release = asyncio.Event()

        async def answer(_request, _reply):
            await release.wait()
            return own("late")

        async with Serving(answer) as serving:
            reader, writer = await serving.connect()
            writer.write(GET % 1)
            await until(lambda: serving.seen)
            idle, _ = await serving.connect()
            assert await idle.read() == b""
            release.set()
            return (await read_reply(reader))[1]

    assert run(main) == b"late"
