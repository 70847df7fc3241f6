"""The form of our zip files, byte by byte: what no digest and no authentication code covers. Pure.

Strategy: programs that read zip files pass over much: bytes before the first member and between
two, fields that stand in two places and differ, fields that nobody needs. Whoever seals writes all
of that in one way, so it is compared with that way: no byte of an archive can be changed alone.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from steno.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4sBB26s3H2L")
_LENGTHS = struct.Struct("<HH")
_LOCAL = 30
_UNIX = 3
_LARGEST = 64 * 1024
END_SIZE = _END.size
_ATTRIBUTES = 0o600 << 16


def check_structure(read: Callable[[int, int], bytes], end: int, members: int) -> None:
    """Check that a zip file is of the form in which archives are sealed.

    Args:
        read: Gives so many bytes of the file from some place.
        end: Where the record at its end begins.
        members: How many members there may be.

    Raises:
        ArchiveError: It is not.
    """
    found = _END.unpack(read(end, _END.size))
    _, disk, first_disk, here, count, size, start, _ = found
    if (
        disk
        or first_disk
        or here != count
        or count > members
        or start + size != end
        or size > _LARGEST
    ):
        raise _changed()
    folder = read(start, size)
    at = 0
    pieces = [(start, start)]
    for _ in range(count):
        if len(folder) - at < _ENTRY.size:
            raise _changed()
        mark, _, system, both, *rest, attributes, place = _ENTRY.unpack_from(folder, at)
        named, extra = _LENGTHS.unpack(both[-4:])
        if (mark, system, rest, attributes) != (b"PK\x01\x02", _UNIX, [0, 0, 0], _ATTRIBUTES):
            raise _changed()
        # What a member says of itself, it says before its contents too.
        again = b"PK\x03\x04" + both + folder[at + _ENTRY.size :][: named + extra]
        if read(place, _LOCAL + named + extra) != again or folder[at + 4] != both[0]:
            raise _changed()
        contents = int.from_bytes(both[14:18], "little")
        pieces.append((place, place + _LOCAL + named + extra + contents))
        at += _ENTRY.size + named + extra
    pieces.sort()
    if at != size or pieces[0][0] or any(one[1] != two[0] for one, two in pairwise(pieces)):
        raise _changed()


def _changed() -> ArchiveError:
    return ArchiveError("the form of the archive was changed", reason="tampered")
