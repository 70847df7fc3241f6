"""Folders are followed, and only what changes is read."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from steno.transcripts.importers.importing import Importer
from steno.transcripts.importers.landing import Landing
from steno.transcripts.importers.ledger import Ledger
from steno.transcripts.importers.watching import Watcher

DATA = Path(__file__).parents[3] / "data" / "imports" / "claude-code" / "blocks"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


@pytest.fixture
def importer(tmp_path):
    """An importer into a new home."""
    landing = Landing(tmp_path / "sessions", tmp_path / "sessions.db")
    ledger = Ledger(tmp_path / "imports.db")
    yield Importer(landing, ledger)
    ledger.close()
    landing.close()


def test_what_changes(importer, tmp_path):
    """New files and new lines are imported as they come; a quiet folder costs no reading."""
    clock = Clock()
    (source,) = DATA.iterdir()
    lines = source.read_bytes().splitlines(keepends=True)
    folder = tmp_path / "projects"
    watcher = Watcher(importer, [folder], clock=clock)
    assert list(watcher.look()) == []

    folder.mkdir()
    (folder / source.name).write_bytes(b"".join(lines[:3]))
    (report,) = watcher.look()
    assert report.tally.new == 3
    assert list(watcher.look()) == []
    clock.now += 60
    with (folder / source.name).open("ab") as file:
        file.write(b"".join(lines[3:]))
    (report,) = watcher.look()
    assert (report.tally.entries, report.tally.new) == (len(lines), len(lines) - 3)


def test_rest(importer, tmp_path):
    """A source rests after it was read, in proportion to the time that it took."""
    clock = Clock()
    (source,) = DATA.iterdir()
    path = tmp_path / source.name
    shutil.copy(source, path)
    watcher = Watcher(importer, [path], clock=clock)
    assert len(list(watcher.look())) == 1

    os.utime(path)
    assert list(watcher.look()) == []
    clock.now += 1
    assert len(list(watcher.look())) == 1


def test_failure_is_said_once(importer, tmp_path):
    """A source that can't be read is tried again a minute later, and not told again."""
    clock = Clock()
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript((DATA.parents[1] / "opencode" / "opencode-1.sql").read_text())
        connection.executemany(
            "INSERT INTO part VALUES (?, 'msg_02', 'ses_main', 1, 1, ?)",
            [(f"prt_z{number}", "x" * 200) for number in range(3000)],
        )
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(b"\xaa" * 60_000)
    watcher = Watcher(importer, [path], clock=clock)
    (first,) = watcher.look()
    tries = []
    run, importer.run = importer.run, lambda each: tries.append(each) or run(each)
    soon = list(watcher.look())
    clock.now += 61
    later = list(watcher.look())

    assert (first.status, soon, later, len(tries)) == ("partial", [], [], 1)
