"""One connection: a reply is read as the upstream sent it, and what is not one is told apart."""

import asyncio
import contextlib
import socket
import struct
import time

import pytest

from steno.proxy.upstream_connection import UpstreamConnection, UpstreamError

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def connected(play):
    """Connect to a server that plays this."""
    failed = []

    async def serve(reader, writer):
        try:
            await play(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            failed.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: UpstreamConnection(loop), *server.sockets[0].getsockname()
    )
    try:
        async with asyncio.timeout(20):
            yield connection
    finally:
        connection.close()
        server.close()
        await asyncio.sleep(0.01)
    assert not failed


def plays(*pieces, hang=False):
    """Answer a request by these bytes, piece by piece, and hang up or not."""

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)
        if hang:
            await reader.read()

    return play


async def read_all(connection, timeout_s=5.0):
    """Read a body to its end."""
    got = b""
    while data := await connection.read(timeout_s):
        got += data
    return got


async def send(connection, body=None, *, head=HEAD, method="GET", chunked=False, timeout_s=5.0):
    """Send a request."""
    await connection.send(head, body, method=method, chunked=chunked, timeout_s=timeout_s)


def ask(play, *, method="GET", timeout_s=5.0):
    """Ask once; returns the connection and the body."""

    async def run():
        async with connected(play) as connection:
            await send(connection, method=method)
            await connection.read_head(timeout_s)
            body = await read_all(connection, timeout_s)
            complete = connection.is_complete
            return connection, body, complete

    return asyncio.run(run())


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "method", "status", "body", "complete"),
    [
        (OK, "GET", 200, b"ok", True),
        (CHUNKED + b"2\r\nok\r\n3;x=y\r\nabc\r\n0\r\n\r\n", "GET", 200, b"okabc", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", 304, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", 200, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200, b"", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HEAD", 200, b"", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + OK, "GET", 200, b"ok", True),
        (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), "GET", 200, b"ok", False),
        (OK.replace(b"1.1", b"1.0"), "GET", 200, b"ok", False),
        (OK + b"HTTP/1.1 500 Bad\r\nX: y\r\nContent-Length: 3\r\n\r\nbad", "GET", 200, b"ok", False),
        (OK + b"H", "GET", 200, b"ok", False),
        (OK + b"garbage", "GET", 200, b"ok", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("split", [False, True], ids=["whole", "bytewise"])
def test_framing(reply, method, status, body, complete, split):
    """A body ends where its framing says; only a connection in a known state goes on."""
    pieces = [reply[i : i + 1] for i in range(len(reply))] if split else [reply]

    async def run():
        async with connected(plays(*pieces, hang=True)) as connection:
            await send(connection, method=method)
            await connection.read_head(5)
            got = await read_all(connection)
            if split:
                await asyncio.sleep(0.2)
            return connection.status, connection.reason, got, connection.is_complete

    got_status, reason, got, got_complete = asyncio.run(run())
    assert (got_status, got) == (status, body)
    assert reason in {"OK", "No Content", "Not Modified"}
    assert got_complete == complete


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"],
)  # fmt: skip
def test_until_close(head):
    """A body without framing ends with its connection, which is not used again."""
    connection, body, complete = ask(plays(head + b"some", b"thing"))

    assert body == b"something"
    assert not complete
    assert connection.trailers == []


def test_until_reset():
    """A body without framing that ends by a reset has broken off."""

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await writer.drain()
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)  # the end is a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def run():
        async with connected(play) as connection:
            await send(connection)
            await connection.read_head(5)
            with pytest.raises(UpstreamError, match="broke off"):
                await read_all(connection)

    asyncio.run(run())


def test_head():
    """Words and fields come as they were sent, in case and order, whatever bytes they are."""
    reply = b"HTTP/1.1 299 Caf\xc3\xa9\r\nX-B: \xe9\r\nx-a: 1\r\nX-b:  two \r\nContent-Length: 0\r\n\r\n"
    connection, _, _ = ask(plays(*[reply[i : i + 3] for i in range(0, len(reply), 3)], hang=True))

    assert connection.reason == "Caf\u00e9"
    assert [(name, value.strip()) for name, value in connection.headers] == [
        (b"X-B", b"\xe9"), (b"x-a", b"1"), (b"X-b", b"two"), (b"Content-Length", b"0"),
    ]  # fmt: skip


def test_latin_reason():
    """Words that are no UTF-8 are read as Latin-1."""
    assert ask(plays(OK.replace(b"OK", b"Caf\xe9"), hang=True))[0].reason == "Caf\u00e9"


def test_trailers():
    """Fields behind a chunked body are trailers, and no headers."""
    connection, body, complete = ask(
        plays(CHUNKED + b"2\r\nok\r\n0\r\nX-A: 1\r\n", b"X-B: 2\r\n\r\n", hang=True)
    )

    assert body == b"ok"
    assert connection.trailers == [b"X-A: 1", b"X-B: 2"]
    assert [name for name, _ in connection.headers] == [b"Transfer-Encoding"]
    assert complete


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([], "without an answer"),
        ([b"HTTP/1.1 200 O"], "without an answer"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], "without an answer"),
        ([b"SSH-2.0-OpenSSH\r\n"], "answer is no HTTP"),
        ([b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"], "another protocol"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbroke"], "broke off"),
        ([CHUNKED + b"5\r\nbro"], "broke off"),
        ([CHUNKED + b"5\r\nhello\r\n"], "broke off"),
        ([CHUNKED + b"no length\r\n"], "reply is no HTTP"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000], "head of its answer does not end"),
        ([CHUNKED + b"0\r\nX: " + b"x" * 2_000_000], "trailers of its reply do not end"),
        ([b"HTTP/1.1 100 A\r\nX: y\r\n\r\n" * 60_000], "head of its answer does not end"),
    ],
)
def test_bad_reply(pieces, message):
    """A reply that is none, or that breaks off, is told by what is wrong with it."""
    with pytest.raises(UpstreamError, match=message):
        ask(plays(*pieces))


def test_part_then_break():
    """What came before a reply broke off is handed out first."""

    async def run():
        async with connected(plays(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")) as got:
            await send(got)
            await got.read_head(5)
            await asyncio.sleep(0.1)
            assert await got.read(5) == b"part"
            with pytest.raises(UpstreamError, match="broke off"):
                await got.read(5)

    asyncio.run(run())


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
def test_timeouts(reply):
    """A head or a body that does not come is given up in time."""
    begun_s = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(plays(reply, hang=True), timeout_s=0.2)

    assert time.monotonic() - begun_s < 3


def test_closed_before_request():
    """A connection that ended before it was used says so at once."""

    async def play(reader, writer):
        pass

    async def run():
        async with connected(play) as connection:
            await asyncio.sleep(0.1)
            assert not connection.is_open
            await send(connection)
            with pytest.raises(UpstreamError, match="without an answer"):
                await connection.read_head(5)

    asyncio.run(run())


def test_unasked():
    """Bytes that nobody asked for end a connection that rests."""

    async def play(reader, writer):
        writer.write(OK)
        await reader.read()

    async def run():
        async with connected(play) as connection:
            await asyncio.sleep(0.1)
            assert not connection.is_open

    asyncio.run(run())


def test_backpressure():
    """What nobody reads is not taken: memory stays small, and the body comes whole later."""
    size = 5_000_000
    sent = []

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 50_000):
            writer.write(b"x" * 50_000)
            await writer.drain()
            sent.append(50_000)
        await reader.read()

    async def run():
        async with connected(play) as connection:
            await send(connection)
            await connection.read_head(5)
            await asyncio.sleep(0.3)
            assert connection._waiting < 1_000_000
            assert len(await read_all(connection)) == size
            assert connection.is_complete

    asyncio.run(run())
    assert sum(sent) == size


def _pieces(*pieces):
    async def body():
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece

    return body()


@pytest.mark.parametrize(
    ("body", "chunked", "wire"),
    [
        (None, False, b""),
        (b"", False, b""),
        (b"abc", False, b"abc"),
        ((b"ab", b"", b"c" * 17), True, b"2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n"),
        ((b"ab", b"c"), False, b"abc"),
    ],
)
def test_body_on_wire(body, chunked, wire):
    """A body goes out as it is, or in chunks of the pieces that came."""
    got = []

    async def play(reader, writer):
        got.append(await reader.readexactly(len(HEAD + wire)))
        writer.write(OK)
        got.append(await reader.read())

    async def run():
        async with connected(play) as connection:
            await send(
                connection, _pieces(*body) if isinstance(body, tuple) else body, chunked=chunked
            )
            await connection.read_head(5)
            assert await read_all(connection) == b"ok"
            assert connection.is_complete

    asyncio.run(run())
    assert got[0] == HEAD + wire
    assert got[1:] in ([], [b""])


@pytest.mark.parametrize("size", [10, 10_000_000], ids=["waits", "held back"])
def test_early_answer(size):
    """An answer in the middle of a request ends the request, and the connection after it."""

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(OK.replace(b"200 OK", b"413 No"))
        await asyncio.sleep(5)

    async def endless():
        while True:
            await asyncio.sleep(0.01)
            yield b"x" * size

    async def run():
        async with connected(play) as connection:
            await send(connection, endless(), chunked=True)
            await connection.read_head(5)
            assert connection.status == 413
            assert await read_all(connection) == b"ok"
            assert not connection.is_complete

    begun_s = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun_s < 3


@pytest.mark.parametrize("answers", [True, False])
def test_early_answer_to_a_stalled_body(answers):
    """An answer, or a hang-up, in the middle of a body that stalls is not kept until it goes on."""

    async def play(reader, writer):
        await reader.readuntil(b"abc")
        if answers:
            writer.write(OK.replace(b"200 OK", b"413 No"))
            await asyncio.sleep(5)

    ended = []

    async def stalled():
        try:
            yield b"abc"
            await asyncio.sleep(5)
        finally:
            ended.append(True)

    async def run():
        async with connected(play) as connection:
            await send(connection, stalled(), timeout_s=9)
            if answers:
                await connection.read_head(5)
                assert connection.status == 413
                assert await read_all(connection) == b"ok"
            else:
                with pytest.raises(UpstreamError, match="without an answer"):
                    await connection.read_head(5)
            assert not connection.is_complete

    begun_s = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun_s < 3
    assert ended


@pytest.mark.parametrize("hang", [False, True], ids=["closes", "stalls"])
def test_body_not_taken(hang):
    """An upstream that takes nothing of a body, or hangs up in the middle, holds nobody."""

    async def play(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if hang:
            await asyncio.sleep(5)

    async def run():
        async with connected(play) as connection:
            with pytest.raises((TimeoutError, UpstreamError)) as caught:
                await send(connection, _pieces(*[b"x" * 10_000_000] * 5), timeout_s=0.3)
                await connection.read_head(0.3)
            assert isinstance(caught.value, TimeoutError) == hang
            connection.close()
            await asyncio.sleep(0.05)
            assert connection._lost  # what waits to be sent does not hold it open

    begun_s = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun_s < 3
