"""Reading requests from a connection."""

import asyncio
import gzip

import pytest

from steno.testing.requests import MalformedError, Received, read_request


class Written(list):
    """A writer that keeps what is written."""

    def write(self, data):
        """Keep."""
        self.append(data)

    async def drain(self):
        """Wait for nothing."""


def read(data, limit=1 << 16):
    """Read every request of a connection, and what was answered meanwhile."""

    async def all_of_them():
        reader = asyncio.StreamReader(limit=limit)
        reader.feed_data(data)
        reader.feed_eof()
        found, written = [], Written()
        while (received := await read_request(reader, written)) is not None:
            found.append(received)
        return found, written

    return asyncio.run(all_of_them())


def test_length():
    """A body is as long as its header says, and the next request follows it."""
    found, _ = read(
        b"POST /a?b=c HTTP/1.1\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\n\r\n"
    )

    assert found == [
        Received("POST", "/a?b=c", [("X-A", "1"), ("Content-Length", "2")], b"hi"),
        Received("GET", "/", []),
    ]


def test_chunked():
    """A chunked body is put together, and its trailers are passed over."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    found, _ = read(head + b"2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n")

    assert found[0].body == b"hi!"


def test_expect():
    """A client that waits for it is told to go on."""
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    found, written = read(head)

    assert found[0].body == b"x"
    assert written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_malformed(data):
    """What is no HTTP is an error."""
    with pytest.raises(MalformedError):
        read(data)


def test_torn():
    """A client that leaves in a body is no request."""
    with pytest.raises(asyncio.IncompleteReadError):
        read(b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")


class TestReceived:
    def test_json(self):
        """A compressed body is kept as it came and read decompressed."""
        packed = gzip.compress(b'{"model": "m"}')
        received = Received("POST", "/v1/messages", [("Content-Encoding", "gzip")], packed)

        assert received.json() == {"model": "m"}
        assert received.question.model == "m"
        assert received.body == packed

    @pytest.mark.parametrize("encoding", ["gzip", "snappy"])
    def test_damaged(self, encoding):
        """A body that can't be decompressed stays as it came."""
        assert Received("POST", "/", [("content-encoding", encoding)], b"x").decoded == b"x"

    @pytest.mark.parametrize(
        ("version", "wish", "kept"),
        [
            ("HTTP/1.1", None, True),
            ("HTTP/1.1", "close", False),
            ("HTTP/1.0", None, False),
            ("HTTP/1.0", "Keep-Alive", True),
        ],
    )
    def test_keeps_alive(self, version, wish, kept):
        """Version and header tell whether more requests may come."""
        headers = [("Connection", wish)] if wish else []

        assert Received("GET", "/", headers, version=version).keeps_alive is kept
