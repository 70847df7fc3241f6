"""Printing rows."""

import contextlib
import io
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.cli.output import (
    clean,
    milliseconds,
    number,
    print_csv,
    print_json,
    print_line,
    print_table,
)


@given(st.text(alphabet=st.characters()))
def test_clean_text_is_harmless(text):
    """No control character, escape or mark of direction is left, whatever the text."""
    cleaned = clean(text)

    assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for each in cleaned)
    assert not set(cleaned) & set("\u202e\u2066\u200f\u2028\ufeff")
    cleaned.encode()


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (5, "5 ms"), (1500, "1.5 s"), (240_000, "4 min")]
)
def test_milliseconds(value, text):
    """Durations are written as a person says them."""
    assert milliseconds(value) == text


def test_number():
    """Numbers have separators."""
    assert (number(1234567), number(None)) == ("1,234,567", "")


def test_tables_fit_a_terminal(monkeypatch, capsys):
    """On a terminal, long columns give way and short ones keep their width."""
    import sys

    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    print_table(("name", "count"), [("x" * 200, 1234567), ("\x1b[2J", 5)], right=("count",))

    out = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    lines = out.splitlines()
    assert all(len(line.rstrip()) <= 60 for line in lines)
    assert lines[1].rstrip().endswith("1234567")
    assert "\x1b" not in out


def test_columns_are_aligned(capsys):
    """Columns of a table line up, numbers to the right."""
    print_table(("name", "n"), [("a", 1), ("bcdef", 100)], right=("n",))

    assert capsys.readouterr().out == "name     n\na        1\nbcdef  100\n"


def test_a_line_of_json_stays_one():
    """A line of a foreign transcript is printed as JSON that can be read, whatever ends it."""
    assert printed(b'{"a":1,\r"b":"\xe2\x80\xae"}\r') == '{"a":1, "b":"\\u202e"}\n'


def printed(line):
    """Print a line into a file, and return it."""
    out = io.TextIOWrapper(io.BytesIO(), "latin-1", newline="\n")
    with contextlib.redirect_stdout(out):
        print_line(line)
    return out.buffer.getvalue().decode()


def test_heads_are_cleaned(capsys):
    """The head of a column can't send escapes either."""
    print_table(("\x1b[2J",), [("a",)])

    assert "\x1b" not in capsys.readouterr().out


def test_csv_on_a_terminal(capsys, monkeypatch):
    """CSV is given as it is into a file, and harmless to a terminal."""
    print_csv(("x",), [("\x1b[2J",)])
    assert "\x1b[2J" in capsys.readouterr().out

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_csv(("x",), [("\x1b[2J",)])
    assert "\x1b" not in capsys.readouterr().out


def test_json_of_names_that_are_no_text(capsys):
    """The name of a file may hold bytes that are no text: it is printed so that it can be found."""
    name = os.fsdecode(b"\xff.jsonl")
    print_json([{"path": name, "size": 1}, {"path": "b"}])

    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first, second) == ({"path": name, "size": 1}, {"path": "b"})
