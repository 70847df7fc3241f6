"""The fake Open WebUI as a test uses it; tests/owui shows that it does as the real one."""

import threading

import pytest

from steno.testing.open_webui import FakeOpenWebUI

PIPE = """
import asyncio

class Pipe:
    def __init__(self):
        self.begun = asyncio.Event()

    async def pipe(self, body, __metadata__, __event_emitter__):
        try:
            yield "hello"
            if "hang" in body["messages"][-1]["content"]:
                await asyncio.sleep(60)
        finally:
            await __event_emitter__({"type": "citation", "data": {"source": {"name": "Logs"}}})
"""
FILTER = "class Filter:\n    def outlet(self, body):\n        body['messages'][-1]['content'] += '!'\n        return body\n"


@pytest.fixture
def host():
    with FakeOpenWebUI() as host:
        yield host


def test_turn(host):
    """A turn ends with a message in a chat, and with what was emitted."""
    host.add_function("one", PIPE)
    turn = host.start_turn("one", "hello")
    message = host.wait(turn)

    assert message["content"] == "hello"
    assert message["sources"] == [{"source": {"name": "Logs"}}]
    assert host.chats[turn.chat_id]["messages"][turn.message_id] == message
    assert host.chats[turn.chat_id]["messages"][turn.user_message_id]["content"] == "hello"
    assert host.events[0]["message_id"] == turn.message_id


def test_copy(host):
    """A message that a test holds is not changed by what happens later."""
    host.add_function("one", PIPE)
    turn = host.start_turn("one", "hello")
    host.wait(turn)["content"] = "changed"

    assert host.message(turn)["content"] == "hello"


def test_given_chat(host):
    """Turns of one chat follow each other in it."""
    host.add_model("plain", "words")
    chat_id = host.new_chat("plain")
    first = host.start_turn("plain", "one", chat_id=chat_id)
    host.wait(first)
    second = host.start_turn("plain", "two", chat_id=chat_id)
    host.wait(second)

    asked = host.chats[chat_id]["messages"][second.user_message_id]
    assert asked["parentId"] == first.message_id
    assert len(host.chats) == 1


def test_plain_model(host):
    """A filter stands around a model that is no function, and is not asked when that fails."""
    host.add_function("watch", FILTER)
    host.add_model("well", "a", "b")
    host.add_model("bad", "a", error=OSError("it is away"))
    well = host.wait(host.start_turn("well", "hello"))
    bad = host.wait(host.start_turn("bad", "hello"))

    assert host.models() == ["bad", "well"]
    assert well["content"] == "ab!"
    assert (bad["content"], bad["error"]) == ("", {"content": "it is away"})


def test_unknown_model(host):
    """A model that there is not is the message's error."""
    message = host.wait(host.start_turn("none", "hello"))

    assert message["error"] == {"content": "Model not found"}


def test_stop(host):
    """Stop keeps what was said, and Stop of what ended tells so."""
    host.add_function("one", PIPE)
    turn = host.start_turn("one", "hang")

    assert host.stop(turn)
    assert host.wait(turn)["done"]
    assert not host.stop(turn)


def test_deleted(host):
    """A function that was deleted is no model any more."""
    host.add_function("one", PIPE)
    host.delete_function("one")

    assert host.models() == []


def test_late(host, monkeypatch):
    """A turn that does not end is an error with the name of its model, and runs on."""
    monkeypatch.setattr("steno.testing.open_webui.TURN_S", 0.05)
    host.add_function("one", PIPE)
    turn = host.start_turn("one", "hang")

    with pytest.raises(TimeoutError, match="the turn of one did not end"):
        host.wait(turn)
    assert host.stop(turn)


def test_end():
    """The end cancels what still runs, and the thread is gone."""
    with FakeOpenWebUI() as host:
        host.add_function("one", PIPE)
        turn = host.start_turn("one", "hang")

    assert host.message(turn)["done"]
    assert "fake-open-webui" not in {thread.name for thread in threading.enumerate()}


def test_user():
    """The user is as a test says."""
    with FakeOpenWebUI(name="Bo", role="user") as host:
        assert (host.user["name"], host.user["role"]) == ("Bo", "user")
        assert host.user["id"] == host.user_id
