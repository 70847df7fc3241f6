"""Times as other programs write them.

Strategy: text of ISO 8601, seconds and milliseconds are read wherever a time may stand; which of
them a program writes has changed from version to version. What is no time is None, never an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import amount

if TYPE_CHECKING:
    from steno.transcripts.importers.source import Probe

_NAMES = (
    "timestamp", "startTime", "start_time", "ts", "created_at", "createdAt", "datetime_utc",
    "started_at", "time",
)  # fmt: skip
_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would be after the year 5138."""


def read_time(value: Any) -> datetime | None:
    """Read a time: ISO 8601 text, or seconds or milliseconds since 1970.

    Returns:
        An aware time in UTC; None for anything else, and for what no calendar holds. Times without
        an offset are UTC. Zero and less stand for times that nobody knew.
    """
    try:
        if isinstance(value, str):
            stamp = datetime.fromisoformat(value.strip())
            if stamp.tzinfo is UTC:  # as most are
                return stamp
            return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
        number = amount(value)
        if not number:
            return None
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def first_time(looked: Probe) -> datetime | None:
    """Find the earliest time that the beginning of a file tells; None where it tells none."""
    times = [time for value in looked.first for time in _times(value)]
    return min(times, default=None)


def _times(value: Any) -> list[datetime]:
    if not isinstance(value, dict):
        return []
    found = [read_time(value.get(name)) for name in _NAMES]
    return [time for time in found if time is not None]
