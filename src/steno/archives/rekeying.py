"""Seal an archive anew: for another password, or to recipients.

Strategy: the new archive is complete and durable before it takes the name; until then, and whatever
fails, the old one stays. Members are copied as they are, except the batches that a crash left: they
are sealed one by one to keys that are to be of no use any more, so they become a log like any
other. The file keeps its age, because retention goes by that.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import msgspec

from steno.archives import placing
from steno.archives.layout import AGE, ZIP
from steno.archives.meta import Member, encode_meta
from steno.archives.packing import JSONL, TEXT, Packing, pack
from steno.archives.reading import Keys, OpenArchive, open_archive, open_descriptor
from steno.archives.records import TEXT_HEAD
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.archives.sealing import Members


def rekey(directory: Path, path: Path, old: Keys, new: Packing) -> Path:
    """Seal an archive anew.

    Args:
        directory: The folder of all archives.
        path: The archive, somewhere in it.
        old: What opens it now.
        new: How it is to be written.

    Returns:
        The path of the new one.

    Raises:
        ArchiveError: It can't be opened, or is not in that folder; it stays as it is.
        OSError: The new one can't be written; the old one stays as it is.
    """
    *names, name = path.relative_to(directory).parts
    if ".." in names:
        raise ArchiveError(f"{path} is not in {directory}")
    with (
        placing.open_locked(directory, tuple(names), create=False) as folder,
        placing.open_spools(directory, create=True) as spools,
    ):
        fd = placing.open_file(folder, name)
        if fd is None:
            raise ArchiveError(f"there is no {path}", reason="missing")
        status = os.fstat(fd)
        with open_descriptor(fd, old, is_age=name.endswith(AGE)) as archive:
            archive.verify()
            renamed = name.removesuffix(AGE if name.endswith(AGE) else ZIP) + new.suffix
            if renamed != name and placing.exists(folder, renamed):
                raise ArchiveError(f"{path.with_name(renamed)} is there already")
            with placing.temporary_file(spools) as (file, temporary):
                _copy(archive, file, new)
                os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
                placing.publish(file, spools, temporary, folder, renamed)
        if renamed != name:
            os.unlink(name, dir_fd=folder)
    return path.with_name(renamed)


def is_done(path: Path, new: Packing) -> bool:
    """Tell whether an archive is whole, and under the new password already."""
    if new.recipients or path.name.endswith(AGE):
        return False
    try:
        with open_archive(path, Keys(new.password)) as archive:
            archive.verify()
    except (ArchiveError, OSError):
        return False
    return True


def _copy(archive: OpenArchive, fd: int, new: Packing) -> None:
    members: Members = {
        name: functools.partial(archive.blocks, name) for name in archive.names
    }  # fmt: skip
    meta = archive.meta
    if archive.is_batches:
        members = {TEXT: lambda: _with_head(archive.texts()), JSONL: archive.lines}
        meta = msgspec.structs.replace(meta, log_format="both")

    def finish(digests: dict[str, Member]) -> bytes:
        return encode_meta(msgspec.structs.replace(meta, members=digests))

    pack(fd, members, finish, new)


def _with_head(texts: Iterator[bytes]) -> Iterator[bytes]:
    yield TEXT_HEAD
    yield from texts
