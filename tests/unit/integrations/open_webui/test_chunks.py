"""What a pipe says, as the bytes of the protocol."""

import json

import pytest

from steno.integrations.open_webui.chunks import StreamEncoder, encode, encode_reply


def payloads(data):
    """Return what stands behind `data:` in a stream."""
    return [line.removeprefix("data: ") for line in data.decode().split("\n\n") if line]


def spell(*items):
    """Return the payloads of a stream of these items."""
    encoder = StreamEncoder("m")
    data = b"".join(map(encoder.feed, items)) + encoder.end()
    return payloads(data)


def test_text():
    """Plain text becomes a piece of content, and the stream ends as a provider's does."""
    first, last, done = spell("one ")

    assert json.loads(first)["choices"][0]["delta"] == {"content": "one "}
    assert json.loads(first)["model"] == "m"
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


@pytest.mark.parametrize("line", ['data: {"a": 1}', b'data: {"a": 1}', 'data: {"a": 1}\n\n'])
def test_lines(line):
    """Lines of a provider's stream pass as they are, as text or bytes."""
    assert spell(line)[0] == '{"a": 1}'


@pytest.mark.parametrize(
    "item",
    [
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}',
    ],
)
def test_finished(item):
    """No second end is added to a stream that said its own."""
    assert len(spell(item)) == 2


def test_done():
    """Nothing follows a stream that said that it is done."""
    encoder = StreamEncoder("m")
    encoder.feed("data: [DONE]")

    assert encoder.end() == b""


def test_null_reason():
    """A reason that is null is no end."""
    assert len(spell({"choices": [{"delta": {"content": "x"}, "finish_reason": None}]})) == 3


def test_nothing():
    """An empty text is no piece."""
    assert StreamEncoder("m").feed("") == b""


def test_hostile_items():
    """Bytes that are no UTF-8, and objects without a form in JSON, are kept as text."""

    class Odd:
        def __str__(self):
            return "odd"

    assert json.loads(spell(b"\xff")[0])["choices"][0]["delta"]["content"] == "\ufffd"
    assert spell({"a": Odd()})[0] == '{"a":"odd"}'


def test_models():
    """Models of pydantic are written as mappings."""
    from pydantic import BaseModel

    class Chunk(BaseModel):
        a: int = 1

    assert encode(Chunk()) == b'{"a":1}'


def test_reply():
    """A text that came whole is a reply of one choice; a mapping is the reply itself."""
    reply = json.loads(encode_reply("hello", "m"))

    assert reply["choices"][0]["message"] == {"role": "assistant", "content": "hello"}
    assert json.loads(encode_reply({"id": 1}, "m")) == {"id": 1}
