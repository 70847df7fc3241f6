"""A request's body is read as it comes."""

import asyncio

import pytest

from steno.proxy.client_request import BrokenRequestError, ClientRequest
from steno.proxy.framing import Framing


class Source:
    """A connection that counts what it is told."""

    remote = "127.0.0.1"
    session_id = "s"

    def __init__(self):
        self.continued = self.rooms = 0

    def send_continue(self):
        self.continued += 1

    def has_room(self):
        self.rooms += 1


def request(*, length=10, chunked=False, expects=False):
    """Make a request that nothing of has come; returns it and its connection."""
    source = Source()
    framing = Framing(length, is_chunked=chunked, expects=expects)
    made = ClientRequest(
        "POST", "/", [], {}, framing, is_old=False, keeps_alive=True, source=source
    )
    return made, source


@pytest.mark.parametrize(
    ("length", "chunked", "has_body"),
    [(10, False, True), (0, False, False), (None, False, False), (None, True, True)],
)
def test_has_body(length, chunked, has_body):
    """A body is there when it has a length or comes in chunks."""
    assert request(length=length, chunked=chunked)[0].has_body is has_body


def test_of_its_connection():
    """Address and session are those of the connection."""
    made, _ = request()

    assert (made.remote, made.session_id) == ("127.0.0.1", "s")


def test_pieces():
    """Pieces are read as they come, those that wait at once, and then the end."""

    async def main():
        made, source = request()
        made.feed(b"a")
        made.feed(b"b")
        assert made.waiting == 2
        got = [await made.read()]
        asyncio.get_running_loop().call_soon(made.feed, b"c")
        got.append(await made.read())
        asyncio.get_running_loop().call_soon(made.finish)
        got += [await made.read(), await made.read()]
        assert (made.waiting, source.rooms) == (0, 2)
        return got

    assert asyncio.run(main()) == [b"ab", b"c", b"", b""]


@pytest.mark.parametrize("late", [False, True])
def test_whole(late):
    """The whole body can be waited for."""

    async def main():
        made, _ = request()
        made.feed(b"a")
        if not late:
            made.finish()
            return await made.read_all()
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, made.feed, b"b")
        loop.call_later(0.02, made.finish)
        return await made.read_all()

    assert asyncio.run(main()) == (b"ab" if late else b"a")


def test_expectation():
    """The client is told once that its body is wanted, and only when somebody waits for it."""

    async def main():
        made, source = request(expects=True)
        assert source.continued == 0
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, made.feed, b"a")
        loop.call_later(0.02, made.finish)
        assert await made.read_all() == b"a"
        early, told = request(expects=True)
        early.feed(b"a")
        early.finish()
        await early.read_all()
        return source.continued, told.continued

    assert asyncio.run(main()) == (1, 0)


def test_broken():
    """What came of a body that breaks off can be read; then it is told why."""

    async def main():
        made, _ = request()
        made.feed(b"a")
        made.fail("gone")
        assert await made.read() == b"a"
        with pytest.raises(BrokenRequestError, match="gone"):
            await made.read()

    asyncio.run(main())
