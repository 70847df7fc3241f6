"""Files somewhere below a folder, reached without following a link.

Strategy: a path is walked down by descriptors, each step refusing links, and what is done to a
file is done by the descriptor of its folder. Whatever is exchanged under way, nothing outside of
the folder is touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def open_folder(root: str | os.PathLike[str], *names: str) -> Iterator[int]:
    """Open a folder below another one, for the length of the block.

    Args:
        root: The folder; it may itself be reached by a link, because somebody configured it so.
        names: The way down from it.

    Raises:
        OSError: It is not there, or a link stands in the way.
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if name in {"", ".", ".."} or "/" in name:
                raise ValueError(f"{name!r} is no name in a folder")
            below = os.open(name, _FLAGS, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock_folder(fd: int) -> Iterator[bool]:
    """Lock an open folder for the length of the block; gives False where somebody else has.

    Whoever publishes archives in a folder holds this lock, and looks whether the folder is there
    still when it has it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
        fcntl.flock(fd, fcntl.LOCK_UN)


def split_below(root: str | os.PathLike[str], path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Tell the names that lead from a folder to a file below it.

    Raises:
        ValueError: It does not lie below it.
    """
    start = os.path.join(os.fspath(root), "")
    name = os.fspath(path)
    names = tuple(name.removeprefix(start).split("/"))
    if not name.startswith(start) or {"", ".", ".."} & set(names):
        raise ValueError(f"{name} does not lie below {root}")
    return names


def newest_below(folder: int, name: str) -> float:
    """Tell when something in a folder last changed, in seconds since the epoch; 0 without files.

    Args:
        folder: Descriptor of the folder above.
        name: Its name there; links are not followed.

    Raises:
        OSError: It can't be read.
    """
    newest = 0.0
    try:
        fd = os.open(name, _FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return newest
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    newest = max(newest, newest_below(fd, entry.name))
                    continue
                with contextlib.suppress(FileNotFoundError):
                    newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
    finally:
        os.close(fd)
    return newest


def remove_tree(folder: int, name: str) -> int:
    """Remove a folder and what is in it; links are removed and not followed.

    Args:
        folder: Descriptor of the folder above.
        name: Its name there.

    Returns:
        Bytes of the files that are gone; 0 where there was no such folder.

    Raises:
        OSError: It, or a part of it, can't be removed.
    """
    freed = 0
    try:
        fd = os.open(name, _FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return 0
    try:
        with os.scandir(fd) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                freed += remove_tree(fd, entry.name)
                continue
            with contextlib.suppress(FileNotFoundError):
                size = entry.stat(follow_symlinks=False).st_size
                os.unlink(entry.name, dir_fd=fd)
                freed += size
    finally:
        os.close(fd)
    with contextlib.suppress(FileNotFoundError):  # another one removes it, too
        os.rmdir(name, dir_fd=folder)
    return freed
