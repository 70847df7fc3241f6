"""Follow folders in which other programs write transcripts.

Strategy: files are looked at again and again; only one that has changed is read. A source that
takes long to read rests twenty times as long before it is read again, so that a large database
which changes all the time takes a twentieth of one core at most. One that can't be read is told
once, and tried again after a minute.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from steno.transcripts.importers.report import FAILED, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from steno.transcripts.importers.importing import Importer
    from steno.transcripts.importers.report import FileReport

_REST = 20
_REST_AFTER_FAILURE_S = 60


class Watcher:
    """Imports what changes below some paths."""

    def __init__(
        self,
        importer: Importer,
        paths: Iterable[Path],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Say where to look; folders that don't exist yet are looked for again.

        Args:
            importer: Imports what has changed.
            paths: Files and folders.
            clock: Tells the time in seconds.
        """
        self._importer = importer
        self._paths = tuple(paths)
        self._clock = clock
        self._rests: dict[str, float] = {}
        self._told: dict[str, str | None] = {}

    def look(self) -> Iterator[FileReport]:
        """Import what has changed since the last look, and yield a report of each source.

        A failure that was told before is not told again.
        """
        there = [path for path in self._paths if path.exists()]
        for candidate in self._importer.find(there):
            name = os.fspath(candidate.path)
            if candidate.report is not None or self._clock() < self._rests.get(name, 0.0):
                continue
            began = self._clock()
            report = self._importer.run(candidate)
            now = self._clock()
            failed = report.status in {FAILED, PARTIAL}
            rest = (now - began) * _REST
            self._rests[name] = now + (max(rest, _REST_AFTER_FAILURE_S) if failed else rest)
            told, self._told[name] = self._told.get(name), report.why
            if not failed or report.tally.new or report.why != told:
                yield report
