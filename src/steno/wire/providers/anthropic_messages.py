"""The protocol ``anthropic.messages``.

Format: Anthropic API reference, "Messages" and "Streaming Messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.wire.facts import Reply, RequestFacts, StreamReader, ToolCall, ToolResult
from steno.wire.providers import reading
from steno.wire.providers.deltas import Fragments

if TYPE_CHECKING:
    from steno.events.parts import Tokens

_SPOKEN = frozenset({"text_delta", "thinking_delta", "input_json_delta", "citations_delta"})
_SPOKEN_AT_ONCE = frozenset({"tool_use", "server_tool_use", "redacted_thinking"})
_NOT_MESSAGE = frozenset({"type", "delta", "usage"})


class AnthropicMessages:
    """Reads messages of the Messages API."""

    name = "anthropic.messages"

    def read_request(self, body: Any) -> RequestFacts:
        """Read a request; tool results are blocks in its messages."""
        body = reading.mapping(body)
        said = ""
        has_system = bool(body.get("system"))
        results: list[ToolResult] = []
        for message in reading.mappings(body.get("messages")):
            content = message.get("content")
            if message.get("role") == "user":
                said = reading.part_texts(content, ("text",))
                results.extend(_tool_results(content))
            elif message.get("role") == "system":
                has_system = True
        return RequestFacts(
            model=reading.text(body.get("model")),
            is_streaming=body.get("stream") is True,
            text=said,
            message_count=reading.length(body.get("messages")),
            has_system_prompt=has_system,
            tool_count=reading.length(body.get("tools")),
            tool_results=tuple(results),
        )

    def read_reply(self, body: Any) -> Reply:
        """Read a message, or an error."""
        has_content = isinstance(body, dict) and isinstance(body.get("content"), list)
        return _read_message(body, is_final=True, ended=has_content)

    def read_stream(self) -> StreamReader:
        """Begin to read events."""
        return _EventReader()


class _Block:
    """One content block of a stream.

    The input of a tool arrives as fragments of JSON text. Where they are no JSON, since the stream
    broke off, ``input`` stays as the block began (``{}``) and the text is under ``partial_json``.
    """

    __slots__ = ("_citations", "_growing", "_input", "_start")

    def __init__(self, start: dict[str, Any]) -> None:
        """Begin with what ``content_block_start`` says."""
        self._start = dict(start)
        self._growing: dict[str, Fragments] = {}
        self._citations: list[Any] = []
        self._input: Fragments | None = None

    def add(self, delta: dict[str, Any]) -> None:
        """Take the next delta."""
        match delta.get("type"):
            case "text_delta":
                self._grow("text", delta.get("text"))
            case "thinking_delta":
                self._grow("thinking", delta.get("thinking"))
            case "input_json_delta":
                self._input = self._input or Fragments()
                self._input.add(reading.text(delta.get("partial_json")))
            case "signature_delta":
                self._start["signature"] = delta.get("signature")
            case "citations_delta":
                self._citations.append(delta.get("citation"))
            case _:  # such as compaction_delta, which names the members that it fills
                for key, value in delta.items():
                    if key != "type":
                        self._grow(key, value)

    def _grow(self, key: str, piece: Any) -> None:
        """Add a piece to a member."""
        if not isinstance(piece, str):
            if piece is not None:
                self._growing.pop(key, None)
                self._start[key] = piece
        elif key in self._growing:
            self._growing[key].add(piece)
        else:
            self._growing[key] = Fragments(reading.text(self._start.get(key)))
            self._growing[key].add(piece)

    def whole(self) -> dict[str, Any]:
        """Return the block as far as it came."""
        found = dict(self._start)
        for key, fragments in self._growing.items():
            found[key] = fragments.whole()
        if self._citations:
            there = found.get("citations")
            found["citations"] = [*(there if isinstance(there, list) else ()), *self._citations]
        if self._input is not None and (given := self._input.whole()):
            decoded = reading.decode_json(given)
            if isinstance(decoded, dict):
                found["input"] = decoded
            else:
                found["partial_json"] = given
        return found


class _EventReader:
    """Rebuilds a message from its events."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._error: Any = None
        self._is_usage_final = False
        self._is_stopped = False

    def feed(self, event: str, data: str) -> bool:
        """Take the next event; see `StreamReader`."""
        found = reading.decode_json(data)
        if not isinstance(found, dict):
            if event == "error":
                self._error = self._error or {"message": data}
            return False
        match found.get("type") or event:
            case "content_block_delta":
                delta = reading.mapping(found.get("delta"))
                block = self._blocks.get(place := reading.index(found.get("index")))
                if block is None:
                    block = self._blocks[place] = _Block(_begin(delta))
                block.add(delta)
                return reading.text(delta.get("type")) in _SPOKEN
            case "content_block_start":
                start = reading.mapping(found.get("content_block"))
                self._blocks[reading.index(found.get("index"))] = _Block(start)
                return reading.text(start.get("type")) in _SPOKEN_AT_ONCE or bool(start.get("text"))
            case "message_start":
                self._message = dict(reading.mapping(found.get("message")))
                self._usage = dict(reading.mapping(self._message.get("usage")))
            case "message_delta":
                self._take_delta(found)
            case "message_stop":
                self._is_stopped = True
            case "error":
                self._error = found.get("error") or {"message": "unknown error"}
        return False

    def reply(self) -> Reply:
        """Return the message as far as it came; see `StreamReader`."""
        body: dict[str, Any] | None = None
        if self._message or self._blocks:
            body = {
                **self._message,
                "content": [self._blocks[i].whole() for i in sorted(self._blocks)],
            }
            if self._error is not None:
                body["error"] = self._error
        elif self._error is not None:
            body = {"type": "error", "error": self._error}
        if self._usage:
            body = {**(body or {}), "usage": dict(self._usage)}
        ended = self._is_stopped or bool(self._message.get("stop_reason"))
        return _read_message(body, is_final=self._is_usage_final, ended=ended)

    def _take_delta(self, found: dict[str, Any]) -> None:
        """Take what is known at the end: its counts are totals and replace the early ones."""
        for key, value in reading.mapping(found.get("delta")).items():
            if value is not None or key not in self._message:
                self._message[key] = value
        for key, value in found.items():
            if key not in _NOT_MESSAGE and (value is not None or key not in self._message):
                self._message[key] = value
        usage = reading.mapping(found.get("usage"))
        for key, value in usage.items():
            if value is not None or key not in self._usage:
                self._usage[key] = value
        if reading.count(usage.get("output_tokens")) is not None:
            self._is_usage_final = True


def _begin(delta: dict[str, Any]) -> dict[str, Any]:
    """Make the start of a block whose own was missed."""
    kind = reading.text(delta.get("type")).removesuffix("_delta")
    if kind == "input_json":
        return {"type": "tool_use", "input": {}}
    if kind == "signature":
        kind = "thinking"
    elif kind == "citations":
        kind = "text"
    return {"type": kind, kind: ""} if kind in {"text", "thinking"} else {"type": kind}


def _read_message(body: Any, *, is_final: bool, ended: bool) -> Reply:
    """Read a message, whole or rebuilt."""
    message = reading.mapping(body)
    blocks = list(reading.mappings(message.get("content")))
    said = []
    thought = []
    calls = []
    for block in blocks:
        match block.get("type"):
            case "text":
                said.append(reading.text(block.get("text")))
            case "thinking":
                thought.append(reading.text(block.get("thinking")))
            case "tool_use":
                calls.append(
                    ToolCall(
                        name=reading.text(block.get("name")),
                        call_id=reading.text(block.get("id")),
                        arguments=reading.text(block.get("partial_json"))
                        or reading.as_json_text(block.get("input")),
                    )
                )
    usage = reading.mapping(message.get("usage"))
    return Reply(
        body=body,
        model=reading.text(message.get("model")),
        response_id=reading.optional_text(message.get("id")),
        text="".join(said),  # citations cut one sentence into several blocks
        reasoning="\n\n".join(part for part in thought if part),
        refusal=_refusal(message),
        tool_calls=tuple(calls),
        finish_reason=reading.optional_text(message.get("stop_reason")),
        tokens=_read_usage(usage, is_final=is_final),
        cost_usd=reading.money(usage.get("cost")),
        content_blocks=len(blocks),
        error=reading.error_text(message.get("error")),
        ended=ended,
    )


def _read_usage(usage: dict[str, Any], *, is_final: bool) -> Tokens | None:
    """Read ``usage``: its three input counts do not overlap."""
    read = reading.count(usage.get("cache_read_input_tokens"))
    created = reading.count(usage.get("cache_creation_input_tokens"))
    inputs = [reading.count(usage.get("input_tokens")), read, created]
    known = [value for value in inputs if value is not None]
    details = reading.mapping(usage.get("output_tokens_details"))
    return reading.counted(
        sent=sum(known) if known else None,
        received=reading.count(usage.get("output_tokens")),
        is_final=is_final,
        thinking=reading.count(details.get("thinking_tokens")),
        cache_read=read,
        cache_creation=created,
    )


def _refusal(message: dict[str, Any]) -> str | None:
    """Say why the model refused; "refusal" when the provider says no more."""
    if message.get("stop_reason") != "refusal":
        return None
    details = reading.mapping(message.get("stop_details"))
    return (
        reading.optional_text(details.get("explanation"))
        or reading.optional_text(details.get("category"))
        or "refusal"
    )


def _tool_results(content: Any) -> list[ToolResult]:
    """Read the results of tools in a message's content."""
    results = []
    for block in reading.mappings(content):
        if block.get("type") == "tool_result":
            is_error = block.get("is_error")
            results.append(
                ToolResult(
                    call_id=reading.text(block.get("tool_use_id")),
                    output=block.get("content"),
                    success=not is_error if isinstance(is_error, bool) else None,
                )
            )
    return results
