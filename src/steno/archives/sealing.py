"""Put what is in a spool into the archive of its message.

Strategy: whoever holds the lock on the chat's folder looks for the archive. If there is none, it is
written; if there is one that can be opened, a new one with the records of both takes its place;
if there is one that can't be opened, it is left alone and the next name is tried. The archive names
the spools that are in it, so one that a crash left behind after it was sealed adds nothing. Where
the archive can't be read by whoever wrote it, the spool itself says which file it became.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from steno.archives import placing
from steno.archives.layout import folder_names, stems
from steno.archives.meta import (
    Member,
    Meta,
    Request,
    add_request,
    describe_request,
    encode_meta,
    make_meta,
)
from steno.archives.packing import JSONL, TEXT, Packing, gather, pack
from steno.archives.reading import Keys, OpenArchive, open_descriptor, whole_lines
from steno.archives.records import TEXT_HEAD, key_of, text_key_of, text_of
from steno.errors import ArchiveError
from steno.notices import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from steno.archives.identifiers import ArchiveIds
    from steno.archives.orphans import SpoolReader

_BLOCK = 64 * 1024
_ATTEMPTS = 1000
_TAIL = 32

Members = dict[str, "Callable[[], Iterable[bytes]]"]


def seal(
    directory: Path, spool: SpoolReader, packing: Packing, log_format: str, now: float
) -> Path:
    """Put a spool into the archive of its message.

    Args:
        directory: The folder of all archives.
        spool: What is to be sealed.
        packing: How archives are written.
        log_format: ``text``, ``jsonl`` or ``both``, for an archive that is new.
        now: The time.

    Returns:
        The archive in which its records are now.

    Raises:
        OSError: It could not be written; the spool keeps everything.
        ArchiveError: As above.
    """
    ids = spool.header.ids
    if spool.cipher is None:
        packing = replace(packing, password=None, recipients=spool.header.lock.recipients)
    names = folder_names(ids)
    with (
        placing.open_locked(directory, names, create=True) as folder,
        placing.open_spools(directory, create=True) as spools,
    ):
        target = _Target(spools, folder, spool, packing, now)
        if target.was_placed():
            assert spool.placed is not None
            return directory.joinpath(*names, spool.placed.path)
        candidates = stems(ids, spool.header.spool)
        for _ in range(_ATTEMPTS):
            name = next(candidates) + packing.suffix
            path = directory.joinpath(*names, name)
            if not placing.exists(folder, name):
                target.write(name, _fresh(spool, log_format), (), _format_of(spool, log_format))
                return path
            if packing.recipients:
                continue  # whoever writes these can't read them
            existing = _open(folder, name, packing, path)
            if existing is None:
                continue
            with existing:
                if not _is_of(existing.meta, ids):
                    say("archive-of-another", f"{path} is of another message: it stays as it is, "
                        "and the archive goes beside it")  # fmt: skip
                    continue
                if spool.header.spool not in existing.meta.spools:
                    target.add(name, existing)
                return path
    raise ArchiveError(f"{path} and all that could stand for it can't be opened")


def _is_of(meta: Meta, ids: ArchiveIds) -> bool:
    """Tell whether an archive is that of a call; the file system may take two names for one."""
    names = ("user_id", "chat_id", "message_id")
    same = all(meta.ids.get(name, "") == getattr(ids, name) for name in names)
    return same and (not ids.is_api_call or ids.request_id in meta.request_ids)


class _Target:
    """The folder in which the archive of a spool is written."""

    def __init__(
        self, spools: int, folder: int, spool: SpoolReader, packing: Packing, now: float
    ) -> None:
        self._spools = spools
        self._folder = folder
        self._spool = spool
        self._packing = packing
        self._now = now

    def was_placed(self) -> bool:
        """Tell whether the spool was sealed already, by an owner that died right after it."""
        placed = self._spool.placed
        if placed is None or "/" in placed.path:
            return False
        with contextlib.suppress(OSError):
            fd = placing.open_file(self._folder, placed.path)
            if fd is not None:
                try:
                    # A number alone may be that of a file that was made later.
                    return (os.fstat(fd).st_ino, _tail(fd)) == (placed.inode, placed.tail)
                finally:
                    placing.close(fd)
        return False

    def add(self, name: str, existing: OpenArchive) -> None:
        """Write an archive with the records of another and of the spool in place of the other."""
        old = existing.meta
        ids = {**old.ids}
        self.write(
            name, _merged(existing, self._spool), old.requests, old.log_format, ids=ids
        )  # fmt: skip

    def write(
        self,
        name: str,
        members: Members,
        requests: tuple[Request, ...],
        log_format: str,
        ids: dict[str, str] | None = None,
    ) -> None:
        """Write an archive, and publish it."""
        spool = self._spool

        def finish(digests: dict[str, Member]) -> bytes:
            header = spool.header
            request = describe_request(
                header.ids, task=header.task, status=spool.status, reason=spool.reason,
                begin=header.begun, end=spool.end, records=spool.records, dropped=spool.dropped,
                spool=header.spool,
            )  # fmt: skip
            meta = make_meta(
                ids or header.ids, add_request(requests, request), digests,
                log_format=log_format, now=self._now,
            )  # fmt: skip
            return encode_meta(meta)

        with placing.temporary_file(self._spools) as (fd, temporary):
            pack(fd, members, finish, self._packing)
            if self._packing.recipients:
                spool.mark_placed(name, os.fstat(fd).st_ino, _tail(fd))
            placing.publish(fd, self._spools, temporary, self._folder, name)


def _tail(fd: int) -> str:
    return os.pread(fd, _TAIL, max(0, os.fstat(fd).st_size - _TAIL)).hex()


def _format_of(spool: SpoolReader, log_format: str) -> str:
    return "batches" if spool.cipher is None else log_format


def _fresh(spool: SpoolReader, log_format: str) -> Members:
    if spool.cipher is None:
        return {
            f"batches/{number:06}.jsonl.age": lambda body=body: [body]  # type: ignore[misc]
            for number, (_, body) in enumerate(spool.sealed_frames(), 1)
        }
    members: Members = {}
    if log_format in {"text", "both"}:
        members[TEXT] = lambda: itertools.chain([TEXT_HEAD], spool.texts())
    if log_format in {"jsonl", "both"}:
        members[JSONL] = spool.blocks
    return members


def _texts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Make the text of blocks of whole lines."""
    yield TEXT_HEAD
    for block in blocks:
        yield b"".join([text_of(line) for line in block.splitlines()])


def _merged(existing: OpenArchive, spool: SpoolReader) -> Members:
    """Give the members of an archive with the records of a spool among them, in order of time."""
    if JSONL not in existing.names:

        def texts() -> Iterator[bytes]:
            yield TEXT_HEAD
            added = (text_of(line) for line in whole_lines(spool.blocks()))
            yield from gather(heapq.merge(existing.texts(), added, key=text_key_of), _BLOCK)

        return {TEXT: texts}

    def lines() -> Iterator[bytes]:
        added = whole_lines(spool.blocks())
        return gather(heapq.merge(existing.lines(), added, key=key_of), _BLOCK)

    members: Members = {TEXT: lambda: _texts(lines())} if TEXT in existing.names else {}
    members[JSONL] = lines
    return members


def _open(folder: int, name: str, packing: Packing, path: Path) -> OpenArchive | None:
    """Open the archive that is there, and check all of it; None where that fails."""
    fd = placing.open_file(folder, name)
    if fd is None:
        say("archive-in-the-way", f"{path} is no file: the archive goes beside it")
        return None
    archive = None
    try:
        archive = open_descriptor(fd, Keys(packing.password), is_age=False)
        archive.verify()
    except ArchiveError as error:
        if archive is not None:
            archive.close()
        say(f"archive-{error.reason}", f"{path} can't be added to ({error.message}): it stays as "
            "it is, and the rest goes beside it")  # fmt: skip
        return None
    return archive
