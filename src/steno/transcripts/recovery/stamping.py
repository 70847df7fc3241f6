"""Write recovered keys into transcripts: into copies of them, or on demand into themselves.

Strategy: a stamped file is written beside its place, synced, and gets its name in one step; nothing
is overwritten. It has every byte of its source but for the header's object. Where the source is to
be replaced, it first gets a second name, ``<name>.orig``, so that at each moment one of the two is
whole; what was written to it in the meantime is noticed, and then it is put back.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from steno.errors import TranscriptError
from steno.storage.compressed import pack, take_after
from steno.storage.files import FILE_MODE, make_folder, sync_folder, write_all
from steno.transcripts.recovery.headers import foreign_header, stamp_header
from steno.transcripts.recovery.presence import find_recorder, find_writer, is_alive
from steno.transcripts.recovery.reading import open_found
from steno.transcripts.recovery.times import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.transcripts.recovery.folder import Found
    from steno.transcripts.recovery.reading import Reading
    from steno.transcripts.recovery.verdicts import Verdict

STAMPED = "stamped"
SKIPPED = "skipped"
FAILED = "failed"

_PIECE = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_TEMPORARY = re.compile(r"\..+\.(?P<pid>[0-9]{1,9})-[0-9a-f]{8}\.tmp(?:\.text)?\Z", re.DOTALL)


class Stamp(Struct, frozen=True):
    """What became of one transcript.

    Attributes:
        outcome: ``stamped``, ``skipped`` or ``failed``.
        target: The file that has the key now, or that stands in the way.
        reason: Why not, where it was not stamped.
    """

    outcome: str
    target: str | None = None
    reason: str = ""


def why_not(verdict: Verdict, reading: Reading, least: float) -> str | None:
    """Say why a transcript is not to be stamped; None where it is.

    Args:
        verdict: Who it is.
        reading: What it says.
        least: The confidence below which nothing is stamped.
    """
    if verdict.failure is not None:
        return f"it can't be read: {verdict.failure}"
    if reading.header is not None and reading.header.has_key:
        return "its header has a key already"
    if verdict.session_key is None or verdict.session_id is None:
        return "nobody knows who it is"
    if not verdict.confidence >= least:  # so that no number at all lets nothing through
        return f"its confidence is below {least:g}: {verdict.confidence:g}"
    if any(flaw.kind == "compressed" for flaw in verdict.damage):
        return "its compression is damaged: a copy would end where that begins"
    return find_writer(verdict.path) or find_recorder(verdict.path)


def stamp_copy(found: Found, verdict: Verdict, reading: Reading, target: str) -> Stamp:
    """Write a stamped copy.

    Args:
        found: The transcript.
        verdict: Who it is.
        reading: What it says.
        target: Path of the copy; what stands there stays.
    """
    try:
        make_folder(os.path.dirname(target) or ".")
        with _stamped(found, verdict, reading, target) as temporary:
            os.link(temporary, target)  # a name that is taken is an error, unlike with a rename
        sync_folder(os.path.dirname(target) or ".")
    except FileExistsError as error:
        if not os.path.lexists(target):
            return Stamp(FAILED, reason=str(error))  # a file stands where a folder should be
        return Stamp(SKIPPED, target, "a file is there already")
    except _Changed:
        return Stamp(SKIPPED, reason="it was written to while it was copied")
    except TranscriptError as error:
        return Stamp(SKIPPED, reason=error.message)
    except OSError as error:
        return Stamp(FAILED, reason=str(error))
    return Stamp(STAMPED, target)


def stamp_in_place(found: Found, verdict: Verdict, reading: Reading) -> Stamp:
    """Replace a transcript by its stamped form, and keep it as ``<name>.orig``."""
    path, kept = found.path, f"{found.path}.orig"
    folder = os.path.dirname(path) or "."
    try:
        with _stamped(found, verdict, reading, path) as temporary:
            _check(os.lstat(path), found)
            _keep(path, kept)
            os.rename(temporary, path)
        sync_folder(folder)
        _put_back_changed(path, kept, found)
    except _Changed:
        return Stamp(SKIPPED, reason="it was written to meanwhile, and is as it was")
    except FileExistsError:
        return Stamp(SKIPPED, kept, "another original is kept already")
    except TranscriptError as error:
        return Stamp(SKIPPED, reason=error.message)
    except OSError as error:
        return Stamp(FAILED, reason=str(error))
    return Stamp(STAMPED, path)


def clear_leftovers(folder: str) -> None:
    """Remove the temporary files of stampings whose process was killed.

    Args:
        folder: The folder in which something is to be stamped; it may not be there yet.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.match(entry.name)
            if found and entry.is_file(follow_symlinks=False) and not is_alive(int(found["pid"])):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)


class _Changed(Exception):  # noqa: N818 - a turn of events, no error
    """Somebody wrote to the transcript."""


def _check(status: os.stat_result, found: Found) -> None:
    if (status.st_size, status.st_mtime_ns) != (found.size, found.modified_ns):
        raise _Changed


def _put_back_changed(path: str, kept: str, found: Found) -> None:
    """Put an original back to which a program wrote while its place was taken."""
    if os.stat(kept).st_size != found.size:
        os.replace(kept, path)
        sync_folder(os.path.dirname(path) or ".")
        raise _Changed


def _keep(path: str, kept: str) -> None:
    try:
        os.link(path, kept, follow_symlinks=False)
    except FileExistsError:
        # A stamping that was cut short after this step has left it.
        if not os.path.samestat(os.lstat(path), os.lstat(kept)):
            raise


@contextlib.contextmanager
def _stamped(found: Found, verdict: Verdict, reading: Reading, target: str) -> Iterator[str]:
    """Write the stamped form into a temporary file beside a target, for the length of the block."""
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with open_found(found.path) as source:
        status = os.fstat(source.fileno())
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            try:
                if found.name.packed:
                    _write_packed(fd, temporary, source, verdict, reading, found)
                else:
                    _write(fd, source, verdict, reading, found)
                _check(os.fstat(source.fileno()), found)
                take_after(fd, status)
                os.fsync(fd)
            finally:
                os.close(fd)
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _write_packed(
    fd: int, temporary: str, source: BinaryIO, verdict: Verdict, reading: Reading, found: Found
) -> None:
    plain = f"{temporary}.text"
    text = os.open(plain, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        os.unlink(plain)
        _write(text, source, verdict, reading, found)
        pack(text, fd, stopped=lambda: False)
    finally:
        os.close(text)


def _write(fd: int, source: BinaryIO, verdict: Verdict, reading: Reading, found: Found) -> None:
    key, agent, header = verdict.session_key or "", verdict.agent_id, reading.header
    if header is not None:
        _copy(fd, source, header.offset)
        data = source.read(header.length)
        write_all(fd, stamp_header(data, key, agent))
    else:
        began = reading.first_timestamp or iso_time(found.modified_ns)
        line = foreign_header(verdict.session_id or "", key, agent, began) + b"\n"
        mark = source.read(len(_BOM))
        write_all(fd, mark + line if mark == _BOM else line + mark)
    _copy(fd, source, None)


def _copy(fd: int, source: BinaryIO, size: int | None) -> None:
    """Copy so many bytes, or all that are left.

    Raises:
        TranscriptError: There are fewer.
    """
    left = size
    while left is None or left:
        piece = source.read(_PIECE if left is None else min(_PIECE, left))
        if not piece:
            if left:
                raise TranscriptError("it is shorter than it was")
            return
        write_all(fd, piece)
        left = None if left is None else left - len(piece)


def target_of(found: Found, roots: list[str], destination: str) -> str:
    """Name the place of a copy: the same path below the destination.

    Args:
        found: The transcript.
        roots: The folders that were looked into; with several, a copy lies below the name of its.
        destination: The folder for copies.
    """
    if len(roots) == 1:
        return os.path.join(destination, found.relative)
    root = found.path.removesuffix(found.relative)
    return os.path.join(destination, os.path.basename(os.path.abspath(root)), found.relative)


def check_destination(roots: list[str], destination: str) -> None:
    """Refuse a destination among the transcripts: the next recovery would find the copies.

    Raises:
        TranscriptError: It lies in one of the folders.
    """
    place = os.path.realpath(destination)
    for root in roots:
        real = os.path.realpath(root)
        if place == real or place.startswith(os.path.join(real, "")):
            raise TranscriptError(
                f"{destination} lies in {root}, which is only read",
                hint="name a folder elsewhere",
            )
