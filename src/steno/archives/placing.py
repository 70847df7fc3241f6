"""Folders and files of the archives: opened without following links, locked, published whole.

Strategy: only the base is opened by its name; whatever lies below is opened relative to a folder
that is open already, and a link in the way is an error. A message's archive is changed by whoever
holds the lock on its folder, so that no lock files lie about. Temporary files lie among the spools,
each locked by its writer: one that nobody holds was left by a dead process. A forked child closes
its copies of all these files, because the kernel lets go of a lock only with the last copy.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from typing import TYPE_CHECKING

from steno.archives.layout import SPOOL_FOLDER
from steno.errors import ArchiveError
from steno.storage.files import FILE_MODE, FOLDER_MODE, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".tmp"
# What is written before it has its name, and the sign of an owner.
_LEFT = re.compile(
    r"[0-9]{1,20}-[0-9a-f]{16}\.tmp"
    r"|\.[0-9a-z]{16}\.owner"
    r"|\.[0-9a-z]{26}\.[0-9]{1,9}\.[0-9a-z]{16}\.spool"
)
_PATIENCE_S = 60.0

_held: set[int] = set()


def _let_go() -> None:
    """Close, in a forked child, what belongs to its parent."""
    for fd in list(_held):
        with contextlib.suppress(OSError):
            os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def hold(fd: int) -> int:
    """Note a file that a forked child must not keep open."""
    _held.add(fd)
    return fd


def close(fd: int) -> None:
    """Close a file that was noted; in a child, where that was done at the fork, do nothing."""
    if fd in _held:
        _held.discard(fd)
        with contextlib.suppress(OSError):
            os.close(fd)


def lock_now(fd: int) -> bool:
    """Lock a file for this process alone, unless somebody else has."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_below(folder: int, name: str, *, create: bool) -> int:
    """Open a folder in a folder.

    Raises:
        OSError: It is not there, or something else is in its place.
    """
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=folder)
    return hold(os.open(name, _FOLDER, dir_fd=folder))


@contextlib.contextmanager
def open_base(directory: Path, *, create: bool = False) -> Iterator[int]:
    """Open the folder of all archives; it may be a link, because an operator chose it."""
    if create:
        make_folder(directory)
    fd = hold(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        yield fd
    finally:
        close(fd)


@contextlib.contextmanager
def open_spools(directory: Path, *, create: bool = False) -> Iterator[int]:
    """Open the folder of the spools."""
    with open_base(directory, create=create) as base:
        fd = open_below(base, SPOOL_FOLDER, create=create)
    try:
        yield fd
    finally:
        close(fd)


@contextlib.contextmanager
def open_locked(directory: Path, names: tuple[str, ...], *, create: bool) -> Iterator[int]:
    """Open a folder of archives, and keep others from changing what is in it.

    Raises:
        OSError: It can't be opened.
        ArchiveError: Somebody else has held it for a long time.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        fd = _walk(directory, names, create=create)
        try:
            while not lock_now(fd):
                if time.monotonic() > deadline:
                    raise ArchiveError(f"another process holds {directory.joinpath(*names)}")
                time.sleep(0.005)
            # A folder that was empty may have been removed before it was locked.
            if os.fstat(fd).st_nlink or time.monotonic() > deadline:
                yield fd
                return
        finally:
            close(fd)


def _walk(directory: Path, names: tuple[str, ...], *, create: bool) -> int:
    for attempt in range(10):
        try:
            with open_base(directory, create=create) as base:
                at = hold(os.dup(base))
            for name in names:
                above = at
                try:
                    at = open_below(above, name, create=create)
                finally:
                    close(above)
        except FileNotFoundError:
            # Removed as empty between two steps.
            if not create or attempt == 9:  # noqa: PLR2004 - the last
                raise
        else:
            return at
    raise AssertionError


def create_file(folder: int, name: str) -> int:
    """Create a file that was not there, for the owner alone.

    Raises:
        OSError: It can't be created.
    """
    return hold(os.open(name, _NEW, FILE_MODE, dir_fd=folder))


@contextlib.contextmanager
def temporary_file(spools: int) -> Iterator[tuple[int, str]]:
    """Create a temporary file, locked while it is written; it is removed unless it was renamed."""
    while True:
        name = f"{os.getpid()}-{os.urandom(8).hex()}{_TEMPORARY}"
        fd = create_file(spools, name)
        if lock_now(fd) and os.fstat(fd).st_nlink:
            break
        close(fd)  # somebody who tidied up was quicker
    try:
        yield fd, name
    finally:
        if fd in _held:  # not in a child
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=spools)
        close(fd)


def publish(fd: int, spools: int, temporary: str, folder: int, name: str) -> None:
    """Give a temporary file its name, durably.

    Raises:
        OSError: It was not published.
    """
    os.fsync(fd)
    os.rename(temporary, name, src_dir_fd=spools, dst_dir_fd=folder)
    os.fsync(folder)


def remove_leftovers(spools: int) -> int:
    """Remove the temporary and hidden files of dead processes; returns how many there were.

    Those alone that have a name of our form, and that nobody holds a lock on.
    """
    removed = 0
    for name in os.listdir(spools):
        if not _LEFT.fullmatch(name):  # somebody else's
            continue
        fd = open_file(spools, name)
        if fd is None:
            continue
        if lock_now(fd):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=spools)
                removed += 1
        close(fd)
    return removed


def open_file(folder: int, name: str, *, write: bool = False) -> int | None:
    """Open a file that may be there; None where it is not, or is a link or no file.

    Raises:
        OSError: It is a file that can't be opened.
    """
    flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            return None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return hold(fd)


def exists(folder: int, name: str) -> bool:
    """Tell whether a name is taken, by whatever it is."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
