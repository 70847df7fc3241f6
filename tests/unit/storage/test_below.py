"""Reaching files below a folder without following a link."""

import os

import pytest

from steno.storage.below import lock_folder, newest_below, open_folder, remove_tree, split_below


def test_open(tmp_path):
    """A folder is reached by its names."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()

    with open_folder(tmp_path, "a", "b") as folder:
        assert os.listdir(folder) == ["file"]


def test_link(tmp_path):
    """A link on the way is refused; the folder itself may be reached by one."""
    (tmp_path / "out").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "alias").symlink_to(tmp_path / "root")

    with open_folder(tmp_path / "alias"):
        pass
    with (
        pytest.raises(OSError, match=r"Not a directory|symbolic"),
        open_folder(tmp_path / "root", "link"),
    ):
        pass


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_no_name(tmp_path, name):
    """What is no name in a folder leads nowhere."""
    with pytest.raises(ValueError, match="no name"), open_folder(tmp_path, name):
        pass


def test_split():
    """A path below a folder is split into names; any other one is refused."""
    assert split_below("/a", "/a/b/c") == ("b", "c")
    for path in ("/ab/c", "/a", "/a/../b", "/a//b"):
        with pytest.raises(ValueError, match="below"):
            split_below("/a", path)


def test_remove_tree(tmp_path):
    """A folder goes with all that is in it; a link goes, and what it leads to stays."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    (tmp_path / "s" / "logs").mkdir(parents=True)
    (tmp_path / "s" / "logs" / "a").write_text("12345")
    (tmp_path / "s" / "link").symlink_to(tmp_path / "out")
    with open_folder(tmp_path) as folder:
        assert remove_tree(folder, "s") >= 5
        assert remove_tree(folder, "s") == 0

    assert not (tmp_path / "s").exists()
    assert (tmp_path / "out" / "precious").exists()


def test_remove_link(tmp_path):
    """A link in the place of the folder is not followed."""
    (tmp_path / "out").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "out")

    with open_folder(tmp_path) as folder, pytest.raises(OSError, match=r"Not a directory|symbolic"):
        remove_tree(folder, "s")
    assert (tmp_path / "out").exists()


def test_lock(tmp_path):
    """A folder is locked by one alone, and free again after the block."""
    with open_folder(tmp_path) as one, open_folder(tmp_path) as other:
        with lock_folder(one) as first, lock_folder(other) as second:
            assert (first, second) == (True, False)
        with lock_folder(other) as second:
            assert second


def test_newest(tmp_path):
    """The newest file below a folder says when it last changed; links are not followed."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, stamp in (("a/one", 10), ("a/b/two", 20), ("outside", 30)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (stamp, stamp))
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    os.utime(tmp_path / "a" / "link", (15, 15), follow_symlinks=False)

    with open_folder(tmp_path) as folder:
        assert newest_below(folder, "a") == 20
        assert newest_below(folder, "none") == 0
