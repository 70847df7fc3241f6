"""The form of a spool."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.archives.ciphers import Lock
from steno.archives.frames import (
    END,
    LINES,
    Head,
    SpoolHeader,
    encode_frame,
    encode_header,
    read_frames,
    read_header,
)
from steno.archives.identifiers import ArchiveIds
from steno.errors import ArchiveError

HEADER = SpoolHeader("s" * 26, 0, ArchiveIds("u", "s", "c", "m", "r"), 1.0, Lock("age"), 100)


class Source(io.BytesIO):
    """Bytes that can be passed over."""

    def skip(self, count):
        """Pass over bytes."""
        self.seek(count, 1)
        return self.tell() <= len(self.getvalue())


def build(*bodies):
    """Write a spool whose frames are not encrypted."""
    data, digest = encode_header(HEADER)
    for number, body in enumerate(bodies):
        head = Head(LINES, 0, number, 1, 0, 1.0, 2.0)
        data += encode_frame(head, digest, body, lambda body, _: body)
    return data


def read(data, *kinds):
    """Read the bodies of all frames."""
    source = Source(data)
    _, digest = read_header(source)
    return [frame.body for frame in read_frames(source, digest, *kinds)]


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(0, 400))
def test_a_torn_tail(bodies, cut):
    """Wherever a file is cut off, the frames before it are whole, and no others are read."""
    data = build(*bodies)
    size = len(encode_header(HEADER)[0])
    kept = data[: max(size, len(data) - cut)]

    found = read(kept, LINES)
    assert found == bodies[: len(found)]
    assert len(build(*found)) <= len(kept)
    assert len(read(kept, END)) == len(found)


def test_header():
    """The header comes back, with the digest to which frames are bound."""
    data, digest = encode_header(HEADER)

    assert read_header(Source(data)) == (HEADER, digest)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", encode_header(HEADER)[0][:-5],
                                  encode_header(HEADER)[0][:14] + b"\xff\xff\xff\xff{}"])  # fmt: skip
def test_what_is_no_spool(data):
    """Another file, or one that is cut off in its header, is an error and no more."""
    with pytest.raises(ArchiveError):
        read_header(Source(data))
