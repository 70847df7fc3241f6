"""Members into a bundle, a block at a time, in one pass.

Strategy: whatever is written goes on at once, so the bundle may go through a cipher or to a disk
that is nearly full, and memory holds a few blocks, however large a member is. zstd works on a
thread of its own beside the digests. What is compressed already is stored as it is.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from steno.bundles.form import (
    MANIFEST,
    MAX_DIRECTORY,
    MAX_MEMBERS,
    STORED,
    ZSTD,
    Member,
    descriptor,
    ending,
    entry,
)
from steno.bundles.form import local_header as make_header
from steno.bundles.manifest import MAX_MANIFEST, MAX_VALUES, BundledMember, count_values
from steno.errors import BundleError
from steno.storage.compressed import load_zstd

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK = 1 << 20
LEVEL = 3
"""How hard zstd tries: more would take several times as long for a few hundredths."""


class Sink(Protocol):
    """Where a bundle goes."""

    def write(self, data: bytes, /) -> object:
        """Take all of it."""


class BundleWriter:
    """Writes one bundle: `add` for each member, then `finish`.

    Attributes:
        members: What was added.
    """

    def __init__(self, sink: Sink, *, level: int = LEVEL) -> None:
        """Begin a bundle.

        Args:
            sink: Where it goes.
            level: How hard zstd tries.

        Raises:
            TranscriptError: zstd is not installed.
        """
        self._sink = sink
        self._at = 0
        self._directory: list[bytes] = []
        self._zstd = load_zstd()
        self._level = level
        self.members: list[BundledMember] = []

    def add(self, name: str, blocks: Iterable[bytes], *, packed: bool) -> BundledMember:
        """Add a member.

        Args:
            name: As `steno.bundles.names` makes it.
            blocks: Its contents.
            packed: Compress them.

        Returns:
            What the manifest says of it.
        """
        member, digests = self._put(name, blocks, ZSTD if packed else STORED)
        fact = BundledMember(
            path=name,
            size=member.size,
            sha256=digests[0],
            packed_size=member.packed,
            packed_sha256=digests[1],
        )
        self.members.append(fact)
        return fact

    def finish(self, manifest: bytes) -> int:
        """Write the manifest and the directory, behind all members.

        Returns:
            Bytes of the bundle.

        Raises:
            BundleError: There is more in it than a reader takes.
        """
        self._put(MANIFEST, [manifest], STORED)
        start, directory = self._at, b"".join(self._directory)
        fits = len(manifest) <= MAX_MANIFEST and len(directory) <= MAX_DIRECTORY
        fits = fits and count_values(manifest) <= MAX_VALUES
        if not fits or len(self._directory) > MAX_MEMBERS:
            raise BundleError(
                f"a bundle of {len(self.members):,} files would be more than can be imported",
                hint=f"it may hold {MAX_MEMBERS - 1:,}; make several bundles",
            )
        self._write(directory)
        self._write(ending(len(self._directory), start, len(directory)))
        return self._at

    def _put(self, name: str, blocks: Iterable[bytes], method: int) -> tuple[Member, list[str]]:
        offset = self._at
        self._write(make_header(name, method))
        begin = self._at
        packer = self._packer() if method == ZSTD else None
        plain, packed = hashlib.sha256(), hashlib.sha256()
        crc = size = 0
        for block in blocks:
            # zstd takes the block and works on it while the digests are made here.
            ready = block if packer is None else packer.compress(block)
            plain.update(block)
            crc = zlib.crc32(block, crc)
            size += len(block)
            packed.update(ready)
            self._write(ready)
        if packer is not None:
            rest = packer.flush()
            packed.update(rest)
            self._write(rest)
        member = Member(name, method, crc, self._at - begin, size, offset)
        self._write(descriptor(member))
        self._directory.append(entry(member))
        return member, [plain.hexdigest(), packed.hexdigest()]

    def _packer(self) -> Any:
        parameter = self._zstd.CompressionParameter
        options = {
            parameter.compression_level: self._level,
            parameter.checksum_flag: 1,
        }
        if parameter.nb_workers.bounds()[1]:  # zstd may be built without threads
            options[parameter.nb_workers] = 1
        return self._zstd.ZstdCompressor(options=options)

    def _write(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
            self._at += len(data)
