"""Whether a program writes to a transcript at this moment, as far as that can be told."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from steno.storage.compressed import plain_name
from steno.storage.lease import find_touched
from steno.transcripts.recovery.fields import UNREADABLE

_RECENT_S = 10.0
_LARGEST_LOCK = 64 * 1024


def find_writer(path: str) -> str | None:
    """Say why a transcript is taken to be written to; None where nothing speaks for it.

    A lock of a process that lives counts, one that names no process too, and so does a change
    within the last ten seconds.
    """
    reason = _lock_of(f"{plain_name(path)}.lock")
    if reason is not None:
        return reason
    try:
        age = time.time() - os.stat(path).st_mtime
    except OSError:
        return None
    return f"it was changed {max(age, 0):.0f} s ago" if age < _RECENT_S else None


def find_recorder(path: str) -> str | None:
    """Say that a living recorder of steno holds a transcript; None where none is known to.

    It may have a file open that has not changed for hours, and writes on into it, whatever its
    name is by then.
    """
    folder, name = os.path.split(os.path.abspath(plain_name(path)))
    sessions, day = os.path.split(folder)
    try:
        held, _ = find_touched(Path(sessions))
    except OSError as error:
        return f"the leases of recorders can't be read: {error.strerror}"
    return "a living recorder holds it" if f"{day}/{name}" in held else None


def _lock_of(lock: str) -> str | None:
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = os.read(fd, _LARGEST_LOCK)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"its lock can't be read: {error.strerror}"
    try:
        told: Any = msgspec.json.decode(data)
    except UNREADABLE:
        told = None
    pid = told.get("pid") if isinstance(told, dict) else None
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return "it is locked by a program that is not named"
    return f"process {pid} holds its lock" if is_alive(pid) else None


def is_alive(pid: int) -> bool:
    """Tell whether a process lives, whoever owns it."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it lives, and is somebody else's
    return True
