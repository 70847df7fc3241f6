"""Compression and cutting."""

import zlib

import pytest

from steno.testing import bodies
from steno.testing.bodies import compress, cut, decompress

ENCODINGS = ["gzip", "deflate", "br"]


@pytest.mark.parametrize("encoding", [None, "identity", *ENCODINGS])
def test_round_trip(encoding):
    """What was compressed in pieces is decompressed as a whole."""
    assert decompress(b"".join(compress([b"one", b"two"], encoding)), encoding) == b"onetwo"


def test_flushed():
    """Each piece can be read before the next one is there."""
    pieces = compress([b"one", b"two"], "gzip")

    assert zlib.decompressobj(31).decompress(next(pieces)) == b"one"


def test_zstd():
    """Zstandard works where a library for it is installed."""
    try:
        whole = b"".join(compress([b"one", b"two"], "zstd"))
    except LookupError as exc:
        pytest.skip(str(exc))

    assert decompress(whole, "zstd") == b"onetwo"


def test_not_installed(monkeypatch):
    """Without a library, the error names those that would do."""
    monkeypatch.setattr(bodies, "ZSTD_MODULES", ("no_such.zstd", "none_either"))

    with pytest.raises(LookupError, match=r"zstd needs one of: no_such\.zstd, none_either"):
        list(compress([b"one"], "zstd"))


def test_unknown():
    """An encoding that nobody knows is an error in both directions."""
    with pytest.raises(LookupError):
        list(compress([b"x"], "snappy"))
    with pytest.raises(LookupError):
        decompress(b"x", "snappy")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_damaged(encoding):
    """A damaged body is a ValueError in every encoding."""
    with pytest.raises(ValueError, match=encoding):
        decompress(b"no such thing", encoding)


def test_cut():
    """Pieces are cut anew without regard to their borders, and none is empty."""
    assert list(cut([b"abc", b"", b"de"], 2)) == [b"ab", b"cd", b"e"]
    assert list(cut([b"abc", b"", b"de"], None)) == [b"abc", b"de"]
