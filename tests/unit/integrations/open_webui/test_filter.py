"""The filter: turns that begin, pass and end, or never do."""

import asyncio

import pytest

from steno.integrations.open_webui import filter as module
from steno.integrations.open_webui.filter import Filter

USER = {"id": "u1"}
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def metadata(chat="c1", message="m1"):
    """What the host says of a turn."""
    return {"chat_id": chat, "message_id": message, "session_id": "s1"}


@pytest.fixture
def watching(monkeypatch):
    """Return a filter, and what its turns' sinks were told."""
    told = []

    class Sink:
        def take(self, line):
            told.append(line.message)

        def end(self, status, reason=""):
            told.append((status, reason))

    begin = module.begin_turn

    def begin_turn(*args, **more):
        turn = begin(*args, **more)
        turn.scope.sinks = (Sink(),)
        turn.scope.floor = 10
        return turn

    monkeypatch.setattr(module, "begin_turn", begin_turn)
    made = Filter()
    made.valves = made.Valves(STENO_RECORD=False)
    yield made, told
    for key in list(made._turns):
        made._interrupt(key, "the test is over")


def inlet(made, **more):
    """Begin a turn."""
    return asyncio.run(made.inlet(BODY, USER, metadata(**more)))


def outlet(made, **more):
    """End a turn."""
    body = {"messages": [*BODY["messages"], {"role": "assistant", "content": "hello"}]}
    return asyncio.run(made.outlet(body, metadata(**more)))


def test_turn(watching):
    """A turn is told from its request to its reply, and ends well."""
    made, told = watching
    assert inlet(made) is BODY
    event = {"choices": [{"delta": {"content": "hello"}}]}
    assert made.stream(event, metadata()) is event
    outlet(made)

    assert told[0].startswith('OpenWebUI request payload: {"model":"m"')
    assert told[1] == "request to m"
    assert told[2].startswith("OpenWebUI payload: ")
    assert told[3].startswith("OpenWebUI reply: ")
    assert told[4:] == ["the reply is complete", ("ok", "")]
    assert not made._turns


def test_next_turn_of_the_chat(watching):
    """A turn without an end is interrupted by the next one of its chat, not by another chat's."""
    made, told = watching
    inlet(made)
    inlet(made, chat="c2")
    assert not [each for each in told if isinstance(each, tuple)]
    inlet(made, message="m2")

    assert ("interrupted", "the next turn of the chat began") in told
    assert len(made._turns) == 2


def test_too_many(watching, monkeypatch):
    """Turns that never end do not fill the memory."""
    made, _ = watching
    monkeypatch.setattr(module, "_MOST", 3)
    for number in range(10):
        inlet(made, chat=f"c{number}")

    assert len(made._turns) == 3


def test_error_event(watching):
    """An error in the stream is a line of its own."""
    made, told = watching
    inlet(made)
    made.stream({"error": {"message": "no"}}, metadata())

    assert told[-1] == 'the model answered with an error: {"message":"no"}'


def test_strangers(watching):
    """Chunks and ends of turns that nobody began pass untouched."""
    made, told = watching
    assert made.stream({"a": 1}, None) == {"a": 1}
    assert outlet(made)["messages"]
    assert told == []


def test_never_fails(watching, monkeypatch, capsys):
    """Whatever breaks in the recording, the body goes on."""
    made, _ = watching

    def fail(*args, **more):
        raise RuntimeError("broken")

    monkeypatch.setattr(module, "begin_turn", fail)

    assert inlet(made) is BODY
    assert "RuntimeError: broken" in capsys.readouterr().err
