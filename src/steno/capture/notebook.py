"""The notebook: what passes is noted in a log, for a recorder in a process of its own.

Strategy: the thread that carries the traffic appends frames to a list and goes on; short exchanges
are gathered before (`steno.capture.gathering`), so that each is one frame. Another thread writes
what is there to the log, where a disk may stall without holding up a byte, and pokes the recorder.
It wakes seldom: each time it does, the traffic's thread waits for the interpreter. The memory that
notes may take is bounded: beyond it the traffic waits a moment (`room`), and if the disk hangs for
longer, bytes are let go and the log says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from steno import notices
from steno.capture.gathering import Gathering
from steno.capture.log import (
    CLOSED,
    ENDED,
    LOST,
    OF_DATA,
    LogWriter,
    frame,
    frame_json,
    read_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.capture.gathering import LogPen
    from steno.wire.opening import Opening

_PAUSE_S = 0.04
"""Between two writes: notes are cheaper by the dozen, and 100 ms are promised."""

_HURRY = 1024 * 1024
"""Bytes of notes that are written at once."""

_MAX_PENDING = 4 * 1024 * 1024
"""Bytes of notes that may wait for the disk before the traffic does."""

_PATIENCE_S = 1.0
"""Seconds for which the traffic waits for room, at most."""

_LOOK_S = 0.002


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
        self._notes: deque[bytes] = deque()
        # Each of these is written by one thread alone: the traffic's, or the notebook's.
        self._noted = self._taken = 0
        self._refused_bytes = self._failed_bytes = 0
        self._lost: dict[int, int] = {}
        self._kept: list[bytes] = []
        self._gathering = Gathering(self)
        self._closing = self._is_awake = False
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="steno-notebook", daemon=True)
        self._thread.start()

    # -- in the traffic ----------------------------------------------------------------------

    def open(self, describe: Callable[[], Opening]) -> LogPen:
        """Begin to note an exchange.

        Args:
            describe: Tells how it began; called once, soon, where it costs the traffic least.
        """
        self.open_count += 1
        return self._gathering.open(next(self._numbers), describe)

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

    def note(self, number: int, note: bytes) -> None:
        """Append a whole frame."""
        if self._closing:
            return  # nobody writes it any more
        if self._gathering.ended:
            self._gathering.write_up()
        if self._lost:
            self._tell_loss(number)
        self.append(note)

    def append(self, frames: bytes) -> None:
        """Append whole frames."""
        self._noted += len(frames)
        self._notes.append(frames)
        if not self._is_awake:
            self._rouse()
        if self._pending > _HURRY and not self._hurry.is_set():
            self._hurry.set()

    def note_data(self, kind: int, number: int, at_s: float, data: bytes) -> None:
        """Append a frame of bytes that passed; they are counted where there is no room."""
        if self._closing or self._pending > 4 * _MAX_PENDING:
            size = len(data)
            self._refused_bytes += size
            self._lost[number] = self._lost.get(number, 0) + size
            return
        self.note(number, frame(kind, number, at_s, data))

    def _tell_loss(self, number: int) -> None:
        count = self._lost.pop(number, 0)
        if count:
            self.note(number, _loss(number, count))

    def _rouse(self) -> None:
        self._is_awake = True
        self._wake.set()

    @property
    def _pending(self) -> int:
        return self._noted - self._taken

    @property
    def is_full(self) -> bool:
        """Tell whether the notes take as much memory as they may."""
        return self._noted - self._taken > _MAX_PENDING

    async def room(self) -> None:
        """Wait until there is room for more notes, or until patience ends."""
        deadline = monotonic() + _PATIENCE_S
        # The writer is a thread: it can't set an event of this loop for nothing.
        while self.is_full and monotonic() < deadline:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_LOOK_S)

    def close(self, timeout_s: float) -> bool:
        """Write what was noted and end the log; False when the disk did not take it in time."""
        self._closing = True
        self._wake.set()
        self._hurry.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- on the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._hurry.wait(_PAUSE_S)
            self._hurry.clear()
            self._wake.clear()
            self._is_awake = False  # before what is there is taken: what comes after it wakes again
            self._write()
        self._notes.append(self._gathering.close())
        self._notes.extend(_loss(number, count) for number, count in list(self._lost.items()))
        self._write()
        self._notes.append(frame(CLOSED, 0, monotonic()))
        self._write()
        self._log.close()
        if self._poke_fd is not None:
            os.close(self._poke_fd)

    def _write(self) -> None:
        take = self._notes.popleft
        fresh = [take() for _ in range(len(self._notes))]
        notes = self._kept + fresh
        if not notes:
            return
        try:
            self._log.append(notes)
            self._kept = []
        except OSError as error:
            notices.say("log", f"ERROR what passes can't be recorded: {error.strerror or error}")
            self._keep(notes)
        self._taken += sum(map(len, fresh))
        if self._poke_fd is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._poke_fd, b".")

    def _keep(self, notes: list[bytes]) -> None:
        """Keep what is not data, for when it can be written; of data, how much is missing."""
        kept: list[bytes] = []
        lost: dict[int, int] = {}
        for each in itertools.chain.from_iterable(map(read_frames, notes)):
            kind, number, at_s, data = each
            if kind in OF_DATA:
                lost[number] = lost.get(number, 0) + len(data)
                self._failed_bytes += len(data)
                continue
            if kind == LOST:
                lost[number] = lost.get(number, 0) + int(data)
                continue
            if kind == ENDED and number in lost:
                kept.append(_loss(number, lost.pop(number)))
            kept.append(frame(kind, number, at_s, data))
        kept += [_loss(number, count) for number, count in lost.items()]
        if sum(map(len, kept)) > _MAX_PENDING:
            # Too much to keep: of whole exchanges, only their bytes are told, as nobody's.
            notices.say("log-full", "ERROR exchanges are not recorded: the disk refuses for long")
            told = [each for note in kept for each in read_frames(note)]
            count = sum(int(each.data) for each in told if each.kind == LOST)
            kept = [_loss(0, count)] if count else []
        self._kept = kept


def _loss(number: int, count: int) -> bytes:
    return frame_json(LOST, number, monotonic(), count)
