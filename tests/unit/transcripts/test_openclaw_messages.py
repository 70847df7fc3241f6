"""Bodies of providers as messages of OpenClaw's."""

import pytest

from steno.events.parts import CostEstimate, Tokens
from steno.transcripts.openclaw_messages import (
    api_of,
    assistant,
    call_block,
    digest_of,
    read_reply,
    read_request,
    result_blocks,
    text_block,
    usage,
)

IMAGE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}


def chat(message):
    """Return a reply of chat completions."""
    return {"choices": [{"message": message}, {"message": {"content": "another choice"}}]}


def call(name="look", call_id="c1", **arguments):
    """Return a call of a tool."""
    return {"type": "toolCall", "id": call_id, "name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("reply", "blocks"),
    [
        (chat({"content": "a"}), [text_block("a")]),
        (chat({"content": None, "refusal": "no"}), [text_block("no")]),
        (
            chat({"reasoning_content": "hm", "content": "a"}),
            [{"type": "thinking", "thinking": "hm"}, text_block("a")],
        ),
        (
            chat({"tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]}),
            [call()],
        ),
        (chat({"function_call": {"name": "look", "arguments": '{"a":1}'}}), [call("look", "look", a=1)]),
        (
            {"content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "look", "input": {}, "partial_json": '{"a'},
            ]},
            [
                {"type": "thinking", "thinking": "hm", "thinkingSignature": "s"}, text_block("a"),
                call(a=1), call("look", "c2", input='{"a'),
            ],
        ),
        (
            {"output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "SELECT 1"},
                {"type": "web_search_call"},
            ]},
            [
                {"type": "thinking", "thinking": "hm"}, text_block("a"), call(),
                call("sql", "c2", input="SELECT 1"),
            ],
        ),
        ({"reasoning": "hm"}, [{"type": "thinking", "thinking": "hm"}]),
        ({"data": []}, []),
        (None, []),
    ],
)  # fmt: skip
def test_replies(reply, blocks):
    """A reply becomes blocks in its own order; of several choices the first counts."""
    assert read_reply(reply) == blocks


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"input": "a"}, [{"role": "user", "content": [text_block("a")]}]),
        (
            {"messages": [
                {"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "tool", "tool_call_id": "c1", "content": "c"},
            ]},
            [
                {"role": "user", "content": [text_block("a")]},
                {"role": "assistant", "content": [text_block("b")]},
                {"role": "toolResult", "toolCallId": "c1", "content": [text_block("c")],
                 "isError": False},
            ],
        ),
        (
            {"messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "x", "is_error": True},
                {"type": "text", "text": "a"},
                {"type": "image",
                 "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document"},
            ]}]},
            [
                {"role": "toolResult", "toolCallId": "c1", "content": [text_block("x")],
                 "isError": True},
                {"role": "user", "content": [text_block("a"), IMAGE, text_block("[document]")]},
            ],
        ),
        (
            {"input": [
                {"role": "user", "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "input_image", "image_url": "https://example.org/x.png"},
                ]},
                {"type": "reasoning"},
                {"type": "message", "role": "assistant",
                 "content": [{"type": "output_text", "text": "b"}]},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "x"},
            ]},
            [
                {"role": "user", "content": [
                    text_block("a"), IMAGE, text_block("[image: https://example.org/x.png]"),
                ]},
                {"role": "assistant", "content": [text_block("b"), call()]},
                {"role": "toolResult", "toolCallId": "c1", "content": [text_block("x")],
                 "isError": False},
            ],
        ),
        ({"messages": "x"}, []),
        (None, []),
    ],
)  # fmt: skip
def test_requests(body, messages):
    """A request becomes messages in its own order; what the system says is left out."""
    assert read_request(body) == messages


@pytest.mark.parametrize(
    ("output", "blocks"),
    [
        ("a", [text_block("a")]),
        ([{"type": "text", "text": "a"}], [text_block("a")]),
        ({"a": 1}, [text_block('{"a":1}')]),
        ([1, 2], [text_block("[1,2]")]),
        (None, []),
        ([], []),
    ],
)
def test_results(output, blocks):
    """What a tool returned becomes text where it is none."""
    assert result_blocks(output) == blocks


@pytest.mark.parametrize(
    ("arguments", "value"),
    [('{"a":1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("", {}), (None, {}), ("[1]", {"input": "[1]"}),
     ("{", {"input": "{"}), ([1], {"input": [1]})],
)  # fmt: skip
def test_arguments(arguments, value):
    """The arguments of a call are an object; anything else stands in one."""
    assert call_block("n", "c", arguments)["arguments"] == value


def test_usage():
    """Cached tokens stand beside the input, and the total is the sum."""
    tokens = Tokens(input=100, output=20, cache_read=60, cache_creation=10, reasoning=5)
    cost = CostEstimate(provider="p", model="m", input_cost_usd=0.25, total_cost_usd=0.5)

    assert usage(tokens, cost) == {
        "input": 30, "output": 20, "cacheRead": 60, "cacheWrite": 10, "totalTokens": 120,
        "reasoningTokens": 5,
        "cost": {"input": 0.25, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": 0.5},
    }  # fmt: skip


def test_impossible_usage():
    """Counts that can't be are none."""
    tokens = Tokens(input=5, output=-1, cache_read=60, cache_creation=-3)
    found = usage(tokens, None)

    assert [found[name] for name in ("input", "output", "cacheWrite")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("reason", "content", "told"),
    [("stop", [], "stop"), ("end_turn", [], "stop"), ("max_tokens", [], "length"),
     ("tool_use", [], "toolUse"), ("completed", [call()], "toolUse"), ("", [], "stop")],
)  # fmt: skip
def test_reasons(reason, content, told):
    """A provider's word for the end becomes one of the format's."""
    assert assistant(content, reason=reason)["stopReason"] == told


def test_api():
    """A reply's shape tells its protocol."""
    replies = [{"choices": []}, {"output": []}, {"content": []}, {}, None]

    assert [api_of(reply) for reply in replies] == [
        "openai-completions", "openai-responses", "anthropic-messages", "unknown", "unknown",
    ]  # fmt: skip


def test_echo():
    """A reply and its echo in a later request are the same, whatever was thought."""
    reply = assistant([{"type": "thinking", "thinking": "hm"}, text_block("a"), call(a=1)])
    echo = {"role": "assistant", "content": [text_block("a"), call(a=2)]}

    assert digest_of(reply) == digest_of(echo)
    assert digest_of(reply) != digest_of({**echo, "role": "user"})
