"""Tests of what messages in the forms of the APIs say."""

from __future__ import annotations

from typing import Any

import pytest

from steno.transcripts.importers.formats.chats import (
    messages_of,
    protocol_of,
    provider_of,
    replied,
    request_facts,
    role_of,
    spoken,
)
from steno.transcripts.importers.model import Call, Noted, Replied, Returned, Said


def test_a_message_of_the_user() -> None:
    """Text is said; results of tools in it come first."""
    content = [
        {"type": "tool_result", "tool_use_id": "t1", "content": "high", "is_error": True},
        {"type": "text", "text": "And?"},
        {"type": "image", "source": {}},
    ]

    assert spoken({"role": "user", "content": content}).facts() == (
        Returned(call_id="t1", output="high", success=False),
        Said("user", "And?"),
    )
    assert spoken({"from": "human", "value": "Hi"}).facts() == (Said("user", "Hi"),)


def test_a_message_of_the_model() -> None:
    """Blocks of Anthropic's and calls of OpenAI's are both read."""
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Yes."},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
    ]
    (reply,) = spoken({"role": "assistant", "content": blocks}).facts()
    assert reply == Replied(
        text="Yes.", thinking="Hm.", calls=(Call(name="look", id="t1", arguments='{"a":1}'),)
    )
    calls = [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]
    (reply,) = spoken({"role": "assistant", "content": None, "tool_calls": calls}).facts()
    assert reply == Replied(calls=(Call(name="look", id="c1", arguments="{}"),))


def test_items_of_the_responses_api() -> None:
    """Calls, their outputs and reasoning are items of their own."""
    item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    assert spoken(item).role == "assistant"
    output = spoken({"type": "function_call_output", "call_id": "c1", "output": "high"})
    (returned,) = output.facts()
    assert isinstance(returned, Returned)
    assert (returned.call_id, returned.output) == ("c1", "high")
    assert spoken({"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}).text == "Hi"


def test_only_what_is_new_of_a_request_is_told() -> None:
    """What stands before the model's last message is history, but the system's word is said."""
    body = {
        "system": "S",
        "messages": [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "tool", "tool_call_id": "c", "content": "high"},
            {"role": "user", "content": "Three"},
        ],
    }
    facts, history = request_facts(messages_of(body), request="r1")

    assert facts == (
        Said("system", "S", "r1"),
        Returned(call_id="c", output="high"),
        Said("user", "Three", "r1"),
    )
    assert [fact for each in history for fact in each.noted()] == [
        Noted(text="One", role="user"),
        Noted(text="Two", role="assistant"),
    ]


def test_input_may_be_text() -> None:
    """The input of a request may be one text, or a list of texts."""
    assert [each.text for each in messages_of({"input": "Hi", "instructions": "S"})] == ["S", "Hi"]
    assert [each.text for each in messages_of({"prompt": ["a", 7, "b"]})] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "provider", "text"),
    [
        ({"choices": [{"message": {"content": "A"}}]}, "", "A"),
        (
            {"type": "message", "content": [{"type": "text", "text": "B"}]},
            "anthropic",
            "B",
        ),
        (
            {"output": [{"type": "message", "content": [{"type": "output_text", "text": "C"}]}]},
            "",
            "C",
        ),
    ],
)
def test_replies_are_known_by_their_form(body: dict[str, Any], provider: str, text: str) -> None:
    """A reply is read in whose form it is."""
    protocol = protocol_of(body)

    assert protocol is not None
    assert provider_of(protocol) == provider
    assert replied(protocol.read_reply(body)).text == text


def test_what_is_no_reply() -> None:
    """An object of no known form is no reply; an error is one."""
    assert protocol_of({}) is None
    assert protocol_of({"content": "x"}) is None
    protocol = protocol_of({"error": {"type": "a", "message": "b"}})
    assert protocol is not None


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [[]], [{}], {"a": 1}])
def test_no_content_raises(value: Any) -> None:
    """Content of any type is read for what it is."""
    for role in ("user", "assistant", "tool", "system", "", value):
        message = {"role": role, "content": value, "tool_calls": value, "usage": value}
        spoken(message).facts()
        spoken(message).noted()
    for kind in ("function_call", "function_call_output", "reasoning", value):
        spoken({"type": kind, "output": value, "summary": value}).facts()
    messages_of({"messages": value, "system": value, "input": value})
    assert role_of({"role": value}) == ""
