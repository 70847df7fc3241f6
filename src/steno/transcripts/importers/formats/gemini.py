"""Transcripts of the Gemini CLI: ``session-*.jsonl``, and the ``.json`` documents of before.

Strategy: a message that is written again under its id replaces the earlier one, so a reply told
again is given as a whole and a user's message is said once. ``$set`` changes the conversation's
own values; it may hold all messages, which is how the program keeps its history after it has been
compressed or masked: what is new in it is told, what was said before stays as it was said.
``$rewindTo`` takes messages back; they were said all the same. The older document is read as its
messages, one entry each, and one entry for the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.documents import (
    begins_spread,
    is_spread,
    read_document,
    split_document,
)
from steno.transcripts.importers.formats.gemini_messages import NOTICES, Messages
from steno.transcripts.importers.model import Conversation, Entry, Fact, Identity, Noted
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

_HEAD = 20
_NAME = re.compile(r"session-\d{4}-\d\d-\d\dT\d\d-\d\d(?:-\d\d)?-[\w-]+\.jsonl?")
_KINDS = NOTICES | {"user", "gemini"}
_BEGINS = re.compile(rb'\s*\{\s*"(?:sessionId|projectHash)"\s*:')
_ROOT_LIMIT = 4096
_TOLD = ("projectHash", "kind", "directories")
_NEIGHBOURS = {
    "logs.json": "what the user typed, of all sessions; no transcript",
    "shell_history": "what the user typed; no transcript",
    ".project_root": "the project's folder; no transcript",
    "projects.json": "an index of the Gemini CLI; no transcript",
    "settings.json": "settings; no transcript",
    "state.json": "state of the Gemini CLI; no transcript",
    "oauth_creds.json": "credentials; not read",
    "google_accounts.json": "accounts; not read",
    "installation_id": "an id; no transcript",
}


class Gemini:
    """The format ``gemini``."""

    name = "gemini"
    title = "Gemini CLI"
    homes = ("~/.gemini/tmp",)

    def recognise(self, probe: Probe) -> float:
        """Tell how surely a path is a conversation of the Gemini CLI."""
        if probe.names or probe.tables:
            return 0.0
        first = [value for value in probe.first if isinstance(value, dict)]
        if any(_is_header(value) for value in first):
            return 1.0
        if any("$set" in value or "$rewindTo" in value for value in first):
            return 0.95
        if any(value.get("type") == "gemini" and "id" in value for value in first):
            return 0.9
        begins = _BEGINS.match(probe.head) is not None
        if begins and b'"projectHash"' in probe.head and b'"sessionId"' in probe.head:
            return 0.95
        named = _NAME.fullmatch(probe.name) is not None
        if named and is_spread(probe.head) and b'"messages"' in probe.head:
            return 0.8
        return 0.3 if named and not first else 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - of the protocol
        """Tell that no folder is a source as a whole."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Say why a file among conversations is none."""
        if path.name.startswith("checkpoint"):
            return "a checkpoint of the model's context; no transcript"
        if path.parent.name in {"tool-outputs", "tool_outputs"}:
            return "a tool's output; no transcript"
        if path.suffix in {".lock", ".tmp"}:
            return "a temporary file"
        return _NEIGHBOURS.get(path.name)

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the one conversation of a file.

        Raises:
            OSError: The file can't be read.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        if begins_spread(source):
            document = read_document(source, "messages")
            header = reading.mapping(decode_value(document.header))
            if not header and not document.items:
                return  # all of it is damage: whose it was is not known
            identity = _identify(source, [header])
            records = _Records(identity)
            entries = itertools.chain(
                [records.header(document.header, 0, header)],
                (records.entry(item.data, item.offset) for item in document.items),
            )
            yield Conversation(identity, entries)
            return
        values = source.values()
        head = list(itertools.islice(values, _HEAD))
        identity = _identify(source, [decode_value(value.data) for value in head])
        records = _Records(identity)
        yield Conversation(identity, _entries(source, records, itertools.chain(head, values)))


class _Records:
    """Reads the records of one conversation, in order."""

    def __init__(self, identity: Identity) -> None:
        self._messages = Messages(identity.id)

    def entry(self, raw: bytes, offset: int) -> Entry:
        """Read the next record."""
        record = decode_value(raw)
        if not isinstance(record, dict):
            return Entry(raw=raw, kind="?", known=False, offset=offset)
        if isinstance(record.get("id"), str) or reading.text(record.get("type")) in _KINDS:
            return self._message(raw, offset, record)
        if "$rewindTo" in record:
            named = reading.text(record["$rewindTo"]) or "unknown"
            note = Noted(text=f"Taken back from message {named} on; it was said all the same.")
            return Entry(raw=raw, kind="$rewindTo", facts=(note,), offset=offset)
        if "$set" in record:
            return self._change(raw, offset, reading.mapping(record["$set"]))
        known = isinstance(record.get("sessionId"), str)
        if known:
            return self.header(raw, offset, record)
        return Entry(raw=raw, kind="?", known=False, offset=offset)

    def _message(self, raw: bytes, offset: int, record: dict[str, Any]) -> Entry:
        kind = reading.text(record.get("type")) or "?"
        facts, guessed = self._messages.take(record)
        return Entry(
            raw=raw,
            kind=kind,
            facts=tuple(facts),
            known=kind in _KINDS,
            at=read_time(record.get("timestamp")),
            id=reading.optional_text(record.get("id")),
            offset=offset,
            guessed=guessed,
        )

    def _change(self, raw: bytes, offset: int, changed: dict[str, Any]) -> Entry:
        facts: list[Fact] = []
        guessed: str | None = None
        for record in reading.mappings(changed.get("messages")):
            if self._messages.is_new(record):
                told, why = self._messages.take(record)
                facts += told
                guessed = guessed or why
        facts += _title(changed)
        return Entry(
            raw=raw,
            kind="$set",
            facts=tuple(facts),
            at=read_time(changed.get("lastUpdated")),
            offset=offset,
            guessed=guessed,
        )

    @staticmethod
    def header(raw: bytes, offset: int, record: dict[str, Any]) -> Entry:
        """Return the entry of what is told of the whole conversation."""
        return Entry(
            raw=raw,
            kind="session",
            facts=tuple(_title(record)),
            at=read_time(record.get("startTime")),
            offset=offset,
        )


def _entries(source: Source, records: _Records, values: Iterable[Value]) -> Iterator[Entry]:
    for value in values:
        if not _is_document(value.data):
            yield records.entry(value.data, value.offset)
            continue
        document = split_document(value.data, "messages", source.flaws)
        header = reading.mapping(decode_value(document.header))
        yield records.header(document.header, value.offset, header)
        for item in document.items:
            yield records.entry(item.data, value.offset + item.offset)


def _is_document(data: bytes) -> bool:
    """Tell whether a value is a whole conversation, as the older files have it on one line."""
    if b'"messages"' not in data or b'"$set"' in data[:64]:
        return False
    value = decode_value(data)
    return _is_header(value) and isinstance(value.get("messages"), list)


def _is_header(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("sessionId"), str)
        and isinstance(value.get("projectHash"), str)
        and not {"uuid", "payload", "type"} & value.keys()
    )


def _title(record: dict[str, Any]) -> list[Fact]:
    summary = reading.text(record.get("summary"))
    return [Noted(text=summary)] if summary else []


def _identify(source: Source, head: list[Any]) -> Identity:
    told: dict[str, Any] = {}
    for record in reading.mappings(head):
        if isinstance(record.get("$set"), dict):
            changed = record["$set"]
            told = {
                **{key: changed[key] for key in ("sessionId", *_TOLD) if key in changed},
                **told,
            }
        elif isinstance(record.get("sessionId"), str) and not isinstance(record.get("id"), str):
            told = {**record, **told}
    folder = source.path.absolute().parent
    is_main = told.get("kind") == "main" or _NAME.fullmatch(source.name) is not None
    nested = folder.parent.name == "chats" and not is_main
    named = source.name.removesuffix(".jsonl").removesuffix(".json")
    return Identity(
        format=Gemini.name,
        id=reading.text(told.get("sessionId")) or named,
        began=read_time(told.get("startTime")),
        cwd=_project_of((folder.parent if nested else folder).parent),
        program="gemini-cli",
        parent=folder.name if nested else None,
        title=reading.optional_text(told.get("summary")),
        facts={key: told[key] for key in _TOLD if told.get(key) is not None},
    )


def _project_of(folder: Path) -> str | None:
    """Read which folder a project's conversations are about, where the program has noted it."""
    with contextlib.suppress(OSError, ValueError), (folder / ".project_root").open("rb") as file:
        noted = file.read(_ROOT_LIMIT).decode().strip()
        return noted if noted and "\n" not in noted else None
    return None


FORMAT = Gemini()
