"""Gathering: a short exchange costs the log one frame, and the traffic next to nothing.

Strategy: while an exchange is young, its pen keeps what passes by reference. When it has ended, it
waits for some others, and they are written up together: work that is done for many in a row takes
half the time of the same work in between sockets. What gets old or large before it ends is handed
over as far as it came, and noted piece by piece from then on. What has ended is always written up
before anything else is noted, so that the log tells of it before what may refer to it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from steno import notices
from steno.capture.log import (
    ENDED,
    OF_DATA,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    frame,
    frame_json,
    gather,
    read_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from steno.wire.opening import Opening, Outcome

_YOUNG_S = 0.02
"""Seconds for which an exchange is young at least; it is looked after as often."""

_MOST = 16 * 1024
"""Bytes of bodies that a pen keeps."""

_CROWD = 256
"""Young exchanges there may be: what is kept of all of them is 4 MiB at most."""

_MANY = 16
"""Exchanges that are written up together: the traffic waits for some 0.1 ms."""


class LogPen:
    """Notes what passes in one exchange; every method returns at once."""

    __slots__ = ("_ended", "_gathering", "_notes", "_number", "_page", "_size")

    def __init__(
        self, gathering: Gathering, page: Page, number: int, describe: Callable[[], Opening]
    ) -> None:
        """Begin an exchange; made by `Gathering.open`."""
        self._gathering = gathering
        self._page = page
        self._number = number
        self._ended = False
        self._size = 0
        # As `gather` takes them; None once they go one by one.
        self._notes: list[Any] | None = [OPENED, monotonic(), describe]

    def request(self, data: bytes) -> None:
        """Note a piece of the request's body."""
        notes = self._notes
        if notes is not None:
            self._size += len(data)
            if self._size <= _MOST:
                notes += (REQUEST, monotonic(), data)
                return
            self.hand_over()
        self._page.note_data(REQUEST, self._number, monotonic(), data)

    def sent(self) -> None:
        """Note that the request is whole, and goes to the provider."""
        notes = self._notes
        if notes is None:
            self._page.note(self._number, frame(SENT, self._number, monotonic()))
        else:
            notes += (SENT, monotonic(), None)

    def reply(self, status: int, headers: dict[str, str]) -> None:
        """Note the head of the reply; names of headers in lower case."""
        notes = self._notes
        if notes is None:
            head = frame_json(STATUS, self._number, monotonic(), (status, headers))
            self._page.note(self._number, head)
        else:
            notes += (STATUS, monotonic(), (status, headers))

    def data(self, data: bytes) -> None:
        """Note a piece of the reply's body."""
        notes = self._notes
        if notes is not None:
            self._size += len(data)
            if self._size <= _MOST:
                notes += (REPLY, monotonic(), data)
                return
            self.hand_over()
        self._page.note_data(REPLY, self._number, monotonic(), data)

    def end(self, outcome: Outcome, *, overhead_s: float = 0.0) -> None:
        """Note the end; later calls do nothing."""
        if self._ended:
            return
        self._ended = True
        self._page.open_count -= 1
        notes = self._notes
        if notes is None:
            end = frame_json(ENDED, self._number, monotonic(), (outcome, overhead_s))
            self._page.note(self._number, end)
        else:
            notes += (ENDED, monotonic(), (outcome, overhead_s))
            self._notes = None
            self._gathering.put_away(self._number, notes)
            self._gathering.write_up_many()

    def hand_over(self) -> None:
        """Put away what was gathered, to be written up; what follows is noted piece by piece."""
        notes, self._notes = self._notes, None
        if notes is not None:
            self._gathering.put_away(self._number, notes)

    def is_older(self, than_s: float) -> bool:
        """Tell whether it was begun before a time, in monotonic seconds."""
        return self._notes is None or self._notes[1] < than_s


class Gathering:
    """What is noted of young exchanges; used by one thread, the log's closing apart.

    Attributes:
        ended: Notes that wait to be written up: number and notes.
    """

    def __init__(self, page: Page) -> None:
        """Begin without exchanges.

        Args:
            page: Takes what is written up.
        """
        self.ended: deque[tuple[int, list[Any]]] = deque()
        self._page = page
        self._young: dict[int, LogPen] = {}
        self._is_timed = False
        self._writing_up = threading.RLock()
        self._closed = False

    def open(self, number: int, describe: Callable[[], Opening]) -> LogPen:
        """Begin to note an exchange.

        Args:
            number: Its number.
            describe: Tells how it began; called once, soon.
        """
        if len(self._young) >= _CROWD:
            self._hand_over_all()
        pen = self._young[number] = LogPen(self, self._page, number, describe)
        if not self._is_timed:
            self._look_after()
        return pen

    def _look_after(self) -> None:
        """See to it that nothing waits for long."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody would
            self._hand_over_all()
            self.write_up()
        else:
            self._is_timed = True
            loop.call_later(_YOUNG_S, self._look_through)

    def _look_through(self) -> None:
        before_s = monotonic() - _YOUNG_S
        for pen in list(self._young.values()):
            if not pen.is_older(before_s):
                break  # those behind it are younger
            pen.hand_over()
        self.write_up()
        self._is_timed = False
        if self._young:
            self._look_after()

    def _hand_over_all(self) -> None:
        for pen in list(self._young.values()):
            pen.hand_over()

    def put_away(self, number: int, notes: list[Any]) -> None:
        """Let what was noted of an exchange wait to be written up, once."""
        if self._young.pop(number, None) is not None:
            self.ended.append((number, notes))

    def write_up_many(self) -> None:
        """Write up what waits for it if that is worth it."""
        if len(self.ended) >= _MANY:
            self.write_up()

    def write_up(self) -> None:
        """Write up what waits for it."""
        if not self.ended:
            return
        # What is taken here must be on the page before the log ends, on its own thread.
        with self._writing_up:
            if not self._closed:
                self._write_up()

    def _write_up(self) -> None:
        page, frames = self._page, self._take()
        if not page.is_full:
            page.append(frames)
            return
        for kind, number, at_s, data in read_frames(frames):  # not all of it may find room
            if kind in OF_DATA:
                page.note_data(kind, number, at_s, data)
            else:
                page.note(number, frame(kind, number, at_s, data))

    def _take(self) -> bytes:
        frames: list[bytes] = []
        ended = self.ended
        while ended:
            try:
                number, notes = ended.popleft()
            except IndexError:  # at the end of the log, another thread takes them too
                break
            try:
                notes[2] = notes[2]()
                frames += gather(number, notes)
            except Exception as error:  # noqa: BLE001 - what can't be recorded passes all the same
                notices.say("gathering", f"ERROR a request can't be recorded: {error}")
        return b"".join(frames)

    def close(self) -> bytes:
        """Take what was gathered, at the end of the log, as frames; called on any thread.

        From now on, nothing more is written up.
        """
        with self._writing_up:
            self._closed = True
            self._hand_over_all()
            return self._take()


class Page(Protocol):
    """Where notes go; see `steno.capture.notebook.Notebook`."""

    open_count: int

    @property
    def is_full(self) -> bool:
        """Tell whether the notes take as much memory as they may."""

    def append(self, frames: bytes) -> None:
        """Append whole frames."""

    def note(self, number: int, note: bytes) -> None:
        """Append a whole frame."""

    def note_data(self, kind: int, number: int, at_s: float, data: bytes) -> None:
        """Append a frame of bytes that passed."""
