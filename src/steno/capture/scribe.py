"""The scribe: a thread that turns notes of what passed into events, behind the traffic.

Strategy: whoever stands in the traffic appends a note to a queue and goes on; no byte is parsed
there. The scribe wakes, takes all notes and lets each exchange read its own. What an exchange has
gathered for longer than half a batch timeout is appended to its tape before anything else, so
that it outlives the process; short exchanges never touch one. The memory that notes may take is
bounded: beyond it bytes are let go, and the exchange says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from steno import notices
from steno.capture.beginning import begin_session
from steno.capture.tapes import OPENED, REPLY, REQUEST, SENT, SESSION, STATUS, frame, frame_json
from steno.events.model import Gap
from steno.wire.exchange import Exchange
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from steno.capture.tapes import TapeFolder
    from steno.events.model import Event
    from steno.recording.recorder import Recorder
    from steno.wire.bodies import Spool
    from steno.wire.grouping import Identity

_PAUSE_S = 0.01
"""Between two looks at the queue: notes are cheaper by the dozen."""

_TAPE_AFTER_S = 0.04
"""Seconds after which what has passed of an open exchange is on its tape."""

_MAX_PENDING = 32 * 1024 * 1024
"""Bytes of notes that may wait for the scribe."""

_FORGET_S = 0.5
"""Seconds between two times at which tapes are removed that are needed no more."""

_END = -1
_MARK = -2


class Pen:
    """Notes what passes in one exchange; every method returns at once.

    Used by one thread or task at a time.
    """

    def __init__(self, scribe: Scribe, opening: Opening) -> None:
        """Begin an exchange; made by `Scribe.open`."""
        self.opening = opening
        self._scribe = scribe
        self._ended = False

    def request(self, data: bytes) -> None:
        """Note a piece of the request's body."""
        self._scribe.note(self, REQUEST, time.monotonic(), data, len(data))

    def sent(self) -> None:
        """Note that the request is whole, and goes to the provider."""
        self._scribe.note(self, SENT, time.monotonic(), None, 0)

    def reply(self, status: int, headers: dict[str, str]) -> None:
        """Note the head of the reply; names of headers in lower case."""
        self._scribe.note(self, STATUS, time.monotonic(), (status, headers), 0)

    def data(self, data: bytes) -> None:
        """Note a piece of the reply's body."""
        self._scribe.note(self, REPLY, time.monotonic(), data, len(data))

    def end(self, outcome: Outcome, *, overhead_s: float = 0.0) -> None:
        """Note the end; later calls do nothing."""
        if not self._ended:
            self._ended = True
            self._scribe.note(self, _END, time.monotonic(), (outcome, overhead_s), 0)


class _Open:
    """An exchange that has not ended, as the scribe's thread sees it."""

    __slots__ = ("exchange", "lost", "since_s", "taped", "unkept")

    def __init__(self, exchange: Exchange, opening: Opening) -> None:
        self.exchange = exchange
        self.unkept: list[bytes] = [frame_json(OPENED, opening.begun_s, opening)]
        self.since_s = opening.begun_s
        self.taped = False
        self.lost = 0


class Scribe:
    """Reads notes on a thread of its own and records events.

    Attributes:
        lost_bytes: Bytes that passed and for which there was no room.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        tapes: TapeFolder | None = None,
        open_spool: Callable[[str, str], Spool],
    ) -> None:
        """Begin the thread.

        Args:
            recorder: Takes the events.
            tapes: Where open exchanges are kept on disk; None keeps them in memory alone.
            open_spool: Opens a file for a large body: (session id, name).
        """
        self.lost_bytes = 0
        self._recorder = recorder
        self._tapes = tapes
        self._open_spool = open_spool
        self._sessions = Sessions()
        self._notes: deque[tuple[Pen | None, int, float, Any, int]] = deque()
        self._pending = 0
        self._taken = 0
        # A bare lock, released to wake: a note may come from a destructor or a signal handler that
        # runs while its own thread is in here, and an Event is not reentrant.
        self._wake = threading.Lock()
        self._wake.acquire()
        self._closing = self._ended = False
        self._reading = threading.Lock()
        self._open: dict[Pen, _Open] = {}
        self._done: list[str] = []
        self._forgotten_s = 0.0
        self._thread = threading.Thread(target=self._run, name="steno-scribe", daemon=True)
        self._thread.start()

    # -- in the traffic ----------------------------------------------------------------------

    def open(self, opening: Opening) -> Pen:
        """Begin to note an exchange."""
        pen = Pen(self, opening)
        self.note(pen, OPENED, opening.begun_s, None, 0)
        return pen

    def note(self, pen: Pen, kind: int, at_s: float, what: Any, size: int) -> None:
        """Append a note; bytes for which there is no room are counted instead."""
        if self._ended:
            return
        if size:
            if self._pending - self._taken > _MAX_PENDING:
                what = size
                self.lost_bytes += size
            else:
                self._pending += size
        self._notes.append((pen, kind, at_s, what, size))
        if self._wake.locked():
            self._rouse()

    def _rouse(self) -> None:
        try:  # noqa: SIM105 - a context manager costs more than the call
            self._wake.release()
        except RuntimeError:  # somebody else was faster
            pass

    def close(self, timeout_s: float) -> bool:
        """Read what was noted, end what is open as stopped, and end the thread.

        Returns:
            True when all of it was read in time.
        """
        self._closing = True
        self._rouse()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was noted before has been handed to the recorder.

        Returns:
            True when it was, in time.
        """
        if threading.current_thread() is self._thread:
            return True  # it can't wait for itself
        read = threading.Event()
        self._notes.append((None, _MARK, 0.0, read, 0))
        self._rouse()
        deadline = time.monotonic() + timeout_s
        while not read.wait(min(_FORGET_S, max(0.0, deadline - time.monotonic()))):
            if not self._thread.is_alive():
                return not self._notes
            if time.monotonic() >= deadline:
                return False
        return True

    def pause(self, timeout_s: float) -> bool:
        """Before a fork, let the scribe come to an end with what it reads, and wait.

        In the middle of an import it would leave the child a lock that nobody opens any more.

        Returns:
            True when it waits, until `resume`.
        """
        return self._reading.acquire(timeout=timeout_s)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._reading.release()

    def abandon(self) -> None:
        """In a forked child, which has no such thread: leave all to the parent."""
        self._ended = True
        self._notes.clear()
        if self._tapes is not None:
            self._tapes.abandon()

    # -- on the scribe's thread --------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing or self._notes:
            if self._open:
                self._wake.acquire(timeout=_TAPE_AFTER_S / 2)
            else:
                self._wake.acquire(timeout=_FORGET_S if self._done else -1)
            if not self._closing:
                time.sleep(_PAUSE_S)
            self._wake.acquire(blocking=False)
            with self._reading:
                self._read()
            now_s = time.monotonic()
            self._keep(now_s)
            if self._done and now_s - self._forgotten_s > _FORGET_S:
                self._forget(now_s)
        stopped = Outcome(kind="stopped", detail="steno was stopped")
        for pen in list(self._open):
            self._end(pen, stopped, time.monotonic(), 0.0)
        self._ended = True
        self._forget(time.monotonic())
        if self._tapes is not None:
            self._tapes.close()

    def _read(self) -> None:
        """Take all notes: first onto tapes what may wait long, then into the exchanges."""
        for _ in range(len(self._notes)):
            pen, kind, at_s, what, size = self._notes.popleft()
            if pen is None:
                what.set()
                continue
            try:
                self._take(pen, kind, at_s, what)
            except Exception as error:  # noqa: BLE001 - one exchange must not end the scribe
                self._give_up(pen, error, at_s)
            if size and not isinstance(what, int):
                self._taken += size

    def _take(self, pen: Pen, kind: int, at_s: float, what: Any) -> None:
        if kind == OPENED:
            exchange = Exchange(pen.opening, self, self._sessions)
            if exchange.is_recorded:
                self._open[pen] = _Open(exchange, pen.opening)
            return
        entry = self._open.get(pen)
        if entry is None:
            return
        if isinstance(what, int):
            entry.lost += what
            return
        exchange = entry.exchange
        if not entry.unkept:
            entry.since_s = at_s
        if kind == REPLY:
            entry.unkept.append(frame(REPLY, at_s, what))
            exchange.add_reply(what, at_s)
        elif kind == REQUEST:
            entry.unkept.append(frame(REQUEST, at_s, what))
            exchange.add_request(what)
        elif kind == SENT:
            exchange.end_request(at_s)
            exchange.send(at_s)
            entry.unkept.append(frame(SENT, at_s))
            entry.unkept.append(frame_json(SESSION, at_s, exchange.session_id))
        elif kind == STATUS:
            entry.unkept.append(frame_json(STATUS, at_s, what))
            status, headers = what
            exchange.begin_reply(status, headers, at_s)
        else:
            self._end(pen, what[0], at_s, what[1])

    def _end(self, pen: Pen, outcome: Outcome, at_s: float, overhead_s: float) -> None:
        entry = self._open.pop(pen)
        if entry.lost:
            self._report_loss(entry)
        try:
            entry.exchange.end(outcome, at_s, overhead_s=overhead_s)
        finally:
            if entry.taped:
                self._done.append(pen.opening.request_id)

    def _report_loss(self, entry: _Open) -> None:
        opening = entry.exchange.opening
        session_id = entry.exchange.session_id
        self.record(
            Gap(
                session_id, opening.request_id, opening.begun,
                what="byte", count=entry.lost, reason="no_room",
                detail="the disk did not keep up; the client got these bytes",
            )
        )  # fmt: skip
        notices.say("scribe-full", f"WARN {entry.lost} byte(s) were not recorded: no room")

    def _give_up(self, pen: Pen, error: Exception, at_s: float) -> None:
        """End an exchange that can't be read: what it is, is said; the traffic goes on."""
        notices.say("scribe", f"ERROR an exchange can't be read: {type(error).__name__}: {error}")
        outcome = Outcome(kind="failed", detail=f"{type(error).__name__}: {error}")
        try:
            if pen in self._open:
                self._end(pen, outcome, at_s, 0.0)
        except Exception as again:  # noqa: BLE001 - as above
            notices.say("scribe", f"ERROR an exchange can't be ended: {again}")

    def _keep(self, now_s: float) -> None:
        """Put onto tapes what has waited long enough."""
        for pen, entry in self._open.items():
            if not entry.unkept or now_s - entry.since_s < _TAPE_AFTER_S:
                continue
            if self._tapes is not None:
                self._tapes.append(pen.opening.request_id, b"".join(entry.unkept))
                entry.taped = True
            entry.unkept.clear()

    def _forget(self, now_s: float) -> None:
        """Remove tapes whose exchanges are in their transcripts."""
        self._forgotten_s = now_s
        if self._tapes is None or not self._done or not self._recorder.flush(2.0):
            return
        for name in self._done:
            self._tapes.remove(name)
        self._done.clear()

    # -- where exchanges record to -----------------------------------------------------------

    def begin_session(self, identity: Identity, began: datetime) -> None:
        """Make a session known to the recorder before its first event."""
        begin_session(self._recorder, identity, began)

    def record(self, event: Event) -> bool:
        """Record an event."""
        return self._recorder.record(event)

    def open_spool(self, session_id: str, name: str) -> Spool:
        """Open a file for a large body."""
        return self._open_spool(session_id, name)


def decode_opening(data: bytes) -> Opening:
    """Read an `Opening` from a tape.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return msgspec.json.decode(data, type=Opening)
