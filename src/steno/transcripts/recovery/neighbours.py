"""Hear what lies beside transcripts: indexes, databases, sidecars and logs.

Strategy: each file is heard once. One that can't be read is noted, and the others are heard all the
same; what is missing makes a verdict less sure and never wrong.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from msgspec import Struct, field

from steno.errors import TranscriptError
from steno.transcripts.recovery.cron import claim_jobs, find_scheduler
from steno.transcripts.recovery.evidence import CRON_LOG, OLD_STORE, STORE, TRAJECTORY, Claims
from steno.transcripts.recovery.folder import Note, sessions_of_folder
from steno.transcripts.recovery.names import DATABASE, HISTORY, INDEX, OLD_INDEX, TRANSCRIPTS
from steno.transcripts.recovery.names import TRAJECTORY as SIDECAR
from steno.transcripts.recovery.sidecars import claim_lines
from steno.transcripts.recovery.stores import claim_history, claim_index, read_index
from steno.transcripts.recovery.windows import claim_database, find_database, is_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.transcripts.recovery.folder import Found


class Heard(Struct):
    """What was heard.

    Attributes:
        claims: What is said of sessions.
        sources: The files that said something.
        notes: Those that could not be read, or only in part, and why.
    """

    claims: Claims = field(default_factory=Claims)
    sources: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def hear_store(heard: Heard, store: Path) -> None:
    """Hear an index, or a database, that was named: it speaks for all folders.

    Raises:
        TranscriptError: It can't be read.
    """
    path = os.fspath(store)
    try:
        if is_database(path):
            claim_database(heard.claims, path, "")
        else:
            entries, wrong = read_index(path)
            if wrong is not None and not entries:
                raise TranscriptError(
                    f"{store} is no store: {wrong}", hint="name a sessions.json, or a database"
                )
            claim_index(heard.claims, entries, path, "", STORE)
            _note(heard, path, wrong)
        heard.claims.stores.add(path)
    except (OSError, sqlite3.Error) as error:
        raise TranscriptError(
            f"cannot read the store {store}: {error}", hint="name a sessions.json, or a database"
        ) from error
    heard.sources.append(path)


def hear_neighbours(heard: Heard, files: list[Found]) -> None:
    """Hear all that lies among transcripts, and beside their folders."""
    for found in files:
        with _noting(heard, found.path):
            _hear(heard, found)
    folders = {found.folder for found in files if found.name.kind in TRANSCRIPTS}
    for folder in sorted(filter(None, set(map(sessions_of_folder, folders)))):
        _hear_around(heard, folder)


def _hear(heard: Heard, found: Found) -> None:
    kind, path, folder = found.name.kind, found.path, found.folder
    if kind == INDEX:
        _hear_index(heard, path, folder, STORE)
    elif kind == OLD_INDEX:
        _hear_index(heard, path, folder, OLD_STORE)
    elif kind == HISTORY:
        entries, wrong = read_index(path)
        claim_history(heard.claims, entries, path, folder)
        _note(heard, path, wrong)
    elif kind == SIDECAR:
        claim_lines(heard.claims, path, TRAJECTORY, folder)
    elif kind == DATABASE:
        claim_database(heard.claims, path, os.path.join(os.path.dirname(folder), "sessions"))
    else:
        return
    heard.sources.append(path)


def _hear_around(heard: Heard, folder: str) -> None:
    """Hear what lies beside a folder ``agents/<agent>/sessions``, where programs put it."""
    known = {os.path.abspath(source) for source in heard.sources}
    database = find_database(folder)
    if database is not None and database not in known:
        with _noting(heard, database):
            claim_database(heard.claims, database, folder)
            heard.sources.append(database)
    scheduler = find_scheduler(folder)
    if scheduler is None:
        return
    jobs = os.path.join(scheduler, "jobs.json")
    if os.path.isfile(jobs):
        with _noting(heard, jobs):
            claim_jobs(heard.claims, jobs, folder)
    for log in _logs(os.path.join(scheduler, "runs")):
        with _noting(heard, log):
            claim_lines(heard.claims, log, CRON_LOG, folder, whole=True)
            if log not in known:
                heard.sources.append(log)


def _logs(folder: str) -> list[str]:
    with contextlib.suppress(OSError):  # there are none, or they are somebody else's
        return sorted(
            os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".jsonl")
        )
    return []


def _hear_index(heard: Heard, path: str, folder: str, kind: str) -> None:
    entries, wrong = read_index(path)
    claim_index(heard.claims, entries, path, folder, kind)
    _note(heard, path, wrong)


def _note(heard: Heard, path: str, wrong: str | None) -> None:
    if wrong is not None:
        heard.notes.append(Note(path, wrong))


@contextlib.contextmanager
def _noting(heard: Heard, path: str) -> Iterator[None]:
    """Note a file that can't be read, and go on."""
    try:
        yield
    except TranscriptError as error:
        _note(heard, path, f"it can't be read: {error.message}")
    except (OSError, sqlite3.Error) as error:
        _note(heard, path, f"it can't be read: {error}")
