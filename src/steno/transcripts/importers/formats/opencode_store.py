"""The database of opencode, read session by session.

Strategy: one conversation at a time, one message at a time, each row fetched by its number, so
that neither memory nor a long read transaction grows with databases of many gigabytes, to which
opencode writes meanwhile (see `steno.transcripts.importers.linked`).

A database may hold opencode 1 (``message`` and ``part``), opencode 2 (``session_message``) and both
at once: rows of the newer table that repeat a message of the older one are kept and tell nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import decode_value
from steno.transcripts.importers.formats.opencode_rows import COPIED, created, role_of, row_facts
from steno.transcripts.importers.formats.opencode_turns import Turn
from steno.transcripts.importers.formats.verbatim import row_object
from steno.transcripts.importers.linked import Linked, columns
from steno.transcripts.importers.model import Conversation, Entry, Identity
from steno.transcripts.importers.times import read_time
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from steno.transcripts.importers.formats.opencode_turns import Told

SESSIONS = ("session_v2", "session")
"""Tables of sessions, the one that is believed first."""

_JSON = ("data", "summary_diffs", "revert", "permission", "model", "metadata", "share", "goal")
"""Columns that hold JSON."""


def conversations(connection: sqlite3.Connection) -> Iterator[Conversation]:
    """Yield the sessions of a database, the oldest first.

    Raises:
        sqlite3.Error: It can't be read.
    """
    yield from _Database(connection).conversations()


class _Database:
    """A database of opencode, read session by session."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sessions = [name for name in SESSIONS if "id" in columns(connection, name)]
        self._messages = Linked(connection, "message", "session_id", "time_created", "id")
        self._parts = Linked(connection, "part", "message_id", "id")
        order = ("seq", "time_created", "id")
        self._rows = Linked(connection, "session_message", "session_id", *order)
        self._todos = Linked(connection, "todo", "session_id", "position")
        self._worktrees: dict[str, str] = {}
        if {"id", "worktree"} <= columns(connection, "project"):
            for row in connection.execute("SELECT id, worktree FROM project"):
                self._worktrees[str(row["id"])] = text(row["worktree"])

    def conversations(self) -> Iterator[Conversation]:
        for session_id in self._ids():
            rows = [row for row in map(self._session(session_id), self._sessions) if row]
            identity = self._identity(session_id, rows)
            yield Conversation(identity, self._entries(session_id, rows))

    def _ids(self) -> list[str]:
        ids: dict[str, None] = {}
        for table in reversed(self._sessions):
            names = [n for n in ("time_created", "id") if n in columns(self._connection, table)]
            query = f"SELECT id FROM {table} ORDER BY {', '.join(names)}"  # noqa: S608 - constants
            ids.update((row[0], None) for row in self._connection.execute(query))
        # A session may be gone whose messages are there still.
        for linked in (self._messages, self._rows):
            ids.update((owner, None) for owner in linked.owners())
        return [each for each in ids if isinstance(each, str)]

    def _session(self, session_id: str) -> Any:
        def fetch(table: str) -> sqlite3.Row | None:
            query = f"SELECT * FROM {table} WHERE id = ?"  # noqa: S608 - a constant
            row: sqlite3.Row | None = self._connection.execute(query, (session_id,)).fetchone()
            return row

        return fetch

    def _identity(self, session_id: str, rows: list[sqlite3.Row]) -> Identity:
        row: dict[str, Any] = {}
        for each in reversed(rows):
            row.update(dict(each))
        return identity_of(
            session_id,
            row,
            directory=row.get("directory"),
            parent=row.get("parent_id"),
            fork=row.get("fork_session_id"),
            began=row.get("time_created"),
            project=row.get("project_id"),
            worktree=self._worktrees.get(text(row.get("project_id"))),
        )

    def _entries(self, session_id: str, rows: list[sqlite3.Row]) -> Iterator[Entry]:
        for row in rows:
            yield Entry(
                raw=row_object(row, json_in=_JSON),
                kind="session",
                at=read_time(dict(row).get("time_created")),
                id=session_id,
            )
        told: set[tuple[str, int]] = set()
        trigger: str | None = None
        for row in self._messages.rows_of(session_id):
            info = _data(row)
            turn = Turn(text(row["id"]), info, trigger=trigger)
            when = created(info)
            if when is not None:
                told.add((text(info.get("role")), when))
            parts = ((part, _data(part)) for part in self._parts.few_of(turn.id))
            for part, held, tells in turn.tell(parts):
                yield _entry(part or row, held, tells)
            trigger = turn.hands_on
        for row in self._rows.rows_of(session_id):
            data, kind = _data(row), text(row["type"]) if "type" in row.keys() else ""  # noqa: SIM118 - a row's iterator gives values
            told_of = row_facts(text(row["id"]), kind, data)
            if (role_of(kind), created(data)) in told:
                told_of = told_of._replace(facts=(), guessed=COPIED)
            yield _entry(row, data, told_of)
        for row in self._todos.rows_of(session_id):
            at = read_time(dict(row).get("time_created"))
            yield Entry(raw=row_object(row), kind="todo", at=at)


def identity_of(
    session_id: str,
    told: dict[str, Any],
    *,
    directory: Any,
    parent: Any,
    fork: Any,
    began: Any,
    project: Any,
    worktree: Any,
) -> Identity:
    """Say who a session is, from its row or its file."""
    version, previous = optional_text(told.get("version")), optional_text(fork)
    facts = {
        name: value
        for name, value in (
            ("project_id", optional_text(project)),
            ("worktree", optional_text(worktree)),
            ("slug", optional_text(told.get("slug"))),
            ("agent", optional_text(told.get("agent"))),
        )
        if value is not None
    }
    return Identity(
        format="opencode",
        id=session_id,
        began=read_time(began),
        cwd=optional_text(directory),
        program=f"opencode {version}" if version else "opencode",
        parent=optional_text(parent),
        previous=previous,
        reason="fork" if previous else None,
        title=optional_text(told.get("title")),
        facts=facts,
    )


def _entry(row: sqlite3.Row, data: dict[str, Any], told: Told) -> Entry:
    cells = dict(row)
    times = mapping(data.get("time"))
    return Entry(
        raw=row_object(row, json_in=_JSON),
        kind=told.kind,
        facts=told.facts,
        known=told.known,
        at=read_time(times.get("created"))
        or read_time(times.get("start"))
        or read_time(cells.get("time_created")),
        id=optional_text(cells.get("id")),
        guessed=told.guessed if told.facts or told.guessed == COPIED else None,
    )


def _data(row: sqlite3.Row) -> dict[str, Any]:
    data = dict(row).get("data")
    return mapping(decode_value(data)) if isinstance(data, str | bytes) else {}
