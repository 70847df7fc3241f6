"""Make it quick to find requests, in an index that has become large.

Strategy: whoever records pays for each index at each request, and most who record never search. So
what only finding needs is made by the first who searches among many, once, a short transaction for
each; among few, a search is quick without.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from steno import notices
from steno.query.index import has_index
from steno.writers.schema import FINDING_INDEXES

if TYPE_CHECKING:
    from pathlib import Path

MANY = 20_000
"""Requests from which on a search needs the indexes: through fewer it goes in 50 ms."""

_BUSY_S = 5.0


def hasten(path: Path, *, many: int = MANY) -> None:
    """Make the indexes that finding needs, where they are missing and there is much to find.

    Where that can't be done, somebody is told, and finding takes longer.

    Args:
        path: The index.
        many: As `MANY`.
    """
    if not has_index(path):
        return
    place = f"{path.absolute().as_uri()}?mode=rw"
    try:
        connection = sqlite3.connect(place, uri=True, timeout=_BUSY_S, isolation_level=None)
        with closing(connection):
            missing = _missing(connection, many)
            if missing:
                notices.say("hastening", f"preparing {path} for finding, which takes a moment once")
            for statement in missing:
                connection.execute(statement)
    except sqlite3.Error as error:
        notices.say(
            "not-hastened",
            f"WARN {path} can't be prepared for finding, which takes longer: {error}",
        )


def _missing(connection: sqlite3.Connection, many: int) -> list[str]:
    (count,) = connection.execute("SELECT MAX(id) FROM session_stats").fetchone()
    if (count or 0) < many:
        return []
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return [statement for name, statement in FINDING_INDEXES.items() if name not in there]
