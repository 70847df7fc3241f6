"""Open archives, and tell a wrong password from damage.

Strategy: nothing in a file is believed before it was checked. The comment at its end says that it
is ours and whole; the password is wrong when no member takes it, and right as soon as one member's
authentication code is; the digests in ``meta.json`` say that no member was exchanged for that of
another archive, and a member that nobody sealed is not passed over. Sizes are bounded before
anything is decompressed, and contents are read a block at a time.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import hashlib
import io
import lzma
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from steno.archives import placing
from steno.archives.ciphers import open_age
from steno.archives.layout import AGE, AGE_MAGIC, COMMENT, has_comment
from steno.archives.meta import Meta, decode_meta
from steno.archives.packing import JSONL, META, PAD, TEXT
from steno.archives.records import split_text, text_of
from steno.archives.structure import END_SIZE, check_structure
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 2 << 30
"""Bytes that the members of an archive may have together."""
_MAX_META = 64 << 20
_MAX_MEMBERS = 65_000
_BLOCK = 64 * 1024
_MAX_STEP = 256 << 20
_BATCH = re.compile(r"batches/[0-9]{6}\.jsonl\.age\Z")
_AGE_HEAD = re.compile(rb"\n--- [^\n]*\n")
_AGE_CHUNK = 64 * 1024
_DAMAGE = (
    zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError, NotImplementedError,
    struct.error, IndexError, KeyError, OverflowError, zipfile.BadZipFile,
)  # fmt: skip


class Keys(Struct, frozen=True):
    """What archives are opened with.

    Attributes:
        password: For zip files.
        identities: For age files, as `parse_identities` returns them.
    """

    password: str | None = None
    identities: tuple[Any, ...] = ()


class OpenArchive:
    """An archive that was opened; close it, or use it in a ``with``.

    Attributes:
        meta: What it says of itself.
        names: Its members beside ``meta.json``.
    """

    def __init__(self, archive: Any, file: Any, keys: Keys, *, sealed: bool) -> None:
        """Check the list of members and read ``meta.json``."""
        self._archive = archive
        self._file = file
        self._keys = keys
        infos = archive.infolist()
        names = [info.filename for info in infos]
        _check_list(infos, sealed=sealed)
        if sealed:
            self._check_password(names)
        self.meta_bytes = b"".join(self._read(META, _MAX_META))
        self.meta: Meta = decode_meta(self.meta_bytes)
        self.names = [name for name in names if name != META]
        for name in set(self.meta.members) ^ set(self.names):
            what = "is missing" if name in self.meta.members else "was added"
            raise ArchiveError(f"the member {name} {what}", reason="tampered")

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()
        self._file.close()

    def _check_password(self, names: list[str]) -> None:
        refused = []
        for name in names:
            try:
                with self._archive.open(name) as member:
                    member.read(1)
            except _bad_zip() as error:
                if isinstance(error, RuntimeError) and "password" in str(error).lower():
                    refused.append(name)
        if not refused:
            return
        wrong = ArchiveError("the password is wrong", reason="password")
        if len(refused) == len(names):
            raise wrong
        # One password in 65,536 looks right to a member: only its authentication code is sure.
        for name in names:
            with contextlib.suppress(ArchiveError):
                for _ in self._read(name, MAX_BYTES):
                    pass
                raise _Other
        raise wrong

    def _read(self, name: str, limit: int) -> Iterator[bytes]:
        size = 0
        try:
            with self._archive.open(name) as member:
                _bound(member)
                while block := member.read(_BLOCK):
                    size += len(block)
                    if size > limit:
                        raise ArchiveError(f"the member {name} is too large", reason="tampered")
                    yield block
        except _bad_zip() as error:
            raise ArchiveError(f"the member {name} is damaged: {error}", reason="tampered") from (
                error
            )

    def blocks(self, name: str) -> Iterator[bytes]:
        """Read a member, and check it at its end.

        Raises:
            ArchiveError: It is not what was sealed.
        """
        expected = self.meta.members[name]
        digest = hashlib.sha256()
        for block in self._read(name, min(MAX_BYTES, expected.size)):
            digest.update(block)
            yield block
        if digest.hexdigest() != expected.sha256:
            raise ArchiveError(f"the member {name} is not the one that was sealed",
                               reason="tampered")  # fmt: skip

    def verify(self) -> None:
        """Read everything, and check it.

        Raises:
            ArchiveError: Something is not what was sealed.
        """
        for name in self.names:
            for _ in self.blocks(name):
                pass
        if self.is_batches:
            for _ in self.lines():
                pass

    @property
    def is_batches(self) -> bool:
        """True where the archive was made, after a crash, by a process that could not read it."""
        return any(_BATCH.match(name) for name in self.names)

    def lines(self) -> Iterator[bytes]:
        """Read the records as lines of JSON; none where the archive holds text alone.

        Raises:
            ArchiveError: It is not what was sealed.
        """
        if self.is_batches:
            for name in sorted(self.names):
                sealed = b"".join(self.blocks(name))
                yield from open_age(sealed, list(self._keys.identities)).splitlines(keepends=True)
        elif JSONL in self.names:
            yield from whole_lines(self.blocks(JSONL))

    def texts(self) -> Iterator[bytes]:
        """Read the records as text, each with its traceback.

        Raises:
            ArchiveError: It is not what was sealed.
        """
        if TEXT in self.names:
            yield from split_text(whole_lines(self.blocks(TEXT)))
            return
        for line in self.lines():
            try:
                yield text_of(line)
            except ValueError:  # no record
                yield line


class _Other(Exception):  # noqa: N818 - never leaves the module
    """The password is right."""


def whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut blocks into lines."""
    held: list[bytes] = []  # of a line that is longer than a block
    for block in blocks:
        *lines, rest = block.split(b"\n")
        for line in lines:
            yield b"".join([*held, line, b"\n"])
            held = []
        if rest:
            held.append(rest)
    if held:
        yield b"".join([*held, b"\n"])


class _Bounded:
    """Decompresses bzip2, of which some bytes may become gigabytes at once."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decompress(self, data: bytes) -> bytes:
        found = self._inner.decompress(data, _MAX_STEP)
        if len(found) >= _MAX_STEP:
            raise ValueError("it becomes too large")
        return bytes(found)


def _bound(member: Any) -> None:
    inner = getattr(member, "_decompressor", None)
    if isinstance(inner, bz2.BZ2Decompressor):
        member._decompressor = _Bounded(inner)  # noqa: SLF001 - the module has no way to ask


def _check_list(infos: list[Any], *, sealed: bool) -> None:
    seen = set()
    for info in infos:
        name = info.filename
        known = name in {META, TEXT, JSONL} or (not sealed and _BATCH.match(name))
        if not known or name in seen:
            raise ArchiveError(f"the member {name[:80]!r} is none of ours", reason="tampered")
        seen.add(name)
        if sealed and (info.wz_aes_version is None or not info.flag_bits & 1):
            # It could have been put there by anybody.
            raise ArchiveError(f"the member {name} is not encrypted", reason="tampered")
    if META not in seen:
        raise ArchiveError("the member meta.json is missing", reason="tampered")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise ArchiveError("the members are too large together", reason="tampered")


def _bad_zip() -> tuple[type[BaseException], ...]:
    pyzipper = sys.modules.get("pyzipper")  # not there where an age file is read
    return _DAMAGE if pyzipper is None else (*_DAMAGE, pyzipper.BadZipFile)


def open_archive(path: str | os.PathLike[str], keys: Keys) -> OpenArchive:
    """Open an archive by its path. Links are not followed.

    Raises:
        ArchiveError: It can't be opened; its ``reason`` says in which way.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise ArchiveError(f"there is no {os.fspath(path)}", reason="missing") from error
    except OSError as error:
        raise ArchiveError(f"{os.fspath(path)} can't be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ArchiveError(f"{os.fspath(path)} is no file", reason="foreign")
    return open_descriptor(placing.hold(fd), keys, is_age=os.fspath(path).endswith(AGE))


def open_descriptor(fd: int, keys: Keys, *, is_age: bool) -> OpenArchive:
    """Open an archive by a file that is open; it is closed with the archive, or on failure.

    Raises:
        ArchiveError: It can't be opened; its ``reason`` says in which way.
    """
    file = _Held(fd)
    try:
        if is_age:
            return _open_age(file, keys)
        return _open_zip(file, keys)
    except BaseException:
        file.close()
        raise


class _Held(io.FileIO):
    """A file that a forked child lets go of."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "rb", closefd=False)
        self._fd = fd

    def close(self) -> None:
        if not self.closed:
            super().close()
            placing.close(self._fd)


def _open_zip(file: _Held, keys: Keys) -> OpenArchive:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 64))
    tail = file.read(64)
    if not has_comment(tail):
        file.seek(0)
        start = file.read(64)
        # A file of ours begins with one of our members, encrypted.
        ours = start[:4] == b"PK\x03\x04" and start[8:10] == b"\x63\x00"
        if (ours and start[30:].startswith((b"logs.", b"meta."))) or not size:
            raise ArchiveError("the archive is cut off", reason="truncated")
        raise ArchiveError("it is no archive of steno's", reason="foreign")
    if not tail.endswith(COMMENT):
        raise ArchiveError("the archive is of a version that this steno does not know",
                           hint="a newer steno reads it")  # fmt: skip
    if keys.password is None:
        raise ArchiveError("a password is needed", reason="password")
    check_structure(functools.partial(_read_at, file), size - len(COMMENT) - END_SIZE, members=3)
    try:
        import pyzipper  # a library of its own
    except ModuleNotFoundError as error:
        raise ArchiveError("pyzipper is not installed", hint="pip install steno[archives]") from (
            error
        )
    try:
        archive = pyzipper.AESZipFile(file)
        archive.setpassword(keys.password.encode())
    except _bad_zip() as error:
        raise ArchiveError(f"the archive is damaged: {error}", reason="tampered") from error
    try:
        return OpenArchive(archive, file, keys, sealed=True)
    except _Other as error:
        raise ArchiveError("a member was exchanged", reason="tampered") from error


def _read_at(file: _Held, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _open_age(file: _Held, keys: Keys) -> OpenArchive:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > MAX_BYTES:
        raise ArchiveError("the archive is too large")
    sealed = file.readall()
    if not sealed.startswith(AGE_MAGIC):
        cut = AGE_MAGIC.startswith(sealed)
        raise ArchiveError(
            "the archive is cut off" if cut else "it is no age file",
            reason="truncated" if cut else "foreign",
        )
    if not keys.identities:
        raise ArchiveError("an age identity is needed", reason="password")
    if _is_cut(sealed):
        raise ArchiveError("the archive is cut off", reason="truncated")
    data = io.BytesIO(open_age(sealed, list(keys.identities)))
    try:
        archive = zipfile.ZipFile(data)
    except _DAMAGE as error:
        raise ArchiveError("what is in the age file is no archive of steno's",
                           reason="foreign") from error  # fmt: skip
    if len(archive.infolist()) > _MAX_MEMBERS:
        raise ArchiveError("the archive has too many members", reason="tampered")
    return OpenArchive(archive, file, keys, sealed=False)


def _is_cut(sealed: bytes) -> bool:
    """Tell by its size whether an age file lacks its end: the contents were rounded up."""
    head = _AGE_HEAD.search(sealed)
    if head is None:
        return True
    payload = len(sealed) - head.end() - 16
    chunks = -(-payload // (_AGE_CHUNK + 16))
    return payload <= 0 or (payload - 16 * chunks) % PAD != 0
