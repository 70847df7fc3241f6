"""What the built-in model says, in the form of each protocol, whole and as a stream.

Strategy: a stream is written from the same facts as the whole answer: no reader of both can find a
difference between them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steno.testing.questions import Question

CREATED = 1764547200
# As a stream sends them: both halves are needed before there is anything to parse.
NO_ARGUMENTS = ("{", "}")


@dataclass(frozen=True)
class Said:
    """What the model says, and how it is counted.

    Attributes:
        key: Distinguishes the ids of this answer from those of others.
        model: The model that says it.
        text: Its text; empty when tools are called.
        calls: The names of the tools it calls.
        asked: The tokens of the request.
    """

    key: str
    model: str
    text: str
    calls: list[str]
    asked: int

    @property
    def words(self) -> list[str]:
        """The text in the pieces that a stream sends."""
        return re.split(r"(?<=\s)(?=\S)", self.text)

    @property
    def spoken(self) -> int:
        """The tokens of the answer; of a call, its name and each part of its arguments."""
        return len(self.text.split()) + len(self.calls) * (1 + len(NO_ARGUMENTS))

    def name(self, prefix: str, index: int = 0) -> str:
        """Make an id."""
        return f"{prefix}{self.key[:20]}{index:02d}"


def write_json(value: object) -> bytes:
    """Write JSON as compactly as the providers do; lone surrogates are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _event(value: dict[str, Any], *, named: bool = True) -> bytes:
    """Write one server-sent event."""
    name = b"event: " + str(value["type"]).encode() + b"\n" if named else b""
    return name + b"data: " + write_json(value) + b"\n\n"


def _chat_usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.asked,
        "completion_tokens": said.spoken,
        "total_tokens": said.asked + said.spoken,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat_call(said: Said, index: int, arguments: str) -> dict[str, Any]:
    function = {"name": said.calls[index], "arguments": arguments}
    return {"id": said.name("call_", index), "type": "function", "function": function}


def chat(said: Said) -> dict[str, Any]:
    """Write a chat completion in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.calls:
        whole = "".join(NO_ARGUMENTS)
        message["tool_calls"] = [_chat_call(said, i, whole) for i in range(len(said.calls))]
    message |= {"refusal": None, "annotations": []}
    finish = "tool_calls" if said.calls else "stop"
    return {
        "id": said.name("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": said.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _chat_usage(said),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def chat_events(said: Said, question: Question) -> list[bytes]:
    """Write a chat completion as chunks."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": word} for word in said.words if word]
    for index in range(len(said.calls)):
        deltas.append({"tool_calls": [{"index": index, **_chat_call(said, index, "")}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            for part in NO_ARGUMENTS
        ]
    chunk = {
        "id": said.name("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": said.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }
    usage = {"usage": None} if question.wants_usage else {}

    def choices(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**chunk, "choices": [choice], **usage}

    chunks = [choices(delta) for delta in deltas]
    chunks.append(choices({}, "tool_calls" if said.calls else "stop"))
    if question.wants_usage:
        chunks.append({**chunk, "choices": [], "usage": _chat_usage(said)})
    return [*(_event(each, named=False) for each in chunks), b"data: [DONE]\n\n"]


def message(said: Said) -> dict[str, Any]:
    """Write an Anthropic message in one piece."""
    content: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    content += [_tool_use(said, index) for index in range(len(said.calls))]
    return {
        "id": said.name("msg_"),
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        "usage": _message_usage(said, said.spoken),
    }


def _message_usage(said: Said, spoken: int) -> dict[str, Any]:
    return {
        "input_tokens": said.asked,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": spoken,
        "service_tier": "standard",
    }


def _tool_use(said: Said, index: int) -> dict[str, Any]:
    name = said.name("toolu_", index)
    return {"type": "tool_use", "id": name, "name": said.calls[index], "input": {}}


def message_events(said: Said, question: Question) -> list[bytes]:
    """Write an Anthropic message as events."""
    del question  # of the same form for every question
    start = {**message(said), "content": [], "stop_reason": None}
    start["usage"] = _message_usage(said, 1)
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if said.text:
        words = [{"type": "text_delta", "text": word} for word in said.words]
        blocks.append(({"type": "text", "text": ""}, words))
    for index in range(len(said.calls)):
        parts = [{"type": "input_json_delta", "partial_json": part} for part in ("", *NO_ARGUMENTS)]
        blocks.append((_tool_use(said, index), parts))
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        if not index:
            events.append({"type": "ping"})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if said.calls else "end_turn", "stop_sequence": None}
    usage = {"output_tokens": said.spoken}
    events.append({"type": "message_delta", "delta": stop, "usage": usage})
    events.append({"type": "message_stop"})
    return [_event(event) for event in events]


def _output(said: Said) -> list[dict[str, Any]]:
    """List the items that a response puts out."""
    if said.calls:
        return [
            {
                "id": said.name("fc_", index),
                "type": "function_call",
                "status": "completed",
                "arguments": "".join(NO_ARGUMENTS),
                "call_id": said.name("call_", index),
                "name": name,
            }
            for index, name in enumerate(said.calls)
        ]
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    message = {"id": said.name("msg_"), "type": "message", "status": "completed"}
    return [{**message, "content": [part], "role": "assistant"}]


def response(said: Said) -> dict[str, Any]:
    """Write a response in one piece."""
    return {
        "id": said.name("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "output": _output(said),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": said.asked,
            "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
            "output_tokens": said.spoken,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.asked + said.spoken,
        },
    }


def response_events(said: Said, question: Question) -> list[bytes]:
    """Write a response as events."""
    del question  # as for Anthropic's messages
    whole = response(said)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(whole["output"]):
        empty: dict[str, Any] = {"arguments": ""} if said.calls else {"content": []}
        started = {**item, "status": "in_progress", **empty}
        place = {"item_id": item["id"], "output_index": index}
        events.append(
            {"type": "response.output_item.added", "output_index": index, "item": started}
        )
        events += _call_events(item, place) if said.calls else _text_events(said, item, place)
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return [
        _event({"type": event["type"], "sequence_number": number, **event})
        for number, event in enumerate(events)
    ]


def _call_events(item: dict[str, Any], place: dict[str, Any]) -> list[dict[str, Any]]:
    kind = "response.function_call_arguments"
    deltas = [{"type": f"{kind}.delta", **place, "delta": part} for part in NO_ARGUMENTS]
    return [*deltas, {"type": f"{kind}.done", **place, "arguments": item["arguments"]}]


def _text_events(said: Said, item: dict[str, Any], place: dict[str, Any]) -> list[dict[str, Any]]:
    place = {**place, "content_index": 0}
    part = item["content"][0]
    deltas = [
        {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
        for word in said.words
    ]
    return [
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *deltas,
        {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
    ]
