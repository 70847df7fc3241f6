"""The spool of one request, as its owner writes it."""

import errno
import os
import stat

import pytest

from steno.archives import spools
from steno.archives.ciphers import PasswordKeys
from steno.archives.orphans import SpoolReader, find_orphans
from steno.archives.spools import Owner, SpoolWriter

KEYS = PasswordKeys("pw")


@pytest.fixture
def write(base, ids):
    """Begin a spool that is bounded."""
    made = []

    def write(max_lines=100, max_bytes=1 << 20):
        made.append(
            SpoolWriter(
                base, KEYS, ids, task=None, begun=1.0, max_lines=max_lines, max_bytes=max_bytes
            )
        )
        return made[-1]

    yield write
    for each in made:
        each.abandon()


def fill(writer, count, start=0, size=10):
    """Write numbered lines, a few at a time."""
    for number in range(start, start + count, 5):
        lines = [
            b"%06d %s\n" % (each, b"x" * size)
            for each in range(number, min(number + 5, start + count))
        ]
        writer.append(lines, float(number + 1), float(number + 2), 0)


def numbers(reader):
    """Read the numbers of the lines that are kept."""
    return [int(line[:6]) for block in reader.blocks() for line in block.splitlines()]


def test_nothing_is_in_clear(write, base):
    """What is on disk is encrypted, for the owner alone, and locked."""
    writer = write()
    writer.append([b"a secret line\n"], 1.0, 1.0, 0)
    writer.append([b"another\n"], 1.0, 1.0, 0, text=b"as text\n")
    (path,) = (base / ".spool").glob("[!.]*")

    data = path.read_bytes()
    assert not any(each in data for each in (b"secret", b"another", b"text"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not list(find_orphans(base)), "its owner lives"


def test_the_newest_lines_are_kept(write, base):
    """Of a long request the newest lines are kept, exactly so many; the rest is counted."""
    writer = write(max_lines=20)
    fill(writer, 117)
    reader = SpoolReader(writer.fds(), writer.cipher)

    assert numbers(reader) == list(range(97, 117))
    assert (reader.records, reader.dropped) == (20, 97)
    assert len(list((base / ".spool").glob("[!.]*"))) == 2


def test_bytes_are_bounded(write, base):
    """A request takes no more room on disk than it may, whatever its lines weigh."""
    writer = write(max_lines=100_000, max_bytes=20_000)
    for start in range(0, 500, 50):
        fill(writer, 50, start, size=200)
        used = sum(path.stat().st_size for path in (base / ".spool").glob("[!.]*"))
        assert used <= 20_000 + 2000
    reader = SpoolReader(writer.fds(), writer.cipher)

    kept = numbers(reader)
    assert kept == list(range(500 - len(kept), 500))
    assert len(kept) > 30
    assert reader.records + reader.dropped == 500


def test_a_full_disk(write, monkeypatch):
    """What could not be written whole leaves nothing, and is written the next time."""
    writer = write()
    fill(writer, 5)
    real = spools.write_all

    def fail(fd, data):
        os.write(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spools, "write_all", fail)
    with pytest.raises(OSError, match="full"):
        fill(writer, 5, 5)
    monkeypatch.setattr(spools, "write_all", real)
    fill(writer, 5, 5)

    assert numbers(SpoolReader(writer.fds(), writer.cipher)) == list(range(10))


def test_a_full_disk_at_the_beginning(write, base, monkeypatch):
    """A spool that could not be begun leaves no file."""
    writer = write()
    real = spools.write_all

    def fail(fd, data):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spools, "write_all", fail)
    with pytest.raises(OSError, match="full"):
        fill(writer, 5)
    assert not list((base / ".spool").glob("[!.]*"))
    monkeypatch.setattr(spools, "write_all", real)
    fill(writer, 5)
    assert numbers(SpoolReader(writer.fds(), writer.cipher)) == list(range(5))


def test_end(write):
    """How the request ended is in the spool."""
    writer = write()
    fill(writer, 5)
    writer.end("error", "it broke", 9.0, 3)
    reader = SpoolReader(writer.fds(), writer.cipher)

    assert (reader.status, reader.reason, reader.end) == ("error", "it broke", 9.0)
    assert reader.dropped == 3


def test_remove(write, base):
    """What is in an archive leaves no file behind."""
    writer = write(max_lines=10)
    fill(writer, 40)
    writer.remove()

    assert not list((base / ".spool").glob("[!.]*"))


def test_the_sign_of_life(base, ids):
    """While a process lives its spools are no orphans; its sign goes with it, or is tidied up."""
    owner = Owner(base)
    writer = SpoolWriter(
        base, KEYS, ids, task=None, begun=1.0, max_lines=10, max_bytes=1 << 20, owner=owner
    )
    fill(writer, 3)
    writer.close()
    assert not list(find_orphans(base)), "although no file of the spool is open"
    owner.release()
    (orphan,) = find_orphans(base)
    orphan.remove()
    assert not list((base / ".spool").iterdir())
    (base / ".spool" / ".0000000000000000.owner").write_bytes(b"")
    assert not list(find_orphans(base))
    assert not list((base / ".spool").iterdir())


def test_a_spool_that_was_removed(write, base):
    """Where somebody removed the file, writing to it is an error, which is said."""
    writer = write()
    fill(writer, 3)
    for path in (base / ".spool").glob("*.spool"):
        path.unlink()

    with pytest.raises(FileNotFoundError):
        fill(writer, 3)
    with pytest.raises(FileNotFoundError):
        writer.fds()
