"""How runs end."""

import asyncio

import pytest

from steno.logs.endings import error_line, judge, with_traceback
from steno.recording.context import Scope


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (None, ("ok", "")),
        (ValueError("no"), ("error", "ValueError: no")),
        (asyncio.CancelledError(), ("cancelled", "CancelledError")),
        (GeneratorExit(), ("cancelled", "GeneratorExit")),
        (KeyboardInterrupt(), ("cancelled", "KeyboardInterrupt")),
        (SystemExit(3), ("error", "SystemExit: 3")),
        (Unspeakable(), ("error", "Unspeakable (its text can't be shown: RuntimeError)")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_judge(error, ending):
    """An ending is a word and a reason, whatever the exception is."""
    assert judge(type(error) if error else None, error) == ending


def test_lines():
    """The line of an error belongs to its run; the traceback is added for those who keep it."""
    line = error_line(Scope("s", "r", "u"), "ValueError: no")
    try:
        raise ValueError("no")
    except ValueError as error:
        traced = with_traceback(line, error)

    assert (line.session_id, line.request_id, line.user_id) == ("s", "r", "u")
    assert line.exception is None
    assert traced.exception.startswith("Traceback")
    assert with_traceback(line, None) is line


def test_unspeakable():
    """An exception whose text fails still has a line."""
    line = error_line(Scope("s"), "Unspeakable")

    assert with_traceback(line, Unspeakable()).message == "the run ended with Unspeakable"
