"""Files that are sealed as a whole."""

import io
import os

import pytest

from steno.errors import SealError
from steno.storage.sealed_header import CHUNK_BYTES, HEADER_BYTES
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_stream import TAG_BYTES, OpenedStream, SealingStream

KEYS = SealKeys.make("p", KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1))
CHUNK = CHUNK_BYTES + TAG_BYTES
NAME = "a.json"
INSIDE = 2 + len(NAME)


def seal(data, pieces=None):
    """Seal bytes, written in pieces of some length."""
    file = io.BytesIO()
    stream = SealingStream(file, KEYS, NAME)
    step = pieces or len(data) or 1
    for at in range(0, len(data), step):
        stream.write(data[at : at + step])
    stream.close()
    return file.getvalue()


def unseal(sealed, name="x"):
    """Open sealed bytes."""
    return OpenedStream(io.BytesIO(sealed), KEYS, name).readall()


@pytest.mark.parametrize(
    "size",
    [0, 1, CHUNK_BYTES - INSIDE - 1, CHUNK_BYTES - INSIDE, CHUNK_BYTES - INSIDE + 1,
     CHUNK_BYTES, 2 * CHUNK_BYTES - INSIDE, 20 * CHUNK_BYTES + 7],
)  # fmt: skip
@pytest.mark.parametrize("pieces", [None, 997, CHUNK_BYTES])
def test_round_trip(size, pieces):
    """What was sealed in any pieces is opened as it was, at every border of a chunk."""
    data = os.urandom(size)

    sealed = seal(data, pieces)

    assert unseal(sealed) == data
    chunks = max(1, -(-(size + INSIDE) // CHUNK_BYTES))
    assert len(sealed) == HEADER_BYTES + size + INSIDE + chunks * TAG_BYTES


def test_name():
    """The readable name is inside, and nowhere in clear."""
    sealed = seal(b"data")

    assert OpenedStream(io.BytesIO(sealed), KEYS, "x").sealed_name == NAME
    assert NAME.encode() not in sealed


def test_small_reads():
    """It is read in pieces of any length."""
    data = os.urandom(3 * CHUNK_BYTES)
    stream = OpenedStream(io.BytesIO(seal(data)), KEYS, "x")

    pieces = iter(lambda: stream.read(1000), b"")

    assert b"".join(pieces) == data


def test_no_two_alike():
    """The same bytes sealed twice have nothing in common but the session's part of the header."""
    one, two = seal(b"same"), seal(b"same")

    assert one[HEADER_BYTES:] != two[HEADER_BYTES:]


def test_damage_says_where():
    """A flipped bit is found when its chunk is read, and the error names the chunk's first byte."""
    sealed = bytearray(seal(os.urandom(5 * CHUNK_BYTES)))
    sealed[HEADER_BYTES + 2 * CHUNK + 100] ^= 4
    stream = OpenedStream(io.BytesIO(bytes(sealed)), KEYS, "the file")

    good = stream.read(CHUNK_BYTES)
    with pytest.raises(SealError, match="the file is damaged") as caught:
        stream.readall()

    assert good
    assert caught.value.offset == HEADER_BYTES + 2 * CHUNK


def test_cut_between_chunks():
    """A file that ends between two chunks is told to end too early, and where."""
    sealed = seal(os.urandom(5 * CHUNK_BYTES))[: HEADER_BYTES + 3 * CHUNK]

    with pytest.raises(SealError, match="ends too early") as caught:
        unseal(sealed)

    assert caught.value.offset == len(sealed)


def test_appended():
    """Bytes that were appended are found, even a whole chunk of the same file."""
    sealed = seal(os.urandom(2 * CHUNK_BYTES - INSIDE))

    with pytest.raises(SealError):
        unseal(sealed + sealed[-CHUNK:])
    with pytest.raises(SealError):
        unseal(sealed + b"x")


def test_order():
    """Chunks that were exchanged are found."""
    sealed = seal(os.urandom(5 * CHUNK_BYTES))
    one = sealed[HEADER_BYTES + CHUNK : HEADER_BYTES + 2 * CHUNK]
    two = sealed[HEADER_BYTES + 2 * CHUNK : HEADER_BYTES + 3 * CHUNK]

    with pytest.raises(SealError, match="damaged"):
        unseal(sealed.replace(one + two, two + one))


def test_other_header():
    """Chunks do not open below the header of another file of the session."""
    one, two = seal(b"one"), seal(b"two")

    with pytest.raises(SealError):
        unseal(one[:HEADER_BYTES] + two[HEADER_BYTES:])


def test_unfinished():
    """A file whose writer never closed it is none."""
    file = io.BytesIO()
    SealingStream(file, KEYS, NAME).write(os.urandom(3 * CHUNK_BYTES))

    with pytest.raises(SealError):
        unseal(file.getvalue())


def test_long_name():
    """A name beyond the limit is refused before anything is written."""
    file = io.BytesIO()

    with pytest.raises(SealError, match="too long"):
        SealingStream(file, KEYS, "x" * 5000)
    assert not file.getvalue()
