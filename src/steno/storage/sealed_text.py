"""The text of a sealed transcript, decrypted in memory as it is read: none of it reaches disk."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

from steno.storage.sealed_log import TORN, LogEnd, SealedLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.storage.sealed_keys import SealKeys

_BUFFER = 256 * 1024
_MAX_TOLD = 5


class SealedText(io.RawIOBase):
    """The frames of a sealed log, one after the other, to be read and gone back in.

    Attributes:
        name: The file.
        damage: What of the file could not be read; None as long as all is well.
    """

    def __init__(self, path: Path, keys: SealKeys, known: LogEnd | None = None) -> None:
        """Open the log.

        Args:
            path: The file.
            keys: The session's keys.
            known: How far it is known to have come, by which one that was cut off is told.

        Raises:
            FileNotFoundError: It is not there.
        """
        os.lstat(path)
        self.name = os.fspath(path)
        self._path, self._keys, self._known = path, keys, known
        self._begin()

    def _begin(self) -> None:
        self._log = SealedLog(self._path, self._keys)
        if self._known is not None:
            self._log.expect(self._known)
        self._frames: Iterator[bytes] = self._log.read()
        self._left = memoryview(b"")
        self._at = 0
        self._ended = False

    @property
    def damage(self) -> str | None:
        """Say what of the file could not be read, as far as it was read."""
        told = [
            f"at byte {each.offset} of the sealed file: {each.reason}"
            for each in self._log.damage[:_MAX_TOLD]
        ]
        if len(self._log.damage) > _MAX_TOLD:
            told.append(f"and in {len(self._log.damage) - _MAX_TOLD} more places")
        if self._ended and self._log.cut_off:
            told.append(self._log.cut_off)
        return "; ".join(told) or None

    @property
    def only_torn(self) -> bool:
        """Tell whether all that is missing was never finished, because its writer was killed."""
        cut_off = self._ended and self._log.cut_off
        return not cut_off and all(each.reason == TORN for each in self._log.damage)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought in."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read the next bytes.

        Raises:
            WrongPasswordError: Another password seals it.
            SealError: Its header is damaged, or of another session.
        """
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # whatever io hands over
        while not self._left:
            frame = next(self._frames, None)
            if frame is None:
                self._ended = True
                return 0
            self._left = memoryview(frame)
        size = min(len(view), len(self._left))
        view[:size] = self._left[:size]
        self._left = self._left[size:]
        self._at += size
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place in the text, or as far as it goes; back means from the beginning."""
        if whence == os.SEEK_CUR:
            offset += self._at
        if whence == os.SEEK_END:
            raise io.UnsupportedOperation("the end of a sealed text is not known before it is read")
        if offset < self._at:
            self._begin()
        waste = bytearray(_BUFFER)
        while self._at < offset:
            if not self.readinto(memoryview(waste)[: min(len(waste), offset - self._at)]):
                break
        return self._at

    def tell(self) -> int:
        """Tell the place in the text."""
        return self._at


def open_sealed_text(path: Path, keys: SealKeys, known: LogEnd | None = None) -> BinaryIO:
    """Open the text of a sealed log for reading; as `SealedText`."""
    return cast("BinaryIO", io.BufferedReader(SealedText(path, keys, known), _BUFFER))
