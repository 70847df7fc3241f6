"""Lines that belong together become one entry: tracebacks and what is indented beneath a line.

Strategy: no guess about what a message means, only about what continues one. A line that is
indented, or that says itself that it goes on (``Caused by:``, ``at ...``), continues the one
before. Two things go on without being indented, Python's tracebacks (the line that names the
exception, and the next traceback of a chain) and Go's panics (goroutines and their functions): they
are known by how they begin. An empty line is held back until it is clear whether it stands inside
of one.
An entry is bounded; what goes on beyond the bound begins the next. Nothing does input and output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steno.collectors.kubernetes_lines import Line

MOST_LINES = 1000
MOST_CHARACTERS = 256 * 1024
"""Bounds of one entry."""

_CONTINUES = re.compile(
    r"[ \t]+\S|Caused by: |Suppressed: |Wrapped by: |\.\.\. \d+ (?:more|common frames omitted)"
    r"|at [\w.$<>/]+\(.*\)\Z|#\d+ |Stack trace:\Z|--- End of "
)
_PYTHON = "Traceback (most recent call last):"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_GO = re.compile(r"panic: |fatal error: |goroutine \d+ \[")
_GO_CONTINUES = re.compile(
    r"goroutine \d+ \[|\[signal |created by |exit status \d+\Z|panic: "
    r"|[\w./*()\[\]\-{}%·~,]+\(.*\)\Z|\.\.\.additional frames elided"
)
_PLAIN, _FRAMES, _CHAIN, _PANIC = range(4)
"""What the entry is so far: a line, frames of a traceback, a traceback that is whole, a panic."""


class Entry(Struct, frozen=True):
    """One line, or several that belong together.

    Attributes:
        at: Nanoseconds since the epoch, of the first line; None where it has no time.
        message: The lines, with line feeds between them.
        lines: How many they are.
        cut: Bytes that were left out of them.
    """

    at: int | None
    message: str
    lines: int = 1
    cut: int = 0


class Joiner:
    """Joins the lines of one container, in their order."""

    def __init__(self, *, join: bool = True) -> None:
        """Begin with nothing.

        Args:
            join: Join lines; False makes an entry of each.
        """
        self._join = join
        self._held: list[Line] = []
        self._empty: list[Line] = []
        self._length = 0
        self._kind = _PLAIN

    @property
    def holds(self) -> bool:
        """Tell whether there are lines that might still go on."""
        return bool(self._held)

    def feed(self, lines: Iterable[Line]) -> Iterator[Entry]:
        """Take lines, and give the entries that are whole by them."""
        if not self._join:
            for line in lines:
                yield Entry(line.at, line.message, cut=line.cut)
            return
        for line in lines:
            if self._held and not line.message.strip() and self._kind != _PLAIN:
                self._empty.append(line)
            elif not self._goes_on(line):
                yield from self.flush()
                self._begin(line)

    def flush(self) -> Iterator[Entry]:
        """Give what is held, without waiting for what might continue it."""
        if self._held:
            yield _entry(self._held)
        for line in self._empty:
            yield _entry([line])
        self._held, self._empty, self._length = [], [], 0

    def _begin(self, line: Line) -> None:
        self._held = [line]
        self._length = len(line.message)
        self._kind = _kind_of(line.message)

    def _goes_on(self, line: Line) -> bool:
        """Add a line to the entry, if it continues it."""
        message = line.message
        if not self._held or line.at is None:
            return False
        added = [*self._empty, line]
        length = self._length + sum(len(each.message) + 1 for each in added)
        if len(self._held) + len(added) > MOST_LINES or length > MOST_CHARACTERS:
            return False
        kind = self._next_kind(message)
        if kind is None:
            return False
        self._held += added
        self._empty = []
        self._length = length
        self._kind = kind
        return True

    def _next_kind(self, message: str) -> int | None:
        """Tell what the entry becomes by a line; None where the line does not belong to it."""
        kind, indented = self._kind, _CONTINUES.match(message) is not None
        if kind == _CHAIN and message in (_PYTHON, *_CHAINED):
            return _FRAMES if message == _PYTHON else _CHAIN
        if kind == _PANIC:
            return _PANIC if indented or _GO_CONTINUES.match(message) else None
        if self._empty:
            return None  # only tracebacks and panics have empty lines within
        if kind == _FRAMES:
            return _FRAMES if indented else _CHAIN  # the line that names the exception
        return kind if indented else None


def _kind_of(message: str) -> int:
    if message.startswith(_PYTHON):
        return _FRAMES
    return _PANIC if _GO.match(message) else _PLAIN


def _entry(lines: list[Line]) -> Entry:
    if len(lines) == 1:
        return Entry(lines[0].at, lines[0].message, cut=lines[0].cut)
    message = "\n".join([line.message for line in lines])
    return Entry(lines[0].at, message, len(lines), sum(line.cut for line in lines))
