"""Write what is in an archive into a folder: all of it, or nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from steno.archives.packing import JSONL, META, TEXT
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.archives.reading import OpenArchive


def extract(archive: OpenArchive, folder: Path) -> list[Path]:
    """Write the members into a folder, under our own names, over nothing that is there.

    Raises:
        ArchiveError: A member is not what was sealed; or a file of that name is there, or can't be
            written. What was written, as after any other failure, is removed again.
    """
    archive.verify()
    try:
        return _write(archive, folder)
    except FileExistsError as error:
        raise ArchiveError(
            f"{error.filename} is there already",
            hint="nothing is written over: name another folder",
        ) from error
    except OSError as error:
        place = error.filename or folder
        raise ArchiveError(f"{place} can't be written: {error.strerror}") from error


def _write(archive: OpenArchive, folder: Path) -> list[Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sources: dict[str, Iterator[bytes]] = {META: iter([archive.meta_bytes])}
    if archive.is_batches:
        sources[JSONL] = archive.lines()
        sources[TEXT] = archive.texts()
    else:
        sources |= {name: archive.blocks(name) for name in archive.names}
    written: list[Path] = []
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        for name, blocks in sources.items():
            path = folder / name
            fd = os.open(path, flags, 0o600)
            written.append(path)
            with open(fd, "wb") as file:
                file.writelines(blocks)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written
