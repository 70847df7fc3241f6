"""Where lines wait between the thread that logs and the one that writes: bounded, never blocking.

Strategy: the thread that logs puts a line down and goes on; it encodes nothing. One lock guards all
that waits, one that a signal handler may take again which interrupted its own thread in here. What
waits is bounded over the whole process, and what finds no room is counted with its request.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.logs.buffer import measure

if TYPE_CHECKING:
    from steno.archives.identifiers import ArchiveIds
    from steno.archives.spools import SpoolWriter
    from steno.logs.lines import LogLine

MAX_WAITING = 64 * 1024 * 1024
"""Bytes of lines that may wait in memory."""


class Bell:
    """Wakes one thread; may be rung by any, also by a signal handler in the midst of ringing."""

    def __init__(self) -> None:
        """Make it, not ringing."""
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake whoever waits, or will."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it rings; it is quiet afterwards."""
        return self._lock.acquire(timeout=timeout_s)


class Ended(Struct, frozen=True):
    """How and when a request ended."""

    status: str
    reason: str
    at: float


class Waiting:
    """The lines of one request that wait, and what is known of it. Guarded by the intake's lock.

    Attributes:
        ids: Where the archive belongs.
        task: What it does beside the message, if anything.
        begun: When it began.
        touched: When its last line came to be written; of the writing thread alone.
        ended: How it ended, once it has.
        dropped: Lines that found no room, or came too late.
        lines: What waits.
        process: The process to which what is here belongs, as the intake counts them.
        queued: It is among those that are to be written.
        stale: It was ended because it was silent, and may still go on.
        successor: What it goes on as.
        done: Its spool was handed over; of the writing thread alone.
        sealed: Set when all of it is in an archive.
        writer: Its spool; of the writing thread alone.
        unwritten: Encoded lines that could not be written; of the writing thread alone.
    """

    __slots__ = (
        "begun", "done", "dropped", "ended", "ids", "lines", "process", "queued", "sealed",
        "stale", "successor", "task", "touched", "unwritten", "writer",
    )  # fmt: skip

    def __init__(self, ids: ArchiveIds, task: str | None, now: float) -> None:
        """Begin a request."""
        self.ids = ids
        self.task = task
        self.begun = self.touched = now
        self.sealed = threading.Event()
        self.ended: Ended | None = None
        self.process = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a forked child does: what is there belongs to the parent."""
        self.stale = self.done = False
        self.successor: Waiting | None = None
        self.dropped = 0
        self.lines: deque[LogLine] = deque()
        self.queued = False
        self.writer: SpoolWriter | None = None
        self.unwritten: deque[tuple[bytes, float, int]] = deque()


class Intake:
    """All that waits in a process.

    Attributes:
        bell: Rings when something is to be written soon.
        hurry: Rings when something is to be written at once.
        accepted: Lines that were taken.
        dropped: Lines that found no room.
        late: Lines that came after the end of their request.
        closed: Nobody writes any more, and no line is taken.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        """Begin with nothing."""
        self._max_waiting = max_waiting
        self._process = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a forked child does."""
        self._lock = threading.RLock()
        self._process += 1
        self.bell, self.hurry = Bell(), Bell()
        self._ready: list[Waiting] = []
        self._bytes = 0
        self.accepted = self.dropped = self.late = 0
        self.closed = False

    def current(self, waiting: Waiting) -> Waiting:
        """Find what a request goes on as that was ended because it was silent."""
        with self._lock:
            if waiting.process != self._process:
                waiting.forget()
                waiting.process = self._process
            while waiting.stale:
                if waiting.successor is None:
                    waiting.successor = Waiting(waiting.ids, waiting.task, waiting.begun)
                waiting = waiting.successor
            return waiting

    def put(self, waiting: Waiting, line: LogLine) -> bool:
        """Take a line; False where it was dropped."""
        size = measure(line)
        with self._lock:
            if waiting.stale or waiting.process != self._process:
                waiting = self.current(waiting)
            if waiting.ended is not None or self.closed:
                self.late += 1
                return False
            if self._bytes + size > self._max_waiting:
                waiting.dropped += 1
                self.dropped += 1
                return False
            self._bytes += size
            self.accepted += 1
            waiting.lines.append(line)
            if waiting.queued:
                return True
            waiting.queued = True
            self._ready.append(waiting)
        self.bell.ring()
        return True

    def end(self, waiting: Waiting, ended: Ended, *, stale: bool = False) -> bool:
        """Note the end of a request; False where it had ended before.

        Args:
            waiting: The request.
            ended: How it ended.
            stale: It was silent, and goes on if another line comes.
        """
        with self._lock:
            waiting = self.current(waiting)
            if waiting.ended is not None:
                return False
            waiting.ended = ended
            waiting.stale = stale
            self.queue(waiting)
        self.bell.ring()
        self.hurry.ring()
        return True

    def queue(self, waiting: Waiting) -> None:
        """Have a request written again."""
        with self._lock:
            if not waiting.queued:
                waiting.queued = True
                self._ready.append(waiting)

    def collect(self) -> list[Waiting]:
        """Take the requests that are to be written."""
        with self._lock:
            ready, self._ready = self._ready, []
        return ready

    def ready(self) -> list[Waiting]:
        """Tell which requests are to be written."""
        with self._lock:
            return list(self._ready)

    def take(self, waiting: Waiting, count: int) -> tuple[list[LogLine], Ended | None, int]:
        """Take some of the lines of a request.

        Returns:
            The lines; the end, if there are no more lines before it; the lines dropped so far.
        """
        with self._lock:
            lines = [waiting.lines.popleft() for _ in range(min(count, len(waiting.lines)))]
            waiting.queued = bool(waiting.lines)
            if waiting.queued:
                self._ready.append(waiting)
            return lines, None if waiting.lines else waiting.ended, waiting.dropped

    def release(self, size: int) -> None:
        """Give back the room of lines that are on disk."""
        with self._lock:
            self._bytes -= size

    def drop(self, waiting: Waiting, count: int) -> None:
        """Count lines that can't be kept."""
        with self._lock:
            waiting.dropped += count
            self.dropped += count

    @property
    def is_empty(self) -> bool:
        """True when nothing waits."""
        return not self._ready and not self._bytes
