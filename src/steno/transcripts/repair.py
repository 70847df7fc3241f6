"""A clean copy of a damaged transcript, and a report of what was cut.

Strategy: the source is only read. Every value that can be read is written on a line of its own, as
it was; newlines between the tokens of a value that went over several lines are left out. The copy
appears whole or not at all (temporary file, fsync, link, fsync of the folder), and never in the
place of another file. What was not copied is named by offset, length and digest, so that it can be
found in the source again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from steno.errors import TranscriptError
from steno.storage.compressed import PACKED, TEMPORARY, open_text
from steno.storage.files import make_folder, sync_folder
from steno.transcripts.values import Flaw, read_values

if TYPE_CHECKING:
    from pathlib import Path

_DIGESTED = 1024 * 1024
_BUFFER = 256 * 1024


class Cut(Struct, frozen=True):
    """A place of the source that is not in the copy as it stood there.

    Attributes:
        offset: Byte offset in the source's text.
        length: Its length in bytes.
        kind: What is wrong with it; see `Flaw`.
        lost: Bytes of it that are not in the copy; 0 where only the form changed.
        detail: More, for a person.
        sha256: Digest of its bytes in hexadecimal, up to 1 MiB of them; "" beyond that.
    """

    offset: int
    length: int
    kind: str
    lost: int
    detail: str
    sha256: str


class RepairReport(Struct, frozen=True):
    """What a repair did.

    Attributes:
        source: The transcript, which is as it was.
        target: The copy.
        values: Values in the copy.
        size: Bytes of the copy.
        lost: Bytes of the source that could not be read.
        cuts: The places, in order; beyond 1,000 the last one stands for the rest.
    """

    source: str
    target: str
    values: int
    size: int
    lost: int
    cuts: tuple[Cut, ...]


def repair(source_path: Path, target_path: Path) -> RepairReport:
    """Write a clean copy of a transcript.

    Args:
        source_path: The transcript, plain or compressed; it is not touched.
        target_path: The copy, which must not be there.

    Raises:
        TranscriptError: The source can't be read, or the copy can't be written or is there
            already; nothing was published.
    """
    if target_path.name.endswith(PACKED):
        raise TranscriptError(
            f"{target_path} names a compressed file", hint=f"leave out {PACKED}: copies are plain"
        )
    if os.path.lexists(target_path):
        raise _is_there(target_path)
    try:
        with open_text(source_path) as file:
            values, size, flaws = _copy(file, target_path)
        cuts = _describe(source_path, flaws)
    except OSError as error:
        raise TranscriptError(
            f"cannot repair {source_path}: {error.strerror}: {error.filename}",
            hint="check the paths, their permissions and the room on the disk",
        ) from error
    return RepairReport(
        str(source_path), str(target_path), values, size, sum(flaw.lost for flaw in flaws), cuts
    )


def _is_there(path: Path) -> TranscriptError:
    return TranscriptError(
        f"{path} is there already", hint="choose another name; a repair replaces no file"
    )


def _copy(file: BinaryIO, target: Path) -> tuple[int, int, list[Flaw]]:
    """Write the values to a temporary file and publish it."""
    flaws: list[Flaw] = []
    count = size = 0
    make_folder(target.parent)
    # Its mode is 0600, as that of all transcripts.
    fd, temporary = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name[:100]}.", suffix=TEMPORARY
    )
    try:
        with os.fdopen(fd, "wb", buffering=_BUFFER) as copy:
            for value in read_values(file, flaws):
                data = value.data
                if b"\n" in data:
                    # They stand between tokens: no string may hold one.
                    data = data.translate(None, b"\r\n")
                copy.write(data)
                copy.write(b"\n")
                count += 1
                size += len(data) + 1
            copy.flush()
            os.fsync(copy.fileno())
        # A link, unlike a rename, replaces nothing that came there in the meantime.
        try:
            os.link(temporary, target)
        except FileExistsError as error:
            raise _is_there(target) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    sync_folder(target.parent)
    return count, size, flaws


def _describe(source: Path, flaws: list[Flaw]) -> tuple[Cut, ...]:
    """Add digests to flaws; the source is read a second time, only forwards."""
    cuts = []
    with open_text(source) as file:
        for flaw in flaws:
            digest = ""
            if 0 < flaw.length <= _DIGESTED:
                file.seek(flaw.offset)
                digest = hashlib.sha256(file.read(flaw.length)).hexdigest()
            cuts.append(Cut(flaw.offset, flaw.length, flaw.kind, flaw.lost, flaw.detail, digest))
    return tuple(cuts)
