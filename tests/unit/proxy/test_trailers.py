"""Trailers are read from the last bytes of a connection."""

from types import SimpleNamespace

import pytest

from steno.proxy.trailers import Trailers


def read(last):
    """Read the trailers of a reply whose connection ended with these bytes."""
    protocol = SimpleNamespace(last=last)
    return Trailers(SimpleNamespace(connection=SimpleNamespace(protocol=protocol))).read()


@pytest.mark.parametrize(
    ("last", "lines"),
    [
        (b"3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", [b"X-A: 1", b"X-B: 2"]),
        (b"abc\r\n000;ext=1\r\nX-A: 1\r\n\r\n", [b"X-A: 1"]),
        (b"abc\r\n0\r\n\r\n", []),
        (b"abc\r\n10\r\nX-A: 1\r\n\r\n", []),
        (b"", []),
        (b"abc\r\n0\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n", [b"X-A: 1"]),
        (b"abc\r\n0\r\nno field\r\n\r\n", []),
    ],
)
def test_read(last, lines):
    """Fields behind the last chunk are trailers; those that concern framing are not passed on."""
    assert read(last) == lines


def test_forgetful_connection():
    """A connection that kept nothing has no trailers."""
    protocol = SimpleNamespace()

    assert Trailers(SimpleNamespace(connection=None, _protocol=protocol)).read() == []
