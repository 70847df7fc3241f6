"""Seal what has ended, and what was left behind: the second of the archivist's two threads.

Strategy: a spool that can't be sealed now, because the disk is full, stays where it is and is tried
again, later each time. Spools without an owner are looked for at the start and from time to time;
between two of them, what has just ended comes first. What another password sealed is left alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from steno.archives.ciphers import PasswordKeys
from steno.archives.intake import Bell
from steno.archives.orphans import SpoolReader, find_orphans
from steno.archives.packing import Packing
from steno.archives.sealing import seal
from steno.errors import ArchiveError
from steno.notices import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.archives.intake import Waiting
    from steno.archives.settings import ArchiveSettings

RECOVERY_S = 30.0
"""Seconds between two searches for spools without an owner."""
_FIRST_DELAY_S = 1.0
_LAST_DELAY_S = 300.0


class Finisher:
    """Seals spools. `work` and `wait` belong to one thread; `recover` may be called by any.

    Attributes:
        sealed: Requests whose lines are in an archive.
        recovered: Spools of other processes, among them.
        failed: Attempts that failed.
    """

    def __init__(self, settings: ArchiveSettings, clock: Callable[[], float]) -> None:
        """Prepare; nothing is looked for before `work`."""
        assert settings.directory is not None
        self._settings = settings
        self._directory: Path = settings.directory
        self._clock = clock
        self._packing = Packing(
            password=settings.password, recipients=settings.recipients,
            compression=settings.compression, level=settings.compresslevel,
        )  # fmt: skip
        self._keys = PasswordKeys(settings.password) if settings.password else None
        self._recovering = threading.Lock()
        self._jobs: deque[Waiting] = deque()
        self._late: list[tuple[float, float, Waiting]] = []
        self._next_recovery = 0.0
        self._bell = Bell()
        self._unfinished = 0
        self.sealed = self.recovered = self.failed = 0

    def add(self, waiting: Waiting) -> None:
        """Have a request sealed whose spool is complete."""
        self._unfinished += 1
        self._jobs.append(waiting)
        self._bell.ring()

    def ring(self) -> None:
        """Wake the thread."""
        self._bell.ring()

    @property
    def is_idle(self) -> bool:
        """True when all that was handed over is in an archive."""
        return not self._unfinished

    def wait(self) -> None:
        """Wait for work."""
        now = time.monotonic()
        due = min([self._next_recovery, *(each[0] for each in self._late)])
        if not self._jobs:
            self._bell.wait(max(0.0, min(due - now, RECOVERY_S)))

    def work(self) -> None:
        """Seal what has ended, try again what failed, and look for orphans when it is time."""
        self._seal_jobs()
        if time.monotonic() >= self._next_recovery:
            try:
                self.recover(self._seal_jobs)
            finally:
                self._next_recovery = time.monotonic() + RECOVERY_S

    def _seal_jobs(self) -> None:
        now = time.monotonic()
        for entry in [each for each in self._late if each[0] <= now]:
            self._late.remove(entry)
            self._seal(entry[2], entry[1])
        while self._jobs:
            self._seal(self._jobs.popleft(), _FIRST_DELAY_S)

    def _seal(self, waiting: Waiting, delay: float) -> None:
        writer = waiting.writer
        assert writer is not None
        try:
            fds = writer.fds()
        except FileNotFoundError as error:
            self._fail(error)
            self._unfinished -= 1  # somebody removed it: there is nothing left to seal
            return
        except OSError as error:
            self._put_off(waiting, error, delay)
            return
        try:
            self._finish(SpoolReader(fds, writer.cipher))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._put_off(waiting, error, delay)
            return
        finally:
            writer.close()
        writer.remove()
        self._unfinished -= 1
        self.sealed += 1
        waiting.sealed.set()

    def _put_off(self, waiting: Waiting, error: Exception, delay: float) -> None:
        self._fail(error)
        self._late.append((time.monotonic() + delay, min(2 * delay, _LAST_DELAY_S), waiting))

    def _finish(self, reader: SpoolReader) -> Path:
        return seal(self._directory, reader, self._packing, self._settings.format, self._clock())

    def _fail(self, error: Exception) -> None:
        self.failed += 1
        told = str(error) or repr(error)
        say("archive-seal", f"an archive can't be written now, its lines stay: {told}",
            interval_s=60)  # fmt: skip

    def recover(
        self,
        between: Callable[[], None] | None = None,
        left: Callable[[str, str], None] | None = None,
    ) -> list[Path]:
        """Seal the spools that no process owns.

        Args:
            between: Called between two of them.
            left: Told of each that stays, by its name, and why; without it, a notice is given.

        Returns:
            The archives in which they are now.
        """
        found = []
        with self._recovering:
            for orphan in find_orphans(self._directory):
                if between is not None:
                    between()
                try:
                    found.append(self._finish(orphan.read(self._keys)))
                except Exception as error:  # noqa: BLE001 - whatever it is, the others are sealed
                    if left is not None:
                        told = error.message if isinstance(error, ArchiveError) else str(error)
                        left(orphan.name, told or repr(error))
                    else:
                        self._note_orphan(error)
                    orphan.close()
                else:
                    orphan.remove()
                    self.sealed += 1
                    self.recovered += 1
        return found

    def _note_orphan(self, error: Exception) -> None:
        if isinstance(error, ArchiveError):
            say(f"archive-orphan-{error.reason}", f"a spool of a dead process in "
                f"{self._directory} can't be sealed: {error.message}", interval_s=3600)  # fmt: skip
        else:
            self._fail(error)
