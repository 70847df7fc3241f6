"""Claude Code as the tests drive it: what its provider answers, and what its requests hold."""

import json
import re

from steno.testing.provider import Script

MODEL = "claude-sonnet-4-5"
SESSION, AGENT, PARENT = (
    f"x-claude-code-{name}" for name in ("session-id", "agent-id", "parent-agent-id")
)
# What the client adds for the model alone.
_REMINDER = re.compile(r"\s*<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
_DELTAS = {"text": "text_delta", "thinking": "thinking_delta"}


def say(number, *blocks, thought=0):
    """Script one answer: thoughts, texts, tools to call; its counts follow from its number.

    Args:
        number: The number.
        blocks: What is put out.
        thought: How many of the tokens were thinking.
    """
    usage = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 7}
    message = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": MODEL,
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {**usage, "input_tokens": 10 * number, "output_tokens": 1},
    }  # fmt: skip
    events = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        kind = block["type"]
        if kind in _DELTAS:
            start, deltas = {**block, kind: ""}, [{"type": _DELTAS[kind], kind: block[kind]}]
        else:
            whole = json.dumps(block["input"])
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": whole}]
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": "c3Rlbm8="})
        events += [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]
    stop = {"stop_reason": blocks[-1]["type"].replace("text", "end_turn"), "stop_sequence": None}
    final = {"output_tokens": 5 * number}
    if thought:
        final["output_tokens_details"] = {"thinking_tokens": thought}
    events += [
        {"type": "message_delta", "delta": stop, "usage": final},
        {"type": "message_stop"},
    ]
    stream = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return Script(path="/v1/messages", stream=stream, times=1)


def text(words):
    return {"type": "text", "text": words}


def thinking(words):
    return {"type": "thinking", "thinking": words, "signature": ""}


def call(call_id, name, **arguments):
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def start(run, program, served, *options, key, prompt="say pong", status=0, by_variable=False):
    """Have Claude Code ask a provider something; returns its reply."""
    upstream = () if by_variable else ("--upstream", f"anthropic={served.url}")
    variables = {"ANTHROPIC_BASE_URL": served.url} if by_variable else {}
    run.start(
        [program, "-p", prompt, "--model", MODEL, "--output-format", "json", *options],
        *upstream, status=status,
        ANTHROPIC_API_KEY=key, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_TELEMETRY="1", DISABLE_AUTOUPDATER="1", **variables,
    )  # fmt: skip
    return json.loads(run.out)


class Wire:
    """What the requests and replies hold; see `tests.clients.comparing`."""

    @staticmethod
    def words(body):
        """Return what the user has said since the last reply."""
        parts = [part for message in _since(body) for part in _parts(message["content"])]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        return [words for text in texts if (words := _REMINDER.sub("", text).strip())]

    @staticmethod
    def results(body):
        """Return what tools have returned since the last reply, by call: text and success."""
        parts = [part for message in _since(body) for part in _parts(message["content"])]
        return {
            part["tool_use_id"]: (Wire.output(part.get("content")), not part.get("is_error"))
            for part in parts
            if part["type"] == "tool_result"
        }

    @staticmethod
    def output(value):
        """Return the text of what a tool has returned."""
        texts = [_REMINDER.sub("", part["text"]) for part in _parts(value)]
        return "\n".join(texts).strip()

    @staticmethod
    def thoughts(reply):
        """Return what the model thought."""
        return "\n\n".join(
            part["thinking"] for part in reply["content"] if part["type"] == "thinking"
        )


def _parts(content):
    return [text(content)] if isinstance(content, str) else content or []


def _since(body):
    """Return the messages behind the last one of the model's."""
    messages = body["messages"]
    said = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    return [
        message for message in messages[max(said, default=-1) + 1 :] if message["role"] == "user"
    ]
