"""Where archives lie, how they are named, and how steno knows one of its own.

Strategy: every part of a path is made from one id by `safe_name`, which yields no dot, so that
the dot can part an archive's name from what was added to it, and no id can name the folder of the
spools. The mark that tells our zip files from other people's is the comment at their end: it is
read without a password, and a file that was cut off has none. Sealed age files carry their name
and age's own mark. What is not known to be ours is never listed, so that nobody deletes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from steno.identity import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.archives.identifiers import ArchiveIds

COMMENT = b"steno archive 1"
ZIP = ".zip"
AGE = ".steno.age"
AGE_MAGIC = b"age-encryption.org/v1\n"
SPOOL_FOLDER = ".spool"
API_FOLDER = "api"

_COMMENT = re.compile(rb"PK\x05\x06.{16}(..)(steno archive [0-9]{1,4})\Z", re.DOTALL)
_TAIL = 64
_NAME_LENGTH = 200


def folder_names(ids: ArchiveIds) -> tuple[str, str]:
    """Name the two folders, below the base, in which the archive of a call lies."""
    if ids.is_api_call:
        return safe_name(ids.user_id), API_FOLDER
    chat = safe_name(ids.chat_id)
    if chat.lower() == API_FOLDER:
        # An id of this form is no file name of its own, so nothing else can be called so.
        chat = f"{chat}--{hashlib.sha256(ids.chat_id.encode()).hexdigest()[:16]}"
    return safe_name(ids.user_id), chat


def stem_of(ids: ArchiveIds) -> str:
    """Name the archive of a call, without its suffix."""
    return safe_name(ids.request_id if ids.is_api_call else ids.message_id)


def stems(ids: ArchiveIds, spool_id: str) -> Iterator[str]:
    """Name where the archive of a call may go, the best place first: without end.

    Args:
        ids: The ids of the call.
        spool_id: What stands for the request where it has no id.
    """
    first = stem_of(ids)
    yield first
    request = safe_name(ids.request_id or spool_id)
    if len(first) + len(request) > _NAME_LENGTH:
        request = hashlib.sha256(request.encode()).hexdigest()[:32]
    yield f"{first}.{request}"
    number = 2
    while True:
        yield f"{first}.{request}.{number}"
        number += 1


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is an archive that steno sealed, without opening its contents.

    Links, and files that can't be read, are not.
    """
    name = os.fspath(path)
    if not name.endswith((ZIP, AGE)):
        return False
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return False
        if name.endswith(AGE):
            return os.pread(fd, len(AGE_MAGIC), 0) == AGE_MAGIC
        return has_comment(os.pread(fd, _TAIL, max(0, status.st_size - _TAIL)))
    except OSError:
        return False
    finally:
        os.close(fd)


def has_comment(tail: bytes) -> bool:
    """Tell whether the end of a file is the end of an archive of ours."""
    found = _COMMENT.search(tail)
    return found is not None and int.from_bytes(found[1], "little") == len(found[2])


def find_archives(directory: str | os.PathLike[str]) -> Iterator[tuple[Path, os.stat_result]]:
    """Find the archives in a folder: path and status of each, in the order of their paths.

    Only what `is_ours` is found. Links are not followed below the folder itself, and folders that
    vanish or can't be read are passed over.
    """
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    yield from find_archives(entry.path)
            elif entry.is_file(follow_symlinks=False) and is_ours(entry.path):
                yield Path(entry.path), entry.stat(follow_symlinks=False)
        except OSError:
            continue
