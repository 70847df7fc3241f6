"""Responses, whole and streamed."""

import json
from pathlib import Path

import pytest

from steno.wire.facts import ToolCall, ToolResult
from steno.wire.providers.openai_responses import OpenAIResponses
from steno.wire.sse import EventSplitter

DATA = Path(__file__).parents[3] / "data" / "providers" / "openai.responses"
CASES = sorted(path.stem for path in DATA.glob("*.json"))


def load(case):
    """Load a recorded exchange."""
    return json.loads((DATA / f"{case}.json").read_text(encoding="utf-8"))


def replay(case, until=None):
    """Feed a recorded stream, or its first events; return the reply and what each event was."""
    splitter = EventSplitter()
    reader = OpenAIResponses().read_stream()
    body = "".join(load(case)["stream"][:until]).encode()
    said = [reader.feed(*event) for event in splitter.feed(body) + splitter.close()]
    return reader.reply(), said


@pytest.mark.parametrize("case", CASES)
def test_sdk(case):
    """The recorded replies and events are what the provider's own SDK reads."""
    responses = pytest.importorskip("openai.types.responses")
    pydantic = pytest.importorskip("pydantic")
    recorded = load(case)
    if recorded["status"] == 200:
        if case != "stream_error":
            responses.Response.model_validate(recorded["reply"])
        adapter = pydantic.TypeAdapter(responses.ResponseStreamEvent)
        for event in EventSplitter().feed("".join(recorded["stream"]).encode()):
            adapter.validate_json(event.data)


@pytest.mark.parametrize("case", [case for case in CASES if "stream" in load(case)])
def test_rebuilt(case):
    """A stream rebuilds to the reply in one piece, with the same facts."""
    recorded = load(case)
    reply, _ = replay(case)

    assert reply.body == recorded["reply"]
    assert reply == OpenAIResponses().read_reply(recorded["reply"])


def test_text():
    """Pieces of text are told from other events; the status is the reason of the end."""
    reply, said = replay("text")

    assert (reply.text, reply.finish_reason) == ("Because air scatters blue light.", "completed")
    assert [at for at, is_said in enumerate(said) if is_said] == [4, 5, 6]
    assert (reply.tokens.input, reply.tokens.output, reply.tokens.source) == (
        20,
        9,
        "provider_final",
    )
    assert reply.response_id.startswith("resp_")
    assert (reply.ended, reply.content_blocks) == (True, 1)


def test_tools():
    """Calls of functions and of custom tools are read, these with their text as it is."""
    reply, said = replay("tools")

    assert reply.tool_calls == (
        ToolCall(name="get_weather", call_id="call_a1", arguments='{"city":"Zürich"}'),
        ToolCall(name="get_time", call_id="call_b2", arguments="{}"),
        ToolCall(name="sql", call_id="call_c3", arguments="SELECT 1"),
    )
    assert sum(said) == 7


def test_reasoning():
    """The parts of a summary are paragraphs; cached and reasoning tokens are parts of the whole."""
    reply, said = replay("reasoning")

    assert (reply.reasoning, reply.text) == ("**Physics**\n\nIt scatters.", "Scattering.")
    tokens = reply.tokens
    assert (tokens.input, tokens.cache_read, tokens.output) == (1500, 1024, 90)
    assert (tokens.reasoning, tokens.thinking_percentage) == (64, 71.11)
    assert sum(said) == 6


def test_refusal():
    """A refusal is no text."""
    reply, said = replay("refusal")

    assert (reply.refusal, reply.text, sum(said)) == ("I can't help with that.", "", 2)
    assert replay("text")[0].refusal is None


def test_length():
    """What made a response incomplete is the reason of its end."""
    reply, _ = replay("length")

    assert (reply.finish_reason, reply.ended) == ("max_output_tokens", True)


def test_errors():
    """Errors are read whole, in the last event, and in the middle of a stream."""
    limited = OpenAIResponses().read_reply(load("rate_limit")["reply"])
    failed, _ = replay("failed")
    broken, _ = replay("stream_error")

    assert limited.error.startswith("tokens: Rate limit reached")
    assert not limited.ended
    assert failed.error == "server_error: The model failed to generate a response."
    assert (failed.ended, failed.finish_reason) == (True, "failed")
    assert broken.error == "server_error: An error occurred while processing your request."
    assert (broken.ended, broken.finish_reason, broken.text) == (False, None, "Because air")


@pytest.mark.parametrize(
    "data",
    ['{"type": "error", "error": {"code": "c", "message": "m"}}', '{"code": "c", "message": "m"}'],
)
def test_error_first(data):
    """A stream that is only an error has the body of an error."""
    reader = OpenAIResponses().read_stream()
    reader.feed("error", data)

    assert reader.reply().body == {"error": {"code": "c", "message": "m"}}
    assert reader.reply().error == "c: m"


def test_request():
    """Of a request, the last user message is the text, and outputs of calls are results."""
    facts = OpenAIResponses().read_request(load("tools")["request"])

    assert (facts.model, facts.is_streaming, facts.text) == (
        "gpt-5-mini",
        True,
        "Weather in Zürich?",
    )
    assert (facts.message_count, facts.has_system_prompt, facts.tool_count) == (5, True, 3)
    assert facts.tool_results == (
        ToolResult(call_id="call_old", output="12:00"),
        ToolResult(call_id="call_older", output="1"),
    )


def test_request_of_text():
    """Input that is a text is one message; the system speaks in instructions or in an item."""
    facts = OpenAIResponses().read_request({"input": "hello"})
    item = {"type": "message", "role": "system", "content": "x"}

    assert (facts.text, facts.message_count, facts.has_system_prompt) == ("hello", 1, False)
    assert OpenAIResponses().read_request({"instructions": "x"}).has_system_prompt
    assert OpenAIResponses().read_request({"input": [item]}).has_system_prompt


def test_tools_without_names():
    """Calls of OpenAI's own tools are named by their type; of results, patches say how they went."""
    call = {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file"}}
    reply = OpenAIResponses().read_reply({"output": [call]})
    facts = OpenAIResponses().read_request(
        {"input": [{"type": "apply_patch_call_output", "call_id": "c", "status": "failed"}]}
    )

    assert reply.tool_calls == (
        ToolCall(name="apply_patch", call_id="c", arguments='{"type":"delete_file"}'),
    )
    assert facts.tool_results == (ToolResult(call_id="c", success=False),)


def test_in_the_background():
    """A response that is still being worked on has not ended."""
    reply = OpenAIResponses().read_reply({"status": "queued", "output": []})

    assert (reply.ended, reply.finish_reason) == (False, None)
