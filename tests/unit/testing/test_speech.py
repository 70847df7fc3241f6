"""The forms of what is said."""

import json

import pytest

from steno.testing import speech
from steno.testing.questions import Question

TEXT = speech.Said("0" * 64, "m", "echo: two  words\n", [], 3)
CALLS = speech.Said("0" * 64, "m", "", ["f", "g"], 3)


def events(pieces):
    """Parse the data of each event."""
    texts = [piece.decode().partition("data: ")[2] for piece in pieces]
    return [json.loads(text) for text in texts if not text.startswith("[DONE]")]


def test_words():
    """The words of a stream make up the exact text."""
    assert "".join(TEXT.words) == TEXT.text
    assert len(TEXT.words) == 3


def test_chat_text():
    """The deltas of chat chunks make up the content of the whole answer."""
    chunks = events(speech.chat_events(TEXT, Question("/chat/completions", {})))
    content = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)

    assert content == speech.chat(TEXT)["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_chat_usage():
    """Usage ends a stream only where it was asked for."""
    body = {"stream_options": {"include_usage": True}}
    with_usage = events(speech.chat_events(TEXT, Question("", body)))
    without = events(speech.chat_events(TEXT, Question("", {})))

    assert with_usage[-1]["choices"] == []
    assert with_usage[-1]["usage"] == speech.chat(TEXT)["usage"]
    assert with_usage[0]["usage"] is None
    assert not any("usage" in chunk for chunk in without)


def test_chat_calls():
    """The arguments of each call come in fragments."""
    chunks = events(speech.chat_events(CALLS, Question("", {})))
    parts = [
        call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])
    ]

    assert [part["index"] for part in parts] == [0, 0, 0, 1, 1, 1]
    assert [part["function"]["arguments"] for part in parts] == ["", "{", "}"] * 2


def test_message_order():
    """The events of a message come in Anthropic's order, with a ping."""
    kinds = [event["type"] for event in events(speech.message_events(TEXT, Question("")))]

    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_response_whole():
    """The last event of a response holds the whole answer, and events are numbered."""
    found = events(speech.response_events(CALLS, Question("")))

    assert found[-1]["response"] == speech.response(CALLS)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))


@pytest.mark.parametrize("text", ["é☃", "\ud800"])
def test_write_json(text):
    """JSON is written for every text, also for one that has no UTF-8."""
    assert json.loads(speech.write_json(text)) == text
