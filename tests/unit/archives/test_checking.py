"""What is said of an archive that was checked."""

from steno.archives import checking
from steno.archives.checking import check
from steno.archives.reading import Keys


def test_check(archive, tmp_path):
    """An archive is well, or the result says in one word what is wrong."""
    (path,) = archive("a", "b")

    found = check(path, Keys("correct horse"))
    assert (found["result"], found["records"], found["complete"]) == ("ok", 2, True)
    assert check(path, Keys("wrong"))["result"] == "password"
    assert check(tmp_path, Keys("x"))["result"] == "foreign"
    assert check(tmp_path / "none.zip", Keys("x"))["result"] == "missing"


def test_the_disk_fails(archive, monkeypatch):
    """What the disk does not give back is a result, and no end."""
    (path,) = archive("a")

    def fail(path, keys):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(checking, "open_archive", fail)
    assert check(path, Keys("correct horse")) == {
        "result": "other", "message": "Input/output error",
    }  # fmt: skip
