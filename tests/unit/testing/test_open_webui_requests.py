"""The way of a request through the fake Open WebUI."""

import asyncio
import json

import pytest

from steno.testing.open_webui_functions import Function
from steno.testing.open_webui_requests import (
    Requests,
    base_metadata,
    make_body,
    make_chunk,
    text_of,
    tools_of,
)

FILTER = """
class Valves:
    def __init__(self, priority=0):
        self.priority = priority

class Filter:
    Valves = Valves

    def __init__(self):
        self.valves = Valves()

    def inlet(self, body, __id__):
        body["seen"] = [*body.get("seen", []), __id__]
        return body

    def stream(self, event):
        return None if "secret" in str(event) else event

    def outlet(self, body):
        if body["messages"][-1]["content"] == "bad":
            raise ValueError("an outlet that fails")
        body["messages"][-1]["content"] += "!"
        return body
"""
PIPE = """
class Pipe:
    async def pipe(self, body, __event_emitter__=None, __event_call__=None):
        self.answer = __event_call__ and await __event_call__({"type": "input"})
        if __event_emitter__:
            for event in body["events"]:
                await __event_emitter__(event)
        for line in body["lines"]:
            yield line
"""


@pytest.fixture
def requests():
    return Requests({"id": "u1"})


def install(requests, function_id, source, **stored):
    function = requests.functions[function_id] = Function(function_id, source)
    function.active = function.everywhere = True
    function.stored = stored
    return function


def asked(requests, model="one", chat=None, **body):
    """Ask a model, and return all that it says."""
    metadata = base_metadata("u1", model)
    if chat:
        metadata |= {"chat_id": chat, "message_id": "m1", "session_id": "s1"}

    async def ask():
        whole = {**make_body(model, "hello", stream=True), "events": [], "lines": [], **body}
        return [chunk async for chunk in requests.stream(whole, metadata, None)]

    return asyncio.run(ask())


def test_plain_model(requests):
    """A model that is no function says its pieces, then finishes or fails."""
    requests.plain |= {"well": (["a", "b"], None), "bad": (["a"], OSError("it is away"))}
    chunks = asked(requests, "well")

    assert "".join(map(text_of, chunks)) == "ab"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    with pytest.raises(OSError, match="it is away"):
        asked(requests, "bad")
    with pytest.raises(LookupError, match="Model not found"):
        asked(requests, "none")


def test_lines(requests):
    """A generator may yield words, bytes, events, and events as text."""
    install(requests, "one", PIPE)
    event = make_chunk("one", {"content": "c"})
    chunks = asked(requests, lines=["a", b"b", event, f"data: {json.dumps(event)}\n\n"])

    assert "".join(map(text_of, chunks)) == "abcc"


def test_dict(requests):
    """A pipe that returns a dict answers with just that."""
    install(requests, "one", "class Pipe:\n    def pipe(self, body):\n        return {'x': 1}\n")

    assert asked(requests) == [{"x": 1}]


def test_models(requests):
    """A pipe is one model, or those that it lists, given as a list or by a method."""
    requests.plain["plain"] = ([], None)
    install(requests, "one", PIPE)
    install(requests, "two", PIPE + "    pipes = [{'id': 'x'}, {'id': 'y'}]\n")
    install(requests, "three", PIPE + "    async def pipes(self):\n        return [{'id': 'z'}]\n")
    install(requests, "off", PIPE).active = False

    assert asyncio.run(requests.models()) == ["one", "plain", "three.z", "two.x", "two.y"]


def test_filters(requests):
    """Filters stand in the order of their priorities, then of their ids; what one drops is gone."""
    install(requests, "last", FILTER, priority=2)
    install(requests, "b", FILTER)
    install(requests, "a", FILTER)
    install(requests, "off", FILTER).active = False
    install(requests, "own", FILTER + "\n    toggle = True\n")
    requests.plain["plain"] = (["open", "secret"], None)
    body = asyncio.run(
        requests.inlet(make_body("plain", "hello", stream=True), base_metadata("u1", "plain"))
    )

    assert body["seen"] == ["a", "b", "last"]
    assert "metadata" not in body
    assert "".join(map(text_of, asked(requests, "plain"))) == "open"


def test_outlet(requests):
    """What an outlet makes of a message is saved; what it raises costs nothing."""
    install(requests, "a", FILTER)
    requests.chats["c1"] = {"messages": {"m1": {"content": "x"}}}
    metadata = base_metadata("u1", "one") | {"chat_id": "c1", "message_id": "m1"}
    body = make_body("one", "hello", stream=True)

    asyncio.run(requests.outlet(body, metadata, "said"))
    assert requests.chats["c1"]["messages"]["m1"]["content"] == "said!"
    asyncio.run(requests.outlet(body, metadata, "bad"))
    assert requests.chats["c1"]["messages"]["m1"]["content"] == "said!"


def test_events(requests):
    """Every event is kept; citations, states and words go into the message of a saved chat."""
    install(requests, "one", PIPE)
    message = {"content": ""}
    requests.chats["c1"] = {"messages": {"m1": message}}
    events = [
        {"type": "citation", "data": {"source": 1}},
        {"type": "source", "data": {"source": 2}},
        {"type": "source", "data": {"type": "code_execution"}},
        {"type": "status", "data": {"done": False}},
        {"type": "message", "data": {"content": "a"}},
        {"type": "replace", "data": {"content": "b"}},
        {"type": "own"},
    ]
    asked(requests, chat="c1", events=events)
    asked(requests, chat="local:s1", events=events[:1])
    asked(requests, events=events[:1])

    assert [event["data"] for event in requests.events] == [*events, events[0], events[0]]
    assert [event["chat_id"] for event in requests.events[-2:]] == ["local:s1", ""]
    assert message == {
        "content": "b", "sources": [{"source": 1}, {"source": 2}], "statusHistory": [{"done": False}],
    }  # fmt: skip


def test_event_call(requests):
    """Nobody answers a question to the browser."""
    function = install(requests, "one", PIPE)
    asked(requests)

    assert function.instance().answer == {"error": "Client session disconnected."}


def test_tools_of():
    """The tools that a chunk calls are found, also where there are none."""
    assert tools_of(make_chunk("one", {"tool_calls": [{"id": "c1"}]})) == [{"id": "c1"}]
    assert tools_of({"error": "x"}) == []
    assert text_of({"choices": []}) == ""
