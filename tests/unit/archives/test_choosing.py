"""Which archives a person means."""

import pytest

from steno.archives.choosing import find_named, path_below, read_identities, read_password
from steno.errors import ArchiveError


def test_find_named(archive, base):
    """A path that is there is itself; an id is that of a message, also one with a slash."""
    (path,) = archive("a")

    assert find_named(base, str(path)) == find_named(base, "message") == [path]
    with pytest.raises(ArchiveError, match="there is no archive of 'mess'"):
        find_named(base, "mess")
    with pytest.raises(ArchiveError, match="there is no file a/b"):
        find_named(base, "a/b")


def test_path_below(base, tmp_path):
    """A path is named by the folder; one that leaves it, also through a link, is refused."""
    (base / "u").mkdir(parents=True)
    (base / "out").symlink_to(tmp_path)

    assert path_below(base, base / "u" / ".." / "u" / "x.zip") == base / "u" / "x.zip"
    for path in (base / ".." / "x.zip", base / "out" / "x.zip", tmp_path / "x.zip"):
        with pytest.raises(ArchiveError, match="is not in"):
            path_below(base, path)


def test_key_files(tmp_path):
    """The first line is the password; whatever comes after it may be anything."""
    path = tmp_path / "key"
    path.write_bytes(b"pass word\n\xff")

    assert read_password(str(path)) == "pass word"
    with pytest.raises(ArchiveError, match="is no text"):
        read_identities(str(path))
