"""Chat completions, whole and streamed."""

import json
from pathlib import Path

import pytest

from steno.wire.facts import ToolCall, ToolResult
from steno.wire.providers.openai_chat import OpenAIChat, read_usage
from steno.wire.sse import EventSplitter

DATA = Path(__file__).parents[3] / "data" / "providers" / "openai.chat"
CASES = sorted(path.stem for path in DATA.glob("*.json"))


def load(case):
    """Load a recorded exchange."""
    return json.loads((DATA / f"{case}.json").read_text(encoding="utf-8"))


def replay(case, until=None):
    """Feed a recorded stream, or its first chunks; return the reply and what each event was."""
    splitter = EventSplitter()
    reader = OpenAIChat().read_stream()
    body = "".join(load(case)["stream"][:until]).encode()
    said = [reader.feed(*event) for event in splitter.feed(body) + splitter.close()]
    return reader.reply(), said


def feed(*chunks):
    """Feed chunks, and return the reply."""
    reader = OpenAIChat().read_stream()
    for chunk in chunks:
        reader.feed("", chunk if isinstance(chunk, str) else json.dumps(chunk))
    return reader.reply()


@pytest.mark.parametrize("case", CASES)
def test_sdk(case):
    """The recorded replies and chunks are what the provider's own SDK reads."""
    chat = pytest.importorskip("openai.types.chat")
    recorded = load(case)
    if recorded["status"] == 200 and "error" not in recorded["reply"]:
        chat.ChatCompletion.model_validate(recorded["reply"])
        for event in EventSplitter().feed("".join(recorded.get("stream", "")).encode()):
            if event.data != "[DONE]":
                chat.ChatCompletionChunk.model_validate_json(event.data)


@pytest.mark.parametrize("case", [case for case in CASES if "stream" in load(case)])
def test_rebuilt(case):
    """A stream rebuilds to the reply in one piece, with the same facts."""
    recorded = load(case)
    reply, _ = replay(case)

    assert reply.body == recorded["reply"]
    assert reply == OpenAIChat().read_reply(recorded["reply"])


def test_text():
    """The pieces of the text are told from chunks that say nothing; counts are final."""
    reply, said = replay("text")

    assert (reply.text, reply.finish_reason) == ("Because air scatters blue light.", "stop")
    assert (reply.model, reply.response_id) == (
        "gpt-5-mini-2025-08-07",
        "chatcmpl-CjY0PMn1bX0vZpX3aWbJt6W0dXl2q",
    )
    assert said == [False] + [True] * 6 + [False] * 3
    assert (reply.tokens.input, reply.tokens.output, reply.tokens.source) == (
        24,
        7,
        "provider_final",
    )
    assert (reply.content_blocks, reply.ended, reply.error) == (1, True, None)


def test_tools():
    """Parallel calls are put together by their index."""
    reply, said = replay("tools")

    assert reply.tool_calls == (
        ToolCall(name="get_weather", call_id="call_a1", arguments='{"city":"Zürich"}'),
        ToolCall(name="get_time", call_id="call_b2", arguments="{}"),
    )
    assert all(said[:8])
    assert (reply.finish_reason, reply.text) == ("tool_calls", "")
    assert replay("function_call")[0].tool_calls == (ToolCall(name="look", arguments='{"at": 1}'),)


def test_reasoning():
    """Reasoning is apart from the text, and its share of the output is known."""
    reply, said = replay("reasoning")

    assert (reply.reasoning, reply.text) == ("2 and 2 is 4.", "4")
    assert (reply.tokens.reasoning, reply.tokens.cache_read) == (30, 64)
    assert (reply.tokens.output, reply.tokens.thinking_percentage) == (40, 75.0)
    assert (said, reply.tokens.source) == (
        [False, True, True, True, False, False],
        "provider_final",
    )


def test_openrouter():
    """OpenRouter's cost, reasoning details and cache counts are read."""
    reply, _ = replay("openrouter")

    assert (reply.cost_usd, reply.reasoning) == (0.00231, "The user greets.")
    assert (reply.tokens.input, reply.tokens.cache_read, reply.tokens.cache_creation) == (
        1500,
        1200,
        100,
    )
    assert reply.body["choices"][0]["native_finish_reason"] == "end_turn"


def test_refusal():
    """A refusal is no text."""
    reply, said = replay("refusal")

    assert (reply.refusal, reply.text) == ("I'm sorry, I can't help with that.", "")
    assert said == [False, True, True, False, False, False]


def test_errors():
    """Errors are read whole and in the middle of a stream, where the text so far is kept."""
    limited = OpenAIChat().read_reply(load("rate_limit")["reply"])
    broken, _ = replay("stream_error")

    assert limited.error.startswith("requests: Rate limit reached")
    assert not limited.ended
    assert (broken.error, broken.text) == ("502: Provider disconnected", "Once upon")


def test_named_error():
    """An event named error is one, whether JSON is in it or not."""
    for data in ("it broke", '{"message": "it broke"}', '{"error": {"message": "it broke"}}'):
        reader = OpenAIChat().read_stream()
        assert reader.feed("error", data) is False
        assert reader.reply().error == "it broke"
        assert reader.reply().body == {"error": {"message": "it broke"}}
        assert not reader.reply().ended


def test_broken_off():
    """A stream that breaks off has its text, and no end, no reason and no counts."""
    reply, _ = replay("text", until=4)

    assert (reply.text, reply.finish_reason, reply.tokens) == ("Because air scatters", None, None)
    assert not reply.ended
    assert reply.body["object"] == "chat.completion"


def test_ended_without_done():
    """The finish reasons of all choices end a reply, also without the last line."""
    assert not replay("two_choices", until=6)[0].ended
    assert not replay("two_choices", until=7)[0].ended
    assert replay("two_choices", until=8)[0].ended


def test_early_usage():
    """Counts before the end are partial; those with or after the finish reason are final."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}}]}
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}

    assert feed({**chunk, "usage": usage}).tokens.source == "partial"
    assert feed({**chunk, "usage": usage}, end).tokens.source == "partial"
    assert feed(chunk, {**end, "usage": usage}).tokens.source == "provider_final"
    assert feed(chunk, end, {"choices": [], "usage": usage}).tokens.source == "provider_final"


def test_many_chunks():
    """After ten thousand chunks the counts are still read, and the text is whole."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "ab"}}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 12_000}}

    reply = feed(*[chunk] * 12_000, end, usage, "[DONE]")
    assert (len(reply.text), reply.tokens.output) == (24_000, 12_000)


def test_request():
    """Of a request, the last user message is the text, and tool messages are results."""
    facts = OpenAIChat().read_request(load("tools")["request"])

    assert (facts.model, facts.is_streaming, facts.text) == (
        "gpt-5-mini",
        True,
        "Weather and time in Zürich?",
    )
    assert (facts.message_count, facts.has_system_prompt, facts.tool_count) == (4, True, 2)
    assert facts.tool_results == (ToolResult(call_id="call_old", output="12:00"),)
    assert not OpenAIChat().read_request({"messages": [{"role": "user"}]}).has_system_prompt


@pytest.mark.parametrize(
    ("usage", "input_", "output", "other"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, 1, 2, {}),
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            32,
            103,
            {"reasoning": 94},
        ),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 8}, 9, 0, {"cache_read": 8}),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 7,
                "prompt_tokens_details": {"audio_tokens": 5, "cached_tokens": -1},
                "completion_tokens_details": {"audio_tokens": 3, "reasoning_tokens": 1.5},
            },
            9,
            7,
            {"audio_input": 5, "audio_output": 3, "cache_read": None, "reasoning": None},
        ),
        ({"prompt_tokens": "9", "completion_tokens": True, "total_tokens": 3}, None, None, {}),
    ],
)
def test_usage(usage, input_, output, other):
    """Counts are normalised, those of other providers too; what is no count is passed over."""
    tokens = read_usage(usage, is_final=True)

    if input_ is None:
        assert tokens is None
    else:
        assert (tokens.input, tokens.output) == (input_, output)
        assert {key: getattr(tokens, key) for key in other} == other


def test_other_providers():
    """Mistral's parts, Groq's place for usage and vLLM's errors are read."""
    mistral = feed(
        {"choices": [{"index": 0, "delta": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "Yes"}}]},
    )  # fmt: skip
    groq = feed({"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}})
    vllm = OpenAIChat().read_reply({"object": "error", "message": "no", "type": "BadRequestError"})

    assert (mistral.text, mistral.reasoning) == ("Yes", "Hm")
    assert groq.tokens.output == 4
    assert vllm.error == "BadRequestError: no"
