"""The bytes of a log endpoint as lines, each with the time that the node gave it.

Strategy: the endpoint is asked for ``timestamps=true``, so that every line begins with RFC 3339 to
the nanosecond. Times are counted in whole nanoseconds, which no float and no `datetime` can hold;
they are written in UTC as they came, to the last digit. Lines end at line feeds and nowhere else:
what `str.splitlines` takes for an end of line stands in many a message. A line longer than a bound
is cut, and says how much is missing. Nothing in here does input and output.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime

from msgspec import Struct

LONGEST = 1024 * 1024
"""Bytes of a line that are kept; what comes after them is counted only."""

_STAMP = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?: |\Z)", re.ASCII
)


class Line(Struct, frozen=True):
    """One line of a log.

    Attributes:
        at: Nanoseconds since the epoch; None where the line carries no time.
        message: What it says, without its end.
        cut: Bytes that were left out of it.
    """

    at: int | None
    message: str
    cut: int = 0


class LineReader:
    """Makes lines of bytes, however they are cut into pieces."""

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin with nothing.

        Args:
            longest: Bytes of a line that are kept.
        """
        self._longest = longest
        self._rest = b""
        self._cut = 0

    def feed(self, piece: bytes) -> list[Line]:
        """Take bytes, and return the lines that are complete by them."""
        if b"\n" not in piece:
            self._hold(piece)
            return []
        first, *others = piece.split(b"\n")
        self._hold(first)
        lines = [self._take()]
        rest = others.pop()
        lines += [parse_line(raw, self._longest) for raw in others]
        self._hold(rest)
        return lines

    def end(self) -> list[Line]:
        """Return the last line, where it has no end: a line that is being written, or was cut."""
        return [self._take()] if self._rest else []

    def _hold(self, piece: bytes) -> None:
        room = self._longest - len(self._rest)
        self._cut += max(0, len(piece) - room)
        self._rest += piece[:room]

    def _take(self) -> Line:
        raw, cut = self._rest, self._cut
        self._rest, self._cut = b"", 0
        return parse_line(raw, self._longest, cut)


def parse_line(raw: bytes, longest: int = LONGEST, cut: int = 0) -> Line:
    """Read one line.

    Args:
        raw: Its bytes, without the line feed.
        longest: How many of them are kept.
        cut: Bytes that are missing already.
    """
    if len(raw) > longest:
        raw, cut = raw[:longest], cut + len(raw) - longest
    match = _STAMP.match(raw)
    at = None
    if match is not None:
        seconds = _seconds(match[1], match[3])
        if seconds is not None:
            at = seconds * 1_000_000_000 + int((match[2] or b"").ljust(9, b"0"))
            raw = raw[match.end() :]
    # A line of a terminal ends with a carriage return, too; bytes that are no text stay readable.
    return Line(at, raw.removesuffix(b"\r").decode("utf-8", "backslashreplace"), cut)


def write_time(at: int) -> str:
    """Write nanoseconds since the epoch as RFC 3339 in UTC, with nine digits."""
    seconds, fraction = divmod(at, 1_000_000_000)
    return f"{_second(seconds)}.{fraction:09d}Z"


def nanoseconds(moment: datetime) -> int:
    """Count the nanoseconds from the epoch to an instant, exactly."""
    passed = moment - datetime.fromtimestamp(0, UTC)
    return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000


@functools.lru_cache(maxsize=64)
def _seconds(stamp: bytes, zone: bytes) -> int | None:
    """Count seconds since the epoch; most lines share theirs with the one before."""
    try:
        moment = datetime.fromisoformat((stamp + zone).decode())
        return nanoseconds(moment.astimezone(UTC)) // 1_000_000_000
    except (ValueError, OverflowError):
        return None


@functools.lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
