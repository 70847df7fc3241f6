"""What is in a spool comes into the archive of its message."""

import concurrent.futures
import errno
import os
import stat

import pytest

from steno.archives import sealing
from steno.archives.ciphers import AgeKeys, PasswordKeys, parse_identities
from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import find_archives
from steno.archives.orphans import SpoolReader
from steno.archives.packing import Packing
from steno.archives.reading import Keys, open_archive
from steno.archives.records import encode_line
from steno.archives.spools import SpoolWriter

PACKING = Packing("correct horse")
PASSWORD_KEYS = PasswordKeys("correct horse")


@pytest.fixture
def spool(base, ids, make_line):
    """Write a spool of some messages and end it."""
    made = []

    def spool(*messages, request="request", at=1_000.0, status="ok", keys=PASSWORD_KEYS):
        own = ArchiveIds(ids.user_id, ids.session_id, ids.chat_id, ids.message_id, request)
        writer = SpoolWriter(base, keys, own, task=None, begun=at, max_lines=100, max_bytes=1 << 20)
        for number, message in enumerate(messages):
            line = make_line(message, at + number)
            writer.append([encode_line(line, own)], line.created, line.created, 0)
        writer.end(status, "", at + len(messages), 0)
        made.append(writer)
        return writer

    yield spool
    for each in made:
        each.abandon()


def seal(base, writer, packing=PACKING, log_format="both"):
    """Seal a spool."""
    return sealing.seal(
        base, SpoolReader(writer.fds(), writer.cipher), packing, log_format, 2_000.0
    )


def test_permissions(base, spool):
    """The archive and its folders are for their owner alone."""
    path = seal(base, spool("a"))

    assert path == base / "user" / "chat" / "message.zip"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("log_format", ["text", "jsonl", "both"])
def test_a_second_request_is_added(base, spool, log_format, read_meta):
    """A second request's records are put among those of the first in order of time."""
    seal(base, spool("same", "b", "same", at=100), log_format=log_format)
    path = seal(base, spool("same", "c", request="r2", at=101), log_format="both")

    with open_archive(path, Keys("correct horse")) as archive:
        archive.verify()
        messages = [text.split()[-1].decode() for text in archive.texts()]
        assert archive.meta.log_format == log_format, "the archive keeps its form"
        assert archive.meta.records == 5
        assert [each.request_id for each in archive.meta.requests] == ["request", "r2"]
    assert messages == ["same", "b", "same", "same", "c"]
    assert [each for each, _ in find_archives(base)] == [path]


def test_a_spool_is_added_once(base, spool, read_messages):
    """A spool that was sealed, by a process that died before it removed it, adds nothing."""
    writer = spool("a", "a")
    seal(base, writer)
    path = seal(base, writer)

    assert read_messages(path) == ["a", "a"]


def test_a_spool_is_sealed_once_for_recipients(base, spool, age_keys):
    """The same holds where the archive can't be read by whoever wrote it."""
    identity, public = age_keys
    packing = Packing(None, (public,))
    keys = AgeKeys([public])
    writer = spool("a", keys=keys)
    first = seal(base, writer, packing)
    again = seal(base, writer, packing)
    other = seal(base, spool("b", request="r/2", keys=keys), packing)
    third = seal(base, spool("c", request="r/2", keys=keys), packing)

    assert first == again
    assert first.name == "message.steno.age"
    assert other.name.startswith("message.r_2--")
    assert third.name == other.name.replace(".steno.age", ".2.steno.age")
    assert len(list(find_archives(base))) == 3
    with open_archive(third, Keys(None, tuple(parse_identities(identity.read_text())))) as archive:
        assert archive.meta.records == 1


def test_password_rotated(base, spool, read_messages, capsys):
    """An archive that can't be opened is not overwritten: the rest goes beside it, and again."""
    old = seal(base, spool("old"))
    whole = old.read_bytes()
    rotated = Packing("new")
    keys = PasswordKeys("new")
    first = seal(base, spool("n1", request="r2", keys=keys), rotated)
    second = seal(base, spool("n2", request="r2", keys=keys), rotated)
    assert old.read_bytes() == whole
    third = seal(base, spool("n3", request="r2"), PACKING)

    assert first == second == base / "user" / "chat" / "message.r2.zip"
    assert read_messages(first, "new") == ["n1", "n2"]
    assert third == old
    assert read_messages(old) == ["old", "n3"]
    assert "the password is wrong" in capsys.readouterr().err


def test_damage_is_not_overwritten(base, spool, read_messages):
    """A damaged archive, and a folder or link in the place of one, stay as they are."""
    old = seal(base, spool("old"))
    data = bytearray(old.read_bytes())
    data[80] ^= 1
    old.write_bytes(data)
    beside = seal(base, spool("n1", request="r2"))
    beside.unlink()
    beside.symlink_to("/dev/null")
    further = seal(base, spool("n1", request="r2"))

    assert old.read_bytes() == data
    assert beside.is_symlink()
    assert further.name == "message.r2.2.zip"
    assert read_messages(further) == ["n1"]


def test_a_link_in_the_way(base, spool, tmp_path):
    """A folder that is a link leads nowhere: nothing is written, and the spool stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    writer = spool("a")
    (base / "user").symlink_to(outside)

    with pytest.raises(OSError, match="user"):
        seal(base, writer)
    assert not list(outside.iterdir())


def test_two_at_once(base, spool, read_messages):
    """Many that seal into one message at once lose nothing."""
    writers = [spool(f"{n}a", f"{n}b", request=f"r{n}", at=100 + n) for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda writer: seal(base, writer), writers))

    assert set(paths) == {base / "user" / "chat" / "message.zip"}
    assert sorted(read_messages(paths[0])) == sorted(
        f"{n}{each}" for n in range(8) for each in "ab"
    )


def test_a_full_disk(base, spool, monkeypatch, read_messages):
    """Where the disk is full nothing is published or lost, and no temporary file stays."""
    path = seal(base, spool("old"))
    writer = spool("new", request="r2")
    real = os.fsync

    def full(fd):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        seal(base, writer)
    monkeypatch.setattr(os, "fsync", real)
    assert read_messages(path) == ["old"]
    assert not list((base / ".spool").glob("*.tmp"))
    assert read_messages(seal(base, writer)) == ["old", "new"]


def test_lines_that_nobody_here_can_read(base, spool, age_keys):
    """After a crash the frames for recipients become an archive as they are."""
    identity, public = age_keys
    writer = spool("a", "b", keys=AgeKeys([public]))
    path = sealing.seal(base, SpoolReader(writer.fds(), None), Packing("pw"), "both", 2.0)

    assert path.name == "message.steno.age"
    with open_archive(path, Keys(None, tuple(parse_identities(identity.read_text())))) as archive:
        archive.verify()
        assert archive.names == ["batches/000001.jsonl.age", "batches/000002.jsonl.age"]
        assert [text.split()[-1] for text in archive.texts()] == [b"a", b"b"]
        assert (archive.meta.records, archive.meta.log_format) == (2, "batches")


def test_a_number_that_another_file_has_now(base, spool, tmp_path):
    """A spool that was not sealed is not taken for sealed, though a file has that inode."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    packing = Packing(recipients=(public,))
    keys = AgeKeys([public])
    first = spool("a", request="one", keys=keys)
    path = sealing.seal(base, SpoolReader(first.fds(), first.cipher), packing, "both", 5.0)
    second = spool("b", request="two", keys=keys)
    reader = SpoolReader(second.fds(), second.cipher)
    reader.mark_placed(path.name, path.stat().st_ino, "00" * 32)
    sealing.seal(base, SpoolReader(second.fds(), second.cipher), packing, "both", 5.0)

    assert len(list(find_archives(base))) == 2


def test_an_archive_of_another_message(base, spool, ids):
    """Nothing is added to what another message left under the name: it goes beside it."""
    first = spool("a")
    path = sealing.seal(base, SpoolReader(first.fds(), first.cipher), PACKING, "both", 5.0)
    twin = path.with_name(f"{ids.message_id}-twin.zip")
    path.rename(twin)
    other = ArchiveIds(ids.user_id, ids.session_id, ids.chat_id, f"{ids.message_id}-twin", "r")
    writer = SpoolWriter(
        base, PASSWORD_KEYS, other, task=None, begun=1.0, max_lines=9, max_bytes=1 << 20
    )
    writer.end("ok", "", 2.0, 0)
    sealed = sealing.seal(base, SpoolReader(writer.fds(), writer.cipher), PACKING, "both", 5.0)
    writer.abandon()

    assert sealed.name == f"{ids.message_id}-twin.r.zip"
