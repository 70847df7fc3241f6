"""Steps that can be taken again, and taken back."""

import os

import msgspec
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
    for text in ("{", "[" * 100_000):
        (tmp_path / "journal.json").write_text(text)
        with pytest.raises(BundleError, match="can't be read") as caught:
            read_journal(tmp_path)
        assert str(tmp_path) in caught.value.hint
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


def test_what_was_still_in_its_place(steps, tmp_path):
    """Whoever comes after puts nothing aside: it may have gone on since the locks were lost."""
    with (tmp_path / "home" / "file").open("a") as file:
        file.write(", and went on")

    assert not settle(tmp_path, write_journal(tmp_path, steps), resumed=True)
    assert (tmp_path / "home" / "file").read_text() == "old, and went on"
    assert (tmp_path / "new" / "file").read_text() == "new"
    assert read_journal(tmp_path) is None


def test_taken_back_once(steps, tmp_path):
    """When all is taken back, nobody does it again, who would take what is there for the new."""
    journal = msgspec.structs.replace(write_journal(tmp_path, steps), back=True)

    assert not settle(tmp_path, write_journal(tmp_path, journal))
    assert read_journal(tmp_path) is None
    assert (tmp_path / "home" / "file").read_text() == "old"


def test_taken_back_where_it_was_deleted(steps, tmp_path):
    """What was placed and is gone since does not keep the rest from being taken back."""
    settle(tmp_path, steps)
    os.unlink(tmp_path / "home" / "file")

    write_journal(tmp_path, steps)
    assert not settle(tmp_path, msgspec.structs.replace(steps, back=True))
    assert (tmp_path / "home" / "file").read_text() == "old"


def test_a_file_where_a_folder_was(steps, tmp_path):
    """A file in the place of a folder that was to be made is an error that leaves no journal."""
    (tmp_path / "home" / "made").write_text("a file")

    with pytest.raises(OSError, match="made"):
        settle(tmp_path, steps)

    assert (tmp_path / "home" / "file").read_text() == "old"
    assert read_journal(tmp_path) is None
