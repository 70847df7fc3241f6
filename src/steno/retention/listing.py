"""What there is, and what is known of it.

Strategy: folders are listed without following a link. A transcript is steno's when it lies in the
folder of a day, under the name that belongs to its session, and its header says so: the first line,
or a copy of it where that is torn. Everything else stays, whatever it is called. It is in use when
it was touched within the hour, or when a living recorder's lease names it and somebody touched it
within a day: a proxy lives for months, and its lease names all that it ever wrote. What such a
recorder goes on with after all is put back or begun anew, because it locks a transcript before it
writes.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from typing import TYPE_CHECKING, cast

from steno.errors import TranscriptError
from steno.events.header import HEADER_VERSION
from steno.identity import safe_name
from steno.retention.plan import ARCHIVE, DAY_S, TOUCHED_S, TRANSCRIPT, Found
from steno.storage.below import open_folder
from steno.storage.compressed import PACKED, TEMPORARY, PackedText, plain_name
from steno.storage.lease import find_touched
from steno.transcripts.finding import find_days
from steno.transcripts.reader import read_identity
from steno.writers.base import ease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

_SUFFIX = ".jsonl"
_FIRST = 4096
"""Bytes of a compressed transcript that are decompressed at first."""

_UNFINISHED = re.compile(
    rf"\.[A-Za-z0-9_-]+\.jsonl(?:{re.escape(PACKED)})?\.[0-9]+-[0-9a-f]+{re.escape(TEMPORARY)}\Z"
)
"""What compressing and putting back call their files; other people's ``.part`` files are theirs."""


def list_transcripts(
    sessions: Path, now: float, *, stopped: Callable[[], bool] = lambda: False
) -> list[Found]:
    """List the transcripts of a folder, and what lies between them.

    Args:
        sessions: The folder.
        now: Seconds since the epoch.
        stopped: Asked now and then; True ends the work.

    Raises:
        OSError: A lease can't be read, so nobody knows what is in use.
    """
    living, dead = find_touched(sessions)
    found: list[Found] = []
    for day in find_days(sessions):
        try:
            with open_folder(sessions, day) as folder:
                for file in _list_day(folder, sessions / day, now, living, dead):
                    found.append(file)
                    ease()
                    if stopped():
                        return []
        except OSError:
            continue  # a link, or gone, or not for us: what can't be listed stays
    return found


def _list_day(
    folder: int, path: Path, now: float, living: frozenset[str], dead: frozenset[str]
) -> Iterator[Found]:
    names = set(os.listdir(folder))
    for name in sorted(names):
        packed = name.endswith(PACKED)
        plain = plain_name(name)
        if name.startswith(".") or not plain.endswith(_SUFFIX) or (packed and plain in names):
            continue
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        relative = f"{path.name}/{plain}"
        session_id = session_of(folder, name)
        # A copy is looked at when it is removed; if it is another's, it stays then.
        copy = None
        with contextlib.suppress(OSError):
            if not packed and plain + PACKED in names:
                beside = os.stat(plain + PACKED, dir_fd=folder, follow_symlinks=False)
                copy = beside.st_size if stat.S_ISREG(beside.st_mode) else None
        yield Found(
            kind=TRANSCRIPT,
            path=os.fspath(path / name),
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
            inode=status.st_ino,
            session_id=session_id,
            in_use=why_in_use(status, now, leased=relative in living),
            awaited=relative in dead,
            ours=session_id is not None,
            packed=packed,
            copy=copy,
        )


def why_in_use(status: os.stat_result, now: float, *, leased: bool) -> str:
    """Tell why a transcript counts as being written to; "" when it doesn't."""
    if now - status.st_mtime < TOUCHED_S:
        return "written to within the hour"
    # The time of the inode's change can't be set by anybody.
    if leased and now - max(status.st_mtime, status.st_ctime) < DAY_S:
        return "a recorder that is alive writes to it"
    # It may be open there, and with another link nobody could tell by the open file that it went.
    if leased and status.st_nlink > 1:
        return "a recorder that is alive knows it, and it has another link"
    return ""


def session_of(folder: int, name: str) -> str | None:
    """Read whose transcript a file is; None when it is none of steno's."""
    try:
        with _open(folder, name) as file:
            header = read_identity(file)
    except (OSError, TranscriptError):
        return None
    if header is None or header.version < HEADER_VERSION or not header.session_id:
        return None
    # Its name is made from the id; whoever copied it under another one has a reason of their own.
    return (
        header.session_id
        if f"{safe_name(header.session_id)}{_SUFFIX}" == plain_name(name)
        else None
    )


def _open(folder: int, name: str) -> BinaryIO:
    def opener(path: str, flags: int) -> int:
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(path, flags, dir_fd=folder)

    if name.endswith(PACKED):
        return cast("BinaryIO", io.BufferedReader(PackedText(name, opener=opener), _FIRST))
    return open(name, "rb", opener=opener)


def list_archives(directory: Path) -> list[Found]:
    """List the archives of a folder; what is not steno's is not even listed."""
    # It brings the drivers of cryptography along, which only those who have archives wait for.
    from steno.archives.layout import find_archives

    if not directory.is_dir():
        return []
    return [
        Found(
            kind=ARCHIVE,
            path=os.fspath(path),
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
            inode=status.st_ino,
        )
        for path, status in find_archives(directory)
    ]


def find_unfinished(sessions: Path, now: float) -> Iterator[tuple[str, str]]:
    """Yield day and name of the temporary files that killed processes have left."""
    for day in find_days(sessions):
        try:
            with open_folder(sessions, day) as folder:
                for name in os.listdir(folder):
                    if not _UNFINISHED.match(name):
                        continue
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and now - status.st_ctime > TOUCHED_S:
                        yield day, name
        except OSError:
            continue
