"""Bytes of a log as lines with their times."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.collectors.kubernetes_lines import LineReader, nanoseconds, parse_line, write_time

TEXT = (
    b"2025-10-09T08:53:20.123456789Z one\n"
    b"2025-10-09T08:53:21Z \n"
    b"no time at all\n"
    b"2025-10-09T10:53:22.5+02:00 three\r\n"
    b"2025-10-09T08:53:23.000000001Z last"
)
AT = 1_760_000_000_000_000_000


def read(pieces, longest=1000):
    reader = LineReader(longest)
    return [line for piece in pieces for line in reader.feed(piece)] + reader.end()


def test_times():
    """Times are exact to the nanosecond, whatever their digits and zone."""
    lines = read([TEXT])

    assert [line.at and line.at - AT for line in lines] == [
        123_456_789, 10**9, None, 2_500_000_000, 3_000_000_001,
    ]  # fmt: skip
    assert [line.message for line in lines] == ["one", "", "no time at all", "three", "last"]


@given(st.lists(st.integers(1, len(TEXT) - 1)))
def test_cuts(places):
    """However the bytes are cut into pieces, the lines are the same."""
    cuts = [0, *sorted(places), len(TEXT)]

    pieces = [TEXT[begin:end] for begin, end in itertools.pairwise(cuts)]

    assert read(pieces) == read([TEXT])


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_long(size):
    """A line beyond the bound is cut, and says by how much; the next one is whole."""
    text = b"2025-10-09T08:53:20Z " + b"x" * 5000 + b"\nnext\n"

    lines = read([text[at : at + size] for at in range(0, len(text), size)], longest=1021)

    assert [(len(line.message), line.cut) for line in lines] == [(1000, 4000), (4, 0)]


def test_other_ends():
    """What is an end of line elsewhere is a part of the message here."""
    lines = read(["a\u2028b\x85c\x0bd\re\n".encode()])

    assert [line.message for line in lines] == ["a\u2028b\x85c\x0bd\re"]


def test_no_text():
    """Bytes that are no UTF-8 stay readable."""
    assert parse_line(b"\xff\xfe caf\xc3\xa9").message == "\\xff\\xfe café"


@pytest.mark.parametrize(
    "raw", [b"2025-13-45T99:99:99Z x", b"2025-10-09 08:53:20 x", b"0000-00-00T00:00:00Z x"]
)
def test_no_times(raw):
    """What is no time is a part of the message."""
    assert (parse_line(raw).at, parse_line(raw).message) == (None, raw.decode())


@given(st.integers(0, 4 * 10**18))
def test_round(at):
    """A time that is written reads as the same."""
    assert parse_line(f"{write_time(at)} x".encode()).at == at


def test_nanoseconds():
    """A `datetime` is counted without rounding."""
    moment = datetime(2025, 10, 9, 8, 53, 20, 123457, UTC)

    assert nanoseconds(moment) == AT + 123_457_000
