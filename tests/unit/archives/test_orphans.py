"""Spools as they are read, and those that nobody owns."""

import os

import pytest

from steno.archives.ciphers import PasswordKeys
from steno.archives.orphans import SpoolReader, count_spools, find_orphans
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


def test_what_waits_is_counted(spool, base):
    """A request counts once, however many files it has, and no other file counts."""
    assert count_spools(base / "none") == 0
    (base / ".spool" / "notes.spool").write_bytes(b"")
    first = base / ".spool" / spool.names[0]
    first.with_name(spool.names[0].replace(".0.", ".1.")).write_bytes(b"")

    assert count_spools(base) == 1


def test_an_orphan_has_a_name(spool, base):
    """An orphan is called as its archive will be, or by its id where its header is damaged."""
    spool.abandon()
    (orphan,) = find_orphans(base)
    assert orphan.name == "user/chat/message"
    orphan.close()
    (base / ".spool" / spool.names[0]).write_bytes(b"x")
    (orphan,) = find_orphans(base)
    assert orphan.name == orphan.spool_id
    orphan.close()


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


def test_a_damaged_header(spool, base):
    """Where a changed header makes all unreadable, the spool stays: it names ids of nobody."""
    spool.abandon()
    path = base / ".spool" / spool.names[0]
    path.write_bytes(path.read_bytes().replace(b'"user"', b'"usar"'))
    (orphan,) = find_orphans(base)
    with pytest.raises(ArchiveError) as caught:
        orphan.read(PasswordKeys("pw"))
    orphan.close()

    assert caught.value.reason == "tampered"
    assert path.exists()


def test_a_head_that_claims_too_much(spool, base):
    """A damaged head that claims very many records pushes no others out."""
    path = base / ".spool" / spool.names[0]
    data = bytearray(path.read_bytes())
    start = data.rindex((4).to_bytes(4, "big"))  # the number of the third frame
    data[start + 4] ^= 0x40
    path.write_bytes(data)
    reader = SpoolReader(spool.fds(), spool.cipher)

    assert messages(b"".join(reader.texts())) == ["0.a", "0.b", "1.a", "1.b"]
    assert len(b"".join(reader.blocks()).splitlines()) == reader.records == 4
    assert reader.dropped < 1000


def test_placed_after_a_torn_tail(spool, base):
    """The note of where a spool went is found also behind a frame that was cut off."""
    path = base / ".spool" / spool.names[0]
    os.truncate(path, path.stat().st_size - 5)
    SpoolReader(spool.fds(), spool.cipher).mark_placed("x.zip", 7, "00")

    placed = SpoolReader(spool.fds(), spool.cipher).placed
    assert (placed.path, placed.inode, placed.tail) == ("x.zip", 7, "00")
