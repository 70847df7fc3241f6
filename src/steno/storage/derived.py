"""Databases that are derived from the transcripts, and may go at any time."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def remove_database(path: Path) -> None:
    """Remove an SQLite database with what lies beside it; who has it open goes on with its own.

    Args:
        path: The database; nothing happens where there is none.

    Raises:
        OSError: It can't be removed.
    """
    # The log first: a new database of the name would take an old one for its own.
    for name in (f"{path}-wal", f"{path}-shm", os.fspath(path)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
