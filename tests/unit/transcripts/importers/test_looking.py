"""Tests of looking at fields without trusting their types."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from steno.events.parts import Tokens
from steno.transcripts.importers.looking import (
    amount,
    between,
    compact,
    count,
    decoded,
    embedded,
    flag,
    listing,
    milliseconds,
    moment,
    normalised,
    row_object,
)

ODD: list[Any] = [None, True, "x", b"x", [], {}, -1, float("nan"), float("inf"), 10**30, object()]


@pytest.mark.parametrize("value", ODD)
def test_no_value_raises(value: Any) -> None:
    """Any value is looked at; what is no number of the kind is None."""
    assert count(value) is None
    assert amount(value) is None
    assert milliseconds(value) is None
    assert between(value, value) is None
    assert moment(value) is None
    assert isinstance(listing(value), list)
    assert isinstance(compact(value), str)
    flag(value)


def test_numbers() -> None:
    """Whole numbers may be written as floats; durations are rounded."""
    assert (count(3.0), count(3.5), count(0)) == (3, None, 0)
    assert (amount(0.25), milliseconds(1.6), between(10, 12.4)) == (0.25, 2, 2)
    assert (flag(1), flag(0), flag(2), flag(False)) == (True, False, None, False)


@pytest.mark.parametrize(
    "value",
    [
        1759312800, 1759312800000, 1759312800.0, "2025-10-01T10:00:00Z", "2025-10-01 10:00:00",
        "2025-10-01T12:00:00+02:00",
    ],
)  # fmt: skip
def test_times(value: Any) -> None:
    """Times are read as ISO text, seconds or milliseconds; without a zone they are UTC."""
    assert moment(value) == datetime(2025, 10, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", [0, 1e308, "yesterday", ""])
def test_what_is_no_time(value: Any) -> None:
    """What no calendar holds is no time."""
    assert moment(value) is None


def test_json_of_lenient_writers() -> None:
    """Halves of characters and NaN are read; what is no JSON, or too deep, is None."""
    assert decoded(b'{"a":"\\ud83d"}') == {"a": "?"}
    assert decoded(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert decoded(b'{"a":NaN}') == {"a": None}
    assert decoded(b'"\xff"') == "\ufffd"
    assert decoded(b"[" * 100_000) is None
    assert decoded(b"{") is None
    assert decoded(b"") is None


def test_arguments_are_json_text() -> None:
    """Text is taken as it is, anything else is written."""
    assert compact('{"a": 1}') == '{"a": 1}'
    assert compact({"a": 1}) == '{"a":1}'
    assert compact(None) == ""


def test_counts_are_normalised() -> None:
    """Tokens that come on top are added; those within are not; zeros alone tell nothing."""
    assert normalised((10, 5), cached=4, reasoning=2) == Tokens(
        input=10, output=5, cache_read=4, reasoning=2, source="provider_final"
    )
    assert normalised((10, 5), cached=4, created=1, reasoning=2, apart=True, beside=True) == Tokens(
        input=15, output=7, cache_read=4, cache_creation=1, reasoning=2, source="provider_final"
    )
    assert normalised((0, 0)) is None
    assert normalised(("x", None)) is None
    assert normalised((10**15, 5)) == Tokens(output=5, source="provider_final")


def test_rows_become_objects() -> None:
    """A row is an object of its columns: bytes in base64, JSON as it stands on one line."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute(
            """SELECT 1 AS a, 'x' AS b, x'ff' AS c, NULL AS d, zeroblob(2000000) AS e,
            '{"k":\n 1.50}' AS f, '{' AS g, 9e999 AS h"""
        ).fetchone()
        raw = row_object(row, json_in=("f", "g"))

    assert b'"f":{"k":1.50}' in raw
    assert msgspec.json.decode(raw) == {
        "a": 1, "b": "x", "c": {"base64": "/w=="}, "d": None, "e": {"bytes": 2000000},
        "f": {"k": 1.5}, "g": "{", "h": "inf",
    }  # fmt: skip


def test_json_is_put_in_as_it_stands() -> None:
    """JSON goes in as it stands, anything else as text."""
    assert embedded(b'{"a":1.0}') == msgspec.Raw(b'{"a":1.0}')
    assert embedded(b"\xff{") == "\ufffd{"
