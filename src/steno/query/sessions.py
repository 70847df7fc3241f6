"""List sessions from the index.

Strategy: what is asked for is most often among the newest sessions, which an index of SQLite's
yields in order; only where they are not enough is the whole table gone through, once, in the order
in which it lies on disk. What SQL can't tell exactly (the kind, which follows from the key by a
grammar, and who is alive) it narrows down, and Python decides.
"""

from __future__ import annotations

import functools
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.errors import QueryError
from steno.query.index import explain_errors
from steno.session_keys import KINDS, kind_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

RUNNING, OK, FAILED, INTERRUPTED = STATES = ("running", "ok", "failed", "interrupted")
"""A session's state: that of its last request, or running while one is open."""


class SessionRow(Struct, frozen=True):
    """One session, as ``steno ls --json`` prints it; times are RFC 3339, durations milliseconds.

    Where there is no index, all is None but what a header tells.
    """

    session_id: str
    session_key: str | None
    agent_id: str | None
    kind: str | None
    user_id: str | None
    chat_id: str | None
    started_at: str | None
    completed_at: str | None
    state: str | None
    requests: int | None
    failed_requests: int | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    total_tokens: int | None
    tool_calls: int | None
    duration_ms: int | None
    gaps: int | None
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


SESSION_COLUMNS = """session_id, session_key, agent_id, user_id, chat_id, started_at, completed_at,
    success, open_requests, recorder, finish_reason, request_count, failed_requests,
    COALESCE(model_used, NULLIF(model_requested, '')), NULLIF(provider, ''), input_tokens,
    output_tokens, thinking_tokens + reasoning_tokens, total_tokens, tool_call_count,
    total_duration_ms, gap_count, error_message, transcript"""

_ORDER = "ORDER BY created_at DESC, session_id"
_OPEN = "SELECT DISTINCT recorder FROM session_stats WHERE session_id = ? AND completed_at IS NULL"

_NEWEST = 1000
"""Sessions among which is looked at first."""

_IN_STATE = {
    RUNNING: "(success IS NULL OR open_requests <> 0)",
    OK: "success IS NOT 0 AND open_requests = 0",
    FAILED: "success = 0 AND finish_reason IS NOT 'interrupted' AND open_requests = 0",
    INTERRUPTED: "(finish_reason = 'interrupted' OR open_requests <> 0)",
}
"""What holds for every session in a state; of failed ones it is all that does."""

_WORDS = {
    "direct": ("direct", "dm"),
    "channel": ("channel", "room"),
    "thread": ("thread", "topic"),
    "tui": ("tui-",),
    "other": (),
}
"""Words of which one stands in every key of a kind; in others it is the kind itself."""

_WORD_IN_REST = """({1} LIKE '%{0}%' AND ({1} LIKE '%:%:%{0}%'
    OR ltrim(ltrim({1}, ' ' || char(9, 10, 13)), ':') NOT LIKE 'agent:%'))"""
"""A word stands behind the agent's name, or anywhere in a key that names none."""


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
    check_filter(wanted)
    is_running = make_is_running(connection, sessions)
    with explain_errors():
        rows: list[SessionRow] = []
        for scan in _scans(connection, wanted, limit):
            rows.clear()
            for values in scan:
                if wanted.kind not in {None, wanted.kind and kind_of(values[1])}:
                    continue
                state = _state(values, is_running)
                if wanted.state not in {None, state}:
                    continue
                rows.append(_row(values, state))
                if limit is not None and len(rows) >= limit:
                    return rows
    return rows


def make_is_running(
    connection: sqlite3.Connection, sessions: Path
) -> Callable[[str, str | None, int], bool]:
    """Make a function that tells by session, recorder and open requests whether somebody lives."""

    @functools.cache
    def alive(recorder: str) -> bool:
        from steno.storage.lease import is_alive  # most often nobody is asked for

        return is_alive(sessions, recorder)

    def is_running(session_id: str, recorder: str | None, open_requests: int) -> bool:
        recorders = [recorder]
        if open_requests:  # maybe of another process than the one that began the session
            recorders = [name for (name,) in connection.execute(_OPEN, (session_id,))]
        return any(alive(name) for name in recorders if name)

    return is_running


def read_row(
    values: tuple[Any, ...], is_running: Callable[[str, str | None, int], bool]
) -> SessionRow:
    """Make a row of the values of `SESSION_COLUMNS`."""
    return _row(values, _state(values, is_running))


def check_filter(wanted: SessionFilter) -> None:
    """Refuse a filter that no session can pass.

    Raises:
        QueryError: There is no such state or kind.
    """
    _check("state", wanted.state, STATES)
    _check("kind", wanted.kind, KINDS)


def _check(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise QueryError(f"there is no {name} {value!r}", hint=f"allowed: {', '.join(allowed)}")


def _scans(
    connection: sqlite3.Connection, wanted: SessionFilter, limit: int | None
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Yield the rows that may be wanted, the newest first: of the newest sessions, then of all."""
    conditions, values = _conditions(wanted)
    select = f"SELECT {SESSION_COLUMNS} FROM sessions"  # noqa: S608 - names of our own
    if wanted.since is not None:
        from steno.writers.rows import sql_time  # it brings all events along

        conditions.append("created_at >= ?")
        values.append(sql_time(wanted.since))
    if set(conditions) <= {"created_at >= ?"}:
        where = f" WHERE {conditions[0]}" if conditions else ""
        yield connection.execute(f"{select}{where} {_ORDER}", values)
        return
    where = " AND ".join(conditions)
    oldest = connection.execute(
        "SELECT created_at FROM sessions ORDER BY created_at DESC LIMIT 1 OFFSET ?", (_NEWEST,)
    ).fetchone()
    if limit is not None and oldest is not None:
        yield connection.execute(
            f"{select} WHERE created_at >= ? AND {where} {_ORDER}", (*oldest, *values)
        )
    # What SQL tells exactly need not be sorted beyond the limit.
    exact = wanted.kind is None and wanted.state in {None, FAILED}
    bound = f" LIMIT {limit}" if exact and limit is not None else ""
    yield connection.execute(f"{select} NOT INDEXED WHERE {where} {_ORDER}{bound}", values)


def _conditions(wanted: SessionFilter) -> tuple[list[str], list[Any]]:
    """Tell in SQL what every session that is wanted fulfils, but for its time."""
    given = {
        "session_key = ?": wanted.key, "agent_id = ?": wanted.agent, "user_id = ?": wanted.user,
    }  # fmt: skip
    conditions = [each for each, value in given.items() if value is not None]
    values: list[Any] = [value for value in given.values() if value is not None]
    if wanted.state is not None:
        conditions.append(_IN_STATE[wanted.state])
    if wanted.kind is not None:
        conditions.append(narrow_kind(wanted.kind))
    return conditions, values


def narrow_kind(kind: str, column: str = "session_key") -> str:
    """Tell in SQL what holds for every key of a kind, and for few others.

    Args:
        kind: One of `KINDS`; what is none holds for no key.
        column: Where the key stands.
    """
    if kind not in KINDS:
        return "0"
    # LIKE knows no case, but only of ASCII, and there is one more letter whose small form is k.
    words = [word.replace("k", "_") for word in _WORDS.get(kind, (kind,))]
    tests = [_WORD_IN_REST.format(word, column) for word in words]
    # LIKE reads no further than to a NUL.
    some = " OR ".join([*tests, f"instr({column}, char(0))"])
    return f"({some})" if tests else f"{column} <> ''"


def _state(values: tuple[Any, ...], is_running: Callable[[str, str | None, int], bool]) -> str:
    success, open_requests, recorder, finish_reason = values[7:11]
    if open_requests:
        return RUNNING if is_running(values[0], recorder, open_requests) else INTERRUPTED
    if finish_reason == INTERRUPTED:
        return INTERRUPTED
    if success is None:
        return RUNNING if is_running(values[0], recorder, open_requests) else OK
    return OK if success else FAILED


def _row(values: tuple[Any, ...], state: str) -> SessionRow:
    names, times, rest = values[:3], values[5:7], values[11:]
    *figures, transcript = rest
    identity = (*names, kind_of(names[1]), *values[3:5])
    cells = (*identity, *map(rfc3339, times), state, *figures, where_is(transcript))
    return SessionRow(*cells)


def where_is(transcript: str | None) -> str | None:
    """Tell where a transcript is that the index knows by its plain name."""
    if transcript is None or os.path.exists(transcript):
        return transcript
    from steno.storage.compressed import PACKED  # most often it is where it was

    packed = transcript + PACKED
    return packed if os.path.exists(packed) else transcript


def rfc3339(text: str | None) -> str | None:
    """Turn SQLite's form of a time into RFC 3339."""
    return f"{text.replace(' ', 'T')}Z" if text else None


def parse_since(text: str, now: datetime) -> datetime:
    """Read a time as filters do: ``7d``, ``yesterday``, ``2026-11-20``, ``2026-11-20T12:00:00Z``.

    Raises:
        QueryError: It is none of these.
    """
    from steno.query.filter.amounts import read_time  # most lists are not asked for a time

    try:
        return read_time(text, now)[0]
    except ValueError as error:
        raise QueryError(f"{text!r} is no time", hint=f"allowed: {error}") from None
