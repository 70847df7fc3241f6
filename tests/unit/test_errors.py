"""The exception tree."""

import inspect

import pytest

from steno import errors

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", CLASSES)
def test_tree(kind):
    """Every error is a StenoError, ends in Error, and stands in the drawn tree."""
    assert issubclass(kind, errors.StenoError)
    assert kind.__name__.endswith("Error")
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize("kind", CLASSES)
def test_message_and_hint(kind):
    """Every error carries a message and a hint."""
    error = kind("what happened", hint="what to do")

    assert (str(error), error.message, error.hint) == (
        "what happened",
        "what happened",
        "what to do",
    )
