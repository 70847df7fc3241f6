"""The identifiers that OpenRouter gets."""

import json

import pytest

from steno.wire.grouping import Identity
from steno.wire.identifiers import SentIdentifiers, set_identifiers

KNOWN = Identity(session_id="s1", user_id="u1", chat_id="c1", message_id="m1")
ALL = SentIdentifiers(end_user_id=True, session_id=True, chat_id=True, message_id=True)


def sent(body, identity=KNOWN, wanted=ALL):
    """Set identifiers in a body given as an object."""
    return json.loads(set_identifiers(json.dumps(body).encode(), identity, wanted))


def test_off_by_default():
    """Without an option not a byte changes."""
    body = b'{ "model":  "m", "user": "x" }'

    assert set_identifiers(body, KNOWN, SentIdentifiers()) is body


def test_all():
    """With all options the known identity is set."""
    assert sent({"model": "m"}) == {
        "model": "m",
        "user": "u1",
        "metadata": {"user_id": "u1", "session_id": "s1", "chat_id": "c1", "message_id": "m1"},
    }


def test_no_spoofing():
    """What the client says in the place of the known identity is removed, also where none is known."""
    body = {
        "user": "admin", "session_id": "other",
        "metadata": {"user_id": "admin", "session_id": "other", "chat_id": "x", "mine": "kept"},
    }  # fmt: skip

    assert sent(body, Identity()) == {"metadata": {"mine": "kept"}}


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ("end_user_id", "session_id"),
        ("session_id", "chat_id"),
        ("chat_id", "user_id"),
        ("message_id", "chat_id"),
    ],
)
def test_one_option(option, left):
    """Each option sets its own identifier and leaves the others as the client sent them."""
    body = {"metadata": {left: "client's"}}

    assert sent(body, wanted=SentIdentifiers(**{option: True}))["metadata"][left] == "client's"


def test_limits():
    """16 pairs, keys of 64, values of 512 and a user of 128 characters: ours come first."""
    identity = Identity(user_id="u" * 600, session_id="s1", chat_id="c1", message_id="m1")
    body = sent({"metadata": {f"{number}{'k' * 80}": "v" * 600 for number in range(30)}}, identity)

    assert len(body["user"]) == 128
    assert len(body["metadata"]) == 16
    assert len(body["metadata"]["user_id"]) == 512
    assert max(map(len, body["metadata"])) == 64
    assert max(map(len, body["metadata"].values())) == 512
    assert body["metadata"]["message_id"] == "m1"


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'"x"', b"\xff"])
def test_no_object(body):
    """What is no JSON object stays as it is."""
    assert set_identifiers(body, KNOWN, ALL) == body
