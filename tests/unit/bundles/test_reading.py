"""Members out of a bundle, of which no byte is believed before it was checked."""

import os

import msgspec
import pytest

from steno.bundles import form
from steno.bundles.reading import BundleReader
from steno.errors import BundleError


def read(data, tmp_path):
    """Read everything of a bundle."""
    path = tmp_path / "read.steno"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = BundleReader(fd)
        return {fact.path: b"".join(blocks) for fact, blocks in reader.members()}
    finally:
        os.close(fd)


def test_contents(forge, transcript, tmp_path):
    """What was written is read."""
    members = {"sessions/s/transcript.jsonl": transcript(), "sessions/s/artefacts/a": b"\x00" * 9}

    assert read(forge(members).read_bytes(), tmp_path) == members


def test_no_byte_can_be_changed(forge, tmp_path):
    """Of a small bundle each single byte is changed, and each time it is refused."""
    good = forge().read_bytes()
    for at in range(len(good)):
        data = bytearray(good)
        data[at] ^= 0x10
        with pytest.raises(BundleError):
            read(bytes(data), tmp_path)


def test_no_byte_can_be_missing(forge, tmp_path):
    """A bundle that is cut anywhere is refused."""
    good = forge().read_bytes()
    for at in range(len(good)):
        with pytest.raises(BundleError):
            read(good[:at], tmp_path)


def test_more_than_is_told(forge, tmp_path, transcript):
    """A member that holds more than it tells is read no further than that."""
    good = forge().read_bytes()
    count, start, length = form.parse_ending(good[-form.END_SIZE :], len(good))
    first, manifest = form.parse_directory(good[start : start + length], count, start)
    size = len(transcript())
    text = good[manifest.begin : manifest.begin + manifest.size]
    changed = text.replace(b'"size": %d' % size, b'"size": %d' % (size - 1))
    assert changed != text
    import zlib

    short = form.Member(first.name, form.ZSTD, first.crc, first.packed, size - 1, 0)
    last = form.Member("manifest.json", 0, zlib.crc32(changed), len(text), len(text), first.end)
    directory = form.entry(short) + form.entry(last)
    data = good[: first.end - form.DESCRIPTOR_SIZE] + form.descriptor(short)
    data += form.local_header("manifest.json", 0) + changed + form.descriptor(last)
    data += directory + form.ending(2, last.end, len(directory))

    with pytest.raises(BundleError, match="holds more"):
        read(data, tmp_path)


def test_a_manifest_that_is_packed(forge, tmp_path):
    """A manifest that is packed is refused before it is unpacked."""
    good = forge().read_bytes()
    count, start, length = form.parse_ending(good[-form.END_SIZE :], len(good))
    first, manifest = form.parse_directory(good[start : start + length], count, start)
    last = msgspec.structs.replace(manifest, method=form.ZSTD)
    directory = form.entry(first) + form.entry(last)
    data = good[:start] + directory + form.ending(2, start, len(directory))

    with pytest.raises(BundleError, match="last member"):
        read(data, tmp_path)
