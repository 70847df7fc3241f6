"""What is kept of a record is final."""

import logging
import sys

import pytest

from steno.logs.lines import make_line, tidy
from steno.recording.context import Scope

WHO = Scope("s", "r", "u")


class Hostile:
    """An argument that can't be shown."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


class Sly(str):  # noqa: SLOT000 - as programs write it
    """A message that says something else each time."""

    def __str__(self):
        return "what it says now"


def record(message, *args, **more):
    """Make a record."""
    return logging.LogRecord(
        "a.b", logging.INFO, "/x/y.py", 7, message, args, more.get("exc_info"), "f"
    )


def test_fields():
    """A line says who said what, where and when."""
    made = record("%s and %d", "a", 2)
    line = make_line(made, WHO)

    assert (line.message, line.level, line.level_name) == ("a and 2", 20, "INFO")
    assert (line.logger, line.module, line.function, line.line_number) == ("a.b", "y", "f", 7)
    assert (line.session_id, line.request_id, line.user_id) == ("s", "r", "u")
    assert (line.created, line.exception) == (made.created, None)


def test_mapping():
    """A mapping's values go by name."""
    assert make_line(record("%(a)s", {"a": 1}), WHO).message == "1"


def test_mutated():
    """An argument or message that is changed later does not change the line."""
    argument = {"a": 1}
    message = ["x"]
    first, second = make_line(record("%s", argument), WHO), make_line(record(message), WHO)
    argument["a"] = 2
    message.append("y")

    assert (first.message, second.message) == ("{'a': 1}", "['x']")


def test_a_text_of_its_own_kind():
    """A kind of str is taken at its word, and as a plain one."""
    line = make_line(record(Sly("what it is")), WHO)

    assert type(line.message) is str
    assert line.message == "what it says now"


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("%d", ("no number",), "'%d' ('no number',) (TypeError)"),
        ("%s %s", ("one",), "'%s %s' ('one',) (TypeError)"),
        ("none", ("one",), "'none' ('one',) (TypeError)"),
        ("%(a)s", ({"b": 1},), "'%(a)s' {'b': 1} (KeyError)"),
        ("%s", (Hostile(),), "'%s' <tuple: ValueError> (ValueError)"),
        (Hostile(), (), "<Hostile: ValueError> () (ValueError)"),
        ("100%", ("x",), "'100%' ('x',) (ValueError)"),
    ],
)
def test_hostile(message, args, shown):
    """What can't be formatted is kept as far as it can be shown."""
    assert make_line(record(message, *args), WHO).message == shown


def test_recursion():
    """An object that contains itself without end is kept by name."""

    class Endless:
        def __repr__(self):
            return repr(self)

    assert make_line(record("%s", Endless()), WHO).message.endswith("(RecursionError)")


def test_huge():
    """A long message is kept whole; the buffer bounds it."""
    assert len(make_line(record("%s", "x" * 1_000_000), WHO).message) == 1_000_000


def test_traceback():
    """A traceback and a stack are kept as text."""
    try:
        raise KeyError("gone")
    except KeyError:
        made = record("failed", exc_info=sys.exc_info())
    made.stack_info = "Stack (most recent call last):"
    line = make_line(made, WHO)

    assert line.message == "failed"
    assert "KeyError: 'gone'" in line.exception
    assert line.exception.endswith("Stack (most recent call last):")


def test_text_of_a_traceback():
    """A traceback that somebody formatted already is taken as it is; None is none."""
    made = record("failed", exc_info=(None, None, None))
    assert not make_line(made, WHO).exception
    made.exc_text = "Traceback"
    assert make_line(made, WHO).exception == "Traceback"


def test_hostile_exception():
    """An exception whose text fails costs the line nothing."""

    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    try:
        raise Broken
    except Broken:
        line = make_line(record("failed", exc_info=sys.exc_info()), WHO)

    assert line.message == "failed"
    assert "Broken" in line.exception or "can't be shown" in line.exception


def test_bare_record():
    """A record that came without most fields, as from another process, is kept."""
    line = make_line(logging.makeLogRecord({"msg": "x", "funcName": None}), WHO)

    assert (line.message, line.function) == ("x", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e9", "plain \u00e9"),
        ("a\n2026-01-01 [CRITICAL] b", "a\n    2026-01-01 [CRITICAL] b"),
        ("a\r\nb\rc", "a\n    b\\rc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("half \ud800", "half \\ud800"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_tidy(text, shown):
    """What is shown moves no cursor, and no line but the first begins a record."""
    assert tidy(text) == shown
    assert tidy(text).encode()
