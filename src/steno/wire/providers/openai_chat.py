"""The protocol ``openai.chat``: chat completions, of OpenAI and of all who speak like it.

Formats: OpenAI API reference, "Chat completions" and "Chat completion chunk"; OpenRouter, "Usage
accounting", "Reasoning tokens" and "Streaming errors"; DeepSeek, "Reasoning model"; vLLM,
"Reasoning outputs". With several choices, text, tool calls and the rest are those of the first; all
of them are in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.wire.facts import Reply, RequestFacts, StreamReader, ToolCall, ToolResult
from steno.wire.providers import reading
from steno.wire.providers.deltas import Growing

if TYPE_CHECKING:
    from steno.events.parts import Tokens

_SPOKEN = (
    "content",
    "tool_calls",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "function_call",
    "audio",
)
# Members of a chunk that are no part of the reply, or are put together on their own.
_NOT_HEAD = frozenset({"choices", "usage", "obfuscation", "object"})


class OpenAIChat:
    """Reads chat completions."""

    name = "openai.chat"

    def read_request(self, body: Any) -> RequestFacts:
        """Read a request; tool results are its messages with the role ``tool``."""
        body = reading.mapping(body)
        said = ""
        has_system = False
        results = []
        for message in reading.mappings(body.get("messages")):
            role = reading.text(message.get("role"))
            if role == "user":
                said = reading.part_texts(message.get("content"), ("text",))
            elif role in {"system", "developer"}:
                has_system = True
            elif role == "tool":
                results.append(
                    ToolResult(
                        call_id=reading.text(message.get("tool_call_id")),
                        output=message.get("content"),
                    )
                )
        return RequestFacts(
            model=reading.text(body.get("model")),
            is_streaming=body.get("stream") is True,
            text=said,
            message_count=reading.length(body.get("messages")),
            has_system_prompt=has_system,
            tool_count=reading.length(body.get("tools")) + reading.length(body.get("functions")),
            tool_results=tuple(results),
        )

    def read_reply(self, body: Any) -> Reply:
        """Read a completion, or an error."""
        has_choices = isinstance(body, dict) and isinstance(body.get("choices"), list)
        return _read_completion(body, is_final=True, ended=has_choices)

    def read_stream(self) -> StreamReader:
        """Begin to read chunks."""
        return _ChunkReader()


class _Choice:
    """One choice of a stream."""

    __slots__ = ("logprobs", "message", "rest")

    def __init__(self) -> None:
        """Begin without anything said."""
        self.message = Growing()
        self.logprobs = Growing()
        self.rest: dict[str, Any] = {"finish_reason": None}

    def add(self, piece: dict[str, Any]) -> bool:
        """Take the next piece; True when something is said in it."""
        is_said = False
        for key, value in piece.items():
            if key == "delta":
                if isinstance(value, dict) and value:
                    self.message.add(value)
                    is_said = any(value.get(name) for name in _SPOKEN)
            elif key == "logprobs":
                if isinstance(value, dict):
                    self.logprobs.add(value)
                self.rest.setdefault("logprobs", None)
            elif key != "index" and (value or key not in self.rest):
                self.rest[key] = value
        return is_said

    def whole(self, index: int) -> dict[str, Any]:
        """Return the choice as a completion has it."""
        found = {"index": index, "message": self.message.whole(), **self.rest}
        if logprobs := self.logprobs.whole():
            found["logprobs"] = logprobs
        return found


class _ChunkReader:
    """Rebuilds a completion from its chunks.

    Nothing is invented: a member that only the reply in one piece has, such as an empty list of
    ``annotations``, is not there.
    """

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._unfinished: set[int] = set()
        self._usage: dict[str, Any] | None = None
        self._is_usage_final = False
        self._is_done = False
        self._is_completion = False

    def feed(self, event: str, data: str) -> bool:
        """Take the next chunk; see `StreamReader`."""
        if data.startswith("[DONE]"):
            self._is_done = True
            return False
        chunk = _read_chunk(event, data)
        if chunk is None:
            return False
        head = self._head
        for key, value in chunk.items():
            if key not in _NOT_HEAD and (value or key not in head):
                head[key] = value
        choices = chunk.get("choices")
        is_said = False
        if isinstance(choices, list):
            self._is_completion = True
            for piece in choices:
                if isinstance(piece, dict):
                    is_said |= self._add(piece)
        if usage := chunk.get("usage"):
            self._take_usage(usage, is_last=not choices)
        return is_said

    def reply(self) -> Reply:
        """Return the completion as far as it came; see `StreamReader`."""
        ended = self._is_done or bool(self._choices and not self._unfinished)
        body: dict[str, Any] | None = None
        if self._is_completion:
            body = {**self._head, "object": "chat.completion"}
            body["choices"] = [self._choices[index].whole(index) for index in sorted(self._choices)]
        elif self._head:
            body = dict(self._head)
        if body is not None and self._usage is not None:
            body["usage"] = self._usage
        return _read_completion(body, is_final=ended and self._is_usage_final, ended=ended)

    def _add(self, piece: dict[str, Any]) -> bool:
        """Take one choice of a chunk."""
        index = reading.index(piece.get("index"))
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
            self._unfinished.add(index)
        if piece.get("finish_reason"):
            self._unfinished.discard(index)
        return choice.add(piece)

    def _take_usage(self, usage: Any, *, is_last: bool) -> None:
        """Keep the latest usage; vLLM and xAI can send one with each chunk."""
        if isinstance(usage, dict):
            self._usage = usage
            self._is_usage_final = is_last or not self._unfinished


def _read_chunk(event: str, data: str) -> dict[str, Any] | None:
    """Read the data of an event; what an event named ``error`` holds goes under ``error``."""
    chunk = reading.decode_json(data)
    if event == "error" and not (isinstance(chunk, dict) and "error" in chunk):
        return {"error": chunk if isinstance(chunk, dict) else {"message": data}}
    return chunk if isinstance(chunk, dict) else None


def _read_completion(body: Any, *, is_final: bool, ended: bool) -> Reply:
    """Read a completion, whole or rebuilt."""
    completion = reading.mapping(body)
    choices = list(reading.mappings(completion.get("choices")))
    first = choices[0] if choices else {}
    message = reading.mapping(first.get("message"))
    usage = completion.get("usage") or reading.mapping(completion.get("x_groq")).get("usage")
    return Reply(
        body=body,
        model=reading.text(completion.get("model")),
        response_id=reading.optional_text(completion.get("id")),
        text=reading.part_texts(message.get("content"), ("text",)),
        reasoning=_reasoning(message),
        refusal=reading.optional_text(message.get("refusal")),
        tool_calls=_tool_calls(message),
        finish_reason=reading.optional_text(first.get("finish_reason")),
        tokens=read_usage(usage, is_final=is_final),
        cost_usd=reading.money(reading.mapping(usage).get("cost")),
        content_blocks=len(choices),
        error=_error(completion, first),
        ended=ended,
    )


def read_usage(usage: Any, *, is_final: bool) -> Tokens | None:
    """Read a chat completion's ``usage``, with the names of other providers too.

    xAI does not count reasoning among the completion's tokens; its total tells.
    """
    usage = reading.mapping(usage)
    sent = reading.count(usage.get("prompt_tokens"))
    received = reading.count(usage.get("completion_tokens"))
    of_input = reading.mapping(usage.get("prompt_tokens_details"))
    of_output = reading.mapping(usage.get("completion_tokens_details"))
    reasoning = reading.count(of_output.get("reasoning_tokens"))
    if (
        reasoning
        and received is not None
        and reading.count(usage.get("total_tokens")) == (sent or 0) + received + reasoning
    ):
        received += reasoning
    cached = reading.count(of_input.get("cached_tokens"))
    if cached is None:
        cached = reading.count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    return reading.counted(
        sent=sent,
        received=received,
        is_final=is_final,
        reasoning=reasoning,
        cache_read=cached,
        cache_creation=reading.count(of_input.get("cache_write_tokens")),
        audio_input=reading.count(of_input.get("audio_tokens")),
        audio_output=reading.count(of_output.get("audio_tokens")),
    )


def _reasoning(message: dict[str, Any]) -> str:
    """Read what a message thought aloud: as a text, or in OpenRouter's details, or in parts."""
    for key in ("reasoning_content", "reasoning"):
        if found := reading.text(message.get(key)):
            return found
    details = [
        reading.text(detail.get("text")) or reading.text(detail.get("summary"))
        for detail in reading.mappings(message.get("reasoning_details"))
    ]
    if any(details):
        return "\n\n".join(detail for detail in details if detail)
    return "".join(
        reading.part_texts(part.get("thinking"), ("text",))
        for part in reading.mappings(message.get("content"))
        if part.get("type") == "thinking"
    )


def _tool_calls(message: dict[str, Any]) -> tuple[ToolCall, ...]:
    """Read the calls of functions and of custom tools, and the one call of old."""
    calls = []
    for call in reading.mappings(message.get("tool_calls")):
        of_tool = reading.mapping(call.get("function")) or reading.mapping(call.get("custom"))
        calls.append(
            ToolCall(
                name=reading.text(of_tool.get("name")),
                call_id=reading.text(call.get("id")),
                arguments=reading.as_json_text(of_tool.get("arguments", of_tool.get("input"))),
            )
        )
    legacy = reading.mapping(message.get("function_call"))
    if legacy:
        calls.append(
            ToolCall(
                name=reading.text(legacy.get("name")),
                arguments=reading.text(legacy.get("arguments")),
            )
        )
    return tuple(calls)


def _error(completion: dict[str, Any], first: dict[str, Any]) -> str | None:
    """Find an error: OpenRouter has one of the provider behind it in the choice."""
    if completion.get("object") == "error":  # vLLM before 0.10
        return reading.error_text(completion)
    return reading.error_text(completion.get("error")) or reading.error_text(first.get("error"))
