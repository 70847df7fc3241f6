"""Sealed files and logs: whatever happens to their bytes, nothing else is taken for what was sealed."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.errors import SealError, WrongPasswordError
from steno.storage.sealed_header import HEADER_BYTES
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_log import TORN, SealedLog
from steno.storage.sealed_stream import OpenedStream, SealingStream

CHEAP = {"memory_kib": 64, "iterations": 1, "lanes": 1}
SALT = os.urandom(16)
KEYS = SealKeys.make("p", KdfRecord(salt=SALT, **CHEAP))
OTHER = SealKeys.make("q", KdfRecord(salt=SALT, **CHEAP))

contents = st.builds(lambda size, seed: (seed * (size // len(seed) + 1))[:size],
                     st.integers(0, 200_000), st.binary(min_size=1, max_size=8))  # fmt: skip


def seal(data, cuts=()):
    """Seal bytes that are written in pieces."""
    file = io.BytesIO()
    stream = SealingStream(file, KEYS, "name")
    at = 0
    for cut in sorted(each % (len(data) + 1) for each in cuts):
        stream.write(data[at:cut])
        at = max(at, cut)
    stream.write(data[at:])
    stream.close()
    return file.getvalue()


def attempt(sealed):
    """Open sealed bytes; the error where that can't be done, and what was given before it."""
    given = b""
    try:
        stream = OpenedStream(io.BytesIO(sealed), KEYS, "x")
        while piece := stream.read(10_000):
            given += piece
    except SealError as error:
        return error, given
    return None, given


@settings(max_examples=60, deadline=None)
@given(contents, st.lists(st.integers(0, 200_000), max_size=6))
def test_round_trip(data, cuts):
    """What was sealed, in any pieces, is opened as it was."""
    assert attempt(seal(data, cuts)) == (None, data)


@settings(max_examples=150, deadline=None)
@given(contents, st.integers(min_value=0), st.integers(0, 7))
def test_any_bit(data, at, bit):
    """Any flipped bit is found; what was given before it was as it had been sealed."""
    sealed = bytearray(seal(data))
    sealed[at % len(sealed)] ^= 1 << bit

    error, given = attempt(bytes(sealed))

    assert error is not None
    assert not isinstance(error, WrongPasswordError)
    assert data.startswith(given)
    assert error.offset is not None
    assert error.offset <= at % len(sealed)


@settings(max_examples=150, deadline=None)
@given(contents, st.integers(min_value=0))
def test_any_cut(data, size):
    """Any cut is found, between chunks too."""
    sealed = seal(data)
    error, given = attempt(sealed[: size % len(sealed)])

    assert error is not None
    assert data.startswith(given)


@settings(max_examples=60, deadline=None)
@given(contents, st.binary(min_size=1, max_size=100), st.booleans())
def test_any_end(data, more, again):
    """Bytes that were appended are found, the file's own among them."""
    sealed = seal(data)

    assert attempt(sealed + (sealed[-70_000:] if again else more))[0] is not None


@settings(max_examples=40, deadline=None)
@given(contents)
def test_passwords(data):
    """A wrong password is told to be one, and no damage."""
    try:
        OpenedStream(io.BytesIO(seal(data)), OTHER, "x")
    except WrongPasswordError:
        return
    raise AssertionError("it opened")


def make_log(folder, texts):
    """Write a log; its path, and where each frame ends."""
    path = Path(folder) / "log"
    path.unlink(missing_ok=True)
    log = SealedLog(path, KEYS)
    ends = []
    for text in texts:
        log.append(text)
        ends.append(path.stat().st_size)
    log.close()
    return path, ends


def read_log(path):
    """Read a log: its frames, and the damage."""
    log = SealedLog(path, KEYS)
    return list(log.read()), log.damage


texts = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(texts, st.integers(min_value=0), st.integers(0, 7))
def test_any_bit_of_a_log(tmp_path_factory, texts, at, bit):
    """A flipped bit costs no more than its frame, and is told, or the whole log is refused."""
    path, ends = make_log(tmp_path_factory.getbasetemp(), texts)
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at] ^= 1 << bit
    path.write_bytes(bytes(data))

    try:
        found, damage = read_log(path)
    except SealError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert not isinstance(refused, WrongPasswordError)
        assert at < HEADER_BYTES
        return
    hit = sum(end <= at for end in ends)
    assert found == texts[:hit] + texts[hit + 1 :]
    assert damage
    assert damage[0].offset <= at < damage[0].offset + damage[0].length


@settings(max_examples=150, deadline=None)
@given(texts, st.integers(min_value=0), texts)
def test_any_cut_of_a_log(tmp_path_factory, texts, size, later):
    """After a cut anywhere, as a kill leaves it, the whole frames are read, and writing goes on."""
    path, ends = make_log(tmp_path_factory.getbasetemp(), texts)
    header = HEADER_BYTES
    size %= ends[-1]
    os.truncate(path, size)
    whole = texts[: sum(end <= size for end in ends)]

    if size >= header:
        found, damage = read_log(path)
        assert found == whole
        assert bool(damage) == (size not in {header, *ends})
    log = SealedLog(path, KEYS)
    for text in later:
        log.append(text)

    found, damage = read_log(path)
    assert found == whole + later
    assert len(damage) <= 1
    assert all("torn" in each.reason for each in damage)


@pytest.mark.parametrize("chance", ["mark", "filler"])
def test_an_unfinished_frame_takes_nothing_along(tmp_path, chance):
    """What an unfinished frame lacks may be the very byte that is written next: both stay apart."""
    for _ in range(20_000):
        path, _ = make_log(tmp_path, [b"first", b"unfinished"])
        log = SealedLog(path, KEYS)
        assert list(log.read()) == [b"first", b"unfinished"]
        if path.read_bytes()[-1] == (log._mark[0] if chance == "mark" else 0):
            break
    else:
        pytest.fail("no such byte came up")
    os.truncate(path, path.stat().st_size - 1)
    log = SealedLog(path, KEYS)
    log.append(b"next")
    log.close()

    found, damage = read_log(path)
    assert found == [b"first", b"next"]
    assert [each.reason for each in damage] == [TORN]


@settings(max_examples=100, deadline=None)
@given(texts, st.data())
def test_any_order_of_a_log(tmp_path_factory, texts, data):
    """Frames that are missing, repeated or in another order are told."""
    path, ends = make_log(tmp_path_factory.getbasetemp(), texts)
    whole = path.read_bytes()
    starts = [HEADER_BYTES, *ends[:-1]]
    frames = [whole[start:end] for start, end in zip(starts, ends, strict=True)]
    order = data.draw(
        st.lists(st.sampled_from(range(len(frames))), max_size=len(frames) + 2)
        .filter(lambda order: order != list(range(len(order))))
    )  # fmt: skip
    path.write_bytes(whole[:HEADER_BYTES] + b"".join(frames[each] for each in order))

    assert read_log(path)[1]
