"""Figures over many sessions; all of them are sums over their parts, so they agree.

Strategy: requests, sessions without any, and gaps are laid below each other as rows of one shape
and summed up together, so that every session and every loss is counted once, whatever the figures
are told apart by. A gap that belongs to no request has no model and no provider.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.errors import QueryError
from steno.query.compiling import compile_filter
from steno.query.filter.model import EVERYTHING
from steno.query.index import Table, explain_errors
from steno.writers.rows import sql_time

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from steno.query.filter.model import Filter


class _Group(Struct, frozen=True):
    """What a request, a session without requests and a gap are grouped by."""

    of_request: str
    of_session: str
    of_gap: str


GROUPS = {
    "model": _Group("r.model_name", "NULL", "r.model_name"),
    "day": _Group("DATE(r.created_at)", "DATE(s.created_at)", "DATE(g.created_at)"),
    "provider": _Group("r.provider", "NULL", "r.provider"),
    "user": _Group("s.user_id", "s.user_id", "s.user_id"),
    "agent": _Group("s.agent_id", "s.agent_id", "s.agent_id"),
}
"""What figures can be told apart by."""

_SUMMED = (
    "input_tokens", "output_tokens", "thinking_tokens", "reasoning_tokens", "cache_read_tokens",
    "cache_creation_tokens",
)  # fmt: skip

_FIGURES = f"""COUNT(DISTINCT session_id) AS sessions,
    COALESCE(SUM(request), 0) AS requests,
    COALESCE(SUM(success IS 0), 0) AS failed,
    ROUND(100.0 * SUM(success IS 1) / NULLIF(SUM(success IS NOT NULL), 0), 1) AS success_rate,
    {", ".join(f"COALESCE(SUM({name}), 0) AS {name}" for name in _SUMMED)},
    COALESCE(SUM(input_tokens) + SUM(output_tokens), 0) AS total_tokens,
    COALESCE(SUM(tool_call_count), 0) AS tool_calls,
    CAST(AVG(duration_ms) AS INTEGER) AS avg_duration_ms,
    COALESCE(SUM(gap), 0) AS gaps"""

_NO_FIGURES = ", ".join("NULL" for _ in (*_SUMMED, "tool_call_count", "duration_ms"))


def sum_up(
    connection: sqlite3.Connection,
    *,
    by: str | Sequence[str] | None = None,
    since: datetime | None = None,
    where: Filter = EVERYTHING,
    now: datetime | None = None,
) -> Table:
    """Sum up all requests, or those of each group.

    Args:
        connection: From `open_index`; where a filter is given, that of a `Finder`.
        by: One of `GROUPS`, or several of them: a row for each combination.
        since: Requests that began, and gaps that were noted, at this time or later.
        where: Requests that count. A session without requests counts if what is said of its
            session holds, and a gap if it holds of its request, or its session.
        now: What a filter's ``since:7d`` counts back from.

    Raises:
        QueryError: There is no such group, or the index can't be read.
    """
    names = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by or ()))
    for name in names:
        if name not in GROUPS:
            raise QueryError(f"there is no group {name!r}", hint=f"allowed: {', '.join(GROUPS)}")
    begin = sql_time(since) if since else ""

    def condition(time: str) -> tuple[str, tuple[Any, ...]]:
        sql, values = compile_filter(where, now=now or datetime.now(UTC), time=time)
        return f"{time} >= ? AND ({sql})", (begin, *values)

    of_request, of_session, of_gap = map(
        condition, ("r.created_at", "s.created_at", "g.created_at")
    )
    keys = [
        "".join(f"{getattr(GROUPS[name], of)} AS part{at}, " for at, name in enumerate(names))
        for of in ("of_request", "of_session", "of_gap")
    ]
    parts = f"""
        SELECT {keys[0]}r.session_id, 1 AS request, r.success AS success,
            {", ".join(f"r.{name} AS {name}" for name in _SUMMED)},
            r.tool_call_count AS tool_call_count, r.duration_ms AS duration_ms, 0 AS gap
        FROM session_stats r JOIN sessions s USING (session_id) WHERE {of_request[0]}
        UNION ALL
        SELECT {keys[1]}s.session_id, 0, NULL, {_NO_FIGURES}, 0
        FROM sessions s LEFT JOIN session_stats r USING (session_id)
        WHERE s.request_count = 0 AND {of_session[0]}
        UNION ALL
        SELECT {keys[2]}g.session_id, 0, NULL, {_NO_FIGURES}, g.count
        FROM gaps g JOIN sessions s USING (session_id)
            LEFT JOIN session_stats r USING (session_id, request_id)
        WHERE g.what = 'event' AND {of_gap[0]}"""  # noqa: S608 - names of our own
    head = "".join(f"NULLIF(part{at}, '') AS \"{name}\", " for at, name in enumerate(names))
    columns = ", ".join(str(at + 1) for at in range(len(names)))
    order = f"GROUP BY {columns} ORDER BY requests DESC, {columns}" if names else ""
    with explain_errors():
        cursor = connection.execute(
            f"SELECT {head}{_FIGURES} FROM ({parts}) {order}",  # noqa: S608 - names of our own
            (*of_request[1], *of_session[1], *of_gap[1]),
        )
        return Table(tuple(column[0] for column in cursor.description), cursor.fetchall())
