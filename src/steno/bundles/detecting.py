"""What a file is: a bundle, a sealed one, or something else; by what stands in it."""

from __future__ import annotations

import os
import stat

from steno.bundles.form import COMMENT, MAGIC

AGE_MAGIC = b"age-encryption.org/v1\n"
_HEAD = 64


def kind_of(fd: int) -> str:
    """Tell what an open file is, by what stands in it.

    Returns:
        ``plain`` for a bundle, ``age`` for what may be a sealed one, ``zip`` for another zip file,
        and "" for anything else.

    Raises:
        OSError: It can't be read.
    """
    head = os.pread(fd, _HEAD, 0)
    if head.startswith(AGE_MAGIC):
        return "age"
    if not head.startswith((MAGIC, b"PK\x05\x06")):
        return ""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, len(COMMENT), max(0, size - len(COMMENT)))
    return "plain" if tail == COMMENT else "zip"


def is_bundle(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is meant to be a bundle: by its name, or by what stands in it."""
    if os.path.isdir(path):
        return False
    if os.fspath(path).endswith(".steno"):
        return True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and kind_of(fd) in {"plain", "age"}
    except OSError:
        return False
    finally:
        os.close(fd)
