"""Folders and files of the archives."""

import os
import stat

import pytest

from steno.archives import placing
from steno.identity import new_recorder_id, new_session_id

# Python 3.12 warns of what is tested here: a fork while threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_permissions(base):
    """Folders and files are for their owner alone, whatever the umask."""
    old = os.umask(0)
    try:
        with placing.open_locked(base, ("user", "chat"), create=True) as folder:
            placing.close(placing.create_file(folder, "x"))
    finally:
        os.umask(old)

    assert stat.S_IMODE((base / "user" / "chat").stat().st_mode) == 0o700
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert stat.S_IMODE((base / "user" / "chat" / "x").stat().st_mode) == 0o600


def test_links_are_not_followed(base, tmp_path):
    """A link in the place of a folder or of a file is an error, and nothing is written there."""
    base.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (base / "user").symlink_to(outside)

    with (
        pytest.raises(OSError, match="user"),
        placing.open_locked(base, ("user", "chat"), create=True),
    ):
        pass
    with placing.open_base(base) as folder:
        assert placing.open_file(folder, "user") is None
        with pytest.raises(FileExistsError):
            placing.create_file(folder, "user")
    assert not list(outside.iterdir())


def test_the_lock_is_for_one(base):
    """Who holds a folder keeps others out of it."""
    with placing.open_locked(base, ("user",), create=True):
        with placing.open_base(base) as folder:
            again = placing.open_below(folder, "user", create=False)
        assert not placing.lock_now(again)
        placing.close(again)


def test_publish(base):
    """A file appears under its name whole, and a temporary one that failed is gone."""
    with (
        placing.open_locked(base, ("user",), create=True) as folder,
        placing.open_spools(base, create=True) as spools,
    ):
        with placing.temporary_file(spools) as (fd, name):
            os.write(fd, b"whole")
            assert not placing.exists(folder, "x.zip")
            placing.publish(fd, spools, name, folder, "x.zip")
        with pytest.raises(ValueError, match="no"), placing.temporary_file(spools):
            raise ValueError("no")
        assert placing.exists(folder, "x.zip")

    assert (base / "user" / "x.zip").read_bytes() == b"whole"
    assert not list((base / ".spool").iterdir())


def test_leftovers(base):
    """Temporary files of the dead are removed, those of the living are not."""
    with placing.open_spools(base, create=True) as spools:
        owner, spool = new_recorder_id(), new_session_id()
        for left in (f"1-{16 * 'a'}.tmp", f".{owner}.owner", f".{spool}.0.{owner}.spool"):
            (base / ".spool" / left).write_bytes(b"")
        with placing.temporary_file(spools) as (_, name):
            assert placing.remove_leftovers(spools) == 3
            assert os.listdir(base / ".spool") == [name]


def test_leftovers_of_others(base):
    """What has no name of our form is not ours: it stays."""
    foreign = {".gitkeep", "notes.tmp", ".nfs0001", "1-dead.tmp", ".x.0.spool", ".a.owner"}
    with placing.open_spools(base, create=True) as spools:
        for name in foreign:
            (base / ".spool" / name).write_bytes(b"")

        assert placing.remove_leftovers(spools) == 0
        assert set(os.listdir(base / ".spool")) == foreign


def test_a_child_lets_go(base):
    """A forked child that lives on does not keep its parent's lock."""
    with placing.open_locked(base, ("user",), create=True) as folder:
        ready, go_on = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            os.write(ready[1], b"x")
            os.read(go_on[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
        os.close(ready[0])
        assert folder
    with placing.open_locked(base, ("user",), create=True):
        pass  # at once, although the child lives
    os.write(go_on[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    for fd in (ready[1], *go_on):
        os.close(fd)
