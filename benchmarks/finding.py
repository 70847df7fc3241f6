"""Issue 7: finding among 200,000 requests, in process: the newest page, filters, full text."""

from __future__ import annotations

import itertools
import random
import statistics
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Result, seconds
from steno.query.catching_up import CaughtUp
from steno.query.filter.parsing import parse_filter
from steno.query.finding import Finder, asks_for_text
from steno.query.hastening import hasten
from steno.query.index import attach, open_index
from steno.query.search import SHIFT, open_search
from steno.writers.sqlite import connect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_SESSIONS, _EACH = 20_000, 10
_LAST = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
_ROUNDS = 9
_VOCABULARY = 30_000
_WORDS = 30
_BATCH = 20_000

_FILTERS = {
    "newest page": "",
    "model, frequent": "model:gpt-5",
    "model, one in 10,000": "model:rare-model",
    "model*, one in 10,000": "model:rare*",
    "no such model": "model:nothing",
    "provider": "provider:anthropic",
    "session": "session:session-000777",
    "request": "request:request-000777-3",
    "key": "key:agent:main:direct:friend-7",
    "user": "user:user-rare",
    "tool, frequent": "tool:bash",
    "tool, one in 10,000": "tool:rare",
    "failed": "failed",
    "failed, one in 10,000 models": "failed model:rare-model",
    "since": "since:2026-11-20T23:00:00Z",
    "on a day of last month": "on:2026-10-25",
    "day and model": "on:2026-10-25 model:rare*",
}  # fmt: skip
_TEXTS = {
    "a word in every text": "recorder",
    "a word in one of ten": "common",
    "a word in one of 1,000": "word-900",
    "a rare word": "needle",
    "no such word": "nowhere",
    "a phrase": '"connection reset by peer"',
    "a beginning": "wor*",
    "two words": "common needle",
    "a rare word and a model": "needle model:gpt-5",
    "a frequent word and a rare model": "recorder model:rare-model",
    "without a frequent word": "-common",
}


def _rows() -> Iterator[tuple[int, int]]:
    return itertools.product(range(_SESSIONS), range(_EACH))


def _began(session: int, request: int) -> str:
    at = (
        _LAST
        - timedelta(days=40) * ((_SESSIONS - session) / _SESSIONS)
        + timedelta(minutes=request)
    )
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _model(number: int) -> str:
    return (
        "rare-model" if number % 9973 == 0 else f"{('gpt-5', 'claude-4', 'gemini-3')[number % 3]}"
    )


def write_index(path: Path) -> None:
    """Write the rows of 20,000 sessions with ten requests each, as the writer's tables have them."""
    with closing(connect(path, synchronous="OFF", busy_timeout_ms=5000)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO sessions (session_id, session_key, agent_id, user_id, started_at, "
            "completed_at, created_at, provider, model_used, success) "
            "VALUES (?, ?, 'main', ?, ?, ?, ?, 'openai', ?, ?)",
            (
                (
                    f"session-{at:06d}",
                    f"agent:main:direct:friend-{at}",
                    "user-rare" if at % 4999 == 0 else f"user-{at % 50}",
                    *[_began(at, 0)] * 3, _model(at), at % 97 != 0,
                )
                for at in range(_SESSIONS)
            ),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO session_stats (session_id, request_id, model_name, provider, started_at, "
            "completed_at, created_at, success, duration_ms, input_tokens, output_tokens) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 50)",
            (
                (
                    f"session-{session:06d}", f"request-{session:06d}-{request}",
                    _model(session * _EACH + request), ("openai", "anthropic")[session % 2],
                    *[_began(session, request)] * 3, session % 97 != 0 or request > 0,
                    session % 9000, session % 7000,
                )
                for session, request in _rows()
            ),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO tool_call_executions (session_id, request_id, call_key, tool_name, "
            "created_at) VALUES (?, ?, 'c', ?, ?)",
            (
                (
                    f"session-{session:06d}", f"request-{session:06d}-{request}",
                    "rare" if (session * _EACH + request) % 9973 == 0 else "bash",
                    _began(session, request),
                )
                for session, request in _rows()
                if request % 2 == 0
            ),
        )  # fmt: skip
        connection.execute("COMMIT")


def write_search(path: Path) -> None:
    """Write the words of the same requests, a text for what was asked and one for the reply."""
    chance = random.Random(7)
    vocabulary = [f"word-{number}" for number in range(_VOCABULARY)]
    weights = list(itertools.accumulate(1 / (number + 1) for number in range(_VOCABULARY)))
    with closing(open_search(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        batch: list[tuple[int, str]] = []
        for place in range(1, _SESSIONS * _EACH + 1):
            for part in range(2):
                words = chance.choices(vocabulary, cum_weights=weights, k=_WORDS)
                words.append("recorder")
                if place % 10 == 0:
                    words.append("common")
                if place % 19_997 == 0:
                    words.append("needle connection reset by peer")
                batch.append(((place << SHIFT) + part, " ".join(words)))
            if len(batch) >= _BATCH:
                _store(connection, batch)
                batch.clear()
        _store(connection, batch)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO places (transcript, session_id, request_id, texts) VALUES (?, ?, ?, 2)",
            ((s, f"session-{s:06d}", f"request-{s:06d}-{r}") for s, r in _rows()),
        )
        connection.execute("COMMIT")


def _store(connection: sqlite3.Connection, batch: list[tuple[int, str]]) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", batch)
    connection.execute("COMMIT")


def run() -> list[Result]:
    """Ask each question several times; the slowest of their medians is what counts."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        write_index(home / "sessions.db")
        hasten(home / "sessions.db")
        write_search(home / "search.db")
        size = (home / "search.db").stat().st_size
        with open_index(home / "sessions.db", home / "sessions") as connection:
            attach(connection, home / "search.db", "search")
            finder = Finder(connection, home / "sessions", CaughtUp())
            by_column = {name: _ask(finder, text) for name, text in _FILTERS.items()}
            by_text = {name: _ask(finder, text) for name, text in _TEXTS.items()}
    return [
        _result("7.1 newest page, indexed columns", 20, by_column,
                f"{_SESSIONS * _EACH:,} requests; a page of 50, in process"),
        _result("7.1 full text", 150, by_text,
                f"the same requests, 400,000 texts, {size / 1e6:.0f} MB; without snippets"),
    ]  # fmt: skip


def _ask(finder: Finder, text: str) -> float:
    """Return the milliseconds of one page."""
    tree = parse_filter(text)
    assert asks_for_text(tree) == (text in _TEXTS.values())
    times = [seconds(lambda: finder.find_requests(tree, now=_LAST)) for _ in range(_ROUNDS)]
    return statistics.median(times) * 1000


def _result(bar: str, most: int, times: dict[str, float], note: str) -> Result:
    slowest = max(times, key=lambda name: times[name])
    each = ", ".join(f"{name} {value:.1f}" for name, value in times.items())
    return Result(bar, f"<= {most} ms", f"{times[slowest]:.1f} ms", times[slowest] <= most,
                  f"{note}; milliseconds: {each}")  # fmt: skip
