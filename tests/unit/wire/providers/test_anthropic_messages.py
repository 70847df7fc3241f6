"""Messages of Anthropic, whole and streamed."""

import json
from pathlib import Path

import pytest

from steno.wire.facts import ToolCall, ToolResult
from steno.wire.providers.anthropic_messages import AnthropicMessages
from steno.wire.sse import EventSplitter

DATA = Path(__file__).parents[3] / "data" / "providers" / "anthropic.messages"
CASES = sorted(path.stem for path in DATA.glob("*.json"))


def load(case):
    """Load a recorded exchange."""
    return json.loads((DATA / f"{case}.json").read_text(encoding="utf-8"))


def replay(case, until=None):
    """Feed a recorded stream, or its first events; return the reply and what each event was."""
    splitter = EventSplitter()
    reader = AnthropicMessages().read_stream()
    body = "".join(load(case)["stream"][:until]).encode()
    said = [reader.feed(*event) for event in splitter.feed(body) + splitter.close()]
    return reader.reply(), said


def feed(*events):
    """Feed events, and return the reply."""
    reader = AnthropicMessages().read_stream()
    for event in events:
        reader.feed("", json.dumps(event))
    return reader.reply()


@pytest.mark.parametrize("case", CASES)
def test_sdk(case):
    """The recorded replies and events are what the provider's own SDK reads."""
    types = pytest.importorskip("anthropic.types")
    pydantic = pytest.importorskip("pydantic")
    recorded = load(case)
    if recorded["status"] == 200 and "error" not in recorded["reply"]:
        types.Message.model_validate(recorded["reply"])
        adapter = pydantic.TypeAdapter(types.RawMessageStreamEvent)
        for event in EventSplitter().feed("".join(recorded.get("stream", "")).encode()):
            if event.event != "ping":
                adapter.validate_json(event.data)


@pytest.mark.parametrize("case", [case for case in CASES if "stream" in load(case)])
def test_rebuilt(case):
    """A stream rebuilds to the reply in one piece, with the same facts."""
    recorded = load(case)
    reply, _ = replay(case)

    assert reply.body == recorded["reply"]
    if reply.error is None:
        assert reply == AnthropicMessages().read_reply(recorded["reply"])


def test_text():
    """Pieces of text are told from other events; the end's counts are added to the beginning's."""
    reply, said = replay("text")

    assert (reply.text, reply.finish_reason) == ("Because air scatters blue light.", "end_turn")
    assert said == [False, False, False, True, True, False, False, False]
    assert (reply.tokens.input, reply.tokens.output, reply.tokens.source) == (
        21,
        12,
        "provider_final",
    )
    assert (reply.response_id, reply.ended) == ("msg_01XFDUDYJgAACzvnptvVoYEL", True)


def test_tools():
    """A tool's input is put together from its fragments."""
    reply, _ = replay("tools")

    assert reply.tool_calls == (
        ToolCall(
            name="get_weather", call_id="toolu_01A", arguments='{"city":"Zürich","days":[1,2]}'
        ),
        ToolCall(name="get_time", call_id="toolu_01B", arguments="{}"),
    )
    assert (reply.text, reply.content_blocks, reply.finish_reason) == ("I look.", 3, "tool_use")


def test_cut_input():
    """Input that broke off is kept as text beside an empty object, and as the call's arguments."""
    reply, said = replay("tools", until=9)

    assert reply.body["content"][1] == {
        "type": "tool_use",
        "id": "toolu_01A",
        "name": "get_weather",
        "input": {},
        "partial_json": '{"city": "Zürich", "da',
    }
    assert reply.tool_calls[0].arguments == '{"city": "Zürich", "da'
    assert (said[-1], reply.ended) == (True, False)


def test_thinking():
    """Thinking is apart from the text; cached input is part of the input."""
    reply, _ = replay("thinking")

    assert (reply.reasoning, reply.text) == ("Rayleigh, surely.", "Scattering.")
    tokens = reply.tokens
    assert (tokens.input, tokens.cache_read, tokens.cache_creation) == (1012, 900, 100)
    assert (tokens.output, tokens.thinking, tokens.thinking_percentage) == (80, 60, 75.0)


def test_server_tool():
    """Blocks of the server's tools are kept, and are no calls for the client."""
    reply, said = replay("server_tool")

    assert [block["type"] for block in reply.body["content"]] == [
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]
    assert reply.tool_calls == ()
    assert reply.body["content"][2]["citations"][0]["type"] == "web_search_result_location"
    assert said[1] is True


def test_refusal():
    """Why it refused is read; where nothing is said of it, it is a refusal all the same."""
    assert replay("refusal")[0].refusal == "The request could enable harm."
    assert AnthropicMessages().read_reply({"stop_reason": "refusal"}).refusal == "refusal"
    assert replay("text")[0].refusal is None


def test_errors():
    """Errors are read whole and in the middle of a stream, where the early counts are partial."""
    limited = AnthropicMessages().read_reply(load("rate_limit")["reply"])
    broken, _ = replay("stream_error")

    assert limited.error.startswith("rate_limit_error: This request would exceed")
    assert not limited.ended
    assert (broken.error, broken.text) == ("overloaded_error: Overloaded", "Because")
    assert (broken.tokens.source, broken.tokens.input, broken.ended) == ("partial", 21, False)


def test_error_first():
    """A stream that is only an error has the body of an error."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    assert feed(error).body == error
    assert feed({"type": "error"}).error == "unknown error"


def test_beginning_missed():
    """Events without their beginning are read as far as they tell."""
    reply = feed(
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "a"}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    )  # fmt: skip

    assert (reply.text, reply.reasoning, len(reply.tool_calls)) == ("b", "a", 1)
    assert (reply.tokens.input, reply.tokens.output, reply.ended) == (0, 9, True)


def test_unknown():
    """Events, deltas and members that are not known yet are kept where they fit."""
    reply = feed(
        {"type": "message_start", "message": {"id": "m", "new": 1, "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "compaction", "content": None}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "b"}},
        {"type": "surprise", "index": 0},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}, "context_management": {"applied_edits": []}},
    )  # fmt: skip

    assert reply.body == {
        "id": "m",
        "new": 1,
        "usage": {"input_tokens": 3, "output_tokens": 1},
        "content": [{"type": "compaction", "content": "ab"}],
        "context_management": {"applied_edits": []},
    }


def test_many_events():
    """After ten thousand events the counts are still read, and the text is whole."""
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "ab"},
    }
    end = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 12_000}}

    reply = feed(*[delta] * 12_000, end)
    assert (len(reply.text), reply.tokens.output) == (24_000, 12_000)


@pytest.mark.parametrize("value", [-1, 1.5, "3", True, 10**30, [1], None])
def test_no_count(value):
    """What is no count is passed over, and the others still count."""
    usage = {"input_tokens": 5, "cache_read_input_tokens": value, "output_tokens": value}
    tokens = AnthropicMessages().read_reply({"content": [], "usage": usage}).tokens

    assert (tokens.input, tokens.output, tokens.cache_read) == (5, 0, None)


def test_request():
    """Of a request, the text of the last user message is read, and the results in all of them."""
    facts = AnthropicMessages().read_request(load("tools")["request"])

    assert (facts.model, facts.is_streaming, facts.text) == (
        "claude-sonnet-4-5",
        True,
        "Now Zürich",
    )
    assert (facts.message_count, facts.has_system_prompt, facts.tool_count) == (3, False, 2)
    assert facts.tool_results == (
        ToolResult(call_id="toolu_old1", output="12:00"),
        ToolResult(
            call_id="toolu_old2", output=[{"type": "text", "text": "no such city"}], success=False
        ),
    )
    assert AnthropicMessages().read_request(load("text")["request"]).has_system_prompt
