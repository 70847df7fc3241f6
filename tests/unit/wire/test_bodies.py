"""Bodies in memory, in files, and in events."""

import gzip
import hashlib
import json

import pytest

from steno.events.references import Holdings
from steno.wire import bodies
from steno.wire.bodies import Collector, write_body


class ListSpool:
    """Keeps what is spooled in memory, as a file would."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data

    def close(self):
        return "artefacts/s/bodies/r"


@pytest.fixture
def small(monkeypatch):
    """Let a body be too large for memory from 1,000 bytes on."""
    monkeypatch.setattr(bodies, "MAX_BODY", 1000)


def test_small_body():
    """A small body is kept as it came."""
    collector = Collector(ListSpool)
    for piece in (b"a", b"", b"bc"):
        collector.add(piece)

    assert (collector.whole(), collector.size, collector.spooled) == (b"abc", 3, False)


def test_large_body(small):
    """A large body goes to a file whole, and its digest is that of all of it."""
    spool = ListSpool()
    collector = Collector(lambda: spool)
    data = bytes(range(256)) * 20
    for at in range(0, len(data), 300):
        collector.add(data[at : at + 300])

    how = collector.describe_file("gzip")

    assert spool.data == data
    assert (how.encoding, how.path, how.content_encoding) == (
        "file",
        "artefacts/s/bodies/r",
        "gzip",
    )
    assert how.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("place", ["first", "last"])
def test_glance(small, place):
    """The model of a large request is read from its beginning or its end."""
    said = '"model": "gpt-\\"5", "stream":true'
    filler = '"messages":["' + "x" * 5000 + '"]'
    text = f"{{{said},{filler}}}" if place == "first" else f"{{{filler},{said}}}"
    collector = Collector(ListSpool)
    for at in range(0, len(text), 100):
        collector.add(text[at : at + 100].encode())

    assert collector.glance() == {"model": 'gpt-"5', "stream": True}


def test_json():
    """A body in a known style is kept as JSON."""
    written = write_body(b'{"a":1}\n', "", Holdings())

    assert written.value == {"a": 1}
    assert (written.how.encoding, written.how.style, written.how.after) == ("json", "compact", "\n")


def test_compressed():
    """A compressed body is kept decoded, and how it came is told."""
    written = write_body(gzip.compress(b'{"a":1}'), "gzip", Holdings())

    assert (written.value, written.how.content_encoding) == ({"a": 1}, "gzip")


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(b'{ "a":1}', "text"), (b"plain", "text"), (b'"x"', "text"), (b"\xff\x00", "base64")],
)
def test_anything_else(data, encoding):
    """What can't be written again from its value is kept as it came."""
    assert write_body(data, "", Holdings()).how.encoding == encoding


def test_undecodable():
    """A body that can't be decompressed is kept as it came."""
    written = write_body(b"\x1f\x8bnot gzip", "gzip", Holdings())

    assert (written.how.encoding, written.how.content_encoding) == ("base64", "gzip")


def test_marks_of_its_own():
    """A body with keys that read as references is kept as text."""
    body = json.dumps({"steno.item": "x"}, separators=(",", ":")).encode()

    assert write_body(body, "", Holdings()).value == body.decode()
