"""What ``opencode run --format json`` prints: a line for each part of the model's messages.

What the user asked is not printed, nor which model answered. The session is named after the one of
opencode's that ran, and is another one, as an export is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.opencode_turns import Told, Turn, why
from steno.transcripts.importers.model import Conversation, Entry, Fact, Identity, Replied
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

_KINDS = frozenset({"step_start", "step_finish", "text", "reasoning", "tool_use", "error"})
_MAX_KIND = 100


def is_stream(probe: Probe) -> bool:
    """Tell whether a file holds what a run has printed."""
    return any(map(_is_event, probe.first))


def _is_event(value: Any) -> bool:
    told = mapping(value)
    return (
        text(told.get("type")) in _KINDS
        and text(told.get("sessionID")).startswith("ses_")
        and (isinstance(told.get("part"), dict) or "error" in told)
    )


def conversations(source: Source) -> Iterator[Conversation]:
    """Yield what a run has printed, as one conversation.

    Raises:
        OSError: It can't be opened or read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    values = source.values()
    head: list[Value] = []
    session_id = ""
    for value in values:
        head.append(value)
        session_id = text(mapping(decode_value(value.data)).get("sessionID"))
        if session_id:
            break
    if head:
        began = read_time(mapping(decode_value(head[-1].data)).get("timestamp"))
        identity = Identity(
            format="opencode",
            id=f"{session_id or source.path.stem}-run",
            program="opencode",
            began=began,
        )
        yield Conversation(identity, _entries([head, values]))


def _entries(pieces: list[Any]) -> Iterator[Entry]:
    turn = Turn("", {"role": "assistant"})
    for value in (value for piece in pieces for value in piece):
        event = mapping(decode_value(value.data))
        part = mapping(event.get("part"))
        message = text(part.get("messageID"))
        if message and message != turn.id:
            turn = Turn(message, {"role": "assistant"})
        told = _tell(event, part, turn)
        yield Entry(
            raw=value.data,
            kind=told.kind,
            facts=told.facts,
            known=told.known,
            at=read_time(event.get("timestamp")),
            id=optional_text(part.get("id")),
            offset=value.offset,
            guessed=told.guessed if told.facts else None,
        )


def _tell(event: dict[str, Any], part: dict[str, Any], turn: Turn) -> Told:
    kind = text(event.get("type"))
    if kind == "error":
        wrong = why(event.get("error"))
        facts: tuple[Fact, ...] = (Replied(error=wrong),) if wrong is not None else ()
        return Told("run/error", facts)
    if part:
        return turn.part(part)
    return Told(f"run/{kind[:_MAX_KIND] or '?'}", known=False)
