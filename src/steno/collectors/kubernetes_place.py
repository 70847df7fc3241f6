"""How far a log has been read, so that it is read on from there when the connection breaks.

Strategy: the API takes up a log at a whole second (``sinceTime``), not at a line. So the lines are
counted that have come since the second of the latest one began: exactly these come once more, and
are passed over. Where the first of them is not the one that was first before, the node has begun a
new file meanwhile, or had been asked for the end of the log only; then what is not later than the
latest line is passed over. Nothing in here does input and output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.collectors.kubernetes_lines import write_time

if TYPE_CHECKING:
    from steno.collectors.kubernetes_lines import Line

_SECOND = 1_000_000_000


class Place:
    """A place in a log; needs as much memory as one line."""

    def __init__(self) -> None:
        """Begin before the first line."""
        self._latest: int | None = None
        self._first: Line | None = None
        self._count = 0
        self._replayed: int | None = None
        self._exact = False

    @property
    def since_time(self) -> str | None:
        """From when on to ask; None before the first line that has a time."""
        if self._latest is None:
            return None
        return write_time(self._latest - self._latest % _SECOND)[:19] + "Z"

    def replay(self) -> None:
        """Take note that the log comes once more from `since_time` on."""
        self._replayed = None if self._latest is None else 0

    def is_new(self, line: Line) -> bool:
        """Tell whether a line has not come before, and move on behind it."""
        at = line.at
        if at is None:
            # The node says it, not the program; it says so each time.
            return self._replayed is None
        if self._replayed is not None:
            if self._is_repeated(line, at):
                return False
            self._replayed = None
        if self._latest is None or at // _SECOND > self._latest // _SECOND:
            self._first, self._count = line, 0
        # A line can carry an earlier time than the one before: two streams are written by turns.
        if self._latest is None or at // _SECOND >= self._latest // _SECOND:
            self._count += 1
        self._latest = at if self._latest is None else max(self._latest, at)
        return True

    def _is_repeated(self, line: Line, at: int) -> bool:
        assert self._latest is not None
        if self._replayed == 0:
            self._exact = line == self._first
        self._replayed = (self._replayed or 0) + 1
        if self._exact:
            return self._replayed <= self._count
        return at <= self._latest
