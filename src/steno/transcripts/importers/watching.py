"""Follow folders in which other programs write transcripts.

Strategy: files are looked at again and again; only one that has changed is read. A source that
takes long to read rests twenty times as long before it is read again, so that a large database
which changes all the time takes a twentieth of one core at most.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from steno.transcripts.importers.importing import Importer
    from steno.transcripts.importers.report import FileReport

_REST = 20


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

    def look(self) -> Iterator[FileReport]:
        """Import what has changed since the last look, and yield a report of each source."""
        there = [path for path in self._paths if path.exists()]
        for candidate in self._importer.find(there):
            name = os.fspath(candidate.path)
            if candidate.report is not None or self._clock() < self._rests.get(name, 0.0):
                continue
            began = self._clock()
            yield self._importer.run(candidate)
            now = self._clock()
            self._rests[name] = now + (now - began) * _REST
