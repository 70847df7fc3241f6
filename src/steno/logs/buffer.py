"""The lines of one scope: the newest, bounded in number and in bytes; what had to go is counted."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING

from steno.notices import say

if TYPE_CHECKING:
    from steno.logs.lines import LogLine

MAX_LINES = 20_000
LINES_VARIABLE = "SESSION_LOG_MAX_LINES"
MAX_BYTES = 16 * 1024 * 1024


_ENVELOPE = 350
"""Bytes of a line beside its texts."""


def measure(line: LogLine) -> int:
    """Return the bytes of memory that a line takes, roughly; by this, buffers are bounded."""
    # Not `len`: a character takes one to four bytes.
    if line.exception is None:
        return _ENVELOPE + line.message.__sizeof__()
    return _ENVELOPE + line.message.__sizeof__() + line.exception.__sizeof__()


def default_lines() -> int:
    """Return how many lines are kept where nobody says so: ``SESSION_LOG_MAX_LINES``, else 20,000.

    A variable that says nothing sensible is said once at a rate, and not obeyed.
    """
    text = os.environ.get(LINES_VARIABLE, "").strip()
    if not text:
        return MAX_LINES
    if text.isdecimal() and int(text) > 0:
        return int(text)
    say("log-lines", f"WARN {LINES_VARIABLE} is {text!r}, which is no number: {MAX_LINES} it is")
    return MAX_LINES


class LineBuffer:
    """Keeps the newest lines; any thread may add to it.

    Attributes:
        dropped: How many lines had to go for newer ones.
    """

    __slots__ = ("__weakref__", "_bytes", "_lines", "_lock", "_max_bytes", "_max_lines", "dropped")

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        """Bound it; a line that alone is longer than all bytes is not kept."""
        self._max_lines = max(0, max_lines)
        self._max_bytes = max(0, max_bytes)
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self.dropped = 0
        # Reentrant: a signal's handler, or a finalizer, may log while this thread holds it.
        self._lock = threading.RLock()
        _live.add(self)

    def take(self, line: LogLine) -> None:
        """Keep a line, and let the oldest go for it."""
        lines = self._lines
        size = measure(line)
        with self._lock:
            lines.append(line)
            self._bytes += size
            if self._bytes > self._max_bytes or len(lines) > self._max_lines:
                if size > self._max_bytes and lines[-1] is line:
                    lines.pop()  # or all others would go for it
                    self._bytes -= size
                    self.dropped += 1
                self._trim()

    def resize(self, max_lines: int, max_bytes: int | None = None) -> None:
        """Change the bounds; of what is kept, the newest stay."""
        with self._lock:
            self._max_lines = max(0, max_lines)
            if max_bytes is not None:
                self._max_bytes = max(0, max_bytes)
            self._trim()

    def drain(self) -> list[LogLine]:
        """Hand out all lines, in the order in which they came, and be empty."""
        with self._lock:
            lines = list(self._lines)
            self._lines.clear()
            self._bytes = 0
        return lines

    def close(self) -> list[LogLine]:
        """Hand out all lines, and keep none from now on: what comes too late is dropped."""
        with self._lock:
            self._max_lines = 0
            return self.drain()

    def lines(self) -> list[LogLine]:
        """Copy the lines, in the order in which they came."""
        with self._lock:
            return list(self._lines)

    def __len__(self) -> int:
        """Count the lines that are kept."""
        return len(self._lines)

    @property
    def size(self) -> int:
        """Bytes that are kept, roughly."""
        return self._bytes

    def _trim(self) -> None:
        while self._lines and (len(self._lines) > self._max_lines or self._bytes > self._max_bytes):
            self._bytes -= measure(self._lines.popleft())
            self.dropped += 1

    def _unlock(self) -> None:
        self._lock = threading.RLock()


def _after_fork() -> None:
    """Make locks anew: another thread of the parent may have held one."""
    for buffer in list(_live):
        buffer._unlock()  # noqa: SLF001 - this module's own


if "_live" not in globals():  # it is after ``importlib.reload``
    _live: weakref.WeakSet[LineBuffer] = weakref.WeakSet()
    os.register_at_fork(after_in_child=_after_fork)
