"""Heads, and the framing that they announce; what is sent stands in test_provider.py."""

import pytest

from steno.testing.questions import Question
from steno.testing.replies import Answer
from steno.testing.requests import Received
from steno.testing.scripts import Script
from steno.testing.sending import Sending, usual_headers

WHOLE = Answer(pieces=[b"abc"])
STREAM = Answer(pieces=[b"a", b"b"], streamed=True)


def head(script, answer=WHOLE, received=None):
    """Write a head, and return its lines."""
    received = received or Received("POST", "/", [])
    return Sending(script, answer, received).head({"Server": "x"}).decode().split("\r\n")[:-2]


@pytest.mark.parametrize(
    ("answer", "options", "line"),
    [
        (WHOLE, {}, "Content-Length: 3"),
        (STREAM, {}, "Transfer-Encoding: chunked"),
        (WHOLE, {"framing": "chunked"}, "Transfer-Encoding: chunked"),
        (STREAM, {"framing": "length"}, "Content-Length: 2"),
        (STREAM, {"framing": "close"}, "Connection: close"),
        (WHOLE, {"trailers": {"X-T": "1"}}, "Trailer: X-T"),
        (WHOLE, {"hold": True, "framing": "length"}, "Content-Length: 4"),
        (WHOLE, {"encoding": "gzip"}, "Content-Encoding: gzip"),
        (WHOLE, {"status": 299}, "HTTP/1.1 200 OK"),  # the answer's status is the one that counts
    ],
)
def test_framing(answer, options, line):
    """The head announces how the body ends."""
    assert line in head(Script(path="", **options), answer)


def test_script_headers():
    """Headers of a script replace the usual ones; framing is not theirs to say."""
    lines = head(
        Script(path="", headers={"server": "y", "Set-Cookie": ["a", "b"], "connection": "x"})
    )

    assert lines[1:4] == ["server: y", "Set-Cookie: a", "Set-Cookie: b"]
    assert "connection: x" not in lines


def test_left_out():
    """A header of None leaves out a usual one."""
    assert "Server: x" not in head(Script(path="", headers={"Server": None}))


def test_bare():
    """With bare framing the script's headers are the only ones."""
    script = Script(path="", framing="headers", headers={"Content-Length": "1"})

    assert head(script) == ["HTTP/1.1 200 OK", "Content-Length: 1"]


def test_old_client():
    """A client of HTTP/1.0 gets no chunks."""
    lines = head(Script(path=""), STREAM, Received("GET", "/", [], version="HTTP/1.0"))

    assert lines[-1] == "Connection: close"
    assert "Transfer-Encoding: chunked" not in lines


def test_usual_headers():
    """Each provider has its own name for the id of a request."""
    openai = usual_headers(WHOLE, Question("/v1/responses"), "req_1")
    anthropic = usual_headers(STREAM, Question("/v1/messages"), "req_1")

    assert openai["x-request-id"] == anthropic["request-id"] == "req_1"
    assert "openai-processing-ms" in openai
    assert anthropic["Content-Type"].startswith("text/event-stream")
