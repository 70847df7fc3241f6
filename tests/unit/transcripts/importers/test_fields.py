"""Fields of somebody else's JSON and rows, looked at without trusting their types."""

from typing import Any

import pytest

from steno.transcripts.importers.fields import (
    amount,
    between,
    content_text,
    count,
    decode_value,
    flag,
    listing,
    milliseconds,
)

ODD: list[Any] = [None, True, "x", b"x", [], {}, -1, float("nan"), float("inf"), 10**30, object()]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, "\xc3\xa9"]}', {"a": [1, "é"]}),
        (b'{"a": "cut \\ud83d"}', {"a": "cut ?"}),
        (b'{"\\ud83d": "\\ud83d\\ude00"}', {"?": "😀"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'"\xff"', "\ufffd"),
        (b'{"a": NaN}', {"a": None}),
        (b'{"a": 1', None),
        (b"", None),
        (b"[" * 100_000, None),
        ('{"a": "é"}', {"a": "é"}),
        ('{"a": "\ud83d"}', {"a": "?"}),
    ],
)
def test_decode(data, value):
    """What programs write is read though standard decoders refuse it; what is no JSON is None."""
    assert decode_value(data) == value


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_no_value_raises(value):
    """Any value is looked at; what is no number of the kind is None."""
    assert count(value) is None
    assert amount(value) is None
    assert milliseconds(value) is None
    assert between(value, value) is None
    assert isinstance(listing(value), list)
    assert isinstance(content_text(value), str)
    flag(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (7, 7), (3.0, 3), (3.5, None), (-1, None), (True, None), ("1", None), (2**63, None)],
)
def test_count(value, expected):
    """Whole numbers that are not negative are counts, also as floats; booleans are none."""
    assert count(value) == expected


def test_numbers():
    """Amounts are floats; what SQLite has for a boolean is one."""
    assert (amount(0.25), amount(3)) == (0.25, 3.0)
    assert (flag(1), flag(0), flag(2), flag(False)) == (True, False, None, False)


def test_durations():
    """Durations are rounded to milliseconds; one of more than 31 years is an error."""
    assert (milliseconds(1.6), milliseconds(0.25, unit=1000)) == (2, 250)
    assert (between(10, 12.4), between(12, 10), between(0, 10)) == (2, None, None)
    assert (milliseconds(10**12), milliseconds(10**12 + 1)) == (10**12, None)
    assert milliseconds(10**9 + 1, unit=1000) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("all of it", "all of it"),
        ({"type": "text", "text": "one part"}, "one part"),
        (["a", {"type": "input_text", "text": "b"}, {"type": "image"}, 7], "a\nb"),
        ([{"type": ["text"], "text": "x"}, {"type": "text", "text": 5}], ""),
        (None, ""),
    ],
)
def test_content(content, text):
    """The text of a content is that of its parts of text; no type of a part stops it."""
    assert content_text(content) == text
