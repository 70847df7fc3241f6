"""Archives from end to end: several processes, real 7-Zip, real age."""

import json
import subprocess
import sys
import zipfile

import pytest

from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.archives.layout import find_archives
from steno.archives.reading import Keys, open_archive
from steno.logs.lines import LogLine

PROGRAM = """
import sys, time
from pathlib import Path
from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.logs.lines import LogLine
archivist = Archivist(ArchiveSettings(enabled=True, directory=Path(sys.argv[1]), password="pw"))
for turn in range(5):
    ids = ArchiveIds("u", "s", "c", "m", f"{sys.argv[2]}-{turn}")
    spool = archivist.open(ids)
    for number in range(50):
        spool.take(LogLine(time.time(), 10, "DEBUG", "x", f"{sys.argv[2]} {turn} {number}"))
    spool.end("ok")
    assert spool.wait(60)
assert archivist.close(60)
"""


def test_processes_that_work_on_one_message(tmp_path):
    """Three processes that add to one message at once lose nothing and double nothing."""
    children = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "a"), f"p{each}"])
        for each in range(3)
    ]
    assert [child.wait(100) for child in children] == [0, 0, 0]

    ((path, _),) = find_archives(tmp_path / "a")
    with open_archive(path, Keys("pw")) as archive:
        archive.verify()
        messages = [json.loads(line)["message"] for line in archive.lines()]
        assert len(archive.meta.requests) == 15
        assert archive.meta.complete
    assert sorted(messages) == sorted(
        f"p{each} {turn} {number}" for each in range(3) for turn in range(5) for number in range(50)
    )


@pytest.fixture
def seal(tmp_path):
    """Archive a message with a secret in it."""

    def seal(**settings):
        settings = {"enabled": True, "directory": tmp_path / "a", **settings}
        archivist = Archivist(ArchiveSettings(**settings))
        spool = archivist.open(ArchiveIds("u", "s", "c", "m", "r"))
        spool.take(LogLine(1e9, 10, "DEBUG", "x", "hello\nAuthorization: Bearer hunter2"))
        spool.end("error", "it broke")
        assert archivist.close(60)
        return next(path for path, _ in find_archives(tmp_path / "a"))

    return seal


def test_7zip(seal, tmp_path):
    """The real 7-Zip extracts all three members, with AES-256."""
    path = seal(password="pw")
    done = subprocess.run(
        ["7zz", "x", "-ppw", f"-o{tmp_path}/out", path], capture_output=True, text=True, check=True
    )
    listed = subprocess.run(
        ["7zz", "l", "-slt", path], capture_output=True, text=True, check=True
    ).stdout

    assert "Everything is Ok" in done.stdout
    assert listed.count("AES-256") == 3
    text = (tmp_path / "out" / "logs.txt").read_text()
    assert text.splitlines()[1:] == [
        "2001-09-09 01:46:40,000 [DEBUG] [user=u] hello\\nAuthorization: [secret]"
    ]
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["status"] == "error"


def test_age(seal, tmp_path):
    """The real age opens what was sealed to a public key; its contents are a plain zip."""
    made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "key").write_text(made)
    public = next(line.split()[-1] for line in made.splitlines() if "public key" in line)
    path = seal(recipients=(public,))
    subprocess.run(
        ["age", "-d", "-i", tmp_path / "key", "-o", tmp_path / "x.zip", path], check=True
    )

    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == ["meta.json", "logs.txt", "logs.jsonl"]
        assert archive.testzip() is None
