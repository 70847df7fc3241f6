"""The head of a sealed file."""

import os

import pytest

from steno.errors import SealError, WrongPasswordError
from steno.storage.sealed_header import (
    FILE,
    HEADER_BYTES,
    LOG,
    SealedHeader,
    make_header,
    parse_header,
)
from steno.storage.sealed_keys import KdfRecord, SealKeys


def make(password="p", salt=None):
    """Make keys that cost next to nothing."""
    kdf = KdfRecord(salt=salt or os.urandom(16), memory_kib=64, iterations=1, lanes=1)
    return SealKeys.make(password, kdf)


def test_round_trip():
    """A head is read as it was written, and says all that it takes to open its file."""
    keys = make()
    header = make_header(keys, FILE)

    read = parse_header(header.encode(), FILE, "x")

    assert read == header
    assert len(header.encode()) == HEADER_BYTES
    assert SealKeys.open(read.kdf, "p", read.check).check == keys.check


@pytest.mark.parametrize("at", range(HEADER_BYTES))
def test_every_byte(at):
    """A flipped bit anywhere in a head is damage, and never a wrong password."""
    data = bytearray(make_header(make(salt=bytes(16)), FILE).encode())
    data[at] ^= 1

    with pytest.raises(SealError) as caught:
        parse_header(bytes(data), FILE, "the file")

    assert not isinstance(caught.value, WrongPasswordError)
    assert "the file" in caught.value.message


@pytest.mark.parametrize("size", [0, 1, 8, HEADER_BYTES - 1])
def test_cut(size):
    """A head that is cut off is told."""
    with pytest.raises(SealError):
        parse_header(make_header(make(), FILE).encode()[:size], FILE, "x")


def test_kinds():
    """A log is not taken for a file, nor a file for a log."""
    keys = make()

    with pytest.raises(SealError, match="another kind"):
        parse_header(make_header(keys, LOG).encode(), FILE, "x")
    with pytest.raises(SealError, match="another kind"):
        parse_header(make_header(keys, FILE).encode(), LOG, "x")


@pytest.mark.parametrize(
    ("memory_kib", "iterations", "lanes"),
    [(100 * 1024 * 1024, 1, 1), (1024, 2**32 - 1, 1), (64, 1, 2**31), (0, 0, 0)],
)
def test_hostile(memory_kib, iterations, lanes):
    """A well-formed head that asks for 100 GB, or for days, is refused before anything is done."""
    kdf = KdfRecord(salt=bytes(16), memory_kib=memory_kib, iterations=iterations, lanes=lanes)
    header = SealedHeader(FILE, 65536, kdf, bytes(32), bytes(16))

    with pytest.raises(SealError, match="out of bounds"):
        parse_header(header.encode(), FILE, "x")


def test_chunks_are_bounded():
    """A head that asks for chunks of 4 GB is refused."""
    header = SealedHeader(FILE, 2**32 - 1, make().kdf, bytes(32), bytes(16))

    with pytest.raises(SealError):
        parse_header(header.encode(), FILE, "x")


def test_other_keys():
    """A file of another session is told from one of another password."""
    keys = make()
    header = make_header(keys, FILE)

    with pytest.raises(SealError, match="another session"):
        header.derive_key(make(), "x")
    with pytest.raises(WrongPasswordError, match="another password"):
        header.derive_key(make("q", keys.kdf.salt), "x")


def test_keys_differ():
    """Each file has a key of its own."""
    keys = make()

    assert make_header(keys, FILE).derive_key(keys, "x") != make_header(keys, FILE).derive_key(
        keys, "x"
    )
