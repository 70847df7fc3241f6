"""Which level a run shows."""

import logging

import pytest

from steno.errors import ConfigError
from steno.logs.levels import parse_level, resolve_level


@pytest.mark.parametrize(
    ("user", "operator", "variable", "level"),
    [
        ("DEBUG", "ERROR", "WARNING", logging.DEBUG),
        ("INHERIT", "ERROR", "WARNING", logging.ERROR),
        (" inherit ", "error", None, logging.ERROR),
        (None, "ERROR", "WARNING", logging.ERROR),
        ("", None, "WARNING", logging.WARNING),
        ("INHERIT", "INHERIT", "WARNING", logging.WARNING),
        ("INHERIT", "", "", logging.INFO),
        (None, None, None, logging.INFO),
        (None, None, "INHERIT", logging.INFO),
        (None, None, "fatal", logging.CRITICAL),
        (15, "ERROR", None, 15),
    ],
)
def test_precedence(user, operator, variable, level):
    """The user's wish, else the operator's, else the environment's, else INFO."""
    environ = {} if variable is None else {"GLOBAL_LOG_LEVEL": variable}

    assert resolve_level(user, operator, environ=environ) == level


def test_environment(monkeypatch):
    """The process's own environment counts where none is given."""
    monkeypatch.setenv("GLOBAL_LOG_LEVEL", "error")
    assert resolve_level() == logging.ERROR
    monkeypatch.delenv("GLOBAL_LOG_LEVEL")
    assert resolve_level() == logging.INFO


@pytest.mark.parametrize(
    ("choices", "place"),
    [
        (("LOUD", "INFO", "INFO"), "the user's LOG_LEVEL is 'LOUD'"),
        (("INHERIT", "LOUD", "INFO"), "LOG_LEVEL is 'LOUD'"),
        (("INHERIT", None, "LOUD"), "environment GLOBAL_LOG_LEVEL is 'LOUD'"),
    ],
)
def test_unknown(choices, place):
    """A name that nobody knows is an error that says where it stands."""
    with pytest.raises(ConfigError, match=place) as caught:
        resolve_level(choices[0], choices[1], environ={"GLOBAL_LOG_LEVEL": choices[2]})

    assert "DEBUG" in caught.value.hint
    assert "NOTSET" not in caught.value.hint


def test_unknown_is_not_asked_for():
    """What is not asked for is not read: a user's level stands beside a wrong variable."""
    assert resolve_level("INFO", "LOUD", environ={"GLOBAL_LOG_LEVEL": "LOUD"}) == logging.INFO


@pytest.mark.parametrize("level", ["NOTSET", 0, -1, True, 1.5, b"INFO", "", "10", None])
def test_no_level(level):
    """What is none says so: NOTSET would show what somebody else chose."""
    with pytest.raises(ConfigError):
        parse_level(level)


def test_misspelt():
    """A name that is nearly right is asked for."""
    with pytest.raises(ConfigError) as caught:
        parse_level("DEBIG")

    assert "did you mean 'DEBUG'?" in caught.value.hint


def test_names_of_the_programs_own(monkeypatch):
    """A level that the program named counts, in any case."""
    monkeypatch.setattr(logging, "_levelToName", dict(logging._levelToName))
    monkeypatch.setattr(logging, "_nameToLevel", dict(logging._nameToLevel))
    logging.addLevelName(5, "Trace")

    assert parse_level("trace") == parse_level("TRACE") == 5
