"""The protocol ``openai.responses``.

Format: OpenAI API reference, "Responses" and "Streaming events". The rebuilding of a stream is in
`steno.wire.providers.response_events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.wire.facts import Reply, RequestFacts, StreamReader, ToolCall, ToolResult
from steno.wire.providers import reading
from steno.wire.providers.response_events import ResponseBuilder

if TYPE_CHECKING:
    from steno.events.parts import Tokens

_ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})
_OUTPUT_ENDING = "_call_output"  # function_call_output, custom_tool_call_output, shell_call_output
_TEXT_PARTS = ("input_text", "output_text", "text")

# Tools that the client runs, by the type of their call: where the call says what is to be done.
_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "local_shell_call": "action",
    "shell_call": "action",
    "computer_call": "action",
    "apply_patch_call": "operation",
}


class OpenAIResponses:
    """Reads responses of the Responses API."""

    name = "openai.responses"

    def read_request(self, body: Any) -> RequestFacts:
        """Read a request; its input is a text, or items."""
        body = reading.mapping(body)
        given = body.get("input")
        said = reading.text(given)
        has_system = bool(body.get("instructions"))
        results = []
        for item in reading.mappings(given):
            kind = reading.text(item.get("type"))
            role = reading.text(item.get("role"))
            if kind.endswith(_OUTPUT_ENDING):
                results.append(_read_result(item))
            elif role == "user":
                said = reading.part_texts(item.get("content"), _TEXT_PARTS)
            elif role in {"system", "developer"}:
                has_system = True
        return RequestFacts(
            model=reading.text(body.get("model")),
            is_streaming=body.get("stream") is True,
            text=said,
            message_count=reading.length(given) or int(bool(reading.text(given))),
            has_system_prompt=has_system,
            tool_count=reading.length(body.get("tools")),
            tool_results=tuple(results),
        )

    def read_reply(self, body: Any) -> Reply:
        """Read a response, or an error."""
        found = reading.mapping(body)
        status = reading.text(found.get("status"))
        ended = status in _ENDED or (not status and isinstance(found.get("output"), list))
        return _read_response(body, ended=ended)

    def read_stream(self) -> StreamReader:
        """Begin to read events."""
        return _EventReader()


class _EventReader:
    """Rebuilds a response from its events."""

    def __init__(self) -> None:
        self._builder = ResponseBuilder()

    def feed(self, event: str, data: str) -> bool:
        """Take the next event; see `StreamReader`."""
        found = reading.decode_json(data)
        if isinstance(found, dict):
            return self._builder.add(reading.text(found.get("type")) or event, found)
        if event == "error":
            self._builder.add("error", {"message": data})
        return False

    def reply(self) -> Reply:
        """Return the response as far as it came; see `StreamReader`."""
        return _read_response(self._builder.body(), ended=self._builder.is_final)


def _read_response(body: Any, *, ended: bool) -> Reply:
    """Read a response, whole or rebuilt."""
    response = reading.mapping(body)
    output = list(reading.mappings(response.get("output")))
    usage = reading.mapping(response.get("usage"))
    parts = [
        part
        for item in output
        if item.get("type") == "message"
        for part in reading.mappings(item.get("content"))
    ]
    refusals = [
        reading.text(part.get("refusal")) for part in parts if part.get("type") == "refusal"
    ]
    return Reply(
        body=body,
        model=reading.text(response.get("model")),
        response_id=reading.optional_text(response.get("id")),
        text="".join(
            reading.text(part.get("text")) for part in parts if part.get("type") == "output_text"
        ),
        reasoning=_reasoning(output),
        refusal="".join(refusals) or None,
        tool_calls=tuple(_tool_calls(output)),
        finish_reason=_finish_reason(response),
        tokens=_read_usage(usage, is_final=ended),
        cost_usd=reading.money(usage.get("cost")),
        content_blocks=len(output),
        error=reading.error_text(response.get("error")),
        ended=ended,
    )


def _finish_reason(response: dict[str, Any]) -> str | None:
    """Say why a response ended: its status, or what made it incomplete."""
    status = reading.text(response.get("status"))
    if status == "incomplete":
        details = reading.mapping(response.get("incomplete_details"))
        return reading.optional_text(details.get("reason")) or status
    return status if status in _ENDED else None


def _reasoning(output: list[dict[str, Any]]) -> str:
    """Read what was thought aloud; models with open weights tell it whole, others a summary."""
    found: list[str] = []
    for item in output:
        if item.get("type") == "reasoning":
            for key in ("content", "summary"):
                texts = [reading.text(part.get("text")) for part in reading.mappings(item.get(key))]
                if any(texts):
                    found.extend(text for text in texts if text)
                    break
    return "\n\n".join(found)


def _tool_calls(output: list[dict[str, Any]]) -> list[ToolCall]:
    """Read the calls of tools that the client runs.

    The input of a custom tool is free text and is given as it is. Tools of OpenAI have no name: the
    type of their call stands for it.
    """
    calls = []
    for item in output:
        kind = reading.text(item.get("type"))
        if kind in _CALLS:
            calls.append(
                ToolCall(
                    name=reading.text(item.get("name")) or kind.removesuffix("_call"),
                    call_id=reading.text(item.get("call_id")),
                    arguments=reading.as_json_text(item.get(_CALLS[kind])),
                )
            )
    return calls


def _read_result(item: dict[str, Any]) -> ToolResult:
    """Read what a tool returned; only patches say whether they failed."""
    success = None
    if item.get("type") == "apply_patch_call_output":
        success = {"completed": True, "failed": False}.get(reading.text(item.get("status")))
    return ToolResult(
        call_id=reading.text(item.get("call_id")) or reading.text(item.get("id")),
        output=item.get("output"),
        success=success,
    )


def _read_usage(usage: dict[str, Any], *, is_final: bool) -> Tokens | None:
    """Read ``usage``."""
    of_input = reading.mapping(usage.get("input_tokens_details"))
    of_output = reading.mapping(usage.get("output_tokens_details"))
    return reading.counted(
        sent=reading.count(usage.get("input_tokens")),
        received=reading.count(usage.get("output_tokens")),
        is_final=is_final,
        reasoning=reading.count(of_output.get("reasoning_tokens")),
        cache_read=reading.count(of_input.get("cached_tokens")),
        cache_creation=reading.count(of_input.get("cache_write_tokens")),
        audio_input=reading.count(of_input.get("audio_tokens")),
        audio_output=reading.count(of_output.get("audio_tokens")),
    )
