"""What a session with a password keeps on disk: artefacts and small documents, sealed.

An artefact lies under 16 hexadecimal digits that its readable name makes under the session's key:
the same name makes the same digits, so two artefacts of one name are noticed as they are in a plain
folder, and a file that was put in another one's place is noticed too, because the name is inside.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

from steno.errors import SealError
from steno.storage.compressed import plain_name
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_stream import OpenedStream, SealingStream

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SEALED", "FileEnvelope", "KdfRecord", "SealKeys", "open_document", "seal_document"]

SEALED = ".sealed"
"""What the name of a sealed file ends with."""

_BUFFER = 256 * 1024


class FileEnvelope:
    """Wraps artefacts before they reach the disk, and unwraps them; safe for all threads.

    Attributes:
        keys: The session's keys.
    """

    def __init__(self, keys: SealKeys) -> None:
        """Seal with these keys."""
        self.keys = keys

    def disk_name(self, name: str) -> str:
        """Return the name on disk of what is readably called ``name``.

        It is the same whether a document is compressed or not, which is known too late for a name.
        """
        return f"{self.keys.hide_name(plain_name(name))}{SEALED}"

    def wrap(self, file: BinaryIO, name: str) -> SealingStream:
        """Return what seals all that is written to it into an open file.

        Its ``close`` ends the sealing and leaves the file open.

        Raises:
            SealError: The name is too long.
            OSError: The file can't be written.
        """
        return SealingStream(file, self.keys, name)

    def unwrap(self, file: BinaryIO) -> tuple[str, BinaryIO]:
        """Open a sealed file; returns its readable name and its plain bytes.

        Reading raises a `SealError` at the first byte that is not what was sealed. Closing what is
        returned closes the file.

        Raises:
            WrongPasswordError: The keys are of another password.
            SealError: It is damaged, of another session, or lies under another one's name.
            OSError: It can't be read.
        """
        path = getattr(file, "name", None)
        shown = path if isinstance(path, str | os.PathLike) else "the sealed file"
        stream = OpenedStream(file, self.keys, os.fspath(shown))
        if isinstance(path, str | os.PathLike):
            found = os.path.basename(os.fspath(path))
            if found.endswith(SEALED) and found != self.disk_name(stream.sealed_name):
                raise SealError(
                    f"{path} holds what was sealed under another name",
                    hint="somebody renamed or exchanged it; restore the folder from a copy",
                    offset=0,
                )
        return stream.sealed_name, cast("BinaryIO", io.BufferedReader(stream, _BUFFER))


def seal_document(keys: SealKeys, name: str, data: bytes) -> bytes:
    """Seal a small document in memory.

    Args:
        keys: The session's keys.
        name: What it is; it opens under this name alone.
        data: Its bytes.
    """
    sealed = io.BytesIO()
    stream = SealingStream(sealed, keys, name)
    stream.write(data)
    stream.close()
    return sealed.getvalue()


def open_document(keys: SealKeys, name: str, path: Path) -> bytes:
    """Read a small document that was sealed under a name.

    Raises:
        WrongPasswordError: The keys are of another password.
        SealError: It is damaged, or another document.
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        stream = OpenedStream(file, keys, os.fspath(path))
        if stream.sealed_name != name:
            raise SealError(
                f"{path} holds another document, {stream.sealed_name[:80]!r}",
                hint="somebody exchanged it; restore the folder from a copy",
                offset=0,
            )
        return stream.readall()
