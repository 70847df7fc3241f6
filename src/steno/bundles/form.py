"""The form of a bundle, byte by byte: what stands around and between its members. Pure.

Strategy: a bundle is a zip file, so that other programs open it; but programs that read zip files
pass over much: bytes that belong to no member, fields that stand in two places and differ, members
that lie upon each other. So there is one way alone to write each of these bytes. Whoever reads
takes the few facts out of the directory at the end, makes every byte anew from them, and compares.
Sizes are always written in their long form, and behind a member, because whoever writes to a pipe
or through a cipher does not know them before.
"""

from __future__ import annotations

import struct

from msgspec import Struct

STORED = 0
ZSTD = 93
MANIFEST = "manifest.json"

MAGIC = b"PK\x03\x04"
COMMENT = b"steno bundle 1"
MAX_MEMBERS = 100_000
MAX_NAME = 2_000
MAX_DIRECTORY = 64 << 20

_FLAGS = 0x0008
"""Sizes and checksum stand behind the member; nothing is encrypted."""

_DATE = 0x0021
_ATTRIBUTES = 0o100600 << 16
_VERSION = 63
_MADE_BY = (3 << 8) | _VERSION
_LONG = 0xFFFFFFFF
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_EXTRA = struct.pack("<HHQQ", 1, 16, 0, 0)
_DESCRIPTOR = struct.Struct("<4sL2Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_ENTRY_EXTRA = struct.Struct("<HH3Q")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
END_SIZE = _END64.size + _LOCATOR.size + _END.size + len(COMMENT)
DESCRIPTOR_SIZE = _DESCRIPTOR.size


class Member(Struct, frozen=True):
    """What the directory says of one member.

    Attributes:
        name: Its path in the bundle.
        method: `STORED` or `ZSTD`.
        crc: CRC-32 of its contents.
        packed: Bytes that it takes in the bundle.
        size: Bytes of its contents.
        offset: Where its header begins.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def begin(self) -> int:
        """Where its packed bytes begin."""
        return self.offset + _LOCAL.size + len(self.name) + len(_LOCAL_EXTRA)

    @property
    def end(self) -> int:
        """Where what belongs to it ends."""
        return self.begin + self.packed + DESCRIPTOR_SIZE


class FormError(Exception):
    """The bytes are not those of a bundle; says why."""


def local_header(name: str, method: int) -> bytes:
    """Make what stands before a member."""
    encoded = name.encode("ascii")
    head = _LOCAL.pack(
        MAGIC, _VERSION, _FLAGS, method, 0, _DATE, 0, _LONG, _LONG, len(encoded), len(_LOCAL_EXTRA)
    )
    return head + encoded + _LOCAL_EXTRA


def descriptor(member: Member) -> bytes:
    """Make what stands behind a member."""
    return _DESCRIPTOR.pack(b"PK\x07\x08", member.crc, member.packed, member.size)


def entry(member: Member) -> bytes:
    """Make a member's entry in the directory."""
    encoded = member.name.encode("ascii")
    head = _ENTRY.pack(
        b"PK\x01\x02", _MADE_BY, _VERSION, _FLAGS, member.method, 0, _DATE, member.crc, _LONG,
        _LONG, len(encoded), _ENTRY_EXTRA.size, 0, 0, 0, _ATTRIBUTES, _LONG,
    )  # fmt: skip
    extra = _ENTRY_EXTRA.pack(1, _ENTRY_EXTRA.size - 4, member.size, member.packed, member.offset)
    return head + encoded + extra


def ending(count: int, start: int, size: int) -> bytes:
    """Make what ends a bundle.

    Args:
        count: How many members there are.
        start: Where the directory begins.
        size: How long it is.
    """
    record = _END64.pack(
        b"PK\x06\x06", _END64.size - 12, _MADE_BY, _VERSION, 0, 0, count, count, size, start
    )
    locator = _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
    end = _END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, _LONG, _LONG, len(COMMENT))
    return record + locator + end + COMMENT


def parse_ending(data: bytes, length: int) -> tuple[int, int, int]:
    """Read what ends a bundle.

    Args:
        data: The last `END_SIZE` bytes.
        length: Bytes of the whole file.

    Returns:
        How many members there are, where the directory begins and how long it is.

    Raises:
        FormError: It is not what ends a bundle.
    """
    if len(data) != END_SIZE or not data.endswith(COMMENT):
        raise FormError("its end is missing, or it is not a bundle of this version")
    count, size, start = _END64.unpack_from(data)[7:]
    if ending(count, start, size) != data or start + size + END_SIZE != length:
        raise FormError("its end does not fit the rest")
    if not 0 < count <= MAX_MEMBERS or size > MAX_DIRECTORY:
        raise FormError(f"it has {count} members, and {MAX_MEMBERS} are the most")
    return count, start, size


def parse_directory(data: bytes, count: int, start: int) -> list[Member]:
    """Read the directory.

    Args:
        data: All of it.
        count: How many members it tells.
        start: Where it begins, which is where the last member ends.

    Raises:
        FormError: A byte of it is not what it must be, or the members do not lie one behind the
            other.
    """
    members: list[Member] = []
    names: set[str] = set()
    at = behind = 0
    for _ in range(count):
        if len(data) - at < _ENTRY.size:
            raise FormError("its directory is cut off")
        fields = _ENTRY.unpack_from(data, at)
        method, crc, named = fields[4], fields[7], fields[10]
        raw = data[at + _ENTRY.size : at + _ENTRY.size + named]
        extra = at + _ENTRY.size + named
        if named > MAX_NAME or len(data) - extra < _ENTRY_EXTRA.size:
            raise FormError("a name in its directory is too long")
        _, _, size, packed, offset = _ENTRY_EXTRA.unpack_from(data, extra)
        try:
            member = Member(raw.decode("ascii"), method, crc, packed, size, offset)
        except UnicodeDecodeError:
            raise FormError(f"the name {raw[:80]!r} in its directory is not ASCII") from None
        if data[at : extra + _ENTRY_EXTRA.size] != entry(member):
            raise FormError(f"what its directory says of {member.name[:80]!r} is not allowed")
        if method not in {STORED, ZSTD} or (method == STORED and packed != size):
            raise FormError(f"the member {member.name[:80]!r} is packed in no known way")
        if offset != behind or member.end > start:
            raise FormError(f"the member {member.name[:80]!r} does not lie behind the one before")
        folded = member.name.lower()
        if folded in names:
            raise FormError(f"the member {member.name[:80]!r} is there twice, or but for its case")
        names.add(folded)
        members.append(member)
        behind = member.end
        at = extra + _ENTRY_EXTRA.size
    if at != len(data) or behind != start:
        raise FormError("there are bytes in it that belong to no member")
    return members
