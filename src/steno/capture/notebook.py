"""The notebook: what passes is noted in a log, for a recorder in a process of its own.

Strategy: the thread that carries the traffic appends to a list and goes on. Another one writes what
has gathered to the log, where a disk may stall without holding up a byte, and pokes the recorder.
The memory that notes may take is bounded: beyond it the traffic waits a moment (`room`), and if the
disk hangs for longer, bytes are let go and the log says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from steno import notices
from steno.capture.log import (
    CLOSED,
    ENDED,
    LOST,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogWriter,
    frame,
    frame_head,
    frame_json,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path

    from steno.wire.opening import Opening, Outcome

_PAUSE_S = 0.005
"""Between two writes: notes are cheaper by the dozen."""

_MAX_PENDING = 2 * 1024 * 1024
"""Bytes of notes that may wait for the disk before the traffic does."""

_PATIENCE_S = 1.0
"""Seconds for which the traffic waits for room, at most."""

_LOOK_S = 0.002


class _Note(NamedTuple):
    """A frame that waits; `missing` bytes of the traffic are missing if it is not written."""

    kind: int
    number: int
    missing: int
    frame: bytes
    data: bytes = b""


class LogPen:
    """Notes what passes in one exchange; every method returns at once."""

    def __init__(self, notebook: Notebook, number: int, opening: Opening) -> None:
        """Begin an exchange; made by `Notebook.open`."""
        self.opening = opening
        self._notebook = notebook
        self._number = number
        self._ended = False
        notebook.note(OPENED, number, frame_json(OPENED, number, opening.begun_s, opening))

    def request(self, data: bytes) -> None:
        """Note a piece of the request's body."""
        self._notebook.note_data(REQUEST, self._number, data)

    def sent(self) -> None:
        """Note that the request is whole, and goes to the provider."""
        number = self._number
        self._notebook.note(SENT, number, frame(SENT, number, time.monotonic()))

    def reply(self, status: int, headers: dict[str, str]) -> None:
        """Note the head of the reply; names of headers in lower case."""
        head = frame_json(STATUS, self._number, time.monotonic(), (status, headers))
        self._notebook.note(STATUS, self._number, head)

    def data(self, data: bytes) -> None:
        """Note a piece of the reply's body."""
        self._notebook.note_data(REPLY, self._number, data)

    def end(self, outcome: Outcome, *, overhead_s: float = 0.0) -> None:
        """Note the end; later calls do nothing."""
        if not self._ended:
            self._ended = True
            end = frame_json(ENDED, self._number, time.monotonic(), (outcome, overhead_s))
            self._notebook.note(ENDED, self._number, end)
            self._notebook.open_count -= 1


class Notebook:
    """Writes a log; `open` and the pens are used by one thread.

    Attributes:
        open_count: Exchanges that have not ended.
    """

    def __init__(self, folder: Path, poke_fd: int | None = None) -> None:
        """Begin a log.

        Args:
            folder: Where; it exists.
            poke_fd: As for `poke`.

        Raises:
            OSError: The log can't be begun.
        """
        self.open_count = 0
        self._log = LogWriter(folder)
        self._poke_fd = poke_fd
        self._numbers = itertools.count(1)
        self._notes: deque[_Note] = deque()
        # Each of these is written by one thread alone: the traffic's, or the notebook's.
        self._noted = self._taken = 0
        self._refused_bytes = self._failed_bytes = 0
        self._lost: dict[int, int] = {}
        self._kept: list[_Note] = []
        self._closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steno-notebook", daemon=True)
        self._thread.start()

    # -- in the traffic ----------------------------------------------------------------------

    def open(self, opening: Opening) -> LogPen:
        """Begin to note an exchange."""
        self.open_count += 1
        return LogPen(self, next(self._numbers), opening)

    def poke(self, fd: int) -> None:
        """Tell a reader of news from now on.

        Args:
            fd: The writing end of a pipe, which doesn't block; a byte tells of news. Closed with
                the notebook.
        """
        self._poke_fd = fd

    @property
    def lost_bytes(self) -> int:
        """Bytes that passed and could not be noted."""
        return self._refused_bytes + self._failed_bytes

    def note(self, kind: int, number: int, note: bytes) -> None:
        """Append a whole frame."""
        if self._closing:
            return  # nobody writes it any more
        if number in self._lost:
            self._tell_loss(number)
        self._append(_Note(kind, number, 0, note))

    def note_data(self, kind: int, number: int, data: bytes) -> None:
        """Append a frame of bytes that passed; they are counted where there is no room."""
        size = len(data)
        if self._closing or self._pending > 4 * _MAX_PENDING:
            self._refused_bytes += size
            self._lost[number] = self._lost.get(number, 0) + size
            return
        if number in self._lost:
            self._tell_loss(number)
        self._append(
            _Note(kind, number, size, frame_head(kind, number, time.monotonic(), size), data)
        )

    def _tell_loss(self, number: int) -> None:
        count = self._lost.pop(number)
        self._append(_loss(number, count))

    def _append(self, note: _Note) -> None:
        self._noted += len(note.frame) + len(note.data)
        self._notes.append(note)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def _pending(self) -> int:
        return self._noted - self._taken

    @property
    def is_full(self) -> bool:
        """Tell whether the notes take as much memory as they may."""
        return self._pending > _MAX_PENDING

    async def room(self) -> None:
        """Wait until there is room for more notes, or until patience ends."""
        deadline = time.monotonic() + _PATIENCE_S
        # The writer is a thread: it can't set an event of this loop for nothing.
        while self.is_full and time.monotonic() < deadline:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_LOOK_S)

    def close(self, timeout_s: float) -> bool:
        """Write what was noted and end the log; False when the disk did not take it in time."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- on the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            if not self._closing:
                time.sleep(_PAUSE_S)
            self._wake.clear()
            self._write()
        self._notes.extend(_loss(number, count) for number, count in list(self._lost.items()))
        self._write()
        self._notes.append(_Note(CLOSED, 0, 0, frame(CLOSED, 0, time.monotonic())))
        self._write()
        self._log.close()
        if self._poke_fd is not None:
            os.close(self._poke_fd)

    def _write(self) -> None:
        fresh = [self._notes.popleft() for _ in range(len(self._notes))]
        notes = self._kept + fresh
        if not notes:
            return
        try:
            self._log.append([piece for note in notes for piece in (note.frame, note.data)])
            self._kept = []
        except OSError as error:
            notices.say("log", f"ERROR what passes can't be recorded: {error.strerror or error}")
            self._keep(notes)
        self._taken += sum(len(note.frame) + len(note.data) for note in fresh)
        if self._poke_fd is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._poke_fd, b".")

    def _keep(self, notes: list[_Note]) -> None:
        """Keep what is not data, for when it can be written; of data, how much is missing."""
        kept: list[_Note] = []
        lost: dict[int, int] = {}
        for note in notes:
            if note.missing:
                lost[note.number] = lost.get(note.number, 0) + note.missing
                if note.kind != LOST:
                    self._failed_bytes += note.missing
                continue
            if note.kind == ENDED and note.number in lost:
                kept.append(_loss(note.number, lost.pop(note.number)))
            kept.append(note)
        kept += [_loss(number, count) for number, count in lost.items()]
        if sum(len(note.frame) for note in kept) > _MAX_PENDING:
            # Too much to keep: of whole exchanges, only their bytes are told, as nobody's.
            notices.say("log-full", "ERROR exchanges are not recorded: the disk refuses for long")
            count = sum(note.missing for note in kept)
            kept = [_loss(0, count)] if count else []
        self._kept = kept


def _loss(number: int, count: int) -> _Note:
    return _Note(LOST, number, count, frame_json(LOST, number, time.monotonic(), count))
