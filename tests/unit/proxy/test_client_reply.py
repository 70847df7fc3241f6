"""A reply goes out as it should be framed for its client."""

import asyncio

import pytest

from steno.proxy.answers import OwnReply
from steno.proxy.client_reply import ClientReply
from steno.proxy.client_request import ClientRequest
from steno.proxy.framing import Framing


class Sink:
    """A connection that keeps what is sent."""

    is_full = False

    def __init__(self):
        self.sent = []
        self.waits = 0

    def send(self, data):
        self.sent.append(data)

    async def room(self):
        self.waits += 1


def reply(*, method="POST", old=False, closes=False, whole=True):
    """Make a reply; returns it and its connection."""
    framing = Framing(None, is_chunked=False, expects=False)
    request = ClientRequest(method, "/", [], {}, framing, is_old=old, keeps_alive=True, source=None)
    if whole:
        request.finish()
    sink = Sink()
    return ClientReply(request, sink, closes=closes), sink


LENGTH = [(b"Content-Length", b"3")]


def answer(fields, *, status=200, data=b"abc", trailers=(), **of):
    """Give a whole reply; returns its bytes."""
    made, sink = reply(**of)
    made.begin(status, b"OK", fields)
    asyncio.run(made.end(data, trailers))
    assert len(sink.sent) == 1
    assert made.is_ended
    return sink.sent[0]


def test_length():
    """A reply with a length goes as it is, with its head in one piece."""
    assert answer(LENGTH) == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"


def test_chunks():
    """A reply without one goes in chunks, with its trailers."""
    sent = answer([(b"X-A", b"\xe9")], trailers=[b"X-T: 1"])

    assert sent == (
        b"HTTP/1.1 200 OK\r\nX-A: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    )


def test_old_client():
    """A client of HTTP/1.0 gets no chunks: the connection's end tells it where the reply ends."""
    assert answer([], old=True) == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    kept = answer(LENGTH, old=True)
    assert kept == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_no_body(method, status):
    """Where no body may be there is none, whatever is given."""
    sent = answer([(b"X-A", b"1")], method=method, status=status, trailers=[b"X-T: 1"])

    assert sent == b"HTTP/1.1 %d OK\r\nX-A: 1\r\n\r\n" % status


def test_length_without_body():
    """The length that a HEAD asks for is told; one of a 204, which would be waited for, is not."""
    assert b"Content-Length: 3" in answer(LENGTH, method="HEAD")
    assert b"Content-Length" not in answer(LENGTH, status=204)


def test_last_reply():
    """The last reply of a connection says so."""
    assert b"\r\nConnection: close\r\n" in answer(LENGTH, closes=True)


def test_pieces():
    """Pieces go out one by one; a head can go before them."""
    made, sink = reply()
    made.begin(200, b"OK", [])
    made.flush()
    sink.is_full = True
    asyncio.run(made.write(b"abc"))
    asyncio.run(made.end())

    assert sink.sent[0].endswith(b"\r\n\r\n")
    assert sink.sent[1:] == [b"3\r\nabc\r\n", b"0\r\n\r\n"]
    assert sink.waits == 2


def test_pieces_of_no_body():
    """Pieces of a body that may not be are let go, and its head goes out."""
    made, sink = reply(method="HEAD")
    made.begin(200, b"OK", [])
    asyncio.run(made.write(b"abc"))
    asyncio.run(made.end())

    assert sink.sent == [b"HTTP/1.1 200 OK\r\n\r\n"]


@pytest.mark.parametrize("whole", [True, False])
def test_own(whole):
    """A reply of the proxy's own has its length; behind half a request it is the last one."""
    made, sink = reply(whole=whole)
    asyncio.run(made.say(OwnReply(403, b"no", {"x-a": "1"})))

    head = b"HTTP/1.1 403 Forbidden\r\nx-a: 1\r\ncontent-length: 2\r\n"
    assert sink.sent == [head + (b"" if whole else b"Connection: close\r\n") + b"\r\nno"]
