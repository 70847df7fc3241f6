"""Keys put into headers."""

import json

import pytest

from steno.errors import TranscriptError
from steno.transcripts.recovery.headers import foreign_header, stamp_header


def test_nothing_else_is_changed():
    """The fields go to the end of the object; every byte before them is as it was."""
    data = b'{"type": "session",  "version":3,"id":"s","cwd":"/\\u00e4","x":1.50}'

    stamped = stamp_header(data, "agent:main:main", "main")

    assert stamped == data[:-1] + b',"sessionKey":"agent:main:main","agentId":"main"}'


@pytest.mark.parametrize(
    ("header", "agent", "added"),
    [
        ({}, None, {"sessionKey": "k:1"}),
        ({"agentId": "own"}, "main", {"sessionKey": "k:1", "agentId": "own"}),
        ({"sessionKey": None}, "main", {"sessionKey": "k:1", "agentId": "main"}),
        ({"sessionKey": "", "agentId": ""}, "main", {"sessionKey": "k:1", "agentId": "main"}),
    ],
)
def test_fields_that_stand_there(header, agent, added):
    """An agent that stands there stays; empty fields are filled, and each field stands once."""
    header = {"type": "session", "id": "s", **header}
    pairs = json.loads(
        stamp_header(json.dumps(header).encode(), "k:1", agent), object_pairs_hook=list
    )

    assert dict(pairs) == {**header, **added}
    assert len(pairs) == len(dict(pairs))


@pytest.mark.parametrize("data", [
    b"", b"[]", b"{", b'{"type":"message"}', b'{"type":"session"} x', b'\x00{"type":"session"}',
    b'{"type":"session","sessionKey":"k"}', b"null",
])  # fmt: skip
def test_what_is_not_stamped(data):
    """What is no whole header, or has a key, is refused."""
    with pytest.raises(TranscriptError):
        stamp_header(data, "k:1", "main")


def test_a_key_with_quotes():
    """A key is written as JSON, whatever stands in it."""
    stamped = stamp_header(b'{"type":"session"}', 'k:"}\\', None)

    assert json.loads(stamped) == {"type": "session", "sessionKey": 'k:"}\\'}


def test_a_new_header():
    """A header that is made anew has what is known, and no more."""
    assert json.loads(foreign_header("s", "k:1", None, "2026-01-01T00:00:00.000Z")) == {
        "type": "session", "version": 3, "id": "s", "sessionKey": "k:1",
        "timestamp": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
