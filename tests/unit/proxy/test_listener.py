"""A listener takes connections, many at once, and ends with what goes on there."""

import asyncio
import contextlib

import pytest

from steno.proxy.answers import OwnReply
from steno.proxy.listener import Listener

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def run(main):
    """Run a test's coroutine, for a while at most."""
    return asyncio.run(asyncio.wait_for(main(), 60))


async def leave(*writers):
    """Hang up."""
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def connect(place):
    """Connect to a listener."""
    return await asyncio.open_connection(*place)


def test_address_in_use():
    """An address that is taken is an error."""

    async def answer(_request, _reply):
        return OwnReply(200, b"", {})

    async def main():
        first, second = Listener(answer), Listener(answer)
        place = await first.open("127.0.0.1", 0)
        try:
            with pytest.raises(OSError, match="in use"):
                await second.open(*place)
        finally:
            await first.close()
            await second.close()

    run(main)


def test_graceful_end():
    """A stop takes no more connections, ends idle ones, and lets an open reply come to its end."""

    async def main():
        release = asyncio.Event()

        async def answer(_request, reply):
            reply.begin(200, b"OK", [])
            await reply.write(b"first")
            await release.wait()
            await reply.end(b"last")

        listener = Listener(answer)
        place = await listener.open("127.0.0.1", 0)
        (idle, idle_writer), (reader, writer) = await connect(place), await connect(place)
        writer.write(GET + GET)
        await reader.readuntil(b"first\r\n")
        listener.stop()
        assert await idle.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await connect(place)
        assert listener.is_busy
        release.set()
        rest = await reader.read()
        await listener.close()
        await leave(idle_writer, writer)
        return rest, listener.is_busy

    rest, busy = run(main)
    assert rest.startswith(b"4\r\nlast\r\n0\r\n\r\n")
    assert rest.count(b"HTTP/1.1 200 OK") <= 1
    assert not busy


def test_cut_off():
    """What still goes on when it is closed is cut off, and has ended afterwards."""

    async def main():
        ended = []

        async def answer(_request, _reply):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(1)

        listener = Listener(answer)
        place = await listener.open("127.0.0.1", 0)
        _, writer = await connect(place)
        writer.write(GET)
        await asyncio.sleep(0.1)
        await listener.close()
        await leave(writer)
        return ended, listener.is_busy

    assert run(main) == ([1], False)


def test_many_streams():
    """A thousand streams side by side come whole, each to its own client."""

    async def main():
        async def answer(request, reply):
            reply.begin(200, b"OK", [])
            for _ in range(5):
                await reply.write(request.target.encode())
                await asyncio.sleep(0.01)
            await reply.end()

        listener = Listener(answer)
        place = await listener.open("127.0.0.1", 0)

        async def one(number):
            reader, writer = await connect(place)
            head = b"GET /%04d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % number
            writer.write(head)
            got = await reader.read()
            await leave(writer)
            return got.count(b"5\r\n/%04d\r\n" % number)

        counts = await asyncio.gather(*(one(number) for number in range(1000)))
        await listener.close()
        return counts

    assert run(main) == [5] * 1000
