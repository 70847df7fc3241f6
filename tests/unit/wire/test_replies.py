"""The reply of one exchange, however it comes."""

import gzip
import json

import pytest

from steno.events.references import Holdings
from steno.wire.facts import RequestFacts
from steno.wire.providers import find_protocol
from steno.wire.replies import ReplyCollector

CHAT = find_protocol("POST", "/v1/chat/completions")
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


@pytest.fixture
def collector():
    """Collect a chat reply in memory."""
    return ReplyCollector(CHAT, lambda: pytest.fail("too large for memory?"))


@pytest.mark.parametrize(
    ("content_type", "asked", "is_stream"),
    [
        ("text/event-stream", False, True),
        ("text/event-stream; charset=utf-8", True, True),
        ("TEXT/EVENT-STREAM", False, True),
        ("application/json", True, False),
        ("", True, True),
        ("", False, False),
    ],
)
def test_what_is_a_stream(collector, content_type, asked, is_stream):
    """The head tells whether a reply is streamed; where it does not, the request does."""
    collector.begin(content_type, "", RequestFacts(is_streaming=asked))

    assert collector.is_stream is is_stream


def test_pieces_of_speech(collector):
    """Each piece that carries what the model says is counted once, however it is cut."""
    collector.begin("text/event-stream", "", RequestFacts())

    assert collector.add(CHUNK[:20]) == 0
    assert collector.add(CHUNK[20:] + CHUNK + b": comment\n\n") == 2
    assert collector.finish().text == "hihi"


def test_compressed_stream(collector):
    """A compressed stream is read as it comes."""
    collector.begin("text/event-stream", "gzip", RequestFacts())
    data = gzip.compress(CHUNK)

    assert sum(collector.add(data[at : at + 3]) for at in range(0, len(data), 3)) == 1
    assert collector.size == len(data)


def test_error_in_the_place_of_a_stream(collector):
    """An error comes as JSON, also where a stream was asked for."""
    collector.begin("application/json", "", RequestFacts(is_streaming=True))
    collector.add(b'{"error":{"message":"no","type":"invalid_request_error"}}')

    assert collector.finish().error == "invalid_request_error: no"


def test_unknown_encoding(collector):
    """A stream in an unknown encoding passes, and is said to be unreadable."""
    collector.begin("text/event-stream", "lzma9", RequestFacts())
    collector.add(b"\x00\xff")

    assert "lzma9" in collector.damage
    assert collector.write(collector.finish(), Holdings())[1].encoding == "base64"


def test_reply_with_marks_of_its_own(collector):
    """A reply whose JSON reads as references is kept as text."""
    body = json.dumps({"choices": [], "steno.text": "x"}, separators=(",", ":")).encode()
    collector.begin("application/json", "", RequestFacts())
    collector.add(body)

    assert collector.write(collector.finish(), Holdings())[0] == body.decode()


def test_nothing_came(collector):
    """A reply of which nothing came has no body."""
    collector.begin("application/json", "", RequestFacts())

    assert collector.write(collector.finish(), Holdings()) == (None, None)
