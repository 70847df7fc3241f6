"""List sessions from the index."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.errors import QueryError
from steno.query.index import explain_errors
from steno.session_keys import KINDS, kind_of
from steno.storage.compressed import PACKED
from steno.storage.lease import is_alive
from steno.writers.rows import sql_time

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

RUNNING, OK, FAILED, INTERRUPTED = STATES = ("running", "ok", "failed", "interrupted")
"""A session's state: that of its last request, or running while one is open."""


class SessionRow(Struct, frozen=True):
    """One session, as ``steno ls --json`` prints it; times are RFC 3339, durations milliseconds."""

    session_id: str
    session_key: str | None
    agent_id: str | None
    kind: str | None
    user_id: str | None
    chat_id: str | None
    started_at: str
    completed_at: str | None
    state: str
    requests: int
    failed_requests: int
    model: str | None
    provider: str | None
    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    total_tokens: int
    tool_calls: int
    duration_ms: int
    gaps: int
    error: str | None
    transcript: str | None


class SessionFilter(Struct, frozen=True):
    """Which sessions are wanted; None means any.

    Attributes:
        key: The session key.
        agent: The agent's id.
        kind: One of `KINDS`: what the session key names. It follows from the key and is stored
            nowhere.
        user: The user's id.
        state: One of `STATES`.
        since: Sessions that began at this time or later.
    """

    key: str | None = None
    agent: str | None = None
    kind: str | None = None
    user: str | None = None
    state: str | None = None
    since: datetime | None = None


_COLUMNS = """session_id, session_key, agent_id, user_id, chat_id, started_at, completed_at,
    success, open_requests, recorder, finish_reason, request_count, failed_requests,
    COALESCE(model_used, NULLIF(model_requested, '')), NULLIF(provider, ''), input_tokens,
    output_tokens, thinking_tokens + reasoning_tokens, total_tokens, tool_call_count,
    total_duration_ms, gap_count, error_message, transcript"""

_OPEN = "SELECT DISTINCT recorder FROM session_stats WHERE session_id = ? AND completed_at IS NULL"


def list_sessions(
    connection: sqlite3.Connection,
    sessions: Path,
    wanted: SessionFilter | None = None,
    *,
    limit: int | None = None,
) -> list[SessionRow]:
    """List sessions, the newest first.

    Args:
        connection: From `open_index`.
        sessions: The folder of transcripts, in which living recorders hold their leases.
        wanted: Which sessions.
        limit: How many at most.

    Raises:
        QueryError: There is no such state or kind.
    """
    wanted = wanted or SessionFilter()
    _check("state", wanted.state, STATES)
    _check("kind", wanted.kind, KINDS)
    conditions, values = ["1"], []
    for column, value in (
        ("session_key = ?", wanted.key),
        ("agent_id = ?", wanted.agent),
        ("user_id = ?", wanted.user),
        ("started_at >= ?", sql_time(wanted.since) if wanted.since else None),
    ):
        if value is not None:
            conditions.append(column)
            values.append(value)
    alive = functools.cache(functools.partial(is_alive, sessions))

    def is_running(session_id: str, recorder: str | None, open_requests: int) -> bool:
        recorders = [recorder]
        if open_requests:  # maybe of another process than the one that began the session
            recorders = [name for (name,) in connection.execute(_OPEN, (session_id,))]
        return any(alive(name) for name in recorders if name)

    rows: list[SessionRow] = []
    with explain_errors():
        cursor = connection.execute(
            f"SELECT {_COLUMNS} FROM sessions WHERE {' AND '.join(conditions)} "  # noqa: S608 - names of our own
            "ORDER BY created_at DESC, session_id",
            values,
        )
        for values_of_row in cursor:
            if wanted.kind not in {None, kind_of(values_of_row[1])}:
                continue
            row = _row(values_of_row, is_running)
            if wanted.state in {None, row.state}:
                rows.append(row)
                if limit is not None and len(rows) >= limit:
                    break
    return rows


def _check(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise QueryError(f"there is no {name} {value!r}", hint=f"allowed: {', '.join(allowed)}")


def _row(values: tuple[Any, ...], is_running: Callable[[str, str | None, int], bool]) -> SessionRow:
    names, times, rest = values[:3], values[5:7], values[11:]
    identity = (*names, kind_of(names[1]), *values[3:5])
    success, open_requests, recorder, finish_reason = values[7:11]
    if open_requests:
        state = RUNNING if is_running(values[0], recorder, open_requests) else INTERRUPTED
    elif finish_reason == INTERRUPTED:
        state = INTERRUPTED
    elif success is None:
        state = RUNNING if is_running(values[0], recorder, open_requests) else OK
    else:
        state = OK if success else FAILED
    *figures, transcript = rest
    cells = (*identity, *map(rfc3339, times), state, *figures, _where(transcript))
    return SessionRow(*cells)


def _where(transcript: str | None) -> str | None:
    """Tell where a transcript is that the index knows by its plain name."""
    if transcript is None or os.path.exists(transcript):
        return transcript
    packed = transcript + PACKED
    return packed if os.path.exists(packed) else transcript


def rfc3339(text: str | None) -> str | None:
    """Turn SQLite's form of a time into RFC 3339."""
    return f"{text.replace(' ', 'T')}Z" if text else None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_since(text: str, now: datetime) -> datetime:
    """Read a time such as ``7d``, ``12h``, ``2026-11-20`` or ``2026-11-20T12:00:00Z``.

    Raises:
        QueryError: It is none of these.
    """
    if text[-1:] in _UNITS and text[:-1].isdecimal():
        return datetime.fromtimestamp(now.timestamp() - int(text[:-1]) * _UNITS[text[-1]], UTC)
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(
            f"{text!r} is no time",
            hint="allowed: 30m, 12h, 7d, 2w, 2026-11-20, 2026-11-20T12:00:00Z",
        ) from None
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
