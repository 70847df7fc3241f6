"""What a head says of its body is read in one way, or refused."""

import pytest

from steno.proxy.framing import Framing, RefusedHeadError, read_framing
from steno.proxy.heads import read_headers

HOST = (b"Host", b"a")
NONE = Framing(None, is_chunked=False, expects=False)


def read(*fields, version="1.1"):
    """Read the framing of a head with these fields."""
    return read_framing(version, fields, read_headers(fields))


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ([], NONE),
        ([(b"Content-Length", b"5")], Framing(5, is_chunked=False, expects=False)),
        ([(b"Content-Length", b"0")], Framing(0, is_chunked=False, expects=False)),
        ([(b"Content-Length", b"5 ")], Framing(5, is_chunked=False, expects=False)),
        ([(b"Transfer-Encoding", b"Chunked")], Framing(None, is_chunked=True, expects=False)),
        (
            [(b"Content-Length", b"5"), (b"Expect", b"100-Continue")],
            Framing(5, is_chunked=False, expects=True),
        ),
        ([(b"X-A", b"1"), (b"X-A", b"2")], NONE),
    ],
)
def test_read(fields, framing):
    """A body has a length, comes in chunks, or is not there."""
    assert read(HOST, *fields) == framing


def test_old_client():
    """A client of HTTP/1.0 needs no host, and is not told to continue."""
    fields = (b"Content-Length", b"5"), (b"Expect", b"100-continue")

    assert read(*fields, version="1.0") == Framing(5, is_chunked=False, expects=False)


@pytest.mark.parametrize(
    ("status", "version", "fields"),
    [
        (400, "1.1", []),
        (400, "1.1", [HOST, (b"host", b"b")]),
        (400, "1.1", [HOST, (b"Content-Length", b"5"), (b"content-length", b"5")]),
        (400, "1.1", [HOST, (b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"x")]),
        (400, "1.1", [HOST, (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5")]),
        (400, "1.0", [HOST, (b"Transfer-Encoding", b"chunked")]),
        (400, "1.1", [HOST, (b"Content-Length", b"+5")]),
        (400, "1.1", [HOST, (b"Content-Length", "\u0665".encode())]),
        (400, "1.1", [HOST, (b"Content-Length", b"")]),
        (501, "1.1", [HOST, (b"Transfer-Encoding", b"gzip, chunked")]),
        (417, "1.1", [HOST, (b"Expect", b"a miracle")]),
        (505, "2.0", [HOST]), (505, "0.9", []),
    ],
)  # fmt: skip
def test_refused(status, version, fields):
    """What could be read in two ways, or can't be served, is refused with the status that says so."""
    with pytest.raises(RefusedHeadError) as caught:
        read(*fields, version=version)

    assert caught.value.status == status
