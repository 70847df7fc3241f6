"""Spools as they are read, and those that nobody owns."""

import os

import pytest

from steno.archives.ciphers import PasswordKeys
from steno.archives.orphans import SpoolReader, find_orphans
from steno.archives.records import encode_line, text_of
from steno.archives.spools import SpoolWriter
from steno.errors import ArchiveError

KEYS = PasswordKeys("pw")


@pytest.fixture
def spool(base, ids, make_line):
    """Write a spool of three frames with text, and return its writer."""
    writer = SpoolWriter(base, KEYS, ids, task="title", begun=1.0, max_lines=100, max_bytes=1 << 20)
    for number in range(3):
        lines = [encode_line(make_line(f"{number}.{each}", exception="t\nr"), ids) for each in "ab"]
        writer.append(lines, 1.0, 2.0, 0, b"".join(map(text_of, lines)))
    yield writer
    writer.abandon()


def messages(text):
    """Read the last words of records."""
    return [line.split()[-1].decode() for line in text.splitlines() if line.startswith(b"2")]


def test_text_and_lines_agree(spool):
    """The text that was written along is that of the lines."""
    reader = SpoolReader(spool.fds(), spool.cipher)

    lines = b"".join(reader.blocks()).splitlines()
    assert b"".join(reader.texts()) == b"".join(map(text_of, lines))
    assert reader.records == len(lines) == 6


def test_text_of_the_newest(spool, base):
    """Where the oldest lines are left out, so is their text."""
    reader = SpoolReader(spool.fds(), spool.cipher)
    reader._skip = 3

    assert messages(b"".join(reader.texts())) == ["1.b", "2.a", "2.b"]
    assert len(b"".join(reader.blocks()).splitlines()) == 3


def test_orphans_are_taken_once(spool, base):
    """A spool is an orphan when its owner has gone, and whoever took it has it alone."""
    assert not list(find_orphans(base))
    spool.abandon()
    (orphan,) = find_orphans(base)

    assert not list(find_orphans(base))
    reader = orphan.read(PasswordKeys("pw"))
    assert (reader.status, reader.header.task, reader.records) == ("interrupted", "title", 6)
    orphan.close()
    (orphan,) = find_orphans(base)
    orphan.remove()
    assert not list((base / ".spool").glob("[!.]*"))


def test_a_torn_tail(spool, base):
    """What a killed process wrote in part is passed over; what came before is there."""
    (path,) = (base / ".spool").glob("[!.]*")
    spool.abandon()
    os.truncate(path, path.stat().st_size - 3)
    (orphan,) = find_orphans(base)
    reader = orphan.read(KEYS)

    assert len(b"".join(reader.blocks()).splitlines()) == 6
    assert messages(b"".join(reader.texts()))[-2:] == ["2.a", "2.b"], "made from the lines"
    orphan.close()


def test_damage_in_the_middle(spool, base):
    """Lines that are not what was written are left out and counted; the rest is kept."""
    (path,) = (base / ".spool").glob("[!.]*")
    spool.abandon()
    data = bytearray(path.read_bytes())
    head = data.index(b"}") + 400
    data[head] ^= 1
    path.write_bytes(data)
    (orphan,) = find_orphans(base)
    reader = orphan.read(KEYS)
    kept = b"".join(reader.blocks()).splitlines()

    assert reader.records == len(kept) < 6
    assert reader.records + reader.dropped == 6
    orphan.close()


def test_another_password(spool, base):
    """A spool of another password is refused, and not touched."""
    spool.abandon()
    (orphan,) = find_orphans(base)

    for keys in (PasswordKeys("other"), None):
        with pytest.raises(ArchiveError) as caught:
            orphan.read(keys)
        assert caught.value.reason == "password"
    orphan.close()
    assert len(list((base / ".spool").glob("[!.]*"))) == 1


def test_placed(spool):
    """A spool remembers which file it was about to become."""
    spool.mark_placed("x.zip", 7)
    reader = SpoolReader(spool.fds(), spool.cipher)
    reader.mark_placed("y.zip", 8)

    assert (reader.placed.path, reader.placed.inode) == ("x.zip", 7)
    placed = SpoolReader(spool.fds(), spool.cipher).placed
    assert (placed.path, placed.inode) == ("y.zip", 8)
