"""List sessions by the headers of their transcripts, where there is no index.

Strategy: the folders of days are gone through from the newest on, and no further than is asked
for: a day that is begun is read whole, because its transcripts tell their order only then. What a
header tells reads as it does in the index; what it can't tell is None, and never a guess.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import QueryError
from steno.events.salvage import clean_text
from steno.query.sessions import SessionFilter, SessionRow, check_filter, rfc3339
from steno.session_keys import kind_of
from steno.transcripts.finding import find_days, name_of
from steno.transcripts.listing import list_headers
from steno.transcripts.reader import Damage
from steno.writers.rows import sql_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.events.header import Header
    from steno.transcripts.listing import Listed

_MARGIN = timedelta(days=1)
"""How far the folder of a session may lie from the day that its header names."""

_UNTOLD = dict.fromkeys(
    name
    for name in SessionRow.__struct_fields__
    if name
    not in {
        "session_id", "session_key", "agent_id", "kind", "user_id", "chat_id", "started_at",
        "transcript",
    }
)  # fmt: skip
"""The fields of a row that only the index knows."""


class HeaderList(Struct, frozen=True):
    """What the headers tell.

    Attributes:
        rows: The sessions, the newest first. One that nothing names goes by its file's name.
        nameless: How many of them are of that kind.
        damage: Transcripts that can't be read, whether or not they would be wanted.
    """

    rows: list[SessionRow]
    nameless: int
    damage: list[Damage]


def list_by_headers(
    sessions: Path, wanted: SessionFilter | None = None, *, limit: int | None = None
) -> HeaderList:
    """List sessions by the headers of their transcripts.

    Args:
        sessions: The folder of transcripts.
        wanted: Which sessions; their state can't be asked for.
        limit: How many at most.

    Raises:
        QueryError: There is no such kind, or a state was asked for.
    """
    wanted = wanted or SessionFilter()
    check_filter(wanted)
    if wanted.state is not None:
        raise QueryError("headers don't tell a session's state", hint="run `steno reindex`")
    since = sql_time(wanted.since) if wanted.since is not None else ""
    found: list[tuple[str, SessionRow]] = []
    damage: list[Damage] = []
    for day in _days(sessions, wanted):
        of_day = []
        for listed in list_headers(sessions, day):
            if listed.damage is not None:
                damage.append(Damage(listed.path, 0, 0, listed.damage))
            began = "" if listed.header is None else sql_time(listed.header.timestamp)
            if began >= since and _is_wanted(listed.header, wanted):
                of_day.append((began, _row(listed, began)))
        of_day.sort(key=lambda each: each[1].session_id)
        of_day.sort(key=lambda each: each[0], reverse=True)
        found += of_day
        if limit is not None and len(found) >= limit:
            del found[limit:]
            break
    rows = [row for _, row in found]
    return HeaderList(rows, sum(row.started_at is None for row in rows), damage)


def _days(sessions: Path, wanted: SessionFilter) -> Iterator[str]:
    """Yield the days on which such a session may have begun, the newest first."""
    oldest = ""
    if wanted.since is not None:
        try:
            oldest = f"{wanted.since - _MARGIN:%Y-%m-%d}"
        except OverflowError:  # the first day of all
            oldest = ""
    for day in find_days(sessions):
        if day < oldest:
            return
        yield day


def _is_wanted(header: Header | None, wanted: SessionFilter) -> bool:
    if header is None:
        return (wanted.key, wanted.agent, wanted.kind, wanted.user) == (None,) * 4
    return (
        wanted.key in {None, header.session_key}
        and wanted.agent in {None, header.agent_id}
        and wanted.user in {None, header.user_id}
        and wanted.kind in {None, wanted.kind and kind_of(header.session_key)}
    )


def _row(listed: Listed, began: str) -> SessionRow:
    header, path = listed.header, clean_text(listed.path)
    name = name_of(path)
    if header is None:
        return SessionRow(
            session_id=name, session_key=None, agent_id=None, kind=None, user_id=None,
            chat_id=None, started_at=None, transcript=path, **_UNTOLD,
        )  # fmt: skip
    return SessionRow(
        session_id=header.session_id or name,
        session_key=header.session_key,
        agent_id=header.agent_id,
        kind=kind_of(header.session_key),
        user_id=header.user_id,
        chat_id=header.chat_id,
        started_at=rfc3339(began),
        transcript=path,
        **_UNTOLD,
    )
