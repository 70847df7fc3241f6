"""Members out of a bundle, of which no byte is believed before it was checked.

Strategy: first the form, from its end; then the manifest; then each member, a block at a time.
Never more is decompressed than the manifest says, and by the end of a member its checksum, both
digests and the bytes around it have been compared. zstd gets a window of 8 MiB: what was written
here needs 2 MiB, and a bundle is not to say how much memory its reader takes.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any

from steno.bundles.form import (
    DESCRIPTOR_SIZE,
    END_SIZE,
    MANIFEST,
    STORED,
    ZSTD,
    FormError,
    Member,
    descriptor,
    parse_directory,
    parse_ending,
)
from steno.bundles.form import local_header as make_header
from steno.bundles.manifest import MAX_MANIFEST, decode_manifest, match_members
from steno.errors import BundleError
from steno.storage.compressed import load_zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.bundles.manifest import BundledMember

_BLOCK = 256 * 1024
_PIECE = 1 << 20
_WINDOW_LOG = 23
_HINT = "the bundle was changed or damaged; nothing was imported"


class BundleReader:
    """A bundle whose form and manifest are in order.

    Attributes:
        manifest: What it says of itself.
        places: What each member is, by its name.
        facts: What the manifest says of each, by its name.
        of_session: The members of each session, by its safe name; without archives.
        size: Bytes that its members have, all together.
    """

    def __init__(self, fd: int) -> None:
        """Check everything but the contents of the members.

        Args:
            fd: Descriptor of the bundle, which stays the caller's.

        Raises:
            BundleError: Something is not as it must be.
            OSError: It can't be read.
        """
        self._fd = fd
        try:
            length = os.fstat(fd).st_size
            count, start, size = parse_ending(
                os.pread(fd, END_SIZE, max(0, length - END_SIZE)), length
            )
            self._members = parse_directory(self._read(start, size), count, start)
        except FormError as error:
            raise BundleError(f"the bundle can't be opened: {error}", hint=_HINT) from error
        last = self._members[-1]
        if last.name != MANIFEST or last.method != STORED:
            raise BundleError(f"the last member is not {MANIFEST}", hint=_HINT)
        if last.size > MAX_MANIFEST:
            raise BundleError(f"its manifest would be {last.size:,} bytes long", hint=_HINT)
        contents = b"".join(self._contents(last))
        self.manifest = decode_manifest(contents)
        self.places = match_members(self.manifest, self._members)
        self.facts = {fact.path: fact for fact in self.manifest.members}
        self.of_session: dict[str, list[str]] = {}
        for name, place in self.places.items():
            if place.session:
                self.of_session.setdefault(place.session, []).append(name)
        self.size = sum(member.size for member in self._members)

    def members(self) -> Iterator[tuple[BundledMember, Iterator[bytes]]]:
        """Yield what the manifest says of each member, and its contents in blocks.

        The contents raise `BundleError` where they are not what the manifest says: at their end, or
        before.
        """
        for fact, member in zip(self.manifest.members, self._members, strict=False):
            yield fact, self._checked(fact, member)

    def _checked(self, fact: BundledMember, member: Member) -> Iterator[bytes]:
        plain, packed = hashlib.sha256(), hashlib.sha256()
        for block in self._contents(member, packed):
            plain.update(block)
            yield block
        if (plain.hexdigest(), packed.hexdigest()) != (fact.sha256, fact.packed_sha256):
            raise BundleError(f"{member.name!r} is not what the manifest says", hint=_HINT)

    def _contents(self, member: Member, digest: Any = None) -> Iterator[bytes]:
        """Read a member, and check what stands around it."""
        head = make_header(member.name, member.method)
        if self._read(member.offset, len(head)) != head:
            raise BundleError(f"what stands before {member.name!r} was changed", hint=_HINT)
        crc = size = 0
        raw = self._raw(member, digest)
        for block in self._unpack(member, raw) if member.method == ZSTD else raw:
            size += len(block)
            if size > member.size:
                raise BundleError(
                    f"{member.name!r} holds more than the {member.size:,} bytes that it tells",
                    hint=_HINT,
                )
            crc = zlib.crc32(block, crc)
            yield block
        behind = self._read(member.end - DESCRIPTOR_SIZE, DESCRIPTOR_SIZE)
        if (crc, size) != (member.crc, member.size) or behind != descriptor(member):
            raise BundleError(f"{member.name!r} is damaged", hint=_HINT)

    def _raw(self, member: Member, digest: Any) -> Iterator[bytes]:
        at, end = member.begin, member.begin + member.packed
        while at < end:
            block = self._read(at, min(_BLOCK, end - at))
            at += len(block)
            if digest is not None:
                digest.update(block)
            yield block

    @staticmethod
    def _unpack(member: Member, raw: Iterator[bytes]) -> Iterator[bytes]:
        zstd = load_zstd()
        decoder = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        )
        try:
            for data in raw:
                if decoder.eof:
                    break
                yield decoder.decompress(data, max_length=_PIECE)
                while not decoder.needs_input and not decoder.eof:
                    yield decoder.decompress(b"", max_length=_PIECE)
            else:
                if decoder.eof and not decoder.unused_data:
                    return
        except zstd.ZstdError as error:
            raise BundleError(f"{member.name!r} is damaged: {error}", hint=_HINT) from error
        raise BundleError(f"{member.name!r} is not one whole frame of zstd", hint=_HINT)

    def _read(self, at: int, size: int) -> bytes:
        data = os.pread(self._fd, size, at)
        while len(data) < size:
            more = os.pread(self._fd, size - len(data), at + len(data))
            if not more:
                raise BundleError("the bundle is cut off", hint=_HINT)
            data += more
        return data
