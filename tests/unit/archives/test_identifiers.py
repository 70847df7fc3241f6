"""The ids of a call, and when they suffice."""

import pytest

from steno.archives.identifiers import ArchiveIds


@pytest.mark.parametrize("name", ["user_id", "session_id", "chat_id", "message_id"])
def test_each_of_the_four_is_needed(name):
    """Without any of the four ids there is no archive, and it is said which one is missing."""
    values = {"user_id": "u", "session_id": "s", "chat_id": "c", "message_id": "m", name: ""}

    assert ArchiveIds(**values).missing(api_calls=False) == (name,)


def test_api_calls_need_a_user_and_a_request():
    """A call that belongs to no message is found by its user and request."""
    ids = ArchiveIds(user_id="u", request_id="r")

    assert ids.missing(api_calls=True) == ()
    assert ArchiveIds(user_id="u").missing(api_calls=True) == ("request_id",)
    assert ids.missing(api_calls=False) == ("session_id", "chat_id", "message_id")


def test_temporary_chats():
    """A chat that the host does not keep is known by the beginning of its id."""
    assert ArchiveIds(chat_id="local:x").is_temporary
    assert not ArchiveIds(chat_id="x").is_temporary
