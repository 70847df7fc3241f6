"""Does what a plan says, after one more look at each file.

Strategy: between the plan and the deed a file may have changed. So each is opened without following
a link, locked against the recorders that append to it, and compared with what the plan knew; leases
and holds are read again. Only then something goes. A transcript is compressed beside itself without
a lock, because that takes long; the lock is taken for the moment in which the two change places,
and if the transcript has grown by then, the work is thrown away. Nothing goes before what takes its
place was read back and is on disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from msgspec import Struct

from steno.errors import RetentionError, StenoError, TranscriptError
from steno.retention.covering import Cover
from steno.retention.listing import session_of, why_in_use
from steno.retention.plan import ARCHIVE, COMPRESS, DELETE, Step
from steno.storage.below import lock_folder, open_folder, split_below
from steno.storage.compressed import (
    PACKED,
    TEMPORARY,
    PackedText,
    damage_of,
    digest_text,
    pack,
    plain_name,
    take_after,
)
from steno.storage.files import FILE_MODE
from steno.storage.lease import find_touched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steno.retention.plan import Found
    from steno.retention.removed import Removed
    from steno.storage.holds import Holds

_BLOCK = 1024 * 1024

Outcome = Literal["done", "kept", "failed"]


class Done(Struct, frozen=True):
    """What became of a step.

    Attributes:
        step: The step.
        outcome: ``done``; ``kept``, because the file is another one by now; or ``failed``.
        detail: Why it was kept or failed.
        freed: Bytes that are free now, the artefacts' included.
        trouble: It was done, but not all that belongs to it; the next round tries again.
    """

    step: Step
    outcome: Outcome
    detail: str = ""
    freed: int = 0
    trouble: str = ""


class _StaysError(Exception):
    """The file stays, for a reason that the plan did not know."""


class Hands:
    """Takes the steps of a plan; used by whoever holds the lock."""

    def __init__(
        self,
        *,
        sessions: Path,
        archives: Path | None,
        holds: Holds,
        removed: Removed,
        now: Callable[[], float],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Name the places.

        Args:
            sessions: The folder of transcripts.
            archives: The folder of archives.
            holds: What must stay.
            removed: The list of what goes.
            now: Tells the time, in seconds since the epoch.
            stopped: Asked now and then; True ends long work.
        """
        self._sessions = sessions
        self._archives = archives
        self._holds = holds
        self._removed = removed
        self._now = now
        self._stopped = stopped
        self._leases: tuple[object, frozenset[str]] = (None, frozenset())

    def take(self, step: Step) -> Done:
        """Take one step; an error of the system's is its outcome.

        Raises:
            RetentionError: A hold can't be read, so nothing may go any more.
        """
        try:
            if step.file.kind == ARCHIVE:
                return self._delete_archive(step)
            if step.action == DELETE:
                return self._delete_transcript(step)
            if step.action == COMPRESS:
                return self._compress(step)
            return self._tidy(step)
        except _StaysError as reason:
            return Done(step, "kept", str(reason))
        except FileNotFoundError:
            return Done(step, "kept", "it is gone already")
        except RetentionError:
            raise
        except (OSError, StenoError) as error:
            return Done(step, "failed", _tell(error))

    # -- deleting ------------------------------------------------------------------------

    def _delete_transcript(self, step: Step) -> Done:
        day, name = split_below(self._sessions, step.file.path)
        with open_folder(self._sessions, day) as folder, _open_file(folder, name) as fd:
            with self._certain(step.file, folder, name, fd):
                # The copy first: should this process die now, the whole transcript is left.
                freed = step.file.size + self._delete_copy(step.file, folder, name)
                os.unlink(name, dir_fd=folder)
            trouble = ""
            try:
                # Under the lock still: a recorder that goes on with the session waits.
                freed += self._removed.settle(plain_name(step.file.path))
            except (OSError, StenoError) as error:
                trouble = _tell(error)
        return Done(step, "done", freed=freed, trouble=trouble)

    @staticmethod
    def _delete_copy(file: Found, folder: int, name: str) -> int:
        """Remove the compressed copy beside a transcript; what is another's stays."""
        if file.copy is None or session_of(folder, name + PACKED) != file.session_id:
            return 0
        size = os.stat(name + PACKED, dir_fd=folder, follow_symlinks=False).st_size
        os.unlink(name + PACKED, dir_fd=folder)
        return size

    def _delete_archive(self, step: Step) -> Done:
        # As in `list_archives`.
        from steno.archives.layout import is_ours

        assert self._archives is not None
        *way, name = split_below(self._archives, step.file.path)
        with (
            open_folder(self._archives, *way) as folder,
            lock_folder(folder) as alone,
            self._holds.steady(),
        ):
            if not alone:
                raise _StaysError("somebody is sealing an archive beside it")
            _compare(step.file, os.stat(name, dir_fd=folder, follow_symlinks=False))
            if not is_ours(f"/proc/self/fd/{folder}/{name}"):
                raise _StaysError("steno did not write it")
            self._check_holds(step.file)
            os.unlink(name, dir_fd=folder)
        return Done(step, "done", freed=step.file.size)

    @contextlib.contextmanager
    def _certain(self, file: Found, folder: int, name: str, fd: int) -> Iterator[None]:
        """Lock a transcript, and make sure that it may go, for the length of the block."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _StaysError("somebody is writing to it") from None
        status = os.fstat(fd)
        _compare(file, status)
        _compare(file, os.stat(name, dir_fd=folder, follow_symlinks=False))
        relative = "/".join(split_below(self._sessions, plain_name(file.path)))
        reason = why_in_use(status, self._now(), leased=relative in self._living())
        if reason:
            raise _StaysError(reason)
        with self._holds.steady():
            self._check_holds(file)
            yield

    def _check_holds(self, file: Found) -> None:
        if held := Cover(self._holds.read(), self._archives).why(file):
            raise _StaysError(f"held: {held}")

    def _living(self) -> frozenset[str]:
        """Tell what living recorders have touched; read again when a lease has changed."""
        look: list[tuple[str, int, int]] = []
        with (
            contextlib.suppress(FileNotFoundError),
            os.scandir(self._sessions / ".recorders") as it,
        ):
            for entry in it:
                status = entry.stat(follow_symlinks=False)
                look.append((entry.name, status.st_size, status.st_mtime_ns))
        if self._leases[0] != look:
            self._leases = (look, find_touched(self._sessions)[0])
        return self._leases[1]

    # -- compressing ---------------------------------------------------------------------

    def _compress(self, step: Step) -> Done:
        day, name = split_below(self._sessions, step.file.path)
        temporary = f".{name}{PACKED}.{os.getpid()}-{os.urandom(4).hex()}{TEMPORARY}"
        with open_folder(self._sessions, day) as folder, _open_file(folder, name) as fd:
            before = os.fstat(fd)
            _compare(step.file, before)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            target = os.open(temporary, flags, FILE_MODE, dir_fd=folder)
            try:
                try:
                    self._pack(fd, target, folder, temporary)
                    take_after(target, before)
                    os.fsync(target)
                    size = os.fstat(target).st_size
                finally:
                    os.close(target)
                with self._certain(step.file, folder, name, fd):
                    if _is_there(folder, name + PACKED):
                        raise _StaysError("a compressed file is there already")
                    os.rename(temporary, name + PACKED, src_dir_fd=folder, dst_dir_fd=folder)
                    os.fsync(folder)
                    os.unlink(name, dir_fd=folder)
                    os.fsync(folder)
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
        return Done(step, "done", freed=step.file.size - size)

    def _pack(self, fd: int, target: int, folder: int, temporary: str) -> None:
        """Compress, and read back what was written."""
        written = pack(fd, target, stopped=self._stopped)
        if written is None:
            raise _StaysError("steno was stopped")
        with _open_packed(folder, temporary) as file:
            if digest_text(file, stopped=self._stopped) != written:
                raise TranscriptError("what was compressed is not what was read back")

    def _tidy(self, step: Step) -> Done:
        """Remove a compressed copy, if the transcript beside it holds all of it."""
        day, name = split_below(self._sessions, step.file.path)
        with open_folder(self._sessions, day) as folder, _open_file(folder, name) as fd:
            with _open_packed(folder, name + PACKED) as copy:
                if not _begins_with(fd, copy, self._stopped):
                    raise TranscriptError(f"{name}{PACKED} beside it is no copy of it; both stay")
            with self._certain(step.file, folder, name, fd):
                os.unlink(name + PACKED, dir_fd=folder)
        return Done(step, "done", freed=step.file.copy or 0)


@contextlib.contextmanager
def _open_file(folder: int, name: str) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=folder)
    try:
        yield fd
    finally:
        # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _open_packed(folder: int, name: str) -> BinaryIO:
    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)

    return cast("BinaryIO", io.BufferedReader(PackedText(name, opener=opener), _BLOCK))


def _compare(file: Found, status: os.stat_result) -> None:
    """Make sure that a file is still what the plan knew."""
    now = (status.st_ino, status.st_size, status.st_mtime_ns)
    if now != (file.inode, file.size, file.modified_ns) or not stat.S_ISREG(status.st_mode):
        raise _StaysError("it has changed since")


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _begins_with(fd: int, copy: BinaryIO, stopped: Callable[[], bool]) -> bool:
    """Tell whether a transcript is a copy's text, or that and what was added since."""
    at = 0
    while piece := copy.read(_BLOCK):
        if stopped():
            raise _StaysError("steno was stopped")
        if os.pread(fd, len(piece), at) != piece:
            return False
        at += len(piece)
    return damage_of(copy) is None


def _tell(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return str(error)
