"""Archives are sealed anew."""

import errno
import os

import pytest

from steno.archives.ciphers import parse_identities
from steno.archives.layout import find_archives
from steno.archives.packing import Packing
from steno.archives.reading import Keys
from steno.archives.rekeying import is_done, rekey
from steno.errors import ArchiveError


def test_new_password(archive, base, read_messages, read_meta):
    """The contents and the age of the file stay; only the new password opens it."""
    (path,) = archive("a", "b")
    os.utime(path, (1000, 2000))
    before = read_meta(path)

    assert rekey(base, path, Keys("correct horse"), Packing("new")) == path
    assert read_messages(path, "new") == ["a", "b"]
    assert read_meta(path, "new") == before
    assert path.stat().st_mtime == 2000
    with pytest.raises(ArchiveError, match="password"):
        read_messages(path)


def test_to_recipients_and_back(archive, base, age_keys, read_messages):
    """An archive may be sealed to age keys, and back; one file is left each time."""
    identity, public = age_keys
    keys = Keys(None, tuple(parse_identities(identity.read_text())))
    (path,) = archive("a")
    sealed = rekey(base, path, Keys("correct horse"), Packing(None, (public,)))

    assert [each for each, _ in find_archives(base)] == [sealed]
    assert sealed.name == "message.steno.age"
    assert rekey(base, sealed, keys, Packing("new")) == path
    assert [each for each, _ in find_archives(base)] == [path]
    assert read_messages(path, "new") == ["a"]


def test_failure_leaves_the_old(archive, base, monkeypatch, read_messages):
    """With a wrong password, or on a full disk, the archive stays as it is."""
    (path,) = archive("a")
    whole = path.read_bytes()

    with pytest.raises(ArchiveError):
        rekey(base, path, Keys("wrong"), Packing("new"))

    def full(fd):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        rekey(base, path, Keys("correct horse"), Packing("new"))
    assert path.read_bytes() == whole
    assert [each.name for each in (base / ".spool").iterdir()] == []


def test_a_name_that_is_taken(archive, base, age_keys):
    """Another archive that has the new name is not overwritten."""
    _, public = age_keys
    (path,) = archive("a")
    path.with_name("message.steno.age").write_bytes(b"x")

    with pytest.raises(ArchiveError, match="is there already"):
        rekey(base, path, Keys("correct horse"), Packing(None, (public,)))
    assert path.exists()


def test_done_already(archive, base):
    """An archive is done where the new password opens all of it, and is damaged nowhere."""
    (path,) = archive("a")

    assert is_done(path, Packing("correct horse "))
    assert not is_done(path, Packing("new"))
    assert not is_done(path, Packing(None, ("age1x",)))
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_done(path, Packing("correct horse"))


def test_outside(base):
    """A path that leaves the folder is refused."""
    with pytest.raises(ArchiveError, match="is not in"):
        rekey(base, base / ".." / "x" / "y.zip", Keys("x"), Packing("new"))


def test_missing(base):
    """What is not there is missing."""
    (base / "u" / "c").mkdir(parents=True)

    with pytest.raises(ArchiveError) as caught:
        rekey(base, base / "u" / "c" / "x.zip", Keys("x"), Packing("new"))
    assert caught.value.reason == "missing"
