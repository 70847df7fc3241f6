"""Transcripts of OpenAI's Codex: ``rollout-*.jsonl``, compressed or not, and the first ones.

A rollout is the file of one thread. Its first line says whose; further ``session_meta`` lines are
copies, which forks and sub-agents have of their parents'. In the first months of 2025 a rollout
was one JSON document, then lines that are bare items behind a line without a type. A thread that
is rewound goes on in a second file, ``rollout-<time>-<thread>_<segment>.jsonl``, which is a
conversation of its own here.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.codex_entries import Rollout, parent_of, thread_of
from steno.transcripts.importers.formats.documents import begins_spread, read_document
from steno.transcripts.importers.model import Conversation, Entry, Identity
from steno.transcripts.importers.times import read_time
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source
    from steno.transcripts.values import Value

_HEAD = 20
"""How many values are looked at for the line that says whose the file is."""

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME = re.compile(
    rf"rollout-(?:\d{{4}}-\d\d-\d\d(?:T\d\d-\d\d-\d\d)?-)?({_UUID})(?:_({_UUID}))?\.jsonl?"
)
_LINES = frozenset({"session_meta", "response_item", "event_msg", "turn_context", "compacted"})
_ITEMS = frozenset({"message", "reasoning", "function_call", "local_shell_call"})
_META = re.compile(rb'\s*\{\s*"(?:timestamp|ordinal|type)".{0,120}?"session_meta"', re.DOTALL)
_DOCUMENT = re.compile(rb'\s*\{\s*"session"\s*:\s*\{.*?"items"\s*:\s*\[', re.DOTALL)
_TOLD = (
    "session_id",
    "source",
    "thread_source",
    "agent_nickname",
    "agent_role",
    "agent_path",
    "model_provider",
    "memory_mode",
    "history_mode",
    "history_base",
    "forked_from_id",
    "subagent_history_start_ordinal",
    "git",
)
_NEIGHBOURS = {
    "history.jsonl": "what the user typed, of all sessions; no transcript",
    "session_index.jsonl": "an index of Codex; no transcript",
    "auth.json": "credentials; not read",
    "config.toml": "settings; no transcript",
    "version.json": "a note of Codex; no transcript",
    "models_cache.json": "a cache; no transcript",
    "internal_storage.json": "state of Codex; no transcript",
}
_DATABASES = re.compile(r"(?:state|logs|thread_history|memories|goals)[\w.-]*\.sqlite(?:-\w+)?")


class Codex:
    """The format ``codex``."""

    name = "codex"
    title = "Codex"
    homes = (
        "$CODEX_HOME/sessions",
        "$CODEX_HOME/archived_sessions",
        "~/.codex/sessions",
        "~/.codex/archived_sessions",
    )

    def recognise(self, probe: Probe) -> float:
        """Tell how surely a path is a rollout."""
        if probe.names or probe.tables:
            return 0.0
        first = [value for value in probe.first if isinstance(value, dict)]
        lines = [value for value in first if isinstance(value.get("payload"), dict)]
        if any(value.get("type") == "session_meta" for value in lines):
            return 1.0
        if any(reading.text(value.get("type")) in _LINES for value in lines) or _META.match(
            probe.head
        ):
            return 0.95
        named = _NAME.fullmatch(probe.name) is not None
        if named and _DOCUMENT.match(probe.head):
            return 0.95
        if first and _begins_bare(first[0]):
            bare = any(
                reading.text(value.get("type")) in _ITEMS or "record_type" in value
                for value in first[1:]
            )
            return 0.95 if bare else 0.8 if named else 0.0
        if named and any(reading.text(value.get("type")) in _ITEMS for value in first):
            return 0.8
        return 0.3 if named and not first else 0.0

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - of the protocol
        """Tell that no folder is a source as a whole."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Say why a file among rollouts is none."""
        if _DATABASES.fullmatch(path.name):
            return "a database of Codex; no transcript"
        if path.suffix in {".lock", ".tmp"}:
            return "a temporary file"
        return _NEIGHBOURS.get(path.name)

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the one conversation of a rollout.

        Raises:
            OSError: The file can't be read.
            TranscriptError: It is compressed, and zstd is not installed.
        """
        if source.name.endswith(".json") and begins_spread(source):
            yield _read_first(source)
            return
        values = source.values()
        head = list(itertools.islice(values, _HEAD))
        meta = _own_meta(source, head)
        identity = _identify(source, meta)
        rollout = _rollout(source, meta, identity.began)
        yield Conversation(identity, _entries(rollout, itertools.chain(head, values)))


def _entries(rollout: Rollout, values: Iterable[Value]) -> Iterator[Entry]:
    for value in values:
        yield rollout.entry(value.data, value.offset)


def _rollout(source: Source, meta: dict[str, Any], began: datetime | None) -> Rollout:
    return Rollout(meta, thread_of(meta) or _named(source)[0], began)


def _begins_bare(value: dict[str, Any]) -> bool:
    told = isinstance(value.get("id"), str) and isinstance(value.get("timestamp"), str)
    return told and "type" not in value and ("instructions" in value or "git" in value)


def _named(source: Source) -> tuple[str, str | None]:
    """Return thread and segment as the file's name tells them."""
    found = _NAME.fullmatch(source.name)
    if found is None:
        return source.name.removesuffix(".jsonl").removesuffix(".json"), None
    return found[1], found[2]


def _own_meta(source: Source, head: list[Value]) -> dict[str, Any]:
    """Find the line that says whose the file is: the one that its name agrees with, or the first.

    Where the beginning of a file is damaged, its own line may be lost, and the first of its kind
    be a copy of the parent's: then only the name counts.
    """
    metas: list[dict[str, Any]] = []
    for place, value in enumerate(head):
        line = reading.mapping(decode_value(value.data))
        if line.get("type") == "session_meta" and isinstance(line.get("payload"), dict):
            metas.append({"timestamp": line.get("timestamp"), **line["payload"]})
        elif place == 0 and _begins_bare(line):
            metas.append(line)
    thread = _named(source)[0]
    for meta in metas:
        if thread_of(meta) == thread:
            return meta
    is_whole = bool(head) and head[0].offset == 0
    return metas[0] if metas and (is_whole or _NAME.fullmatch(source.name) is None) else {}


def _identify(source: Source, meta: dict[str, Any]) -> Identity:
    named, segment = _named(source)
    thread = thread_of(meta) or named
    parent = parent_of(meta)
    previous = None if parent else reading.optional_text(meta.get("forked_from_id"))
    name = thread
    if segment is not None:
        name = f"{thread}_{segment}"
        base = reading.optional_text(reading.mapping(meta.get("history_base")).get("thread_id"))
        previous = thread if base in {None, thread} else f"{thread}_{base}"
    told = [reading.text(meta.get("originator")), reading.text(meta.get("cli_version"))]
    return Identity(
        format=Codex.name,
        id=name,
        began=read_time(meta.get("timestamp")),
        cwd=reading.optional_text(meta.get("cwd")),
        program=" ".join(filter(None, told)) or None,
        parent=parent,
        previous=previous,
        reason=None if previous is None else "fork",
        facts={key: meta[key] for key in _TOLD if meta.get(key) is not None},
    )


def _read_first(source: Source) -> Conversation:
    """Read a rollout of the first months, which is one document."""
    document = read_document(source, "items")
    header = reading.mapping(decode_value(document.header))
    meta = reading.mapping(header.get("session"))
    rollout = _rollout(source, meta, None)

    def entries() -> Iterator[Entry]:
        begun = read_time(meta.get("timestamp"))
        yield Entry(raw=document.header, kind="session", at=begun)
        for item in document.items:
            yield rollout.entry(item.data, item.offset)

    return Conversation(_identify(source, meta), entries())


FORMAT = Codex()
