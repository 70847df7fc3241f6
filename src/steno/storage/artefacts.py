"""What a session collected, as files: ``<folder>/{logs,metrics,traces,files}/<name>``.

Strategy: a file is written under a hidden name that nobody else can have at the same time
(`steno.storage.claims`), and appears whole, without ever taking the place of another. What is
small stays as it is; a document that grows beyond a size is compressed with zstd from its first
byte on, by a thread of zstd's own, so that whoever encodes is not held up. An `Envelope` may wrap
what goes to disk: then names and contents are opaque there, and the digest is of what lies there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from msgspec import Struct

from steno.errors import StenoError
from steno.storage.claims import ABANDONED_S, Claim, claim_name, sweep_claims
from steno.storage.compressed import PACKED, load_zstd
from steno.storage.filenames import safe_filename
from steno.storage.files import make_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LOGS, METRICS, TRACES, FILES = "logs", "metrics", "traces", "files"
KINDS = (LOGS, METRICS, TRACES, FILES)
"""The kinds of artefacts, which are the folders that they lie in."""

COMPRESS_FROM = 4 * 1024 * 1024
"""Bytes of a document from which on it is compressed."""

_LEVEL = 1
_PIECE = 1024 * 1024
"""Bytes that are copied at a time, and that are gathered before they go to disk."""


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> Any:
        """Take all of these bytes."""


class Wrapping(Sink, Protocol):
    """What an envelope writes through."""

    def close(self) -> None:
        """End the wrapping; the file beneath stays open."""


class Envelope(Protocol):
    """How an artefact is wrapped before it reaches the disk."""

    def disk_name(self, name: str) -> str:
        """Name the file on disk; the same for the same name, and another one for another."""

    def wrap(self, file: BinaryIO, name: str) -> Wrapping:
        """Begin to write a file of this readable name; the file takes ``write`` alone."""

    def unwrap(self, file: BinaryIO) -> tuple[str, BinaryIO]:
        """Open what was wrapped: its readable name, and its bytes; closing these closes the file.

        Raises:
            StenoError: It can't be opened, or is damaged; also when it is read.
        """


class Written(Struct, frozen=True):
    """A file that was published.

    Attributes:
        path: Where it lies.
        name: Its readable name; the one on disk, unless an envelope hides it.
        size_bytes: Bytes on disk.
        sha256: Hexadecimal digest of the bytes on disk.
        compressed: It is compressed with zstd.
        count: Entries in it, where somebody counted.
    """

    path: Path
    name: str
    size_bytes: int
    sha256: str
    compressed: bool
    count: int | None = None


class ArtefactFolder:
    """The folder of one session's artefacts; it is made with the first of them.

    For any threads and processes at once.

    Attributes:
        path: The folder.
        envelope: How its files are wrapped; None when they are plain.
    """

    def __init__(self, path: str | os.PathLike[str], envelope: Envelope | None = None) -> None:
        """Name the folder; nothing is on disk yet."""
        self.path = Path(path)
        self.envelope = envelope
        self._swept: dict[str, float] = {}

    def write_document(
        self, kind: str, stem: str, blocks: Iterable[bytes], *, compress_from: int = COMPRESS_FROM
    ) -> Written:
        """Publish a JSON document as ``<stem>.json``, or ``<stem>.json.zst`` when it is large.

        Args:
            kind: One of `KINDS`.
            stem: A name that is safe already; see `steno.storage.filenames`.
            blocks: The document, piece by piece; what they raise is raised.
            compress_from: Bytes from which on it is compressed, where zstd is installed.

        Raises:
            OSError: It can't be written; nothing of it is left.
        """
        held: list[bytes] = []
        size = 0
        rest = iter(blocks)
        for block in rest:
            held.append(block)
            size += len(block)
            if size >= compress_from:
                break
        packer = _make_packer() if size >= compress_from else None
        with self._open(kind, f"{stem}.json", PACKED if packer is not None else "") as file:
            for block in held:
                file.write(packer.compress(block) if packer is not None else block)
            held.clear()
            for block in rest:
                file.write(packer.compress(block) if packer is not None else block)
            if packer is not None:
                file.write(packer.flush())
        return file.published(compressed=packer is not None)

    def write_file(
        self,
        kind: str,
        name: str,
        content: bytes
        | bytearray
        | memoryview
        | str
        | os.PathLike[str]
        | BinaryIO
        | Iterable[bytes],
    ) -> Written:
        """Publish a file under its own name, byte for byte.

        Args:
            kind: One of `KINDS`.
            name: Its name; made safe.
            content: The bytes, a text, a path of a file, an open file, or pieces.

        Raises:
            OSError: It can't be read or written; nothing of it is left.
        """
        with contextlib.ExitStack() as stack:
            pieces = stack.enter_context(_pieces(content))
            file = stack.enter_context(self._open(kind, safe_filename(name), ""))
            for piece in pieces:
                file.write(piece)
        return file.published(compressed=False)

    @contextlib.contextmanager
    def _open(self, kind: str, name: str, suffix: str) -> Iterator[_File]:
        """Open a new file of a free name; published when the block ends well, else removed."""
        folder = self.path / kind
        make_folder(folder)
        # What a folder of many files holds is not looked through at each save.
        if time.monotonic() - self._swept.get(kind, float("-inf")) > ABANDONED_S:
            self._swept[kind] = time.monotonic()
            sweep_claims(folder)
        disk_name = self.envelope.disk_name if self.envelope else None
        claim = claim_name(folder, name, suffixes=("", PACKED), disk_name=disk_name)
        gathered = _Gathered(claim.fd)
        try:
            file = _File(claim, claim.name + suffix, gathered, self.envelope)
            yield file
            file.end()
            # An opaque name says nothing of the format, the name inside does.
            claim.publish("" if self.envelope else suffix)
        except BaseException:
            # What wraps may still say its last words, when the descriptor is another file's.
            gathered.abandon()
            claim.withdraw()
            raise


class _File:
    """A file on its way to disk: wrapped, digested and counted."""

    def __init__(
        self, claim: Claim, name: str, gathered: _Gathered, envelope: Envelope | None
    ) -> None:
        self._claim = claim
        self._name = name
        self._gathered = gathered
        self._wrapping = envelope.wrap(cast("BinaryIO", gathered), name) if envelope else None
        target: Sink = gathered if self._wrapping is None else self._wrapping
        self.write: Callable[[bytes], Any] = target.write

    def end(self) -> None:
        if self._wrapping is not None:
            self._wrapping.close()
        self._gathered.flush()

    def published(self, *, compressed: bool) -> Written:
        gathered = self._gathered
        digest = gathered.digest.hexdigest()
        return Written(self._claim.path, self._name, gathered.size, digest, compressed)


class _Gathered:
    """Digests and counts what goes into a file, and writes it in large pieces."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pieces: list[bytes] = []
        self._waiting = 0
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        if data and self._fd >= 0:
            # What can be changed is copied: it may be, before it goes to disk.
            self._pieces.append(data if isinstance(data, bytes) else bytes(data))
            self._waiting += len(data)
            if self._waiting >= _PIECE:
                self.flush()
        return len(data)

    def abandon(self) -> None:
        self._fd = -1
        self._pieces.clear()

    def flush(self) -> None:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        self.digest.update(data)
        self.size += len(data)
        write_all(self._fd, data)


def _make_packer() -> Any:
    """Make what compresses; None where zstd is not installed, which only costs space."""
    try:
        zstd = load_zstd()
    except StenoError:
        return None
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: _LEVEL, parameter.checksum_flag: 1}
    if len(os.sched_getaffinity(0)) > 1 and parameter.nb_workers.bounds()[1]:
        options[parameter.nb_workers] = 1  # compresses while the next entries are encoded
    return zstd.ZstdCompressor(options=options)


@contextlib.contextmanager
def _pieces(content: Any) -> Iterator[Iterable[bytes]]:
    if isinstance(content, str):
        yield (content.encode("utf-8", "surrogatepass"),)
    elif isinstance(content, (bytes, bytearray, memoryview)):
        yield (bytes(content),)
    elif isinstance(content, os.PathLike):
        with open(content, "rb", buffering=0, opener=_open_regular) as file:
            yield iter(lambda: file.read(_PIECE), b"")
    elif hasattr(content, "read"):
        yield (
            piece.encode() if isinstance(piece, str) else piece
            for piece in iter(lambda: content.read(_PIECE) or b"", b"")
        )
    else:
        yield content


def _open_regular(path: str, flags: int) -> int:
    """Open a file that has an end: no device, and no pipe that would have to be waited for."""
    fd = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not an ordinary file", path)
    return fd


def open_artefact(path: str | os.PathLike[str], envelope: Envelope | None = None) -> BinaryIO:
    """Open an artefact to read what was saved: unwrapped, and decompressed where steno compressed.

    Args:
        path: Where it lies; its folder tells its kind.
        envelope: How it was wrapped; None when it is plain.

    Returns:
        The document or file, to be read from its beginning and closed by the caller; damage is
        raised as `StenoError` where it is met.

    Raises:
        OSError: It can't be opened.
        StenoError: It can't be unwrapped, or zstd is not installed.
    """
    path = Path(path)
    name, file = path.name, cast(BinaryIO, path.open("rb"))
    try:
        if envelope is not None:
            name, file = envelope.unwrap(file)
        # A file that was compressed before it was saved is given back as it was.
        if path.parent.name != FILES and name.endswith(f".json{PACKED}"):
            return cast(BinaryIO, io.BufferedReader(_Unpacked(file, path)))
    except BaseException:
        file.close()
        raise
    return file


class _Unpacked(io.RawIOBase):
    """The text of a compressed document; damage is an error that names the file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        zstd = load_zstd()
        self._damage = (zstd.ZstdError, EOFError)
        self._beneath = file
        self._path = path
        self._text = zstd.ZstdFile(file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._text.readinto(buffer))
        except self._damage as error:
            raise StenoError(
                f"{self._path} is damaged or cut off: {error}",
                hint="what was read before is as it was saved; the session's transcript has the "
                "SHA-256 of the whole file",
            ) from error

    def close(self) -> None:
        if not self.closed:
            self._text.close()
            self._beneath.close()
        super().close()
