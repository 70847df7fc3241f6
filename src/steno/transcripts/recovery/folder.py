"""The files of a folder, sorted by what they are; nothing is opened.

Strategy: the tree is walked without following a link, so that a recovery never reads outside of
what it was given. What can't be entered, or only looks like a transcript, is said and passed over.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import TranscriptError
from steno.transcripts.recovery.names import OTHER, TRANSCRIPTS, FileName, read_name

if TYPE_CHECKING:
    from pathlib import Path

_AGENT = re.compile(r".*/agents/(?P<agent>[^/]+)/sessions(?=/|\Z)", re.DOTALL)
_RUNS = re.compile(r".*/cron/runs\Z", re.DOTALL)


class Found(Struct, frozen=True):
    """A file.

    Attributes:
        path: Where it is, as the folder was named.
        relative: Its path below the folder.
        folder: The absolute path of the folder that it lies in.
        name: What its name says.
        size: Bytes.
        modified_ns: When it last changed, in nanoseconds since the epoch.
    """

    path: str
    relative: str
    folder: str
    name: FileName
    size: int
    modified_ns: int


class Note(Struct, frozen=True):
    """Something that was passed over.

    Attributes:
        path: What it was.
        reason: Why.
    """

    path: str
    reason: str


class Listing(Struct):
    """What lies in a folder.

    Attributes:
        root: The folder, as it was named.
        files: Its files and those of the folders in it, by path.
        notes: What was passed over.
    """

    root: str
    files: list[Found]
    notes: list[Note]


def list_files(root: Path) -> Listing:
    """List the files of a folder and those below it.

    Raises:
        TranscriptError: There is no such folder, or it can't be read.
    """
    listing = Listing(os.fspath(root), [], [])
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise TranscriptError(
            f"cannot read the folder {root}: {error.strerror}",
            hint="name a folder of transcripts, such as ~/.openclaw/agents/main/sessions",
        ) from error
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(os.path.join(root, below)) as entries:
                for entry in entries:
                    _add(listing, entry, os.path.join(below, entry.name), waiting)
        except OSError as error:
            _note(listing, below, f"this folder can't be read: {error.strerror}")
    listing.files.sort(key=lambda found: found.relative)
    listing.notes.sort(key=lambda note: note.path)
    return listing


def _add(listing: Listing, entry: os.DirEntry[str], relative: str, waiting: list[str]) -> None:
    name = read_name(entry.name)
    looks = name.kind in TRANSCRIPTS
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        _note(listing, relative, f"it can't be looked at: {error.strerror}")
        return
    if stat.S_ISDIR(status.st_mode):
        waiting.append(relative)
        if looks:
            _note(listing, relative, "a folder that is called like a transcript")
        return
    if not stat.S_ISREG(status.st_mode):
        if looks or stat.S_ISLNK(status.st_mode):
            what = "a link, which is not followed" if entry.is_symlink() else "no file"
            _note(listing, relative, what)
        return
    folder = os.path.abspath(os.path.join(listing.root, os.path.dirname(relative)))
    if looks and _RUNS.match(folder):
        name = FileName(OTHER, packed=name.packed)  # the log of a scheduled job's runs
    listing.files.append(
        Found(os.path.join(listing.root, relative), relative, folder, name, status.st_size,
              status.st_mtime_ns)
    )  # fmt: skip


def _note(listing: Listing, relative: str, reason: str) -> None:
    listing.notes.append(Note(os.path.join(listing.root, relative), reason))


def agent_of_folder(folder: str) -> str | None:
    """Read the agent from the path of its folder, ``.../agents/<agent>/sessions``.

    Args:
        folder: An absolute path.
    """
    found = _AGENT.match(folder)
    return found["agent"] if found else None


def sessions_of_folder(folder: str) -> str | None:
    """Return the part of a folder's path up to ``agents/<agent>/sessions``; None without one.

    Args:
        folder: An absolute path.
    """
    found = _AGENT.match(folder)
    return found[0] if found else None
