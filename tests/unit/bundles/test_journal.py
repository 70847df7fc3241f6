"""Steps that can be taken again, and taken back."""

import os

import pytest

from steno.bundles.journal import Journal, Step, read_journal, settle, write_journal
from steno.errors import BundleError


@pytest.fixture
def steps(tmp_path):
    """Have something to put aside, a file and a folder to place, and the journal of that."""
    new, home = tmp_path / "new", tmp_path / "home"
    (new / "folder").mkdir(parents=True)
    home.mkdir()
    (new / "file").write_text("new")
    (new / "folder" / "a").write_text("new")
    (home / "file").write_text("old")
    return Journal(
        folder=str(tmp_path),
        folders=(str(home / "made"),),
        steps=(
            Step("aside", str(home / "file"), str(new / "old")),
            Step("file", str(new / "file"), str(home / "file")),
            Step("folder", str(new / "folder"), str(home / "made" / "folder")),
        ),
    )


def test_forward_and_again(steps, tmp_path):
    """All steps are taken; to take them again changes nothing."""
    for _ in range(2):
        assert settle(tmp_path, steps)
        assert (tmp_path / "home" / "file").read_text() == "new"
        assert (tmp_path / "new" / "old").read_text() == "old"
        assert (tmp_path / "home" / "made" / "folder" / "a").read_text() == "new"


def test_done(steps, tmp_path):
    """Once it is done, nothing is looked at: what was put aside may be gone."""
    import msgspec

    settle(tmp_path, steps)
    os.unlink(tmp_path / "new" / "old")

    assert settle(tmp_path, msgspec.structs.replace(steps, done=True))
    assert (tmp_path / "home" / "file").read_text() == "new"


def test_something_in_the_way(steps, tmp_path):
    """What appeared meanwhile is not overwritten: every step is taken back."""
    (tmp_path / "home" / "made" / "folder").mkdir(parents=True)
    (tmp_path / "home" / "made" / "folder" / "theirs").write_text("theirs")

    with pytest.raises(BundleError, match="has appeared"):
        settle(tmp_path, steps)

    assert (tmp_path / "home" / "file").read_text() == "old"
    assert (tmp_path / "home" / "made" / "folder" / "theirs").read_text() == "theirs"
    assert read_journal(tmp_path) is None


def test_what_was_begun_anew(steps, tmp_path):
    """Where what was put aside can't go back, it is kept, and said where."""
    import msgspec

    settle(tmp_path, steps)
    os.rename(tmp_path / "home" / "file", tmp_path / "new" / "file")
    (tmp_path / "home" / "file").write_text("begun anew")

    with pytest.raises(BundleError, match="begun anew") as caught:
        settle(tmp_path, msgspec.structs.replace(steps, back=True))
    assert str(tmp_path / "new" / "old") in caught.value.hint
    assert (tmp_path / "new" / "old").read_text() == "old"


def test_written_and_read(steps, tmp_path):
    """A journal is read as it was written; one that can't be read is an error, not a loss."""
    write_journal(tmp_path, steps)
    assert read_journal(tmp_path) == steps
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(BundleError, match="can't be read"):
        read_journal(tmp_path)
    (tmp_path / "journal.json").write_text('{"version":2}')
    with pytest.raises(BundleError, match="another version"):
        read_journal(tmp_path)


def test_a_home_that_was_moved(steps, tmp_path):
    """Where the home was moved in between, nothing is taken for done, and nothing is touched."""
    write_journal(tmp_path, steps)
    moved = tmp_path / "moved"
    moved.mkdir()
    os.rename(tmp_path / "journal.json", moved / "journal.json")

    with pytest.raises(BundleError, match="was moved"):
        settle(moved, read_journal(moved))
    assert (tmp_path / "home" / "file").read_text() == "old"
