"""Content encodings, undone piece by piece."""

import gzip
import zlib

import brotli
import pytest

from steno.wire.coding import CodingError, Decoder

zstd = (
    pytest.importorskip("backports.zstd")
    if __import__("sys").version_info < (3, 14)
    else __import__("compression.zstd", fromlist=["x"])
)

PLAIN = b"data: {}\n\n" * 500
RAW = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "br": brotli.compress(PLAIN),
    "zstd": zstd.compress(PLAIN),
    "": PLAIN,
    "identity": PLAIN,
    "gzip, br": brotli.compress(gzip.compress(PLAIN)),
}


@pytest.mark.parametrize("encoding", CODED)
@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
def test_pieces(encoding, step):
    """A body that is cut anywhere is decoded whole."""
    data = CODED[encoding]
    decoder = Decoder(encoding.upper())

    assert b"".join(decoder.feed(data[at : at + step]) for at in range(0, len(data), step)) == PLAIN


def test_raw_deflate():
    """Deflate without the wrapper that it should have is read too."""
    assert Decoder("deflate").feed(RAW.compress(PLAIN) + RAW.flush()) == PLAIN


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)]
)
def test_several_members(encoding, compress):
    """Members or frames one behind the other are one body."""
    assert Decoder(encoding).feed(compress(b"one ") + compress(b"two")) == b"one two"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_damage(encoding):
    """A damaged body is an error that names the encoding."""
    with pytest.raises(CodingError, match=encoding):
        Decoder(encoding).feed(b"\xff not compressed at all" * 10)


def test_unknown_encoding():
    """An encoding that nobody knows is named."""
    with pytest.raises(CodingError, match="lzma9"):
        Decoder("lzma9")
