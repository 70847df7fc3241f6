"""One writer's thread, and what happens when the writer fails.

Strategy: a failure whose cause lies outside the events (full disk, locked database) is waited out:
the batch is kept and tried again, with a growing pause, for as long as the recorder is open; what
does not fit meanwhile is refused at the buffer and counted there. Any other failure is tried a few
times and then halved until the one bad event is found; that one is set aside, its neighbours are
stored. A follower, which can read the transcripts, keeps nothing in memory: what it could not
store, or was too slow to take, it reads back later.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import WriteError
from steno.recording.buffer import Mark
from steno.recording.statistics import WriterStats
from steno.writers.base import Batch, Follower, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steno.recording.dead_letters import DeadLetters
    from steno.writers.losses import Losses

ATTEMPTS = 5
"""Times that a batch is tried before its poison event is looked for."""

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
_IDLE_S = 0.05


class Lane:
    """Hands batches to one writer, on a thread of its own.

    Attributes:
        name: The writer's name.
        writer: The writer.
        follows: The writer can read what it missed from the transcripts.
        moved: Grows with everything that is settled; a lane in which it stands still hangs.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        limit: int,
        dead_letters: DeadLetters,
        losses: Losses | None = None,
        follows: bool = False,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the lane; `start` begins its thread.

        Args:
            writer: The writer, which no other lane has.
            limit: Events that may wait in memory.
            dead_letters: Where events go that can't be stored.
            losses: Where lost events are counted, if this writer is of record.
            follows: Let the writer read from the transcripts what it missed.
            on_progress: Called, from the lane's thread, whenever room was made.
        """
        self.name = writer.name
        self.writer = writer
        self.follows = follows
        self.moved = 0
        self._limit = limit
        self._write_size: int = getattr(writer, "write_size", 0)
        self._dead_letters = dead_letters
        self._losses = losses
        self._on_progress = on_progress
        self._condition = threading.Condition()
        self._queue: deque[Batch | Mark] = deque()
        self._in_hand: Batch | Mark | None = None
        self._parked: deque[Batch] = deque()
        self._pause_s = 0.0
        self._retry_at = 0.0
        self._behind = self._blocked = False
        self._idle = True
        self._deadline = float("inf")
        self._deferred = self._held = 0
        self._accepted = self._written = self._dropped = self._failed = self._retried = 0
        self._last_error: str | None = None
        self._hurry = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    # -- called by the worker ------------------------------------------------------------

    def start(self) -> None:
        """Begin the thread, or begin it anew when it died."""
        if self._stopped or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._run, name=f"steno-{self.name}", daemon=True)
        self._thread.start()

    @property
    def held(self) -> int:
        """Count the events that wait in memory."""
        return self._held

    def offer(self, batch: Batch, *, defer: bool = True) -> bool:
        """Hand a batch over.

        Args:
            batch: The batch.
            defer: A follower that has no room may read it from the transcripts later.

        Returns:
            False when there is no room for it.
        """
        count = batch.recorded
        with self._condition:
            full = self._held + len(batch) > self._limit and self._held > 0
            if full and not (self.follows and defer):
                return False
            self._accepted += count
            if full:
                self._deferred += count
                self._leave_out(batch)
            else:
                self._held += len(batch)
                self._queue.append(batch)
            self._condition.notify()
        return True

    def _leave_out(self, batch: Batch) -> None:
        """Queue the numbers of batches that are not kept; those in a row cost no more than one."""
        last = self._queue[-1] if self._queue else None
        if isinstance(last, Batch) and _is_left_out(last):
            last.number = batch.number
            return
        left_out = batch.part(0, 0)
        left_out.headers = {}
        self._queue.append(left_out)

    def adopt(self, paths: Sequence[str]) -> None:
        """Let a follower read transcripts that a dead recorder has left."""
        self._follower().adopt(paths)
        with self._condition:
            self._idle = False
            self._condition.notify()

    @property
    def rests(self) -> bool:
        """Tell whether everything is stored, and read back."""
        with self._condition:
            read = self._idle or not self.follows
            return read and not (self._queue or self._held or self._deferred)

    def drop(self, batch: Batch) -> None:
        """Give a batch up, because the writer hangs and others must go on."""
        with self._condition:
            self._accepted += batch.recorded
            self._dropped += batch.recorded
        if self._losses is not None:
            for event, seq in zip(batch.events, batch.seqs, strict=True):
                if seq not in batch.own:
                    self._losses.add(str(event.session_id), "event", "writer_stalled")
        notices.say(
            f"stalled-{self.name}",
            f"ERROR {self.name} hangs; {self._dropped} event(s) were not handed to it",
        )

    def mark(self, mark: Mark) -> None:
        """Pass a mark on, behind all batches."""
        with self._condition:
            self._queue.append(mark)
            self._condition.notify()

    def hurry(self, deadline: float = float("inf")) -> None:
        """Cut a pause short: somebody waits for a flush, or for the end.

        Args:
            deadline: Monotonic time at which the lane gives up what it can't store.
        """
        self._deadline = min(self._deadline, deadline)
        self._hurry.set()
        with self._condition:
            self._condition.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; False when the time ran out."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def stats(self) -> WriterStats:
        """Return the writer's figures."""
        with self._condition:
            settled = self._written + self._dropped + self._failed
            return WriterStats(
                accepted=self._accepted,
                written=self._written,
                dropped=self._dropped,
                failed=self._failed,
                pending=self._accepted - settled,
                retried=self._retried,
                last_error=self._last_error,
            )

    # -- the lane's own thread -----------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._loop()
            except Exception as error:  # noqa: BLE001 - a lane outlives whatever its writer does
                self._note(error)
                notices.say(f"lane-{self.name}", f"ERROR {self.name}: {error!r}; going on")
                time.sleep(FIRST_PAUSE_S)
            else:
                return

    def _loop(self) -> None:
        while True:
            item = self._next()
            if isinstance(item, Mark):
                self._reach(item)
                self._in_hand = None
                if item.stop:
                    self._stopped = True
                    return
            elif item is not None:
                self._handle(item)
                self._in_hand = None
            elif self._parked:
                self._retry()
            elif self.follows and not self._idle:
                self._catch_up()

    def _next(self) -> Batch | Mark | None:
        """Take the next item; None when it is time to look at what was put by."""
        if self._in_hand is not None:
            return self._in_hand  # the thread died with it and was begun anew
        with self._condition:
            while True:
                now = time.monotonic()
                late = now >= self._deadline
                due = now >= self._retry_at or self._hurry.is_set() or late
                if due and (self._parked or self._behind) and not late:
                    self._hurry.clear()
                    return None
                blocked = self._blocked and not due
                if self._queue and not (blocked and isinstance(self._queue[0], Batch)):
                    self._in_hand = self._pop()
                    return self._in_hand
                if blocked or self._parked or self._behind:
                    self._condition.wait(max(0.001, min(self._retry_at - now, 0.1)))
                elif self.follows and not self._idle:
                    if not self._condition.wait(_IDLE_S):
                        return None
                else:
                    self._condition.wait(1.0)

    def _pop(self) -> Batch | Mark:
        """Take the next item; batches that wait are joined, up to what the writer likes best."""
        item = self._queue.popleft()
        if isinstance(item, Mark) or not len(item):
            return item
        item.relaxed = not self._queue
        following: list[Batch] = []
        count = len(item)
        while self._queue:
            after = self._queue[0]
            if isinstance(after, Mark) or not len(after) or count + len(after) > self._write_size:
                break
            following.append(after)
            count += len(after)
            self._queue.popleft()
        return item.join(following) if following else item

    def _handle(self, batch: Batch) -> None:
        self._idle = False
        if self.follows and _is_left_out(batch):
            self._follower().skip(batch)
            return
        if time.monotonic() >= self._deadline and self._blocked:
            self._surrender(batch)
            return
        error: Exception
        for attempt in range(ATTEMPTS):
            try:
                self.writer.write(batch)
            except WriteError as failure:
                if failure.unwritten is not None:
                    batch = self._keep(batch, batch.only(failure.unwritten))
                if failure.transient:
                    self._wait_out(batch, failure, whole=failure.unwritten is None)
                    return
                error = failure
            except Exception as failure:  # noqa: BLE001 - a writer may raise anything
                error = failure
            else:
                self._settle(batch, written=True)
                self._recover()
                return
            self._note(error)
            if attempt + 1 < ATTEMPTS:
                self._retried += 1
                self._hurry.wait(FIRST_PAUSE_S * 2**attempt)
        self._isolate(batch, error)

    def _keep(self, batch: Batch, rest: Batch) -> Batch:
        """Settle what of a batch was written; the rest stays in hand."""
        with self._condition:
            self._written += batch.recorded - rest.recorded
            self._held -= len(batch) - len(rest)
            self.moved += len(batch) - len(rest)
            self._in_hand = rest
        return rest

    def _isolate(self, batch: Batch, error: Exception) -> None:
        """Halve a batch until the event that can't be stored is found."""
        if len(batch) <= 1:
            self._set_aside(batch, error)
            return
        middle = len(batch) // 2
        halves = batch.part(0, middle), batch.part(middle, len(batch))
        if self.follows:
            # A follower takes a batch for stored by its number: the last piece alone may have it.
            halves[0].number = halves[0].first_number = 0
        for half in halves:
            try:
                self.writer.write(half)
            except WriteError as failure:
                if failure.transient:
                    self._wait_out(half, failure, whole=True)
                else:
                    self._isolate(half, failure)
            except Exception as failure:  # noqa: BLE001 - a writer may raise anything
                self._isolate(half, failure)
            else:
                self._settle(half, written=True)

    def _set_aside(self, batch: Batch, error: Exception) -> None:
        self._dead_letters.add(batch, error)
        if self._losses is not None:
            detail = f"{type(error).__name__}: {error}"[:500]
            for event, seq in zip(batch.events, batch.seqs, strict=True):
                if seq not in batch.own:
                    self._losses.add(str(event.session_id), "event", "write_failed", detail=detail)
        self._settle(batch, written=False)

    def _settle(self, batch: Batch, *, written: bool) -> None:
        with self._condition:
            if written:
                self._written += batch.recorded
            else:
                self._failed += batch.recorded
            self._held -= len(batch)
            self.moved += len(batch) or 1
        self._on_progress()

    def _wait_out(self, batch: Batch, error: WriteError, *, whole: bool) -> None:
        """Put a batch by until the cause has gone away."""
        self._note(error)
        hint = f"; {error.hint}" if error.hint else ""
        notices.say(f"failed-{self.name}", f"ERROR {error.message}{hint}")
        self._retried += 1
        if self.follows:
            with self._condition:
                self._deferred += batch.recorded
                self._held -= len(batch)
            self._follower().skip(batch)
            self._behind = True
            self._on_progress()
        else:
            self._parked.append(batch)
        # Where only some transcripts fail, the others need not wait for them.
        self._blocked = whole
        self._postpone()

    def _postpone(self) -> None:
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._retry_at = time.monotonic() + self._pause_s

    def _recover(self) -> None:
        self._blocked = False
        self._pause_s = 0.0
        if not self._parked and not self._behind:
            self._last_error = None

    def _retry(self) -> None:
        """Try what was put by, oldest first, until something fails as a whole again."""
        for _ in range(len(self._parked)):
            batch = self._parked.popleft()
            try:
                self.writer.write(batch)
            except WriteError as error:
                self._note(error)
                if error.unwritten is not None:
                    batch = self._keep(batch, batch.only(error.unwritten))
                    self._in_hand = None
                if not error.transient:
                    self._isolate(batch, error)
                    continue
                self._retried += 1
                self._parked.append(batch)
                if error.unwritten is None:
                    break
            except Exception as error:  # noqa: BLE001 - a writer may raise anything
                self._note(error)
                self._isolate(batch, error)
            else:
                self._settle(batch, written=True)
        if self._parked:
            # One fresh batch may try its luck: its transcripts may be others.
            self._blocked = False
            self._postpone()
        else:
            self._recover()

    # -- followers -----------------------------------------------------------------------

    def _follower(self) -> Follower:
        assert isinstance(self.writer, Follower)
        return self.writer

    def _catch_up(self) -> bool:
        """Read a piece of what the follower missed; True when all is read."""
        try:
            done = self._follower().catch_up()
        except WriteError as error:
            self._note(error)
            notices.say(f"failed-{self.name}", f"ERROR {error.message}; {error.hint}")
            self._retried += 1
            self._behind = self._blocked = True
            self._postpone()
            return False
        if done:
            with self._condition:
                self._idle = not self._queue
                if not any(isinstance(item, Batch) and _is_left_out(item) for item in self._queue):
                    self._written += self._deferred
                    self._deferred = 0
            self._behind = False
            self._recover()
            self._on_progress()
        return done

    def _reach(self, mark: Mark) -> None:
        """Do what can be done before a mark is passed."""
        if self.follows:
            while not self._catch_up() and not self._behind:
                if time.monotonic() >= self._deadline:
                    break
        elif self._parked:
            self._retry()
        if mark.stop:
            while self._parked and time.monotonic() < self._deadline:
                time.sleep(min(FIRST_PAUSE_S, max(0.0, self._deadline - time.monotonic())))
                self._retry()
            while self._parked:
                self._surrender(self._parked.popleft())
        mark.pass_by()

    def _surrender(self, batch: Batch) -> None:
        """At the end, set aside what could not be stored."""
        self._dead_letters.add(batch, WriteError(self._last_error or "the recorder was closed"))
        self._settle(batch, written=False)

    def _note(self, error: BaseException) -> None:
        self._last_error = f"{type(error).__name__}: {error}"


def _is_left_out(batch: Batch) -> bool:
    """Tell a batch that stands for others, which a follower reads back, from one to be stored."""
    return not batch.events and not batch.headers
