"""A filter as a condition of SQL, for requests and for sessions.

Strategy: every leaf of the tree becomes one condition with parameters; no value is ever written
into SQL. A condition may be NULL, which a `WHERE` takes for false: so negation is pushed down to
the leaves, where ``IS NOT 1`` says "not known to be so", and two-valued logic holds throughout.
What SQL can't tell (the kind, which follows from the key by a grammar, and who is alive) it narrows
down, and a function of Python's decides.

A session fulfils what is asked of requests when one of its requests does. Where a term is rare,
the quickest way is from what fulfils it to the rows that are wanted; where it is frequent, from the
newest rows to what belongs to them. Who compiles says which terms are rare; `probe` helps to tell.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from steno.errors import QueryError
from steno.query.filter.amounts import read_time
from steno.query.filter.model import And, Compare, Filter, Match, Not, Or, Pattern, Text, When
from steno.query.search import SHIFT
from steno.query.sessions import narrow_kind
from steno.session_keys import kind_of
from steno.writers.rows import sql_time

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime
    from pathlib import Path


class Condition(NamedTuple):
    """A condition of SQL.

    Attributes:
        sql: The condition.
        values: The values of its parameters, in order.
    """

    sql: str
    values: tuple[Any, ...] = ()


_TRUE, _FALSE = Condition("1"), Condition("0")

_OF_SESSION = {
    "key": "s.session_key", "agent": "s.agent_id", "user": "s.user_id", "chat": "s.chat_id",
    "message": "s.message_id", "ip": "s.client_ip", "program": "s.program", "host": "s.host",
    "requests": "s.request_count", "gaps": "s.gap_count",
}  # fmt: skip
_OF_REQUEST = {
    "request": "r.request_id", "model": "r.model_name", "provider": "r.provider",
    "finish": "r.finish_reason", "error": "r.error_message", "streaming": "r.is_streaming",
    "messages": "r.message_count", "speed": "r.tokens_per_second",
    "ttft": "r.time_to_first_token_ms", "latency": "r.provider_latency_ms",
}  # fmt: skip
"""Of a session, one of its requests is meant."""

_REQUEST_SUMS = {
    "tokens": "COALESCE(r.input_tokens + r.output_tokens, r.input_tokens, r.output_tokens)",
    "input": "r.input_tokens", "output": "r.output_tokens", "thinking": "r.thinking_tokens",
    "reasoning": "r.reasoning_tokens", "cached": "r.cache_read_tokens", "cost": "r.cost_usd",
    "tools": "r.tool_call_count", "duration": "r.duration_ms",
}  # fmt: skip
_SESSION_SUMS = {
    "tokens": "s.total_tokens", "input": "s.input_tokens", "output": "s.output_tokens",
    "thinking": "s.thinking_tokens", "reasoning": "s.reasoning_tokens",
    "cached": "s.cache_read_tokens", "tools": "s.tool_call_count",
    "duration": "s.total_duration_ms",
    "cost": "(SELECT SUM(c.cost_usd) FROM session_stats c WHERE c.session_id = s.session_id)",
}  # fmt: skip
"""Of a session, the sum over its requests is meant."""

_LIVING = """EXISTS (SELECT 1 FROM session_stats o WHERE o.session_id = s.session_id
    AND o.completed_at IS NULL AND steno_alive(o.recorder))"""
_SETTLED = "s.open_requests = 0 AND s.finish_reason IS NOT 'interrupted'"
_SESSION_STATES = {
    "running": f"((s.open_requests <> 0 AND {_LIVING}) OR "
               f"({_SETTLED} AND s.success IS NULL AND steno_alive(s.recorder)))",
    "interrupted": f"((s.open_requests <> 0 AND NOT {_LIVING}) OR "
                   "(s.open_requests = 0 AND s.finish_reason = 'interrupted'))",
    "ok": f"({_SETTLED} AND (s.success <> 0 OR "
          "(s.success IS NULL AND NOT steno_alive(s.recorder))))",
    "failed": f"({_SETTLED} AND s.success = 0)",
}  # fmt: skip
_REQUEST_STATES = {
    "running": "(r.id IS NOT NULL AND r.completed_at IS NULL AND "
               "r.finish_reason IS NOT 'interrupted' AND steno_alive(r.recorder))",
    "interrupted": "(r.finish_reason = 'interrupted' OR (r.id IS NOT NULL AND "
                   "r.completed_at IS NULL AND NOT steno_alive(r.recorder)))",
    "ok": "(r.completed_at IS NOT NULL AND r.finish_reason IS NOT 'interrupted' AND "
          "r.success IS NOT 0)",
    "failed": "(r.success = 0 AND r.completed_at IS NOT NULL AND "
              "r.finish_reason IS NOT 'interrupted')",
}  # fmt: skip
"""A row of nulls stands for no request, and has no state."""

_TEXT_FOUND = f"SELECT rowid >> {SHIFT} FROM search.texts WHERE texts MATCH ?"  # noqa: S608 - our names


def define_functions(connection: sqlite3.Connection, sessions: Path) -> None:
    """Give a connection the functions that conditions call.

    Args:
        connection: From `open_index`.
        sessions: The folder of transcripts, in which living recorders hold their leases.
    """

    @functools.cache
    def alive(recorder: str | None) -> bool:
        from steno.storage.lease import is_alive  # most often nobody is asked for

        return recorder is not None and is_alive(sessions, recorder)

    kind = functools.lru_cache(maxsize=4096)(kind_of)
    connection.create_function("steno_alive", 1, alive, deterministic=True)
    connection.create_function("steno_kind", 1, kind, deterministic=True)


def compile_filter(
    tree: Filter,
    *,
    now: datetime,
    of_sessions: bool = False,
    rare: frozenset[Filter] = frozenset(),
    time: str | None = None,
    places: tuple[int, int] | None = None,
) -> Condition:
    """Turn a filter into a condition.

    Args:
        tree: The filter.
        now: What ``since:7d`` counts back from.
        of_sessions: The condition is on sessions, as ``s``; else it is on requests, as ``r``,
            joined with their sessions as ``s``.
        rare: Terms that few rows fulfil, so that it pays to begin with those.
        time: The column by which a row has its time; when it began, if it is not given.
        places: The first and the last place at which texts need to be looked for; all, if it is
            not given.

    Raises:
        QueryError: The tree was not made by the parser, and asks for what there is not.
    """
    time = time or ("s.created_at" if of_sessions else "r.created_at")
    compiler = _Compiler(now, time, places, rare, of_sessions=of_sessions)
    return compiler.tree(tree, negated=False)


class _Compiler:
    def __init__(
        self,
        now: datetime,
        time: str,
        places: tuple[int, int] | None,
        rare: frozenset[Filter],
        *,
        of_sessions: bool,
    ) -> None:
        self._now = now
        self._time = time
        self._places = places
        self._of_sessions = of_sessions
        self._rare = rare

    def tree(self, tree: Filter, *, negated: bool) -> Condition:
        if isinstance(tree, Not):
            return self.tree(tree.term, negated=not negated)
        if isinstance(tree, And | Or):
            parts = [self.tree(term, negated=negated) for term in tree.terms]
            return _join(parts, " OR " if isinstance(tree, Or) != negated else " AND ")
        leaf = self._leaf(tree, driving=tree in self._rare and not negated)
        return Condition(f"({leaf.sql}) IS NOT 1", leaf.values) if negated else leaf

    def _leaf(self, leaf: Match | Compare | When | Text, *, driving: bool) -> Condition:
        if isinstance(leaf, When):
            return self._when(leaf)
        if isinstance(leaf, Text):
            return self._text(leaf, driving=driving)
        if isinstance(leaf, Match) and leaf.field in {"state", "kind", "session", "tool", "tag"}:
            return self._special(leaf, driving=driving)
        sums = _SESSION_SUMS if self._of_sessions else _REQUEST_SUMS
        # The plus keeps SQLite from beginning with this term, where another one is rare.
        plus = "+" if self._rare and not driving else ""
        if (column := _OF_SESSION.get(leaf.field) or sums.get(leaf.field)) is not None:
            return _test(plus + column, leaf)
        if (column := _OF_REQUEST.get(leaf.field)) is None:
            raise QueryError(f"there is no field {leaf.field!r}", hint="see docs/finding.md")
        if not self._of_sessions:
            return _test(plus + column, leaf)
        sql, values = _test(column, leaf)
        return self._has("session_stats r", "r", sql, values, driving=driving)

    def _has(
        self, table: str, alias: str, sql: str, values: tuple[Any, ...], *, driving: bool
    ) -> Condition:
        """Demand of a session that it has a row in another table."""
        if driving:
            inner = f"SELECT {alias}.session_id FROM {table} WHERE {sql}"  # noqa: S608 - our names
            return Condition(f"s.session_id IN ({inner})", values)
        inner = f"SELECT 1 FROM {table} WHERE {alias}.session_id = s.session_id AND ({sql})"  # noqa: S608 - our names
        return Condition(f"EXISTS ({inner})", values)

    def _special(self, leaf: Match, *, driving: bool) -> Condition:
        if leaf.field == "state":
            states = _SESSION_STATES if self._of_sessions else _REQUEST_STATES
            names = [each.exact or "" for each in leaf.patterns]
            return _join([Condition(states.get(name, "0")) for name in names], " OR ")
        if leaf.field == "kind":
            return _join([_kind(each.exact or "") for each in leaf.patterns], " OR ")
        if leaf.field == "session":
            return _test("s.session_id" if self._of_sessions else "r.session_id", leaf)
        if leaf.field == "tag":
            sql, values = _test("j.value", leaf)
            return Condition(
                "EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(s.tags) THEN s.tags "  # noqa: S608 - our names
                f"ELSE '[]' END) j WHERE {sql})",
                values,
            )
        sql, values = _test("t.tool_name", leaf)
        if self._of_sessions:
            return self._has("tool_calls t", "t", sql, values, driving=driving)
        if driving:
            inner = f"SELECT t.session_id, t.request_id FROM tool_calls t WHERE {sql}"  # noqa: S608 - our names
            return Condition(f"(r.session_id, r.request_id) IN ({inner})", values)
        same = "t.session_id = r.session_id AND t.request_id = r.request_id"
        inner = f"SELECT 1 FROM tool_calls t WHERE {same} AND ({sql})"  # noqa: S608 - our names
        return Condition(f"EXISTS ({inner})", values)

    def _when(self, leaf: When) -> Condition:
        try:
            begin, end = read_time(leaf.text, self._now)
        except ValueError as error:
            raise QueryError(f"{leaf.text!r} is no time", hint=f"allowed: {error}") from None
        if leaf.field == "since":
            return Condition(f"{self._time} >= ?", (sql_time(begin),))
        if leaf.field == "until":
            op = "<" if end > begin else "<="
            return Condition(f"{self._time} {op} ?", (sql_time(end),))
        return Condition(
            f"{self._time} >= ? AND {self._time} < ?", (sql_time(begin), sql_time(end))
        )

    def _text(self, leaf: Text, *, driving: bool) -> Condition:
        found = _TEXT_FOUND
        values: tuple[Any, ...] = (match_expression(leaf),)
        if self._places is not None:
            found += " AND rowid BETWEEN ? AND ?"
            first, last = self._places
            values = (*values, first << SHIFT, ((last + 1) << SHIFT) - 1)
        row = "s" if self._of_sessions else "r"
        columns = ("session_id",) if self._of_sessions else ("session_id", "request_id")
        if driving:
            names = ", ".join(f"p.{name}" for name in columns)
            wanted = ", ".join(f"{row}.{name}" for name in columns)
            inner = f"SELECT {names} FROM search.places p WHERE p.id IN ({found})"  # noqa: S608 - our names
            return Condition(f"({wanted}) IN ({inner})", values)
        same = " AND ".join(f"p.{name} = {row}.{name}" for name in columns)
        if self._rare:
            # Few rows are left to look at, so each is looked at by itself.
            of_place = f"rowid BETWEEN p.id << {SHIFT} AND ((p.id + 1) << {SHIFT}) - 1"
            inner = f"SELECT 1 FROM search.texts WHERE texts MATCH ? AND {of_place}"  # noqa: S608 - our names
            inner = f"SELECT 1 FROM search.places p WHERE {same} AND EXISTS ({inner})"  # noqa: S608 - our names
            return Condition(f"EXISTS ({inner})", (match_expression(leaf),))
        # The plus keeps SQLite from going through all that was found for each row.
        inner = f"SELECT 1 FROM search.places p WHERE {same} AND +p.id IN ({found})"  # noqa: S608 - our names
        return Condition(f"EXISTS ({inner})", values)


def probe(leaf: Match | Compare | When | Text, *, of_sessions: bool) -> Condition | None:
    """Write a query for the rows that fulfil a term, from which one tells how many there are.

    Returns:
        None where a term is not worth the question.
    """
    if isinstance(leaf, Text):
        return Condition(_TEXT_FOUND, (match_expression(leaf),))
    if isinstance(leaf, When | Compare) or leaf.field in {"kind", "tag", "streaming"}:
        return None
    if leaf.field == "tool":
        table, test = "tool_calls t", _test("t.tool_name", leaf)
    elif leaf.field == "state":
        if [each.exact for each in leaf.patterns] != ["failed"]:
            return None
        table = "sessions s" if of_sessions else "session_stats r"
        states = _SESSION_STATES if of_sessions else _REQUEST_STATES
        test = Condition(states["failed"])
    elif leaf.field == "session":
        column, table = ("s", "sessions s") if of_sessions else ("r", "session_stats r")
        test = _test(f"{column}.session_id", leaf)
    elif leaf.field in _OF_SESSION:
        table, test = "sessions s", _test(_OF_SESSION[leaf.field], leaf)
    elif leaf.field in _OF_REQUEST:
        table, test = "session_stats r", _test(_OF_REQUEST[leaf.field], leaf)
    else:
        return None
    return Condition(f"SELECT 1 FROM {table} WHERE {test.sql}", test.values)  # noqa: S608 - our names


def match_expression(leaf: Text) -> str:
    """Write words as full-text search understands them: quoted, so that none is an operator."""
    from steno.query.texts import separate

    text = separate(leaf.text).replace('"', '""')
    return f'"{text}"' + " *" * leaf.prefix


def _join(parts: list[Condition], word: str) -> Condition:
    if not parts:
        return _FALSE if word == " OR " else _TRUE
    if len(parts) == 1:
        return parts[0]
    sql = word.join(f"({part.sql})" for part in parts)
    return Condition(sql, tuple(value for part in parts for value in part.values))


def _test(column: str, leaf: Match | Compare) -> Condition:
    if isinstance(leaf, Compare):
        return Condition(f"{column} {_OPS[leaf.op]} ?", (leaf.value,))
    if column.endswith("r.is_streaming"):
        wanted = tuple(each.exact == "yes" for each in leaf.patterns)
        return _join([Condition(f"{column} = ?", (each,)) for each in wanted], " OR ")
    exact = [each.exact for each in leaf.patterns]
    if len(exact) > 1 and all(exact):
        return Condition(f"{column} IN ({', '.join('?' for _ in exact)})", tuple(exact))
    return _join([_pattern(column, each) for each in leaf.patterns], " OR ")


_OPS = {op: op for op in (">", ">=", "<", "<=", "=")}
"""Looked up, so that no text from outside is ever a part of the SQL."""


def _pattern(column: str, pattern: Pattern) -> Condition:
    if pattern.exact is not None:
        # No value and an empty one are the same to whoever asks.
        return (
            Condition(f"{column} = ?", (pattern.exact,))
            if pattern.exact
            else Condition(f"({column} IS NULL OR {column} = '')")
        )
    if not any(pattern.parts):
        return Condition(f"{column} <> ''")
    return Condition(f"{column} GLOB ?", ("*".join(map(_escape, pattern.parts)),))


_GLOB = {"*": "[*]", "?": "[?]", "[": "[[]"}


def _escape(text: str) -> str:
    return "".join(_GLOB.get(character, character) for character in text)


def _kind(kind: str) -> Condition:
    return Condition(
        f"({narrow_kind(kind, 's.session_key')}) AND steno_kind(s.session_key) = ?", (kind,)
    )
