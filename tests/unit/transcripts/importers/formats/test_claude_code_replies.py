"""What a model's reply tells in a line of Claude Code."""

import json

import pytest

from steno.events.parts import Tokens
from steno.transcripts.importers.formats.claude_code_lines import read_line
from steno.transcripts.importers.formats.claude_code_replies import (
    describe_retry,
    noted,
    plain_text,
    reply_of,
    text_of,
)
from steno.transcripts.importers.model import Call, Noted, Replied, Returned


def line(**fields):
    """Read a line of these fields."""
    return read_line(json.dumps({"type": "assistant", **fields}).encode())


def reply(*content, request="req_1", **message):
    """Read a reply of these blocks."""
    fields = {"id": "msg_1", "model": "claude-opus-4-6", "content": list(content), **message}
    return reply_of(line(message=fields, requestId=request))


def test_blocks():
    """Texts, thoughts and calls of a line go in one reply; what can't be read has no text."""
    (replied,) = reply(
        {"type": "thinking", "thinking": "First.", "signature": "Eq"},
        {"type": "redacted_thinking", "data": "Em"},
        {"type": "thinking", "thinking": "Then."},
        {"type": "text", "text": "I "},
        {"type": "text", "text": "look."},
        {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "é"}},
        {"type": "mcp_tool_use", "id": "t2", "name": "ask", "input": {}},
        {"type": "hologram", "data": 1},
    )

    assert replied == Replied(
        id="msg_1",
        model="claude-opus-4-6",
        provider="anthropic",
        text="I look.",
        thinking="First.\n\nThen.",
        calls=(Call("Read", "t1", '{"path": "\\u00e9"}'), Call("ask", "t2", "{}")),
        claim="msg_1/req_1",
    )


def test_counts():
    """Anthropic's three counts of input are added up; the parts stay parts."""
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 60,
             "cache_read_input_tokens": 2000, "output_tokens_details": {"thinking_tokens": 40}}  # fmt: skip
    (partial,) = reply(usage=usage, stop_reason=None)
    (final,) = reply(usage=usage, stop_reason="end_turn")
    counts = {
        "input": 2110,
        "output": 60,
        "thinking": 40,
        "cache_read": 2000,
        "cache_creation": 100,
    }

    assert partial.tokens == Tokens(**counts, source="partial")
    assert final.tokens == Tokens(**counts, source="provider_final")
    assert (partial.finish_reason, final.finish_reason) == (None, "end_turn")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        7,
        {"input_tokens": -1, "output_tokens": 10**13},
        {"input_tokens": True, "output_tokens": "9"},
    ],
)
def test_no_counts(usage):
    """Counts that are none are not invented."""
    (replied,) = reply(usage=usage)

    assert replied.tokens is None


@pytest.mark.parametrize(
    ("message", "request_id", "expected"),
    [
        ("m", "r", ("m", "m/r")), ("m", None, ("m", "m")), (None, "r", ("r", "r")),
        ("", "", (None, None)), (None, None, (None, None)),
    ],
)  # fmt: skip
def test_ids(message, request_id, expected):
    """A reply is known by its id; its copies by that and the request's, as far as there are any."""
    (replied,) = reply(id=message, request=request_id)

    assert (replied.id, replied.claim) == expected


def test_costs_of_version_1():
    """The first versions wrote what a reply cost and how long it took."""
    (replied,) = reply_of(line(message={"content": "x"}, costUSD=0.5, durationMs=1500.4))
    (spoilt,) = reply_of(line(message={"content": "x"}, costUSD=-1, durationMs=-5))

    assert (replied.cost_usd, replied.duration_ms, replied.text) == (0.5, 1500, "x")
    assert (spoilt.cost_usd, spoilt.duration_ms) == (None, None)


def test_refusal():
    """A refusal is told as one."""
    (replied,) = reply({"type": "text", "text": "No."}, stop_reason="refusal")

    assert replied.refused


@pytest.mark.parametrize(
    ("content", "success"),
    [
        ([{"type": "web_search_result", "url": "https://example.org"}], True),
        ({"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}, False),
    ],
)
def test_tools_of_the_provider(content, success):
    """What a tool returned that the provider ran stands in the reply itself."""
    replied, returned = reply(
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": content},
    )

    assert replied.calls == (Call("web_search", "s1", '{"query": "x"}'),)
    assert returned == Returned(call_id="s1", output=content, success=success)


@pytest.mark.parametrize(
    "fields", [{"isApiErrorMessage": True, "error": "server_error"}, {"error": {"status": 529}}]
)
def test_api_error(fields):
    """An error that the program wrote in the model's place has no model and no counts."""
    content = [{"type": "text", "text": "API Error: 529 Overloaded"}]
    message = {"id": "x", "model": "<synthetic>", "content": content, "usage": {"output_tokens": 0}}
    (replied,) = reply_of(line(message=message, **fields))

    assert replied.error.endswith("API Error: 529 Overloaded")
    assert (replied.model, replied.tokens, replied.claim, replied.text) == ("", None, None, "")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"error": "unknown", "apiErrorStatus": 400, "apiErrorType": "bad"}, "http 400: bad: Gone"),
        ({"error": "server_error", "apiErrorStatus": 529}, "http 529: server_error: Gone"),
        ({"error": "unknown", "apiErrorType": "bad"}, "bad: Gone"),
        ({"error": "unknown", "apiErrorStatus": "400", "apiErrorType": 7}, "unknown: Gone"),
    ],
)
def test_kind_of_api_error(fields, error):
    """An error is named as the proxy names it, where the line has the provider's words."""
    message = {"id": "x", "model": "<synthetic>", "content": [{"type": "text", "text": "Gone"}]}
    (replied,) = reply_of(line(message=message, isApiErrorMessage=True, **fields))

    assert replied.error == error


def test_api_error_without_text():
    """An error without words is an error all the same."""
    (replied,) = reply_of(line(message={"content": []}, isApiErrorMessage=True))

    assert replied.error


def test_placeholder():
    """Another remark of the program's is no reply."""
    content = [{"type": "text", "text": "No response requested."}]
    facts = reply_of(line(message={"model": "<synthetic>", "content": content}))

    assert facts == (Noted(text="No response requested.", role="assistant"),)


def test_no_message():
    """A line without a message tells nothing."""
    assert reply_of(line(message=None)) == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"error": {"status": 503, "error": {"message": "busy"}}, "retryAttempt": 1, "maxRetries": 10},
         "API error 503: busy (attempt 1 of 10)"),
        ({"error": {"error": {"error": {"message": "Overloaded"}}}}, "API error: Overloaded"),
        ({"error": {"message": "gone"}, "retryAttempt": 2}, "API error: gone (attempt 2 of ?)"),
        ({"error": {"cause": {"code": "ECONNRESET"}}}, "API error: ECONNRESET"),
        ({"content": "upstream timeout"}, "API error: upstream timeout"),
        ({"error": [7]}, "API error"),
    ],
)  # fmt: skip
def test_retries(fields, expected):
    """A failed attempt is said in words, in whichever of its shapes it is told."""
    assert describe_retry(line(**fields)) == expected


def test_texts():
    """Texts are found in each form of content; where there are none, nothing is noted."""
    blocks = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]

    assert (
        plain_text(blocks) == text_of(line(message={"content": blocks}).message.content) == "a\nb"
    )
    assert (plain_text("a"), text_of("a"), plain_text(7), text_of(None)) == ("a", "a", "", "")
    assert noted("a", role="user") == (Noted(text="a", role="user"),)
    assert noted("") == noted([7]) == noted(None) == ()
