"""Names that one writer alone may publish under."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from steno.storage import claims
from steno.storage.claims import claim_name, sweep_claims


def publish(folder, name, text, **more):
    """Claim a name, write and publish; tells which name it became."""
    claim = claim_name(folder, name, **more)
    os.write(claim.fd, text)
    claim.publish()
    return claim.path.name


def age(path, seconds=7200):
    """Make a file look old."""
    os.utime(path, (time.time() - seconds,) * 2)


def test_numbers(tmp_path):
    """The second of a name gets a number, the third the next; each keeps what it holds."""
    names = [publish(tmp_path, "a.json", text) for text in (b"1", b"2", b"3")]

    assert names == ["a.json", "a-2.json", "a-3.json"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"1", b"2", b"3"]


def test_nothing_is_seen_before(tmp_path):
    """Before it is published a file has a hidden name; afterwards that is gone."""
    claim = claim_name(tmp_path, "a.json")
    os.write(claim.fd, b"half")

    assert os.listdir(tmp_path) == [".a.json.part"]
    claim.publish()

    assert os.listdir(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_claimed_names_are_not_free(tmp_path):
    """While one writes, another one of the same name gets a number."""
    first, second = claim_name(tmp_path, "a.json"), claim_name(tmp_path, "a.json")

    assert (first.name, second.name) == ("a.json", "a-2.json")
    second.publish()
    first.publish()
    assert sorted(os.listdir(tmp_path)) == ["a-2.json", "a.json"]


def test_withdrawn(tmp_path):
    """What is withdrawn leaves nothing, and its name is free again; to do it twice does no harm."""
    claim = claim_name(tmp_path, "a.json")
    claim.withdraw()
    claim.withdraw()

    assert os.listdir(tmp_path) == []
    assert publish(tmp_path, "a.json", b"") == "a.json"


def test_withdrawn_after_it_was_published(tmp_path):
    """What is published stays, also where somebody withdraws it by mistake."""
    claim = claim_name(tmp_path, "a.json")
    claim.publish()
    claim.withdraw()

    assert os.listdir(tmp_path) == ["a.json"]


def test_other_forms(tmp_path):
    """A name is taken also where its compressed form is there."""
    (tmp_path / "a.json.zst").touch()

    assert claim_name(tmp_path, "a.json", suffixes=("", ".zst")).name == "a-2.json"


def test_suffix(tmp_path):
    """What is put behind the name when it is published stands there."""
    claim = claim_name(tmp_path, "a.json", suffixes=("", ".zst"))
    claim.publish(".zst")

    assert claim.path == tmp_path / "a.json.zst"
    assert claim.path.exists()


def test_opaque_names(tmp_path):
    """On disk a file has the name that the caller derives; the readable one gets the number."""
    opaque = {"a.json": "x1", "a-2.json": "x2"}.__getitem__
    claimed = [claim_name(tmp_path, "a.json", disk_name=opaque) for _ in range(2)]
    for claim in claimed:
        claim.publish()

    assert [claim.name for claim in claimed] == ["a.json", "a-2.json"]
    assert sorted(os.listdir(tmp_path)) == ["x1", "x2"]


def test_somebody_elses_file_is_not_replaced(tmp_path):
    """A file that somebody else puts there while one writes stays as it is."""
    claim = claim_name(tmp_path, "a.json")
    (tmp_path / "a.json").write_text("theirs")

    with pytest.raises(FileExistsError):
        claim.publish()
    claim.withdraw()

    assert os.listdir(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "theirs"


def test_without_hard_links(tmp_path, monkeypatch):
    """Where the file system has no hard links, the file appears all the same."""

    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(claims.os, "link", refuse)

    assert [publish(tmp_path, "a.json", text) for text in (b"1", b"2")] == ["a.json", "a-2.json"]
    claim = claim_name(tmp_path, "b.json")
    (tmp_path / "b.json").write_text("theirs")
    with pytest.raises(OSError, match="not permitted"):
        claim.publish()
    claim.withdraw()
    assert (tmp_path / "b.json").read_text() == "theirs"


def test_threads(tmp_path):
    """Threads that save at the same moment get a name each."""
    names = []
    begin = threading.Barrier(8)

    def work(number):
        begin.wait()
        for _ in range(10):
            names.append(publish(tmp_path, "a.json", str(number).encode()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(set(names)) == 80
    assert sorted(names) == sorted(os.listdir(tmp_path))


def test_processes(tmp_path):
    """Processes that save at the same moment get a name each, and lose nothing."""
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom steno.storage.claims import claim_name\n"
        "print(flush=True); sys.stdin.readline()\n"
        "for _ in range(20):\n"
        "    claim = claim_name(Path(sys.argv[1]), 'a.json')\n"
        "    os.write(claim.fd, sys.argv[2].encode())\n"
        "    claim.publish()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(number)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]  # fmt: skip
    for child in children:
        child.stdout.readline()
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        assert child.wait(60) == 0
        child.stdin.close()
        child.stdout.close()

    assert sorted(path.read_text() for path in tmp_path.iterdir()) == sorted("012" * 20)
    assert not list(tmp_path.glob(".*"))


class TestSweep:
    """What processes that died have left."""

    def test_old(self, tmp_path):
        """A claim that is old and that nobody holds is removed; a young one and others stay."""
        for name in (".old.json.part", ".young.json.part", "old.json", ".other"):
            (tmp_path / name).touch()
        for name in (".old.json.part", "old.json", ".other"):
            age(tmp_path / name)

        sweep_claims(tmp_path)

        assert sorted(os.listdir(tmp_path)) == [".other", ".young.json.part", "old.json"]

    def test_held(self, tmp_path):
        """A claim of a living process stays, however long it takes."""
        claim = claim_name(tmp_path, "a.json")
        age(tmp_path / ".a.json.part")

        sweep_claims(tmp_path)

        claim.publish()
        assert os.listdir(tmp_path) == ["a.json"]

    def test_links(self, tmp_path):
        """A link in the place of a claim is not followed."""
        (tmp_path / "elsewhere").touch()
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / ".a.part").symlink_to(tmp_path / "elsewhere")
        os.utime(tmp_path / "folder" / ".a.part", (0, 0), follow_symlinks=False)

        sweep_claims(tmp_path / "folder")

        assert (tmp_path / "elsewhere").exists()

    def test_no_folder(self, tmp_path):
        """Where there is no folder there is nothing to do."""
        sweep_claims(tmp_path / "nowhere")

        assert os.listdir(tmp_path) == []


def test_many_of_one_name(tmp_path):
    """A free number is found without a look at all that are taken."""
    for number in range(1, 501):
        (tmp_path / (f"a-{number}.json" if number > 1 else "a.json")).touch()
    looked = []
    claim = claim_name(tmp_path, "a.json", disk_name=lambda name: looked.append(name) or name)

    assert claim.name == "a-501.json"
    assert len(looked) < 40
    claim.withdraw()
