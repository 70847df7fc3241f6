"""Issue 5, bar 1: a home of 100,000 sessions, listed by its headers alone and by its index."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measuring import Result, alternate, seconds
from steno.events.codec import LineEncoder, encode_header
from steno.events.header import Header, make_header
from steno.events.model import Completed, Event, RequestRecorded, ResponseRecorded, Started
from steno.events.parts import Tokens
from steno.identity import describe_process
from steno.storage.compressed import PACKED, pack
from steno.writers.rows import Rows
from steno.writers.sqlite import connect
from steno.writers.statements import POSITION_UPSERT

_SESSIONS = 100_000
_DAYS = 40
_PACKED_DAYS = 3
"""The oldest days, whose transcripts are compressed; the first of them is not a whole one."""

_LAST = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
_TEXT = "The recorder writes down what was said. " * 12
_FAILS = 97
"""Every so many'th session failed."""

_ROUNDS = 9
_COLD_ROUNDS = 3
_WORKERS = 2

_FILTERS: dict[str, tuple[tuple[str, ...], int]] = {
    "no filter": ((), 50),
    "--key": (("--key", "agent:main:direct:friend-7"), 11),
    "--agent": (("--agent", "rare"), 10),
    "--kind": (("--kind", "hook"), 10),
    "--user": (("--user", "user-77"), 11),
    "--since": (("--since", "2026-11-20T23:00:00Z"), 50),
    "--state": (("--state", "failed"), 50),
}
"""Options, and how many sessions they list."""


def _header(number: int) -> Header:
    """Make the header of a session; of a hundred or so, one each is rare in its own way."""
    began = _LAST - timedelta(days=_DAYS) * ((_SESSIONS - number) / _SESSIONS)
    agent = "rare" if number % 9973 == 0 else f"agent-{number % 7}"
    rest = ("main", f"cron:nightly:run:{number}", f"subagent:{number:032x}")[number % 3]
    key = f"agent:{agent}:{rest}"
    if number % 9967 == 0:
        key = f"agent:{agent}:hook:deploy"
    if number % 9949 == 0:
        key = "agent:main:direct:friend-7"
    return make_header(
        f"{number:06d}{'x' * 20}",
        began,
        session_key=key,
        user_id="user-77" if number % 9941 == 0 else f"u{number % 50}",
        recorder="benchmark-writer",
        **_PROCESS,
    )


_PROCESS = describe_process()


def _events(header: Header, number: int) -> list[Event]:
    ids = header.session_id, f"req-{number}", header.timestamp
    failed = number % _FAILS == 0
    return [
        Started(*ids, model_requested="gpt-5", provider="openai", listener="sdk"),
        RequestRecorded(*ids, request_text=_TEXT, message_count=3),
        ResponseRecorded(
            *ids, response_text=_TEXT, model_used="gpt-5-2026", tokens=Tokens(input=70, output=50)
        ),
        Completed(*ids, success=not failed, error="it broke" if failed else None),
    ]


def _write_transcripts(sessions: Path, first: int) -> None:
    """Write every so many'th transcript of the home, as a recorder leaves them."""
    encoder = LineEncoder("benchmark-writer")
    oldest = {f"{_LAST - timedelta(days=_DAYS - day):%Y-%m-%d}" for day in range(_PACKED_DAYS)}
    for number in range(first, _SESSIONS, _WORKERS):
        header = _header(number)
        day = f"{header.timestamp:%Y-%m-%d}"
        path = sessions / day / f"{header.session_id}.jsonl"
        lines = [
            encoder.encode(event, 4 * number + at)[0]
            for at, event in enumerate(_events(header, number))
        ]
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, encode_header(header) + b"\n" + b"".join(lines))
        if day in oldest:
            target = os.open(f"{path}{PACKED}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            pack(descriptor, target, stopped=lambda: False)
            os.close(target)
            path.unlink()
        os.close(descriptor)


def _write_index(sessions: Path, database: Path) -> None:
    """Write the rows of the same sessions, many in a transaction."""
    with closing(connect(database, synchronous="OFF", busy_timeout_ms=5000)) as connection:
        for begin in range(0, _SESSIONS, 5000):
            rows, places = Rows(), []
            for number in range(begin, min(_SESSIONS, begin + 5000)):
                header = _header(number)
                rows.add_header(header)
                for at, event in enumerate(_events(header, number)):
                    rows.add(event, "benchmark-writer", 4 * number + at)
                day = f"{header.timestamp:%Y-%m-%d}"
                places.append((f"{sessions / day / header.session_id}.jsonl", header.session_id))
            connection.execute("BEGIN")
            rows.store(connection)
            connection.executemany(
                POSITION_UPSERT, [(path, session, 1, None, 0) for path, session in places]
            )
            connection.executemany(
                "UPDATE sessions SET transcript = ? WHERE session_id = ?", places
            )
            connection.execute("COMMIT")


def write_home(home: Path) -> None:
    """Write a home of 100,000 sessions: the transcripts and the index of the same."""
    sessions = home / "sessions"
    for day in range(_DAYS + 1):
        (sessions / f"{_LAST - timedelta(days=day):%Y-%m-%d}").mkdir(parents=True)
    with ProcessPoolExecutor(_WORKERS) as pool:
        writing = [pool.submit(_write_transcripts, sessions, at) for at in range(_WORKERS)]
        _write_index(sessions, home / "sessions.db")
        for each in writing:
            each.result()


def run() -> list[Result]:
    """List the home by whole processes: without an index, then with one."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        write_home(home)
        (home / "sessions.db").rename(home / "aside.db")
        cold = alternate(_COLD_ROUNDS, lambda: _list(home, "--user", "nobody", expected=0))[0]
        (home / "aside.db").rename(home / "sessions.db")
        bare, *listings = alternate(
            _ROUNDS,
            lambda: _time(sys.executable, "-c", "pass"),
            *(
                functools.partial(_list, home, *options, expected=expected)
                for options, expected in _FILTERS.values()
            ),
        )
    times = {name: value * 1000 for name, value in zip(_FILTERS, listings, strict=True)}
    plain, slowest = times.pop("no filter"), max(times, key=lambda name: times[name])
    filtered = ", ".join(f"{name} {value:.0f}" for name, value in times.items())
    return [
        Result("5.1 cold headers", ">= 20,000 files/s", f"{_SESSIONS / cold:,.0f}/s",
               _SESSIONS / cold >= 20_000,
               f"`steno ls --user nobody` on {_SESSIONS:,} transcripts without an index, a few "
               f"thousand of them compressed; whole process, {cold:.1f} s"),
        Result("5.1 steno ls", "<= 150 ms", f"{plain:.0f} ms",
               max(plain, times[slowest]) <= 150,
               f"{_SESSIONS:,} sessions, whole process (a bare interpreter {bare * 1000:.0f} ms); "
               f"with a filter that few pass: {filtered}"),
    ]  # fmt: skip


def _list(home: Path, *options: str, expected: int) -> float:
    """Return the seconds of one `steno ls` from start to exit."""
    steno = str(Path(sys.executable).with_name("steno"))
    return _time(steno, "ls", "--home", str(home), "--json", *options, expected=expected)


def _time(*command: str, expected: int = 0) -> float:
    found = b""

    def run() -> None:
        nonlocal found
        found = subprocess.run(command, check=True, capture_output=True).stdout

    taken = seconds(run)
    if len(found.splitlines()) != expected:
        raise RuntimeError(f"{command} found {len(found.splitlines())} sessions, not {expected}")
    return taken
