"""Whose an invocation is."""

import pytest

from steno.integrations.open_webui.host import read_call

USER = {"id": "u1", "name": "Ada"}
TURN = {"chat_id": "c1", "message_id": "m1", "session_id": "s1"}


def test_turn():
    """In a turn of the page, the ids are the host's, and the request id is steno's own."""
    ids = read_call(USER, TURN).ids

    assert (ids.user_id, ids.session_id, ids.chat_id, ids.message_id) == ("u1", "s1", "c1", "m1")
    assert ids.request_id != read_call(USER, TURN).ids.request_id


def test_plain_call():
    """In a plain call of the API only the user is known."""
    call = read_call(USER, {"chat_id": "", "message_id": None, "session_id": None})

    assert (call.ids.chat_id, call.ids.message_id, call.ids.session_id) == ("", "", "")
    assert call.task is None


@pytest.mark.parametrize(
    ("facts", "body"),
    [
        ({}, {"message_id": "m1", "messages": [{"id": "other"}]}),
        ({}, {"messages": [{"id": "m0"}, {"id": "m1"}]}),
        ({"user_message": {"childrenIds": ["m1"]}}, {"messages": []}),
        ({"task_body": {"messages": [{"id": "m1"}]}}, None),
    ],
    ids=["named", "last message", "child", "in the metadata"],
)
def test_tasks(facts, body):
    """A task's message is found where the host leaves it, the surest place first."""
    metadata = {**TURN, "message_id": None, **facts}
    call = read_call(USER, metadata, task="title_generation", task_body=body)

    assert call.ids.message_id == "m1"
    assert call.task == "title_generation"


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "text",
        {"chat_id": 7, "message_id": ["x"]},
        {"task": "t", "task_body": {"messages": [None]}, "user_message": {"childrenIds": []}},
    ],
)
def test_hostile_metadata(metadata):
    """Metadata of another shape names nobody, and raises nothing."""
    call = read_call(None, metadata)

    assert (call.ids.user_id, call.ids.chat_id, call.ids.message_id) == ("", "", "")
