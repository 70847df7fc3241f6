"""The form of our zip files, byte by byte."""

import pytest
import pyzipper

from steno.archives.reading import Keys, open_archive
from steno.errors import ArchiveError


def why_not(path, password="correct horse", identities=()):
    """Tell how reading an archive fails."""
    with (
        pytest.raises(ArchiveError) as caught,
        open_archive(path, Keys(password, identities)) as archive,
    ):
        archive.verify()
    return caught.value.reason


def test_every_byte_around_the_contents(archive):
    """Whichever byte is changed that no authentication code covers, verify tells."""
    (path,) = archive("hello")
    whole = path.read_bytes()
    with pyzipper.AESZipFile(path) as file:
        infos = file.infolist()
        around = set(range(file.start_dir, len(whole)))
    for info in infos:
        around |= set(range(info.header_offset, info.header_offset + 41 + len(info.filename)))
    for at in around:
        data = bytearray(whole)
        data[at] ^= 1
        path.write_bytes(data)
        assert why_not(path), at


def test_bytes_before_and_between(archive):
    """What stands before the first member, or between two, is found."""
    (path,) = archive("hello")
    whole = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\n" + whole)

    assert why_not(path) == "tampered"
