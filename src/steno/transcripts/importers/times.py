"""Times as other programs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
        An aware time in UTC; None for anything else. Times without an offset are UTC.
    """
    if isinstance(value, str):
        try:
            stamp = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        try:
            return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
        except OverflowError:  # within a day of the first or the last year
            return stamp.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
        return datetime.fromtimestamp(seconds, UTC)
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
