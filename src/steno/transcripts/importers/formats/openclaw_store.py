"""The format ``openclaw-store``: the SQLite database into which OpenClaw moved its transcripts.

A window is one session: one generation of a session key. Its entries are the same as those of the
JSON lines, a row each, and its id is the same too, so that a session that lies in both is one:
``Identity.format`` is that of the JSON lines. What was deleted, reset or put into cold storage is
read from the archives that the database holds, or names. Schemas differ from version to version
(more than twenty so far): only those columns are asked for that are there.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import count, decode_value
from steno.transcripts.importers.formats.openclaw import (
    NAME,
    describe_header,
    key_in,
    read_head,
    read_header,
)
from steno.transcripts.importers.formats.openclaw_archives import (
    read_archive,
    read_cold,
    unpack_event,
)
from steno.transcripts.importers.formats.openclaw_entries import EntryReader
from steno.transcripts.importers.formats.openclaw_names import agent_of, read_name
from steno.transcripts.importers.formats.verbatim import row_object
from steno.transcripts.importers.linked import columns
from steno.transcripts.importers.model import Conversation, Entry, Identity
from steno.transcripts.importers.times import read_time
from steno.transcripts.values import Flaw, Value
from steno.wire.providers import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from steno.transcripts.importers.source import Probe, Source

_EVENTS = "transcript_events"
_WINDOWS = "session_windows"
_NODES = "session_nodes"
_ARCHIVES = "session_transcript_archives"
_COLD = "session_transcript_cold_archives"

_COLUMNS = {
    _EVENTS: ("session_id", "seq", "event_json", "event_zstd", "created_at"),
    _WINDOWS: (
        "session_id", "session_key", "previous_session_id", "reason", "session_scope", "created_at",
        "started_at", "ended_at", "status", "chat_type", "channel", "account_id", "model_provider",
        "model", "agent_harness_id", "parent_session_key", "spawned_by", "display_name",
    ),
    _NODES: (
        "session_key", "parent_session_key", "spawned_by", "fork_source_session_id", "label",
        "display_name", "created_via", "archived_at",
    ),
    _ARCHIVES: (
        "session_id", "session_key", "generation", "reason", "encoding", "archive_blob",
        "archive_name", "created_at",
    ),
    _COLD: ("session_id", "archive_name", "storage", "archive_blob"),
    "schema_meta": ("role", "schema_version", "agent_id", "app_version"),
}  # fmt: skip
_MAX_EVENT = 64 * 1024 * 1024
"""OpenClaw's entries are of a few MiB: a larger one that is damaged is told by its length."""

_FACTS = (
    "session_scope", "status", "chat_type", "channel", "account_id", "model_provider", "model",
    "agent_harness_id",
)  # fmt: skip
_REASONS = {
    "reset": "reset", "rollover": "reset", "compaction": "compaction", "fork": "fork",
    "rewind": "fork",
}  # fmt: skip
"""Why a window goes on from another one, in our words; a rollover is a reset by the clock."""


class OpenClawStore:
    """Reads one agent's database."""

    name = "openclaw-store"
    title = "OpenClaw's database"
    homes = (
        "$OPENCLAW_STATE_DIR/agents",
        "$OPENCLAW_HOME/agents",
        "~/.openclaw/agents",
    )

    def recognise(self, probe: Probe) -> float:
        """Tell by the tables; see `Format`."""
        columns = probe.tables.get(_EVENTS, frozenset())
        if "session_id" not in columns or not columns & {"event_json", "event_zstd"}:
            return 0.0
        return 1.0 if _WINDOWS in probe.tables or _NODES in probe.tables else 0.8

    def takes_folder(self, probe: Probe) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that folders are looked into."""
        return False

    def neighbour(self, path: Path) -> str | None:
        """Tell what lies beside the database; see `Format`."""
        if path.name.endswith((".sqlite-wal", ".sqlite-shm", ".sqlite-journal")):
            return "a part of the database beside it"
        return None

    def read(self, source: Source) -> Iterator[Conversation]:
        """Yield the sessions of a database, the oldest first; see `Format`.

        Raises:
            sqlite3.Error: The database can't be read.
            TranscriptError: Something in it is compressed, and zstd is not installed.
        """
        with source.database() as connection:
            yield from _Store(source, connection).conversations()


class _Store:
    """One database, and what is known of it."""

    def __init__(self, source: Source, connection: sqlite3.Connection) -> None:
        self._source = source
        self._connection = connection
        self._columns = {table: self._find_columns(table) for table in _COLUMNS}
        self._windows = {
            str(row["session_id"]): row for row in self._all(_WINDOWS) if row.get("session_id")
        }
        self._by_key: dict[str, list[tuple[int, str]]] = {}
        for session_id, row in self._windows.items():
            key = reading.text(row.get("session_key"))
            self._by_key.setdefault(key, []).append((_began(row), session_id))
        self._nodes = {reading.text(row.get("session_key")): row for row in self._all(_NODES)}
        self._meta = next(iter(self._all("schema_meta")), {})

    def conversations(self) -> Iterator[Conversation]:
        """Yield all sessions: those with a window, and those of which only entries are left."""
        windows = sorted(self._windows, key=lambda each: (_began(self._windows[each]), each))
        for session_id in dict.fromkeys(
            chain(windows, self._ids(_ARCHIVES), self._ids(_COLD), self._ids(_EVENTS))
        ):
            values = self._values(session_id)
            head = read_head(values)
            header = read_header([decode_value(value.data) for value in head])
            yield Conversation(self._identify(session_id, header), _entries(chain(head, values)))

    # -- who they are ----------------------------------------------------------------------

    def _identify(self, session_id: str, header: Mapping[str, Any]) -> Identity:
        window = self._windows.get(session_id, {})
        told = describe_header(header)
        facts = told["facts"]
        named = reading.text(header.get("id"))
        if named and named != session_id:
            facts["header_id"] = named
        archive = self._first_archive(session_id)
        key = (
            reading.optional_text(window.get("session_key"))
            or reading.optional_text(archive.get("session_key"))
            or key_in(header)
        )
        node = self._nodes.get(key or "", {})
        told["title"] = _first(
            (window, "display_name"), (node, "display_name"), (node, "label")
        ) or told["title"]  # fmt: skip
        told["began"] = (
            read_time(window.get("started_at"))
            or read_time(window.get("created_at"))
            or told["began"]
        )
        spawned_by = _first((window, "spawned_by"), (node, "spawned_by"))
        told.update(_go_on(window, node, told, session_id))
        facts.update(
            {name: window[name] for name in _FACTS if reading.optional_text(window.get(name))}
        )
        for name, value in (
            ("window_reason", window.get("reason")),
            ("spawned_by", spawned_by),
            ("parent_session_key", _first((window, "parent_session_key"))),
            ("created_via", _first((node, "created_via"))),
            ("archived", archive.get("reason")),
            ("agent", _first((self._meta, "agent_id")) or agent_of(self._source.path)),
            ("schema_version", self._meta.get("schema_version")),
        ):
            if isinstance(value, str | int) and value != "":
                facts[name] = value
        return Identity(
            format=NAME,
            id=session_id,
            key=key,
            program="openclaw",
            parent=self._window_at(spawned_by, _began(window)) if spawned_by else None,
            **told,
        )

    def _window_at(self, key: str, at: int) -> str | None:
        """Tell which session of a key was the current one at a time, in milliseconds."""
        found = [(began, each) for began, each in self._by_key.get(key, ()) if began <= at]
        return max(found)[1] if found else None

    def _first_archive(self, session_id: str) -> Mapping[str, Any]:
        rows = self._rows(_ARCHIVES, session_id, without=("archive_blob",))
        return next(rows, {})

    # -- what they hold --------------------------------------------------------------------

    def _values(self, session_id: str) -> Iterator[Value]:
        """Yield what is left of a session: of archives, of cold storage, of the rows themselves."""
        flaws = self._source.flaws
        for row in self._rows(_ARCHIVES, session_id):
            yield from read_archive(row, flaws)
        for row in self._rows(_COLD, session_id):
            yield from read_cold(row, self._source)
        for number, row in enumerate(self._rows(_EVENTS, session_id), 1):
            seq = row.get("seq")
            yield _read_event(row, seq if isinstance(seq, int) else number, flaws)

    # -- rows ------------------------------------------------------------------------------

    def _find_columns(self, table: str) -> tuple[str, ...]:
        there = columns(self._connection, table)
        return tuple(name for name in _COLUMNS[table] if name in there)

    def _all(self, table: str) -> Iterator[dict[str, Any]]:
        columns = self._columns[table]
        if columns:
            query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - names of our own
            yield from map(dict, self._connection.execute(query))

    def _rows(
        self, table: str, session_id: str, *, without: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        columns = [name for name in self._columns[table] if name not in without]
        if "session_id" not in columns:
            return
        order = next((name for name in ("seq", "created_at") if name in columns), "session_id")
        query = (
            f"SELECT {', '.join(columns)} FROM {table} "  # noqa: S608 - names of our own
            f"WHERE session_id = ? ORDER BY {order}"
        )
        yield from map(dict, self._connection.execute(query, (session_id,)))

    def _ids(self, table: str) -> list[str]:
        if "session_id" not in self._columns[table]:
            return []
        query = f"SELECT DISTINCT session_id FROM {table} ORDER BY 1"  # noqa: S608 - as above
        return [str(session_id) for (session_id,) in map(tuple, self._connection.execute(query))]


class _Row(Value):
    """The entry of a row, which says when it was written even where the entry does not."""

    written: datetime | None = None


def _entries(values: Iterator[Value]) -> Iterator[Entry]:
    reader = EntryReader()
    for value in values:
        entry = reader.read(value.data, value.offset)
        if entry.at is None and isinstance(value, _Row):
            entry.at = value.written
        yield entry


def _read_event(row: Mapping[str, Any], seq: int, flaws: list[Flaw]) -> _Row:
    """Return the entry that a row holds, or, where it holds none, the row itself."""
    found = _Row(seq, _read_payload(row, seq, flaws))
    found.written = read_time(row.get("created_at"))
    return found


def _read_payload(row: Mapping[str, Any], seq: int, flaws: list[Flaw]) -> bytes:
    text, packed = row.get("event_json"), row.get("event_zstd")
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if data is None and isinstance(packed, bytes):
        data = unpack_event(packed)
    if isinstance(data, bytes) and decode_value(data) is not None:
        return data
    flaws.append(Flaw(seq, 1, "compressed" if data is None else "syntax", 1, f"event {seq}"))
    return row_object(row, largest=_MAX_EVENT)


def _began(row: Mapping[str, Any]) -> int:
    return count(row.get("created_at")) or 0


def _first(*places: tuple[Mapping[str, Any], str]) -> str | None:
    found = (reading.optional_text(row.get(name)) for row, name in places)
    return next(filter(None, found), None)


def _go_on(
    window: Mapping[str, Any], node: Mapping[str, Any], told: Mapping[str, Any], session_id: str
) -> dict[str, str | None]:
    """Tell which session a window goes on from, and why."""
    given, why = _first((window, "previous_session_id")), window.get("reason")
    previous: str | None
    reason: str | None
    if given:
        previous, reason = given, _REASONS.get(reading.text(why))
    elif why in {None, "initial", "fork"} and (source := _first((node, "fork_source_session_id"))):
        previous, reason = source, "fork"
    else:
        previous, reason = told["previous"], told["reason"]
    if previous is not None and read_name(previous).id == session_id:
        previous = reason = None
    return {"previous": previous, "reason": reason}


FORMAT = OpenClawStore()
