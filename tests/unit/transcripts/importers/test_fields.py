"""Values of JSON that other programs wrote."""

from datetime import UTC, datetime

import pytest

from steno.transcripts.importers.fields import compact, decode_value, moment, number


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, "\xc3\xa9"]}', {"a": [1, "é"]}),
        (b'{"a": "cut \\ud83d"}', {"a": "cut ?"}),
        (b'{"\\ud83d": "\\ud83d\\ude00"}', {"?": "😀"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": NaN}', {"a": None}),
        (b'{"a": 1', None),
        (b"", None),
        (b"[" * 100_000, None),
    ],
)
def test_decode(data, value):
    """What programs write is read though standard decoders refuse it; what is no JSON is None."""
    assert decode_value(data) == value


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'{ "a" : 1.50,\n "b": "\\u00e9 \xc3\xa9" }', b'{"a":1.50,"b":"\\u00e9 \xc3\xa9"}'),
        (b'{ "a": "\\ud83d",\n "b": NaN }', b'{"a":"?","b":null}'),
    ],
)
def test_compact(data, line):
    """A value is put on one line, its numbers and escapes as they were."""
    assert compact(data) == line


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-02-23T11:48:09.610Z", datetime(2026, 2, 23, 11, 48, 9, 610_000, UTC)),
        ("2026-02-23T12:48:09+01:00", datetime(2026, 2, 23, 11, 48, 9, 0, UTC)),
        ("2026-02-23T11:48:09", datetime(2026, 2, 23, 11, 48, 9, 0, UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (1_771_847_289, None),
        (None, None),
    ],
)
def test_moment(value, at):
    """Times are aware and in UTC; what is no time is None."""
    assert moment(value) == at


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None)]
)
def test_number(value, expected):
    """Whole numbers that are not negative are numbers, booleans are none."""
    assert number(value) == expected
