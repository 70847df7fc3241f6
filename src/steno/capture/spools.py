"""Files for bodies that are too large for memory: whole, or not there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from steno import notices
from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, sync_folder, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from steno.storage.home import Home

FOLDER = "bodies"


class FileSpool:
    """One body on its way to ``artefacts/<session>/bodies/``."""

    def __init__(self, home: Home, session_id: str, name: str) -> None:
        """Name the file; it appears under its name when it is closed."""
        self._home = home
        self._path = home.artefacts / safe_name(session_id) / FOLDER / safe_name(name)
        self._part = self._path.with_name(f".{self._path.name}.part")
        self._fd: int | None = None
        self._failed = False

    def write(self, data: bytes) -> None:
        """Append; a disk that refuses is said once, and the body counts as lost."""
        if self._failed:
            return
        try:
            if self._fd is None:
                make_folder(self._path.parent)
                self._fd = os.open(
                    self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE
                )
            write_all(self._fd, data)
        except OSError as error:
            self._fail(error)

    def close(self) -> str | None:
        """Publish the file; returns its path relative to the home, None if it was lost."""
        if self._failed or self._fd is None:
            return None
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = None
            os.replace(self._part, self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            self._fail(error)
            return None
        return str(self._path.relative_to(self._home.path))

    def _fail(self, error: OSError) -> None:
        self._failed = True
        notices.say("spool", f"ERROR a large body can't be kept: {error}")
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
        with contextlib.suppress(OSError):
            os.unlink(self._part)


class NoSpool:
    """Where there is no home: a large body is measured and let go."""

    def write(self, data: bytes) -> None:
        """Let it go."""

    def close(self) -> Path | None:
        """Tell that it was not kept."""
        return None
