"""The event classes."""

from datetime import UTC, datetime

import pytest

import steno

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_frozen():
    """An event can't be changed."""
    event = steno.Completed("s", "r", NOW, success=True)

    with pytest.raises(AttributeError):
        event.success = False


def test_defaults():
    """What is optional has a default."""
    event = steno.ResponseRecorded(session_id="s", request_id="r", timestamp=NOW)

    assert event.tokens == steno.Tokens()
    assert event.response_text == ""
    assert event.response_json is None


def test_mandatory_fields():
    """What an event can't do without must be given."""
    with pytest.raises(TypeError):
        steno.Started(session_id="s", request_id="r", timestamp=NOW)
