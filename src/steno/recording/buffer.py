"""The bounded queue between the recorded program and the worker.

Strategy: on the hot path, `Recorder.record` compares a length, appends to a deque (atomic, no lock)
and wakes the worker when it was empty; a worker that is awake looks for itself. Everything that is
not the common case goes through `refuse`: the buffer is full, the recorder is closed, or this is a
forked child that has no worker yet. ``limit`` shrinks by what the writers hold, so that the
buffer's capacity bounds all events in memory, wherever they are.

When it is full, the newest event is dropped, counted by session and said once at a rate on
stderr; with the policy ``block`` the caller waits for room first, up to a timeout.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from steno import notices
from steno.events.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable

    from steno.events.model import Event
    from steno.writers.losses import Losses

FULL_WARNING = "WARN Session recording buffer full, dropping event"

DROP = "drop"
BLOCK = "block"


class Mark:
    """A place in the queue: everything that was recorded before it has been dealt with.

    Attributes:
        stop: Nothing comes after it.
    """

    def __init__(self, *, stop: bool = False) -> None:
        """Make a mark that nobody has passed yet."""
        self.stop = stop
        self._left = 0
        self._lock = threading.Lock()
        self._done = threading.Event()

    def expect(self, lanes: int) -> None:
        """Wait for so many writers to pass; none passes it at once."""
        self._left = lanes
        if not lanes:
            self._done.set()

    def pass_by(self) -> None:
        """Say that one writer has dealt with everything before the mark."""
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._done.set()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until all have passed; False when the time ran out."""
        return self._done.wait(timeout_s)


class Buffer:
    """A bounded queue of events, with session headers and marks between them.

    Attributes:
        queue: Events, headers and marks, oldest first.
        limit: Length from which on `refuse` decides; below zero when the recorder is not open.
        dropped: Events that were refused for good.
        beside: Headers and marks in the queue, which are not events.
        headers: Of these the headers, by session: what is lost of a session may be told before
            the worker comes to its header.
        blocks: Callers wait for room, so that nothing needs to be read back later.
    """

    def __init__(
        self,
        losses: Losses,
        *,
        capacity: int,
        overflow: str = DROP,
        block_timeout_s: float = 1.0,
    ) -> None:
        """Begin empty and open.

        Args:
            losses: Where dropped events are counted by session.
            capacity: Events that may be in memory, writers' shares included.
            overflow: ``drop`` or ``block``.
            block_timeout_s: Seconds that ``block`` waits at most.
        """
        self.queue: deque[Event | Header | Mark] = deque()
        self.capacity = capacity
        self.limit = capacity
        self.dropped = 0
        self.beside = 0
        self.headers: dict[str, Header] = {}
        self.closed = False
        self.urgent = False
        self.revive: Callable[[], None] | None = None
        self._losses = losses
        self.blocks = overflow == BLOCK
        self._block_timeout_s = block_timeout_s
        # Reentrant: a signal handler, or a destructor, may record while its thread is in here.
        self._lock = threading.RLock()
        self._room = threading.Condition()
        self._waiting = 0
        self._wake = threading.Lock()
        self._wake.acquire()

    def signal(self) -> None:
        """Wake the worker; harmless when it is awake."""
        try:  # noqa: SIM105 - a context manager costs more than the call
            self._wake.release()
        except RuntimeError:  # it is awake
            pass

    def wait(self, timeout_s: float) -> None:
        """Sleep until `signal`, at most so many seconds; called by the worker alone."""
        self._wake.acquire(timeout=max(0.0, timeout_s))

    def refuse(self, event: Event) -> bool:
        """Decide on an event for which there is no room.

        Returns:
            True when it was recorded after all.
        """
        if not self.closed and self.blocks and self._wait_for_room():
            self.queue.append(event)
            self.signal()
            return True
        reason = "closed" if self.closed else "buffer_full"
        with self._lock:
            self.dropped += 1
            total = self.dropped
        if self.closed:
            notices.say(
                "closed", f"WARN Session recorder is closed, dropping event; {total} dropped so far"
            )
            return False
        self._losses.add(str(getattr(event, "session_id", "")), "event", reason)
        notices.say("buffer-full", f"{FULL_WARNING}; {total} dropped so far")
        self._look_after_worker()
        return False

    def _look_after_worker(self) -> None:
        """Wake the worker, or begin a new one if it died: nothing was taken for a while."""
        self.signal()
        if self.revive is not None:
            self.revive()

    def _wait_for_room(self) -> bool:
        deadline = time.monotonic() + self._block_timeout_s
        with self._room:
            self._waiting += 1
            try:
                while len(self.queue) >= self.limit:
                    self._look_after_worker()
                    left = deadline - time.monotonic()
                    if left <= 0 or self.closed:
                        return False
                    self._room.wait(min(left, 0.1))
            finally:
                self._waiting -= 1
        return True

    def make_room(self, held: int) -> None:
        """Set the limit by what the writers hold, and let those in who wait.

        Callers that wait are let in when a quarter of the buffer is free, not at every event:
        each hand-over of the interpreter costs more than a hundred events.
        """
        if self.closed:
            return
        self.limit = max(0, self.capacity - held)
        if self._waiting and len(self.queue) <= self.limit - self.capacity // 4:
            with self._room:
                self._room.notify_all()

    def put_beside(self, item: Header | Mark) -> None:
        """Append what is no event, though the buffer be full; the worker is woken for marks.

        Headers are bounded too: where the writers hang and sessions go on beginning, those that
        don't fit are counted as lost, and their transcripts get a header without identity.
        """
        with self._lock:
            if isinstance(item, Header) and self.beside >= self.capacity:
                self._losses.add(item.session_id, "header", "buffer_full")
                return
            self.beside += 1
            if isinstance(item, Header):
                self.headers[item.session_id] = item
        self.queue.append(item)
        if isinstance(item, Mark):
            self.urgent = True
            self.signal()

    def took_beside(self, item: Header | Mark) -> None:
        """Take note that the worker took a header or a mark."""
        with self._lock:
            self.beside -= 1
            if isinstance(item, Header) and self.headers.get(item.session_id) is item:
                del self.headers[item.session_id]

    def close(self) -> None:
        """Refuse all events from now on."""
        self.closed = True
        self.limit = -1
        with self._room:
            self._room.notify_all()
