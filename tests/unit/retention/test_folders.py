"""Folders of archives that are empty."""

import fcntl
import os

from steno.retention.folders import remove_empty
from steno.retention.plan import Rules
from steno.retention.rounds import run_round


def run(old):
    """Run a round for archives."""
    return run_round(old.places, Rules(archive_days=90), now=lambda: old.now)


def test_base_goes(old):
    """When the last archive goes, all folders go, the base included, and that of the spools."""
    old.archive("u", "c", "m.zip", days=91)
    (old.places.archives / ".spool").mkdir()

    run(old)

    assert not old.places.archives.exists()


def test_spools_stay(old):
    """What lies in the folder of the spools is the archivist's and stays, and the base with it."""
    old.archive("u", "c", "m.zip", days=91)
    (old.places.archives / ".spool").mkdir()
    (old.places.archives / ".spool" / "x").touch()

    run(old)

    assert [path.name for path in old.places.archives.rglob("*")] == [".spool", "x"]


def test_foreign_folders(old):
    """Empty folders that are not steno's stay; those that a killed process has emptied go."""
    young = old.archive(days=1)
    base = old.places.archives
    (base / "left").mkdir(mode=0o700)
    (base / "left" / "behind").mkdir(mode=0o700)
    (base / "foreign").mkdir()
    (base / "foreign").chmod(0o755)
    (base / "a").mkdir(mode=0o700)
    (base / "a" / "b").mkdir(mode=0o700)
    (base / "a" / "b" / "deep").mkdir(mode=0o700)
    (base / "link").symlink_to(old.path)

    run(old)

    assert {path.name for path in base.iterdir()} == {"u", "foreign", "a", "link"}
    assert (base / "a" / "b" / "deep").exists()
    assert young.exists()


def test_folder_in_use(old):
    """A folder in which somebody seals the first archive at this moment stays, though it is empty."""
    old.archive(days=1)
    folder = old.places.archives / "v" / "c"
    folder.mkdir(mode=0o700, parents=True)
    fd = os.open(folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    run(old)
    assert folder.exists()

    os.close(fd)
    run(old)
    assert not folder.exists()


def test_nothing_there(tmp_path):
    """Where there is no folder of archives there is nothing to do."""
    remove_empty(tmp_path / "nowhere", [])
