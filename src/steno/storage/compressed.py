"""Compressed transcripts: read as the text that they hold, made, and put back.

Strategy: ``x.jsonl.zst`` is a row of zstd frames of 4 MiB, each with a checksum, so that reading
needs little memory, seeking back costs one frame, and damage is met where it is: what lies before
it is given, then the text ends and `damage_of` says why. Only the last frame is shorter than the
others, so that a file that was cut off between two is known by it. Other people's ``.zst`` files,
of one frame of any length, are read too. Whoever changes a compressed transcript holds a lock
(``flock``) on it. Both forms of one transcript may stand side by side only after a crash; then the
plain one is meant.
"""

from __future__ import annotations

import bisect
import contextlib
import errno
import fcntl
import hashlib
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from steno import notices
from steno.errors import TranscriptError
from steno.storage.files import FILE_MODE, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Callable

PACKED = ".zst"
"""What the name of a compressed file ends with."""

TEMPORARY = ".part"
"""What the names of unfinished files end with; they begin with a dot."""

_ZSTD = ("compression.zstd", "backports.zstd")[sys.version_info < (3, 14) :]
"""Where zstd is looked for; to look in vain for each transcript would cost more than to read it."""

_LEVEL = 9
_FRAME = 4 * 1024 * 1024 - 13
"""Bytes of text in a frame; a length that no other program's frame has by chance."""

_CHUNK = 64 * 1024
_BUFFER = 256 * 1024


def load_zstd() -> Any:
    """Import zstd, which is a part of Python from 3.14.

    Raises:
        TranscriptError: It is not installed.
    """
    for name in _ZSTD:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise TranscriptError(
        "zstd is not installed, which compressed transcripts need",
        hint="pip install backports.zstd (Python 3.14 has it)",
    )


def plain_name(path: str | os.PathLike[str]) -> str:
    """Name a transcript as it is called when it is not compressed."""
    return os.fspath(path).removesuffix(PACKED)


class PackedText(io.RawIOBase):
    """The text of a compressed file, to be read and sought in; nothing is held but a piece of it.

    Attributes:
        name: What the file is called when it is not compressed.
        damage: Why the text ends before its end; None as long as all is well.
    """

    def __init__(self, path: str | os.PathLike[str], *, opener: Any = None) -> None:
        """Open the file.

        Raises:
            OSError: It can't be opened.
            TranscriptError: zstd is not installed.
        """
        self._zstd = load_zstd()
        self.name = plain_name(path)
        self.damage: str | None = None
        self._file = open(path, "rb", buffering=0, opener=opener)  # noqa: SIM115 - closed by `close`
        self._frames = [(0, 0)]
        self._go_back(0, 0)

    def _go_back(self, begin: int, text: int) -> None:
        self._file.seek(begin)
        self._read_to = begin
        self._frame = (begin, text)
        self._at = text
        self._decoder = self._zstd.ZstdDecompressor()
        self._fed = self._full = self._ended = False
        self._left = b""
        self.damage = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought in."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the compressed file."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(AttributeError):  # it could not be opened
            self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Read the next piece of text; nothing at the end, and at damage."""
        view = memoryview(buffer).cast("B")
        if not view:
            return 0
        text = self._left[: len(view)] or self._next(len(view))
        if self._left:
            text, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(text)] = text
        self._at += len(text)
        return len(text)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place in the text, or as far as it goes."""
        if whence == os.SEEK_CUR:
            offset += self._at
        if whence == os.SEEK_END:
            self._skip_to(None)
            offset += self._at
        if offset < self._at:
            at = bisect.bisect_right(self._frames, offset, key=lambda frame: frame[1])
            self._go_back(*self._frames[at - 1])
        self._skip_to(offset)
        return self._at

    def _skip_to(self, offset: int | None) -> None:
        waste = bytearray(_BUFFER)
        while offset is None or self._at < offset:
            room = len(waste) if offset is None else min(len(waste), offset - self._at)
            if not self.readinto(memoryview(waste)[:room]):
                return

    def _next(self, size: int) -> bytes:
        while not self._ended:
            decoder = self._decoder
            data = decoder.unused_data if decoder.eof else b""
            if decoder.eof or (decoder.needs_input and not data):
                if not data:
                    data = self._file.read(_CHUNK) or b""
                    self._read_to += len(data)
                if decoder.eof:
                    self._begin_frame(self._read_to - len(data))
                    decoder = self._decoder
                if not data:
                    self._ended = True
                    if self._fed or self._full:
                        self._note("it ends in the middle")
                    return b""
                self._fed = True
            try:
                text = decoder.decompress(data, max_length=size)
            except self._zstd.ZstdError as error:
                return self._salvage(str(error))
            if text:
                return cast("bytes", text)
        return b""

    def _begin_frame(self, begin: int) -> None:
        self._full = self._at - self._frame[1] == _FRAME
        self._frame = (begin, self._at)
        self._decoder = self._zstd.ZstdDecompressor()
        self._fed = False
        if self._at - self._frames[-1][1] >= _FRAME // 2:
            self._frames.append(self._frame)

    def _salvage(self, reason: str) -> bytes:
        """Decode a damaged frame again by single bytes: the last step's were not given."""
        self._ended = True
        begin, text = self._frame
        decoder, place = self._zstd.ZstdDecompressor(), begin
        known, kept = self._at - text, bytearray()
        with contextlib.suppress(self._zstd.ZstdError):
            while not decoder.eof:
                data = os.pread(self._file.fileno(), _CHUNK, place) if decoder.needs_input else b""
                place += len(data)
                piece = decoder.decompress(data, max_length=known or 1)
                if known:
                    known -= len(piece)
                else:
                    kept += piece
                if not piece and not data:
                    break
        self._note(reason)
        self._left = bytes(kept)
        return self._left

    def _note(self, reason: str) -> None:
        self.damage = (
            f"the compressed file is damaged in the part that begins at its byte {self._frame[0]} "
            f"(the place given is one in the text): {reason}"
        )


def open_text(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a transcript for reading, in whichever of its two forms it is there.

    Args:
        path: Of either form; a transcript may take the other one at any time.

    Raises:
        OSError: It is in neither, or can't be opened.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    plain = plain_name(path)
    for _ in range(2):  # twice: it may change its form between the two looks
        with contextlib.suppress(FileNotFoundError):
            return open(plain, "rb")
        with contextlib.suppress(FileNotFoundError):
            return cast("BinaryIO", io.BufferedReader(PackedText(plain + PACKED), _BUFFER))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), plain)


def damage_of(file: BinaryIO) -> str | None:
    """Tell why the text of an open file ended too early; None where it did not."""
    # A compressed text knows it, and so does a sealed one.
    return getattr(getattr(file, "raw", None), "damage", None)


def is_packed(file: BinaryIO) -> bool:
    """Tell whether an open file is a compressed one."""
    return isinstance(getattr(file, "raw", None), PackedText)


def pack(source: int, target: int, *, stopped: Callable[[], bool]) -> tuple[int, bytes] | None:
    """Compress one open file into another, from its beginning.

    Args:
        source: Descriptor of the text.
        target: Descriptor of an empty file.
        stopped: Asked for each piece; True ends the work.

    Returns:
        Length and SHA-256 of the text; None where the work was ended.

    Raises:
        OSError: As `os.write`.
        TranscriptError: zstd is not installed.
    """
    zstd = load_zstd()
    options = {
        zstd.CompressionParameter.compression_level: _LEVEL,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    digest, at, piece = hashlib.sha256(), 0, b"-"
    while at % _FRAME == 0 and piece:
        piece = os.pread(source, _FRAME, at)
        if stopped():
            return None
        digest.update(piece)
        at += len(piece)
        packer = zstd.ZstdCompressor(options=options)
        write_all(target, packer.compress(piece, mode=packer.FLUSH_FRAME))
    os.fsync(target)
    return at, digest.digest()


def digest_text(
    file: BinaryIO, *, stopped: Callable[[], bool] = lambda: False
) -> tuple[int, bytes]:
    """Return length and SHA-256 of a file's text, from its beginning.

    Raises:
        TranscriptError: It is damaged, or the work was ended.
        OSError: It can't be read.
    """
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(_FRAME):
        if stopped():
            raise TranscriptError("ended in the middle")
        digest.update(piece)
        size += len(piece)
    if damage := damage_of(file):
        raise TranscriptError(damage)
    return size, digest.digest()


def unpack(path: str) -> bool:
    """Put a compressed transcript back where it is to be written to again.

    Its owner, mode and time are kept. Of one that is damaged, what can be read is put back, and the
    damaged file stays beside it under another name.

    Args:
        path: The transcript's plain name; nothing must stand there.

    Returns:
        False where there is no compressed one.

    Raises:
        OSError: It can't be put back, and is as it was.
    """
    packed = path + PACKED
    if not os.path.lexists(packed):
        return False  # most often, and then it does not matter whether zstd is installed
    try:
        reader = PackedText(packed, opener=_open_own)
    except FileNotFoundError:
        return False
    except TranscriptError as error:
        message = f"{error.message}: {error.hint}"
        raise OSError(errno.ENOTSUP, message, packed) from error
    with reader:
        # Of several recorders, one puts it back; the others find it there.
        fcntl.flock(reader.fileno(), fcntl.LOCK_EX)
        status = os.fstat(reader.fileno())
        # Its links are not counted: a backup may have made more of them.
        if _is_at(packed, status) and not os.path.lexists(path):
            _put_back(reader, status, path)
    return True


def _is_at(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(path), status)
    except FileNotFoundError:
        return False


def take_after(fd: int, status: os.stat_result) -> None:
    """Give a new file the owner, mode and times of the one that it takes the place of.

    Only root, who prunes other people's homes too, can give it away; others leave it as it is.

    Raises:
        OSError: It can't be changed.
    """
    new = os.fstat(fd)
    if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, status.st_mode & 0o777)
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _put_back(reader: PackedText, status: os.stat_result, path: str) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}{TEMPORARY}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            while piece := reader.read(_BUFFER):
                write_all(fd, piece)
            take_after(fd, status)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)
    if reader.damage is None:
        os.unlink(path + PACKED)
    else:
        aside, number = f"{name}{PACKED}.damaged", 1
        while os.path.lexists(os.path.join(folder, aside)):
            number += 1  # one that was damaged before stays too
            aside = f"{name}{PACKED}.damaged.{number}"
        os.rename(path + PACKED, os.path.join(folder, aside))
        notices.say("damaged-transcript", f"ERROR {path}{PACKED}: {reader.damage}; what could be "
                    f"read was put back, the file is kept as {aside}")  # fmt: skip
    sync_folder(folder)
