"""From when until when: durations and instants as people and programs write them, made exact.

Instants are kept in whole milliseconds or finer as `datetime` in UTC; a time that names no zone is
UTC, as everywhere in steno. A number is seconds since the epoch, or milliseconds or microseconds
where it would else lie thousands of years ahead.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from steno.errors import CollectError
from steno.events.codec import format_timestamp

Moment = datetime | timedelta | float | str
"""An instant, or a duration before now: ``2026-11-20T14:00:00Z``, ``1795183200``, ``2h``."""

_UNITS = {
    "y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0,
    "ms": 0.001,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[ywdhms])", re.ASCII)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[ywdhms]))+\Z", re.ASCII)
_EPOCH = re.compile(r"\d{9,16}(?:\.\d+)?\Z", re.ASCII)
_MILLISECONDS, _MICROSECONDS = 1e11, 1e14
_HINT = "write a duration (2h, 90m, 7d, 1h30m), a time (2026-11-20T14:00:00Z) or an epoch"


class Window(Struct, frozen=True):
    """A stretch of time.

    Attributes:
        start: Its first instant, or None where it is open.
        end: Its last instant, or None where it is open.
    """

    start: datetime | None
    end: datetime | None

    @property
    def time_range(self) -> tuple[str | None, str | None]:
        """Write it as artefacts do: RFC 3339 in UTC."""
        return _written(self.start), _written(self.end)


def parse_duration(value: timedelta | float | str) -> timedelta:
    """Read a duration: ``2h``, ``90m``, ``1h30m``, ``500ms``, seconds, or a timedelta.

    Raises:
        CollectError: It is none, or none that is longer than nothing.
    """
    seconds: float
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        text = value.strip()
        if _DURATION.match(text) is None:
            raise _unreadable(value, "duration")
        seconds = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    else:
        seconds = value
    try:
        duration = timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise _unreadable(value, "duration") from None
    if duration <= timedelta():
        raise CollectError(
            f"{value!r} is no duration: it must be longer than nothing", hint=_HINT, reason="query"
        )
    return duration


def parse_moment(value: Moment, now: datetime) -> datetime:
    """Read an instant; a duration means so long before now.

    Args:
        value: The instant.
        now: What ``now`` is, aware.

    Returns:
        The instant in UTC.

    Raises:
        CollectError: It is none.
    """
    if isinstance(value, datetime):
        return _aware(value)
    if isinstance(value, timedelta):
        return _before(now, value)
    if not isinstance(value, str):
        return _from_epoch(value)
    text = value.strip()
    if text == "now":
        return now.astimezone(UTC)
    if _EPOCH.match(text):
        return _from_epoch(float(text))
    if _DURATION.match(text):
        return _before(now, parse_duration(text))
    try:
        return _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise _unreadable(value, "time") from None


def resolve_window(
    *,
    now: datetime,
    start: Moment | None = None,
    end: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> Window:
    """Make a window of what was given; ``since`` and ``until`` are other words for its ends.

    Args:
        now: What ``now`` is, aware.
        start: The first instant.
        end: The last instant.
        since: As ``start``.
        until: As ``end``.

    Raises:
        CollectError: An end is given twice or unreadable, or the window ends before it begins.
    """
    for first, second, names in ((start, since, "start and since"), (end, until, "end and until")):
        if first is not None and second is not None:
            raise CollectError(
                f"{names} mean the same end of the window", hint="give one", reason="query"
            )
    first, last = (start if since is None else since), (end if until is None else until)
    window = Window(
        None if first is None else parse_moment(first, now),
        None if last is None else parse_moment(last, now),
    )
    if window.start is not None and window.end is not None and window.end < window.start:
        raise CollectError(
            f"the window ends ({_written(window.end)}) before it begins ({_written(window.start)})",
            hint="swap --since and --until, or start and end",
            reason="query",
        )
    return window


def milliseconds(moment: datetime) -> int:
    """Count the milliseconds from the epoch to an instant, exactly; what is finer is cut off."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def microseconds(moment: datetime) -> int:
    """Count the microseconds from the epoch to an instant, exactly."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _before(now: datetime, duration: timedelta) -> datetime:
    try:
        return now.astimezone(UTC) - duration
    except OverflowError:
        raise _unreadable(duration, "time") from None


def _aware(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise _unreadable(moment, "time") from None


def _from_epoch(value: float) -> datetime:
    seconds = value
    if value >= _MICROSECONDS:
        seconds = value / 1e6
    elif value >= _MILLISECONDS:
        seconds = value / 1e3
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise _unreadable(value, "time") from None


def _unreadable(value: object, what: str) -> CollectError:
    return CollectError(f"{value!r} is no {what}", hint=_HINT, reason="query")


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
