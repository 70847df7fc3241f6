"""Folders of archives that are empty go, the base included.

Strategy: those go from which archives were just deleted, and those that a killed process has left
empty: they look like ours, which are the user's own, for nobody else to read, and no deeper than
archives lie. Others stay, because somebody else has made them. A folder is locked before it goes,
as by those who seal archives in it; its parents are made anew by them where need be.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from steno.storage.below import lock_folder, open_folder, split_below
from steno.storage.files import FOLDER_MODE

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPOOL = ".spool"
_DEPTH = 2
"""Folders between the base and an archive."""


def remove_empty(base: Path, emptied: Iterable[str]) -> None:
    """Remove the folders of archives that are empty, the base included.

    Args:
        base: The folder of all archives.
        emptied: Folders from which archives were just deleted.
    """
    gone_from = set(emptied)
    for place in sorted(gone_from | set(_find_empty(base, _DEPTH)), key=len, reverse=True):
        names = split_below(base, place) if place != os.fspath(base) else ()
        for depth in range(len(names), 0, -1):
            try:
                with (
                    open_folder(base, *names[: depth - 1]) as above,
                    open_folder(base, *names[:depth]) as folder,
                    lock_folder(folder) as alone,
                ):
                    if not alone:
                        break  # somebody seals the first archive in it
                    os.rmdir(names[depth - 1], dir_fd=above)
            except FileNotFoundError:
                continue
            except OSError:
                break  # something is left in it
    if gone_from or _is_own(base):
        with contextlib.suppress(OSError):
            if os.listdir(base) == [_SPOOL]:
                with open_folder(base) as above:
                    os.rmdir(_SPOOL, dir_fd=above)
        with contextlib.suppress(OSError):
            os.rmdir(base)


def _find_empty(folder: Path, depth: int) -> list[str]:
    """Find empty folders that look like those of archives, at most so deep."""
    found: list[str] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            below = Path(entry.path)
            found += _find_empty(below, depth - 1) if depth > 1 else []
            if _is_own(below) and not os.listdir(below):
                found.append(entry.path)
    return found


def _is_own(folder: Path) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    private = stat.S_IMODE(status.st_mode) == FOLDER_MODE
    return private and status.st_uid == os.geteuid()
