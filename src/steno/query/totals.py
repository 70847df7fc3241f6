"""Figures over many sessions; all of them are sums over requests, so they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.errors import QueryError
from steno.query.index import Table
from steno.writers.rows import sql_time

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

GROUPS = {
    "model": "model_name",
    "day": "DATE(session_stats.created_at)",
    "provider": "session_stats.provider",
    "user": "sessions.user_id",
    "agent": "sessions.agent_id",
}
"""What figures can be told apart by."""

_FIGURES = """COUNT(DISTINCT session_stats.session_id) AS sessions, COUNT(*) AS requests,
    SUM(session_stats.success IS 0) AS failed,
    ROUND(100.0 * SUM(session_stats.success IS 1)
        / NULLIF(SUM(session_stats.success IS NOT NULL), 0), 1) AS success_rate,
    COALESCE(SUM(session_stats.input_tokens), 0) AS input_tokens,
    COALESCE(SUM(session_stats.output_tokens), 0) AS output_tokens,
    COALESCE(SUM(session_stats.thinking_tokens), 0) AS thinking_tokens,
    COALESCE(SUM(session_stats.reasoning_tokens), 0) AS reasoning_tokens,
    COALESCE(SUM(session_stats.cache_read_tokens), 0) AS cache_read_tokens,
    COALESCE(SUM(session_stats.cache_creation_tokens), 0) AS cache_creation_tokens,
    COALESCE(SUM(session_stats.tool_call_count), 0) AS tool_calls,
    CAST(AVG(session_stats.duration_ms) AS INTEGER) AS avg_duration_ms"""


def sum_up(
    connection: sqlite3.Connection, *, by: str | None = None, since: datetime | None = None
) -> Table:
    """Sum up all requests, or those of each group.

    Args:
        connection: From `open_index`.
        by: One of `GROUPS`.
        since: Requests that began at this time or later.

    Raises:
        QueryError: There is no such group.
    """
    if by is not None and by not in GROUPS:
        raise QueryError(f"there is no group {by!r}", hint=f"allowed: {', '.join(GROUPS)}")
    group = f'{GROUPS[by]} AS "{by}", ' if by else ""
    where = "WHERE session_stats.created_at >= ?" if since else ""
    order = "GROUP BY 1 ORDER BY requests DESC, 1" if by else ""
    cursor = connection.execute(
        f"SELECT {group}{_FIGURES} FROM session_stats JOIN sessions USING (session_id) "  # noqa: S608 - names of our own
        f"{where} {order}",
        (sql_time(since),) if since else (),
    )
    return Table(tuple(column[0] for column in cursor.description), cursor.fetchall())
