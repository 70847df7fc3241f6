"""Databases that are derived from the transcripts, and may go at any time."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def remove_database(path: Path) -> None:
    """Remove an SQLite database with what lies beside it; who has it open goes on with its own.

    Damaged ones that were moved aside from its place go too: they hold what it held.

    Args:
        path: The database; nothing happens where there is none.

    Raises:
        OSError: It can't be removed.
    """
    aside = map(os.fspath, path.parent.glob(f"{glob.escape(path.name)}.damaged-*"))
    # The log first: a new database of the name would take an old one for its own.
    for name in (f"{path}-wal", f"{path}-shm", os.fspath(path), *aside):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
