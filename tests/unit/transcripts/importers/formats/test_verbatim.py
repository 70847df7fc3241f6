"""What a source holds, as the JSON text that an entry keeps."""

import contextlib
import sqlite3

import msgspec
import pytest

from steno.transcripts.importers.formats.verbatim import compact, embedded, file_text, row_object


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


def test_json_is_put_in_as_it_stands():
    """JSON goes in as it stands, anything else as text."""
    assert embedded(b'{"a":1.0}') == msgspec.Raw(b'{"a":1.0}')
    assert embedded(b"\xff{") == "\ufffd{"


def test_files():
    """A file of one value is that value on one line; one that is none is a text."""
    assert file_text(b'\n{"a": 1.0,\n "b": 2}\n') == b'{"a":1.0,"b":2}'
    assert file_text(b'{"a": 1.0\n') == b'"{\\"a\\": 1.0"'


def test_rows_become_objects():
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
        "a": 1, "b": "x", "c": {"base64": "/w=="}, "e": {"bytes": 2000000},
        "f": {"k": 1.5}, "g": "{", "h": "inf",
    }  # fmt: skip


def test_how_much_of_bytes_is_written():
    """What is no text is told by its length from a size on, which a format may choose."""
    assert row_object({"a": b"\xff\xff"}, largest=1) == b'{"a":{"bytes":2}}'
    assert row_object({"a": b"\xff\xff"}, largest=2) == b'{"a":{"base64":"//8="}}'


def test_columns_that_are_added():
    """A row stays what it was when its table gets columns that it has no value for."""
    assert row_object({"a": 1, "b": None}) == row_object({"a": 1})
