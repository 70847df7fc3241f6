"""What a model's reply tells in a line of Claude Code, and what the program wrote in its place.

A reply is written one block a line; the lines share the reply's id, and each repeats the counts as
far as they were known. Only the last one of a reply says why it ended: counts of the others are
partial ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.events.parts import Tokens
from steno.transcripts.importers.fields import milliseconds
from steno.transcripts.importers.model import Call, Fact, Noted, Replied, Returned
from steno.wire.providers import reading

if TYPE_CHECKING:
    from steno.transcripts.importers.formats.claude_code_lines import Block, Line, Message, Usage

PROVIDER = "anthropic"

SYNTHETIC = "<synthetic>"
"""The model of replies that the program wrote itself: errors and placeholders."""

_MAX_STATUS = 80


def reply_of(line: Line) -> tuple[Fact, ...]:
    """Tell a part of a reply, and the results of tools that the provider ran itself."""
    message = line.message
    if message is None:
        return ()
    if line.is_api_error_message or message.model == SYNTHETIC:
        return _synthetic(line, message)
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    results: list[Fact] = []
    content = message.content
    if isinstance(content, str):
        texts.append(content)
    else:
        for block in content or ():
            kind = block.type
            if kind == "text":
                texts.append(block.text or "")
            elif kind == "thinking":
                thoughts.append(block.thinking or "")
            elif kind is None:
                continue
            elif kind.endswith("tool_use"):
                arguments = str(block.input, "utf-8", "replace")
                calls.append(Call(block.name or "", block.id or "", arguments))
            elif kind.endswith("_tool_result"):
                results.append(_served(block))
    reply_id = message.id or line.request_id or None
    claim = f"{message.id}/{line.request_id}" if message.id and line.request_id else reply_id
    stop = message.stop_reason
    replied = Replied(
        id=reply_id,
        model=message.model or "",
        provider=PROVIDER,
        text="".join(texts),
        thinking="\n\n".join(thoughts),
        calls=tuple(calls),
        tokens=None if message.usage is None else _count(message.usage, is_final=stop is not None),
        claim=claim,
        finish_reason=stop,
        refused=stop == "refusal",
        cost_usd=None if line.cost_usd is None else reading.money(line.cost_usd),
        duration_ms=None if line.duration_ms is None else milliseconds(line.duration_ms),
    )
    return (replied, *results) if results else (replied,)


def _served(block: Block) -> Returned:
    """Read the result of a tool that the provider ran; its errors are objects of their own."""
    content = block.content
    failed = isinstance(content, dict) and reading.text(content.get("type")).endswith("_error")
    return Returned(
        call_id=block.tool_use_id or "", output=content, success=not (failed or block.is_error)
    )


def _count(usage: Usage, *, is_final: bool) -> Tokens | None:
    """Normalise counts: Anthropic's three counts of input do not overlap."""
    details = usage.output_tokens_details
    created = reading.count(usage.cache_creation_input_tokens)
    read = reading.count(usage.cache_read_input_tokens)
    plain = reading.count(usage.input_tokens)
    output = reading.count(usage.output_tokens)
    if plain is None and output is None and created is None and read is None:
        return None
    return Tokens(
        input=(plain or 0) + (created or 0) + (read or 0),
        output=output or 0,
        thinking=None if details is None else reading.count(details.thinking_tokens),
        cache_read=read,
        cache_creation=created,
        source="provider_final" if is_final else "partial",
    )


def _synthetic(line: Line, message: Message) -> tuple[Fact, ...]:
    """Tell what the program wrote in the model's place: an error, or a remark of its own."""
    text = text_of(message.content)
    if not (line.is_api_error_message or text.startswith("API Error")):
        return noted(text, role="assistant")
    status = "" if line.api_error_status is None else f"http {line.api_error_status}"
    # The provider's word for it says more than the program's, which is often "unknown".
    code = line.api_error_type or (line.error if isinstance(line.error, str) else "")
    error = ": ".join(filter(None, (status, code, text))) or "the provider could not be reached"
    return (
        Replied(id=message.id or None, provider=PROVIDER, error=error[: reading.MAX_ERROR_CHARS]),
    )


def describe_retry(line: Line) -> str:
    """Say in words what a failed attempt tells, in one of its several shapes."""
    error = reading.mapping(line.error)
    nested = reading.mapping(error.get("error"))
    nested = reading.mapping(nested.get("error")) or nested
    cause = reading.mapping(error.get("cause"))
    status = error.get("status")
    said = (
        reading.text(line.content)
        or reading.text(nested.get("message"))
        or reading.text(error.get("message"))
        or reading.text(cause.get("code"))
    )
    parts = ["API error"]
    if type(status) is int:
        parts.append(str(status)[:_MAX_STATUS])
    text = " ".join(parts) + (f": {said[: reading.MAX_ERROR_CHARS]}" if said else "")
    if line.retry_attempt is not None:
        text += f" (attempt {line.retry_attempt} of {line.max_retries or '?'})"
    return text


def noted(content: Any, role: str | None = None) -> tuple[Fact, ...]:
    """Tell a text for people; nothing where there is none."""
    text = plain_text(content)
    return (Noted(text=text, role=role),) if text else ()


def text_of(content: str | list[Block] | None) -> str:
    """Return the text of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content or () if block.text)


def plain_text(content: Any) -> str:
    """Return the text of content that was decoded without structures."""
    if isinstance(content, str):
        return content
    return "\n".join(
        text for part in reading.mappings(content) if (text := reading.text(part.get("text")))
    )
