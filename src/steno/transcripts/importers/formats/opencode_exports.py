"""What ``opencode export`` writes: one document with a session, its messages and their parts.

The session is named after the one that was exported, and is another one: of what both hold, the one
that was imported first counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from steno.transcripts.importers.fields import decode_value, listing
from steno.transcripts.importers.formats.documents import read_document
from steno.transcripts.importers.formats.opencode_store import identity_of
from steno.transcripts.importers.formats.opencode_turns import Turn
from steno.transcripts.importers.model import Conversation, Entry
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.importers.formats.documents import Document
    from steno.transcripts.importers.formats.opencode_turns import Told
    from steno.transcripts.importers.source import Probe, Source

_BEGINNING = re.compile(rb'\s*\{\s*"info"\s*:\s*\{[^{}]{0,400}?"ses_')


def is_export(probe: Probe) -> bool:
    """Tell whether a file is an exported session; it may be longer than what is looked at."""
    return _BEGINNING.match(probe.head) is not None


def conversations(source: Source) -> Iterator[Conversation]:
    """Yield the session of a document.

    Raises:
        OSError: It can't be opened or read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    document = read_document(source, "messages")
    info = mapping(mapping(decode_value(document.header)).get("info"))
    identity = identity_of(
        f"{optional_text(info.get('id')) or source.path.stem}-export",
        info,
        directory=info.get("directory"),
        parent=info.get("parentID"),
        fork=None,
        began=mapping(info.get("time")).get("created"),
        project=info.get("projectID"),
        worktree=None,
    )
    yield Conversation(identity, _entries(document))


def _entries(document: Document) -> Iterator[Entry]:
    yield Entry(raw=_whole(document.header), kind="session")
    trigger: str | None = None
    for item in document.items:
        message = mapping(decode_value(item.data))
        info = mapping(message.get("info"))
        turn = Turn(text(info.get("id")), info, trigger=trigger)
        rest = {name: value for name, value in message.items() if name != "parts"}
        parts = listing(message.get("parts"))
        raw = _whole(item.data) if not parts else msgspec.json.encode(rest)
        encoded = ((msgspec.json.encode(part), mapping(part)) for part in parts)
        for part, held, tells in turn.tell(encoded):
            yield _entry(part or raw, held, tells, item.offset)
        trigger = turn.hands_on


def _entry(raw: bytes, held: dict[str, Any], told: Told, offset: int) -> Entry:
    times = mapping(held.get("time"))
    return Entry(
        raw=raw,
        kind=told.kind,
        facts=told.facts,
        known=told.known,
        at=read_time(times.get("created")) or read_time(times.get("start")),
        id=optional_text(held.get("id")),
        offset=offset,
        guessed=told.guessed if told.facts else None,
    )


def _whole(data: bytes) -> bytes:
    """Replace what is no UTF-8, which could not be written to a transcript."""
    return data.decode("utf-8", "replace").encode()
