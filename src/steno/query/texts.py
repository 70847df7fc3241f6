"""What of an event can be found by its words. Pure.

Strategy: each event tells its texts by itself, whatever was said before it, so that a transcript
can be taken up anywhere. An agent sends its whole history with every request; of that, what was
said since the last reply is new. What the transcript refers to instead of holding it again is
found where it stands first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from steno.events.model import (
    Compacted,
    Completed,
    EntryImported,
    LogRecorded,
    RequestRecorded,
    ResponseRecorded,
    ToolCallRecorded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTS = ("request", "reply", "thinking", "tool", "output", "log", "error", "summary", "entry")
"""What a text is of its event; the search database stores the number in this list."""

MAX_TEXT = 1_000_000
"""Characters of one text that are searched."""

_LISTS = ("messages", "input", "contents")
_STANDING = ("system", "instructions", "prompt", "system_instruction")
_OF_MODEL = frozenset({"assistant", "model"})
_THINKING = frozenset({"thinking", "reasoning", "reasoning_content"})
_SILENT = frozenset({
    "type", "id", "role", "object", "model", "call_id", "tool_call_id", "tool_use_id", "media_type",
    "mime_type", "data", "signature", "encrypted_content", "url", "status", "finish_reason",
    "system_fingerprint", "service_tier", "created",
})  # fmt: skip
"""Keys whose values nobody said."""

_LONGEST_WORD = 400
"""A text without a blank that is longer is no words: an image, most often."""

_JOINT = "\u200b"
_WORDLESS = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Characters of scripts that write words without blanks between them."""


class Piece(NamedTuple):
    """One text of an event; of each part there is one at most.

    Attributes:
        part: One of `PARTS`.
        text: The text.
    """

    part: str
    text: str


def texts_of(event: object) -> list[Piece]:
    """List the texts of an event by which it is found."""
    give = _TEXTS.get(type(event))
    if give is None:
        return []
    return [Piece(part, text[:MAX_TEXT]) for part, text in give(event) if text]


def separate(text: str) -> str:
    """Set invisible gaps around characters that are words by themselves; see `rejoin`."""
    return _WORDLESS.sub(f"{_JOINT}\\1{_JOINT}", text)


def rejoin(text: str) -> str:
    """Take the gaps away again."""
    return text.replace(_JOINT, "")


def _of_request(event: RequestRecorded) -> Iterator[tuple[str, str]]:
    said = [event.request_text] if isinstance(event.request_text, str) else []
    said += _unique(_new_words(event.request_json), known=said)
    yield "request", "\n".join(text for text in said if text)


def _new_words(body: Any) -> Iterator[str]:
    """Yield what a request's body says that was not said with the request before it."""
    if not isinstance(body, dict):
        yield from _words(body)
        return
    body = body.get("body", body) if body.keys() == {"method", "target", "body"} else body
    if not isinstance(body, dict):
        yield from _words(body)
        return
    replied = False
    for name in _LISTS:
        messages = body.get(name)
        if isinstance(messages, str):
            yield from _words(messages)
        elif isinstance(messages, list):
            last = max((at for at, each in enumerate(messages) if _is_models(each)), default=-1)
            # Where a beginning is referred to, there was a request before this one.
            replied = replied or last >= 0 or _is_mark(messages[:1])
            yield from _words(messages[last + 1 :])
    if not replied:
        for name in _STANDING:
            yield from _words(body.get(name))


def _is_models(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    return message.get("role") in _OF_MODEL or message.get("type") in {"function_call", "reasoning"}


def _is_mark(head: list[Any]) -> bool:
    return bool(head) and isinstance(head[0], dict) and "steno.prefix" in head[0]


def _of_reply(event: ResponseRecorded) -> Iterator[tuple[str, str]]:
    if isinstance(event.response_text, str) and event.response_text:
        yield "reply", event.response_text
    else:
        yield "reply", "\n".join(_unique(_words(event.response_json)))
        return
    yield "thinking", "\n".join(_unique(_thoughts(event.response_json)))


def _thoughts(body: Any) -> Iterator[str]:
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, each in value.items():
                if key in _THINKING and isinstance(each, str):
                    yield each
                else:
                    waiting.append(each)
        elif isinstance(value, list):
            waiting.extend(value)


def _of_tool(event: ToolCallRecorded) -> Iterator[tuple[str, str]]:
    arguments: Any = event.tool_arguments
    if isinstance(arguments, str):
        try:
            arguments = msgspec.json.decode(arguments)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            arguments = event.tool_arguments  # searched as it stands
    yield "tool", "\n".join([str(event.tool_name or ""), *_words(arguments)])
    yield "output", "\n".join(_words(event.tool_output))


def _of_log(event: LogRecorded) -> Iterator[tuple[str, str]]:
    yield "log", "\n".join(str(each) for each in (event.message, event.exception) if each)


def _of_end(event: Completed) -> Iterator[tuple[str, str]]:
    yield "error", str(event.error or "")


def _of_summary(event: Compacted) -> Iterator[tuple[str, str]]:
    yield "summary", str(event.summary or "")


def _of_entry(event: EntryImported) -> Iterator[tuple[str, str]]:
    # What other events tell is found by them.
    yield "entry", "" if event.told else str(event.text or "")


_TEXTS: dict[type, Callable[[Any], Iterator[tuple[str, str]]]] = {
    RequestRecorded: _of_request,
    ResponseRecorded: _of_reply,
    ToolCallRecorded: _of_tool,
    LogRecorded: _of_log,
    Completed: _of_end,
    Compacted: _of_summary,
    EntryImported: _of_entry,
}


def _words(value: Any) -> Iterator[str]:
    """Yield the texts in a value, in their order; what stands for another place says nothing."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if each and (len(each) <= _LONGEST_WORD or any(map(str.isspace, each[:_LONGEST_WORD]))):
                yield each
        elif isinstance(each, dict):
            waiting.extend(
                held
                for key, held in reversed(each.items())
                if key not in _SILENT and not (isinstance(key, str) and key.startswith("steno."))
            )
        elif isinstance(each, list | tuple):
            waiting.extend(reversed(each))
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield str(each)


def _unique(texts: Iterator[str], known: list[str] | None = None) -> list[str]:
    """List texts once each, without those that stand in others that are known."""
    seen = dict.fromkeys(texts)
    return [text for text in seen if not any(text in other for other in known or ())]
