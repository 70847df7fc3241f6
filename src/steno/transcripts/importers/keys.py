"""By what entries, requests and events are known to be the same when they are imported again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from steno.events.codec import format_timestamp, type_of
from steno.events.model import Compacted, Event, ToolCallRecorded

if TYPE_CHECKING:
    from steno.transcripts.importers.model import Entry

_KEY_LENGTH = 24
_ID_LENGTH = 20
_RECORDER, _RECORDER_LENGTH = "imported-", 16
"""Other recorders' ids have no dash."""


def what_is_told(event: Event) -> tuple[str, str, str]:
    """Tell by what an event is known to stand in a transcript already."""
    kind = type_of(event)
    if isinstance(event, ToolCallRecorded):
        part = "returned" if event.tool_arguments is None else "called"
        return f"{kind} {part}", event.request_id, event.tool_call_id
    if isinstance(event, Compacted):
        return kind, format_timestamp(event.timestamp), ""
    return kind, event.request_id, ""


def key_of(entry: Entry) -> str:
    """Make the key of an entry from its text."""
    return hashlib.sha256(entry.raw).hexdigest()[:_KEY_LENGTH]


def identify(session_id: str, key: str) -> str:
    """Make the id of a request that begins with an entry: always the same."""
    text = f"{session_id}\n{key}".encode("utf-8", "surrogatepass")
    return f"req-{hashlib.sha256(text).hexdigest()[:_ID_LENGTH]}"


def size_of_text(text: str) -> int:
    """Measure a text, in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def size_of(output: object) -> int | None:
    """Measure what a tool returned, in bytes of UTF-8."""
    if output is None:
        return None
    if isinstance(output, str):
        return size_of_text(output)
    if isinstance(output, msgspec.Raw):
        return len(bytes(output))
    return len(msgspec.json.encode(output, enc_hook=str))


def recorder_of(session_id: str) -> str:
    """Name the recorder of a session's imported events: always the same for one session."""
    text = session_id.encode("utf-8", "surrogatepass")
    return f"{_RECORDER}{hashlib.sha256(text).hexdigest()[:_RECORDER_LENGTH]}"


def is_import(recorder: str) -> bool:
    """Tell whether a recorder is one of those that stand for imports."""
    return recorder.startswith(_RECORDER) and len(recorder) == len(_RECORDER) + _RECORDER_LENGTH
