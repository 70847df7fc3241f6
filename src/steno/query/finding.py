"""Find requests and sessions by a filter, a page at a time.

Strategy: what is asked for is most often among the newest rows, so the newest thousand are looked
at first, then the newest twenty thousand, in the order in which an index of SQLite's yields them:
a page that they fill costs the same in an index of any size. Only where they don't fill it is the
whole index asked, beginning with the rarest thing that is known of what is wanted.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from steno.errors import QueryError
from steno.query.compiling import compile_filter, define_functions, probe
from steno.query.filter.model import EVERYTHING, And, Filter, Not, Or, Text, When, leaves
from steno.query.found import REQUEST_COLUMNS, FoundSession, Page, RequestRow, request_row
from steno.query.hastening import hasten
from steno.query.index import attach, explain_errors, open_index
from steno.query.paging import Order, Term, read_cursor, write_cursor
from steno.query.search import DAMAGED
from steno.query.sessions import SESSION_COLUMNS, make_is_running, read_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steno.query.catching_up import CaughtUp
    from steno.query.snippets import Snippets

SORTS = ("time", "tokens", "cost", "duration", "ttft")
"""What pages can be ordered by; the newest or greatest comes first."""

_WINDOWS = (1_000, 20_000)
_FEW = 2_000
_QUICK = " VIRTUAL TABLE INDEX "
"""What a plan says of full text, which counts as quickly as an index."""

_SPARE = 4
"""A window must be so many times the page; a greater page asks the whole at once."""


class _Subject(Struct, frozen=True):
    """What is found, in words of SQL."""

    name: str
    columns: str
    source: str
    table: str
    id: str
    time: str
    last: tuple[str, ...]
    sorts: dict[str, str]


_REQUESTS = _Subject(
    "requests", REQUEST_COLUMNS, "session_stats r JOIN sessions s ON s.session_id = r.session_id",
    "session_stats r", "r.id", "r.created_at", ("r.session_id", "r.request_id"),
    {
        "tokens": "COALESCE(r.input_tokens + r.output_tokens, -1)",
        "cost": "COALESCE(r.cost_usd, -1)", "duration": "COALESCE(r.duration_ms, -1)",
        "ttft": "COALESCE(r.time_to_first_token_ms, -1)",
    },
)  # fmt: skip
_SESSIONS = _Subject(
    "sessions", SESSION_COLUMNS, "sessions s", "sessions s", "s.rowid", "s.created_at",
    ("s.session_id",),
    {
        "tokens": "s.total_tokens", "duration": "s.total_duration_ms",
        "cost": "COALESCE((SELECT SUM(c.cost_usd) FROM session_stats c "
                "WHERE c.session_id = s.session_id), -1)",
        "ttft": "COALESCE(s.time_to_first_token_ms, -1)",
    },
)  # fmt: skip


class Finder:
    """Answers questions to one open index.

    Attributes:
        connection: To the index.
        sessions: The folder of transcripts.
        caught_up: How far the texts are known; None where no text was asked for.
    """

    def __init__(
        self, connection: sqlite3.Connection, sessions: Path, caught_up: CaughtUp | None = None
    ) -> None:
        """Take an index from `open_index`; for texts, the database of words is attached to it."""
        self.connection = connection
        self.sessions = sessions
        self.caught_up = caught_up
        define_functions(connection, sessions)

    def find_requests(
        self,
        tree: Filter = EVERYTHING,
        *,
        limit: int = 50,
        after: str | None = None,
        sort: str = "time",
        reverse: bool = False,
        now: datetime | None = None,
    ) -> Page[RequestRow]:
        """Find requests.

        Args:
            tree: Which are wanted.
            limit: How many on a page.
            after: The cursor that the page before told; the first page when it is not given.
            sort: One of `SORTS`; the newest or greatest comes first.
            reverse: The oldest or smallest comes first.
            now: What ``since:7d`` counts back from.

        Raises:
            QueryError: There is no such order, the cursor is none, or the index can't be read.
        """
        order = _order(_REQUESTS, sort, reverse=reverse)
        found = self._page(_REQUESTS, tree, order, limit, after, now)
        is_running = make_is_running(self.connection, self.sessions)
        rows = [request_row(values, is_running) for values in found.rows]
        with self._snippets(tree) as snippets:
            if snippets is not None:
                rows = [
                    replace(row, snippet=snippets.find(row.session_id, row.request_id))
                    for row in rows
                ]
        return Page(rows, found.after)

    def find_sessions(
        self,
        tree: Filter = EVERYTHING,
        *,
        limit: int = 50,
        after: str | None = None,
        sort: str = "time",
        reverse: bool = False,
        now: datetime | None = None,
    ) -> Page[FoundSession]:
        """Find sessions; as `find_requests`.

        Raises:
            QueryError: There is no such order, the cursor is none, or the index can't be read.
        """
        order = _order(_SESSIONS, sort, reverse=reverse)
        found = self._page(_SESSIONS, tree, order, limit, after, now)
        is_running = make_is_running(self.connection, self.sessions)
        with self._snippets(tree) as snippets, explain_errors():
            rows = [
                FoundSession(
                    read_row(values, is_running),
                    snippets.find(values[0]) if snippets is not None else None,
                )
                for values in found.rows
            ]
        return Page(rows, found.after)

    def _ways(
        self, subject: _Subject, tree: Filter, order: Order, limit: int
    ) -> Iterator[tuple[int | None, frozenset[Filter]]]:
        """Yield ways to a page, until it is full: among how many rows, and which terms are rare."""
        terms = tree.terms if isinstance(tree, And) else (tree,)
        by_time = order.terms[0].sql == subject.time
        windows = [size for size in _WINDOWS if by_time and size >= _SPARE * limit]
        if all(isinstance(term, When) for term in terms):
            windows = []
        if windows:
            yield windows[0], frozenset()
        rare = frozenset(term for term in terms if self._is_rare(subject, term))
        if not rare:
            yield from ((size, frozenset()) for size in windows[1:])
        yield None, rare

    def _is_rare(self, subject: _Subject, term: Filter) -> bool:
        """Tell whether few rows fulfil a term, where an index tells it quickly."""
        if isinstance(term, And | Or | Not):
            return False
        question = probe(term, of_sessions=subject is _SESSIONS)
        if question is None:
            return False
        sql = f"{question.sql} LIMIT {_FEW}"
        plan = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", question.values).fetchall()
        steps = [step[3] for step in plan]
        if not all(step.startswith("SEARCH ") or _QUICK in step for step in steps):
            return False
        return len(self.connection.execute(sql, question.values).fetchall()) < _FEW

    def _places(self, subject: _Subject, window: str, values: tuple[Any, ...]) -> tuple[int, int]:
        """Tell between which places the texts of some rows lie: most often close together."""
        same = " AND ".join(f"p.{each.partition('.')[2]} = {each}" for each in subject.last)
        sql = (
            f"SELECT MIN(p.id), MAX(p.id) FROM {subject.table} JOIN search.places p ON {same} "  # noqa: S608 - our names
            f"WHERE {window}"
        )
        first, last = self.connection.execute(sql, values).fetchone()
        return (0, 0) if first is None else (first, last)

    @contextlib.contextmanager
    def _snippets(self, tree: Filter) -> Iterator[Snippets | None]:
        if not asks_for_text(tree):
            yield None
            return
        from steno.query.snippets import Snippets, wanted_texts  # only who looks for text waits

        if not wanted_texts(tree):
            yield None
            return
        snippets = Snippets(self.connection, self.sessions, tree)
        try:
            yield snippets
        finally:
            snippets.close()

    def _page(
        self,
        subject: _Subject,
        tree: Filter,
        order: Order,
        limit: int,
        after: str | None,
        now: datetime | None,
    ) -> Page[tuple[Any, ...]]:
        """Give a page of values, each row's without its place in the order."""
        behind, values = order.behind(read_cursor(order, after)) if after else ("1", ())
        places = ", ".join(term.sql for term in order.terms)
        asks = asks_for_text(tree)
        if asks and self.caught_up is None:
            raise QueryError("no text was searched", hint="open the index with `open_finder`")
        rows: list[tuple[Any, ...]] = []
        with _explain_words(asks=asks), explain_errors():
            for size, rare in self._ways(subject, tree, order, limit):
                window = None if size is None else _window(subject, order, size, behind)
                condition = compile_filter(
                    tree, now=now or datetime.now(UTC), of_sessions=subject is _SESSIONS, rare=rare,
                    places=self._places(subject, window, values) if asks and window else None,
                )  # fmt: skip
                sql = (
                    f"SELECT {subject.columns}, {places} FROM {subject.source} "  # noqa: S608 - our names
                    f"WHERE ({window or behind}) AND ({condition.sql}) "
                    f"ORDER BY {order.sql()} LIMIT ?"
                )
                given = (*values, *condition.values, limit + 1)
                rows = self.connection.execute(sql, given).fetchall()
                if len(rows) > limit:
                    break
        width = len(order.terms)
        cursor = write_cursor(order, rows[limit - 1][-width:]) if len(rows) > limit else None
        return Page([row[:-width] for row in rows[:limit]], cursor)


@contextlib.contextmanager
def _explain_words(*, asks: bool) -> Iterator[None]:
    """Where two databases are asked, either of them may be the damaged one."""
    try:
        yield
    except QueryError as error:
        if not asks or not any(word in error.message for word in ("damaged", DAMAGED)):
            raise
        raise QueryError(
            f"the index, or search.db beside it, is damaged: {error.message}",
            hint="delete search.db, it is made anew; `steno reindex` makes the index anew",
        ) from error


def _window(subject: _Subject, order: Order, size: int, behind: str) -> str:
    """Tell in SQL which rows are the first of an order, behind a place in it."""
    return (
        f"{subject.id} IN (SELECT {subject.id} FROM {subject.table} WHERE {behind} "  # noqa: S608 - our names
        f"ORDER BY {order.sql()} LIMIT {size})"
    )


def _order(subject: _Subject, sort: str, *, reverse: bool) -> Order:
    if sort not in SORTS:
        raise QueryError(f"nothing is sorted by {sort!r}", hint=f"allowed: {', '.join(SORTS)}")
    terms = [Term(subject.time, down=True), *map(Term, subject.last)]
    if sort != "time":
        terms.insert(0, Term(subject.sorts[sort], down=True))
    order = Order(f"{subject.name}:{sort}", tuple(terms))
    return order.reversed() if reverse else order


def asks_for_text(tree: Filter) -> bool:
    """Tell whether a filter asks for words that were said."""
    return any(isinstance(leaf, Text) for leaf in leaves(tree))


@contextlib.contextmanager
def open_finder(
    index: Path,
    sessions: Path,
    search: Path,
    tree: Filter = EVERYTHING,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Finder]:
    """Open what is needed to find what a filter describes.

    Where it asks for text, the database of words is brought up to date first.

    Args:
        index: The index; where there is none, one is made for the length of the block.
        sessions: The folder of transcripts.
        search: The database of words.
        tree: The filter.
        progress: Called with the transcripts that were looked at and all of them.

    Raises:
        QueryError: Something can't be opened, or not be brought up to date.
        SchemaVersionError: A newer steno, or another program, has made the index.
    """
    with open_index(index, sessions, progress=progress) as connection:
        hasten(index)  # not before it is known to be one that this steno may write to
        caught_up = None
        if asks_for_text(tree):
            from steno.query.catching_up import catch_up  # only who looks for text waits for it

            caught_up = catch_up(sessions, search, progress=progress)
            attach(connection, search, "search")
        yield Finder(connection, sessions, caught_up)
