"""Times as the transcripts of these programs write them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_time(nanoseconds: int) -> str:
    """Write nanoseconds since the epoch as RFC 3339 in UTC, with milliseconds and ``Z``."""
    try:
        when = datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC)
    except (ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(0, tz=UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(timestamp: str | None) -> float | None:
    """Read an ISO time as seconds since the epoch; one without a zone is in UTC."""
    if timestamp is None:
        return None
    try:
        when = datetime.fromisoformat(timestamp)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
