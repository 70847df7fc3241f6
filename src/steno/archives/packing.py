"""Write a zip file: encrypted by itself with a password, or plain inside an age file.

Strategy: members are written a block at a time, so that the work is in the compressor and the
cipher, which let other threads run, and never long in the interpreter. ``meta.json`` holds the
digests of the others, so it is written last and listed first. What is to be sealed with age never
touches the disk in clear: it is put together in memory, compressed, and its size is rounded up, by
which a file that was cut off is known later.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import force_setattr

from steno.archives.ciphers import parse_recipients
from steno.archives.layout import AGE, COMMENT, ZIP
from steno.archives.meta import Member
from steno.archives.settings import clean_password
from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

META = "meta.json"
TEXT = "logs.txt"
JSONL = "logs.jsonl"
PAD = 256
"""The contents of an age file are a multiple of so many bytes."""

_METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
_PIECE = 256 * 1024


class Packing(Struct, frozen=True):
    """How archives are written.

    Attributes:
        password: What opens them.
        recipients: age public keys to seal to; they go before the password.
        compression: ``stored``, ``deflated``, ``bzip2`` or ``lzma``.
        level: How hard deflated and bzip2 try; None is their own default.
    """

    password: str | None = None
    recipients: tuple[str, ...] = ()
    compression: str = "deflated"
    level: int | None = None

    def __post_init__(self) -> None:
        """Clean the password, as whoever opens the archive does."""
        force_setattr(self, "password", clean_password(self.password))

    @property
    def suffix(self) -> str:
        """How the names of the archives end."""
        return AGE if self.recipients else ZIP


def pack(
    fd: int,
    members: Mapping[str, Callable[[], Iterable[bytes]]],
    finish: Callable[[dict[str, Member]], bytes],
    packing: Packing,
) -> None:
    """Write an archive into an empty file.

    Args:
        fd: The file.
        members: By their names, what gives their contents in blocks.
        finish: Makes ``meta.json`` from the digests of the members.
        packing: How.

    Raises:
        OSError: It could not be written.
        ArchiveError: A recipient is none, or there is neither one nor a password.
    """
    if not packing.recipients:
        if packing.password is None:  # it would lie there in clear
            raise ArchiveError("a password is needed to seal", reason="password")
        with open(fd, "r+b", closefd=False) as file:
            _write_zip(file, members, finish, packing)
        return
    import pyrage  # a library of its own

    recipients = parse_recipients(packing.recipients)
    buffer = io.BytesIO()
    _write_zip(buffer, members, finish, packing)
    buffer.seek(0)
    with open(fd, "r+b", closefd=False) as file:
        pyrage.encrypt_io(buffer, file, recipients)


def _write_zip(
    file: Any,
    members: Mapping[str, Callable[[], Iterable[bytes]]],
    finish: Callable[[dict[str, Member]], bytes],
    packing: Packing,
) -> None:
    method = _METHODS[packing.compression]
    level = packing.level
    if packing.compression == "bzip2" and level == 0:
        level = 1  # its least
    sealed = not packing.recipients
    with _new_zip(file, packing.password if sealed else None, method, level) as archive:
        done = {}
        for name, blocks in members.items():
            digest = hashlib.sha256()
            size = 0
            with archive.open(_info(archive, name, method, level), "w") as member:
                for block in gather(blocks()):
                    digest.update(block)
                    size += len(block)
                    member.write(block)
            done[name] = Member(digest.hexdigest(), size)
        meta = finish(done)
        if sealed:
            info = _info(archive, META, method, level)
        else:
            info = _info(archive, META, zipfile.ZIP_STORED, None)
            meta += b"\n" * (-_size_with(archive, len(meta)) % PAD)
        with archive.open(info, "w") as member:
            member.write(meta)
        # Programs that list an archive show it in this order.
        archive.filelist.insert(0, archive.filelist.pop())
        archive.comment = COMMENT


def _new_zip(file: Any, password: str | None, method: int, level: int | None) -> Any:
    if password is None:
        return zipfile.ZipFile(file, "w", method, compresslevel=level)
    import pyzipper  # a library of its own

    archive = pyzipper.AESZipFile(
        file, "w", compression=method, compresslevel=level, encryption=pyzipper.WZ_AES
    )
    archive.setpassword(password.encode())
    archive.setencryption(pyzipper.WZ_AES, nbits=256)
    return archive


def _info(archive: Any, name: str, method: int, level: int | None) -> Any:
    kind: Any = getattr(archive, "zipinfo_cls", zipfile.ZipInfo)
    info: Any = kind(name, date_time=time.gmtime()[:6])
    info.compress_type = method
    info._compresslevel = level  # noqa: SLF001 - `open` has no argument for it
    info.external_attr = 0o600 << 16
    return info


def gather(blocks: Iterable[bytes], least: int = _PIECE) -> Iterator[bytes]:
    """Bring blocks to about one size: calls cost, and large ones take memory."""
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= least:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _size_with(archive: Any, meta: int) -> int:
    """Tell how long a plain archive will be with a last member of so many bytes, not compressed."""
    names = [*(info.filename for info in archive.filelist), META]
    folder = sum(46 + len(name) for name in names)
    return int(archive.fp.tell()) + 30 + len(META) + meta + folder + 22 + len(COMMENT)
