"""Bodies of model providers as messages of OpenClaw's JSON lines. Pure.

OpenAI's chat completions and responses, and Anthropic's messages, become messages of three roles:
``user``, ``assistant`` and ``toolResult``. What the format has no place for (system prompts,
tools, settings, blocks of a provider's own tools) is left out; what a person would miss stands as
a text in brackets.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.events.parts import CostEstimate, Tokens

Message = dict[str, Any]
Block = dict[str, Any]

_TEXTS = frozenset({"text", "input_text", "output_text", "refusal", "summary_text"})
_REASONS = {
    "length": "length", "max_tokens": "length", "max_output_tokens": "length",
    "incomplete": "length", "tool_use": "toolUse", "tool_calls": "toolUse",
    "function_call": "toolUse", "toolUse": "toolUse", "aborted": "aborted", "error": "error",
}  # fmt: skip
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
_CALLS = frozenset({"function_call", "custom_tool_call"})
_UNSEEN = frozenset({"redacted_thinking", "reasoning", "tool_result", "tool_use", "thinking"})


def api_of(reply: Any) -> str:
    """Name the protocol of a reply, as the format calls it; ``unknown`` where it has no name."""
    if isinstance(reply, dict):
        if isinstance(reply.get("choices"), list):
            return "openai-completions"
        if isinstance(reply.get("output"), list):
            return "openai-responses"
        if isinstance(reply.get("content"), list):
            return "anthropic-messages"
    return "unknown"


def text_block(text: str) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": text}


def call_block(name: str, call_id: str, arguments: Any) -> Block:
    """Return a block that calls a tool.

    Args:
        name: The tool.
        call_id: Id of the call.
        arguments: JSON text, or the value. The format has room for an object only: anything
            else stands in one, as ``input``.
    """
    value = reading.decode_json(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(value, dict):
        value = {} if arguments in (None, "") else {"input": arguments}
    return {"type": "toolCall", "id": call_id, "name": name, "arguments": value}


def read_request(body: Any) -> list[Message]:
    """Return what a request says, in its order; an empty list where it has no messages."""
    body = reading.mapping(body)
    if isinstance(body.get("input"), str):
        return [{"role": "user", "content": [text_block(body["input"])]}]
    items = body.get("messages", body.get("input"))
    return _join(message for item in reading.mappings(items) for message in _read_item(item))


def read_reply(reply: Any) -> list[Block]:
    """Return the blocks of a reply, in its order; an empty list where it has another shape."""
    reply = reading.mapping(reply)
    if isinstance(reply.get("choices"), list):
        choice = next(reading.mappings(reply["choices"]), {})
        return _said(reading.mapping(choice.get("message")))
    if isinstance(reply.get("output"), list):
        return [block for item in reading.mappings(reply["output"]) for block in _output(item)]
    if isinstance(reply.get("content"), list):
        return _said({"content": reply["content"]})
    if reply.keys() == {"reasoning"}:  # what an import keeps of a reply's thinking
        return [_thought(reading.text(reply["reasoning"]))]
    return []


def result_blocks(output: Any) -> list[Block]:
    """Return what a tool returned as blocks: its texts and images, anything else as JSON."""
    if isinstance(output, str):
        return [text_block(output)]
    blocks = list(_shown(output)) if isinstance(output, list) else []
    if blocks or output in (None, []):
        return blocks
    return [text_block(reading.encode_json(output))]


def assistant(
    content: list[Block],
    *,
    provider: str = "",
    model: str = "",
    api: str = "unknown",
    counts: dict[str, Any] | None = None,
    reason: str = "",
) -> Message:
    """Return a message of the model; without counts it is one that nobody counted."""
    calls = any(block["type"] == "toolCall" for block in content)
    return {
        "role": "assistant",
        "content": content,
        "api": api,
        "provider": provider or "unknown",
        "model": model or "unknown",
        "usage": counts or usage(None, None),
        "stopReason": _REASONS.get(reason, "toolUse" if calls else "stop"),
    }


def usage(tokens: Tokens | None, cost: CostEstimate | None) -> dict[str, Any]:
    """Write counts as the format has them: cached tokens stand beside the input."""
    read = max((tokens.cache_read if tokens else None) or 0, 0)
    written = max((tokens.cache_creation if tokens else None) or 0, 0)
    sent = max((tokens.input if tokens else 0) - read - written, 0)
    output = max(tokens.output if tokens else 0, 0)
    counts: dict[str, Any] = {
        "input": sent,
        "output": output,
        "cacheRead": read,
        "cacheWrite": written,
        "totalTokens": sent + output + read + written,
    }
    thought = (tokens.reasoning or tokens.thinking if tokens else None) or 0
    if thought:
        counts["reasoningTokens"] = thought
    counts["cost"] = {
        "input": cost.input_cost_usd if cost else 0,
        "output": cost.output_cost_usd if cost else 0,
        "cacheRead": 0,
        "cacheWrite": 0,
        "total": cost.total_cost_usd if cost else 0,
    }
    return counts


def digest_of(value: Any) -> bytes:
    """Digest what is said, not how: a reply, and its echo in a later request, are the same."""
    if isinstance(value, dict):
        said = [
            [block["type"], block.get("text") or block.get("id") or block.get("data")]
            for block in value["content"]
            if block["type"] != "thinking"
        ]
        value = [value["role"], value.get("toolCallId"), said]
    elif isinstance(value, list):
        value = [digest_of(each).hex() for each in value]
    return hashlib.sha256(msgspec.json.encode(value)).digest()


def _read_item(item: dict[str, Any]) -> Iterator[Message]:
    """Read one message, or one item of input."""
    role, kind = reading.text(item.get("role")), reading.text(item.get("type"))
    content = item.get("content")
    if kind in _RESULTS:
        yield _result(item.get("call_id"), item.get("output"))
    elif kind in _CALLS:
        yield {"role": "assistant", "content": _output(item)}
    elif role in {"tool", "function"}:
        yield _result(item.get("tool_call_id") or item.get("name"), content)
    elif role == "assistant":
        yield {"role": "assistant", "content": _said(item)}
    elif role == "user":
        for block in reading.mappings(content):
            if block.get("type") == "tool_result":
                failed = block.get("is_error") is True
                yield _result(block.get("tool_use_id"), block.get("content"), failed=failed)
        blocks = [text_block(content)] if isinstance(content, str) else list(_shown(content))
        if blocks:
            yield {"role": "user", "content": blocks}


def _result(call_id: Any, output: Any, *, failed: bool = False) -> Message:
    return {
        "role": "toolResult",
        "toolCallId": reading.text(call_id),
        "content": result_blocks(output),
        "isError": failed,
    }


def _join(messages: Iterator[Message]) -> list[Message]:
    """Put together what a model said in several items, one behind the other."""
    joined: list[Message] = []
    for message in messages:
        if joined and message["role"] == joined[-1]["role"] == "assistant":
            joined[-1]["content"] += message["content"]
        elif message["role"] != "assistant" or message["content"]:
            joined.append(message)
    return joined


def _said(message: dict[str, Any]) -> list[Block]:
    """Read a message of the model, of chat completions or of Anthropic's."""
    thought = reading.text(message.get("reasoning_content")) or reading.text(
        message.get("reasoning")
    )
    blocks = [_thought(thought)] if thought else []
    content = message.get("content")
    if isinstance(content, str):
        blocks += [text_block(content)] if content else []
    for part in reading.mappings(content):
        kind = reading.text(part.get("type"))
        if kind in _TEXTS:
            text = reading.text(part.get("text")) or reading.text(part.get("refusal"))
            blocks += [text_block(text)] if text else []
        elif kind == "thinking":
            signature = reading.text(part.get("signature"))
            blocks.append(_thought(reading.text(part.get("thinking")), signature))
        elif kind == "tool_use":
            given = part.get("partial_json") or part.get("input")
            blocks.append(_call(part.get("name"), part.get("id"), given))
    refusal = reading.text(message.get("refusal"))
    blocks += [text_block(refusal)] if refusal else []
    for call in reading.mappings(message.get("tool_calls")):
        inner = reading.mapping(call.get("function")) or reading.mapping(call.get("custom"))
        given = inner.get("arguments", inner.get("input"))
        blocks.append(_call(inner.get("name"), call.get("id"), given))
    old = reading.mapping(message.get("function_call"))
    if old:
        # The oldest calls have no id; their results name the tool.
        blocks.append(_call(old.get("name"), old.get("name"), old.get("arguments")))
    return blocks


def _output(item: dict[str, Any]) -> list[Block]:
    """Read one item that a model put out, of the Responses API."""
    kind = reading.text(item.get("type"))
    if kind in _CALLS:
        given = item.get("arguments", item.get("input"))
        return [_call(item.get("name"), item.get("call_id"), given)]
    if kind == "message":
        return _said({"content": item.get("content")})
    if kind == "reasoning":
        parts = item.get("summary") or item.get("content")
        text = "\n".join(reading.text(part.get("text")) for part in reading.mappings(parts))
        return [_thought(text)] if text else []
    return []


def _call(name: Any, call_id: Any, arguments: Any) -> Block:
    return call_block(reading.text(name), reading.text(call_id), arguments)


def _thought(text: str, signature: str = "") -> Block:
    block = {"type": "thinking", "thinking": text}
    return {**block, "thinkingSignature": signature} if signature else block


def _shown(content: Any) -> Iterator[Block]:
    """Read the texts and images of a content."""
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield text_block(part)
            continue
        kind = reading.text(reading.mapping(part).get("type"))
        if kind in _TEXTS:
            yield text_block(reading.text(part.get("text")))
        elif kind in {"image", "image_url", "input_image"}:
            yield _image(part)
        elif kind and kind not in _UNSEEN:
            yield text_block(f"[{kind}]")


def _image(part: dict[str, Any]) -> Block:
    source = reading.mapping(part.get("source"))
    data, kind = reading.text(source.get("data")), reading.text(source.get("media_type"))
    given = part.get("image_url")
    url = reading.text(given.get("url") if isinstance(given, dict) else given)
    if url.startswith("data:"):
        kind, _, data = url[len("data:") :].partition(";base64,")
    if data and kind:
        return {"type": "image", "data": data, "mimeType": kind}
    return text_block(f"[image: {url or reading.text(source.get('url')) or 'elsewhere'}]")
