"""Write what waits into spools: the first of the archivist's two threads.

Strategy: a line is encoded, scrubbed and encrypted here, a frame of some lines at a time, and the
requests take turns, so that none waits for the flood of another. After the first line that wakes
it the thread waits for half of the batch timeout and then writes all there is. A disk that is full
stops nothing: the encoded lines stay, bounded, and are tried again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from steno.archives.ciphers import AgeKeys, PasswordKeys
from steno.archives.intake import Ended
from steno.archives.records import encode_line, text_of, time_of
from steno.archives.spools import FRAME_BYTES, Owner, SpoolWriter
from steno.logs.buffer import measure
from steno.notices import say
from steno.wire.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.archives.intake import Intake, Waiting
    from steno.archives.settings import ArchiveSettings
    from steno.logs.lines import LogLine

_TURN = 64
"""Lines of one request that are written before another's turn comes."""
_PAUSE_S = 0.00005
"""Sleep between two turns: a thread that waits for the interpreter gets it only then for sure."""
_RETRY_S = 1.0
_MAX_REASON = 4000


class Spooler:
    """Drains an intake into spools. Used by one thread, save for `busy`.

    Attributes:
        open: The requests that have not ended.
        failed: Attempts to write that failed.
    """

    def __init__(
        self,
        settings: ArchiveSettings,
        intake: Intake,
        hand_over: Callable[[Waiting], None],
        clock: Callable[[], float],
    ) -> None:
        """Prepare; keys are made by the first `work`."""
        assert settings.directory is not None
        self._settings = settings
        self._directory: Path = settings.directory
        self._intake = intake
        self._hand_over = hand_over
        self._clock = clock
        self._keys: PasswordKeys | AgeKeys | None = None
        self._owner = Owner(self._directory)
        self._retry_at = 0.0
        self._late: list[Waiting] = []
        # Batches for recipients hold the lines alone: after a crash they go as they are.
        self._with_text = settings.format != "jsonl" and not settings.recipients
        self.open: set[Waiting] = set()
        self.busy = False
        self.failed = 0

    def wait(self) -> None:
        """Wait for work: until the batch timeout has half passed, or somebody is in a hurry."""
        if self._intake.bell.wait(0.5 if self._late else 5.0):
            self._intake.hurry.wait(self._settings.batch_timeout_ms / 2000)

    def work(self) -> None:
        """Write all that waits, and end what has been silent for too long."""
        self.busy = True
        try:
            self._get_keys()
            if self._late and time.monotonic() >= self._retry_at:
                late, self._late = self._late, []
                for waiting in late:
                    self._intake.queue(waiting)
            while ready := self._intake.collect():
                for waiting in ready:
                    self._write(waiting)
                    _pause()
            self._end_stale()
        finally:
            self.busy = False

    @property
    def is_idle(self) -> bool:
        """True when all that was taken is on disk."""
        return not self.busy and not self._late and self._intake.is_empty

    def _write(self, waiting: Waiting) -> None:
        lines, ended, dropped = self._intake.take(waiting, _TURN)
        if not waiting.done:
            self.open.add(waiting)
        if lines:
            waiting.touched = self._clock()  # what a line says of its own time may be anything
        try:
            self._encode(waiting, lines)
            self._flush(waiting, dropped)
            if ended is not None:
                self._end(waiting, ended, waiting.dropped)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other requests go on
            if isinstance(error, FileNotFoundError):
                waiting.writer = None  # somebody removed it: the rest goes to another
            self.failed += 1
            self._late.append(waiting)
            self._retry_at = time.monotonic() + _RETRY_S
            say(
                "archive-spool",
                f"log lines can't be written to {self._directory} and wait in memory: {error}",
                interval_s=60,
            )

    def _encode(self, waiting: Waiting, lines: list[LogLine]) -> None:
        # Lines of several threads are put in order where they come together.
        lines.sort(key=time_of)
        ids = waiting.ids
        for line in lines:
            size = measure(line)
            try:
                encoded = encode_line(line, ids, _pause)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other lines go on
                self._intake.release(size)
                self._intake.drop(waiting, 1)
                say("archive-line", f"a log line can't be archived: {error!r}")
            else:
                waiting.unwritten.append((encoded, time_of(line), size))

    def _flush(self, waiting: Waiting, dropped: int) -> None:
        unwritten = waiting.unwritten
        largest = self._settings.max_bytes // 2
        limit = min(FRAME_BYTES, largest)
        while unwritten:
            frame: list[bytes] = []
            size = room = 0
            for encoded, _, needed in unwritten:
                if frame and size + len(encoded) > limit:
                    break
                frame.append(encoded)
                size += len(encoded)
                room += needed
            if size > largest:  # one line alone
                self._intake.drop(waiting, len(frame))
                dropped += len(frame)
            else:
                first, last = unwritten[0][1], unwritten[len(frame) - 1][1]
                text = b"".join(map(text_of, frame)) if self._with_text else b""
                self._writer(waiting).append(frame, first, last, dropped, text)
            for _ in frame:
                unwritten.popleft()
            self._intake.release(room)

    def _get_keys(self) -> PasswordKeys | AgeKeys:
        if self._keys is None:
            settings = self._settings
            if settings.recipients:
                self._keys = AgeKeys(settings.recipients)
            else:
                self._keys = PasswordKeys(settings.password or "")
            self._keys.prepare()
        return self._keys

    def _writer(self, waiting: Waiting) -> SpoolWriter:
        if waiting.writer is None:
            waiting.writer = SpoolWriter(
                self._directory,
                self._get_keys(),
                waiting.ids,
                task=waiting.task,
                begun=waiting.begun,
                max_lines=self._settings.max_lines,
                max_bytes=self._settings.max_bytes,
                owner=self._owner,
            )
        return waiting.writer

    def _end(self, waiting: Waiting, ended: Ended, dropped: int) -> None:
        if waiting.done:
            return
        reason = scrub(ended.reason)[:_MAX_REASON]
        self._writer(waiting).end(ended.status, reason, ended.at, dropped)
        waiting.done = True
        self.open.discard(waiting)
        self._hand_over(waiting)

    def _end_stale(self) -> None:
        now = self._clock()
        limit = now - self._settings.stale_seconds
        for waiting in [each for each in self.open if each.touched < limit]:
            self._intake.end(
                waiting,
                Ended("interrupted", f"no line for {self._settings.stale_seconds} s", now),
                stale=True,
            )

    def abandon(self) -> None:
        """Leave the spools that are there to whoever looks for orphans."""
        self.open.clear()
        self._owner.release()


def _pause() -> None:
    time.sleep(_PAUSE_S)
