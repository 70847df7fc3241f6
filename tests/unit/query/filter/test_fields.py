"""What a filter can ask for."""

from steno.query import sessions
from steno.query.filter.fields import FIELDS, STATES, closest, find_field


def test_other_names():
    """A field has the names that people try, in any case."""
    assert find_field("MODEL") is FIELDS["model"]
    assert find_field("session_key") is FIELDS["key"]
    assert find_field("colour") is None


def test_names_are_unique():
    """No two fields share a name."""
    names = [name for field in FIELDS.values() for name in (field.name, *field.other_names)]

    assert len(names) == len(set(names))


def test_closest():
    """Of what was mistyped, the nearest name is told, and none where all are far."""
    assert closest("modle") == "model"
    assert closest("sesion_id") == "session"
    assert closest("faild", STATES) == "failed"
    assert closest("qqqq") is None


def test_states():
    """The states are those that lists of sessions have."""
    assert STATES == sessions.STATES
