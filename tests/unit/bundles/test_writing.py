"""Members into a bundle, in one pass."""

import io
import os
import shutil
import subprocess
import zlib

import pytest

from steno.bundles import form
from steno.bundles.manifest import MAX_MANIFEST
from steno.bundles.writing import BundleWriter
from steno.errors import BundleError


class Pipe:
    """A sink that can't be sought in."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data


def test_in_one_pass(sha):
    """A bundle goes into what can only be written to; digests are those of the contents."""
    sink = Pipe()
    writer = BundleWriter(sink)

    fact = writer.add("sessions/s/transcript.jsonl", [b"a" * 1000, b"b" * 1000], packed=True)
    stored = writer.add("sessions/s/artefacts/x.zst", [b"abc"], packed=False)
    size = writer.finish(b"{}")

    assert size == len(sink.data)
    assert (fact.size, fact.sha256) == (2000, sha(b"a" * 1000 + b"b" * 1000))
    assert fact.packed_size < 100
    assert (stored.size, stored.packed_size, stored.sha256) == (3, 3, stored.packed_sha256)
    count, start, length = form.parse_ending(bytes(sink.data[-form.END_SIZE :]), size)
    members = form.parse_directory(bytes(sink.data[start : start + length]), count, start)
    assert [member.name for member in members][-1] == "manifest.json"
    assert members[0].crc == zlib.crc32(b"a" * 1000 + b"b" * 1000)


def test_python_reads_it():
    """The standard library's reader of zip files, which knows zstd from 3.14 on, reads a bundle."""
    zipfile = pytest.importorskip("backports.zstd.zipfile")
    sink = io.BytesIO()
    writer = BundleWriter(sink)
    writer.add("sessions/s/transcript.jsonl", [b"line\n" * 1000], packed=True)
    writer.finish(b"{}")

    with zipfile.ZipFile(sink) as file:
        assert file.testzip() is None
        assert file.read("sessions/s/transcript.jsonl") == b"line\n" * 1000


def test_7zz_reads_it(full):
    """The program 7zz tests a bundle and finds everything well."""
    program = shutil.which("7zz")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("7zz is missing: scripts/install-test-tools installs it")
        pytest.skip("7zz is missing: apt-get install 7zip")

    done = subprocess.run(
        [program, "t", full.export()], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "Everything is Ok" in done.stdout


def test_more_than_can_be_imported():
    """Nobody gets a bundle that no import would take."""
    writer = BundleWriter(Pipe())

    with pytest.raises(BundleError, match="more than can be imported"):
        writer.finish(b" " * (MAX_MANIFEST + 1))
