"""Verdicts in the index."""

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.errors import SchemaVersionError, WriteError
from steno.transcripts.recovery.evidence import Evidence
from steno.transcripts.recovery.remembering import remember
from steno.transcripts.recovery.verdicts import Verdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def verdict(path="/t/a.jsonl", **fields):
    """Make a verdict."""
    fields = {"session_id": "s", "file_kind": "live", **fields}
    return Verdict(path=path, **fields)


def rows(database, columns="path, session_key"):
    """Read what is in the index."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT {columns} FROM recovered ORDER BY path").fetchall()


def test_what_is_kept(tmp_path):
    """A verdict is kept with its evidence and the time."""
    evidence = [Evidence("store", "exact", "agent:main:main", "/t/sessions.json", "/x", "s")]
    given = verdict(session_key="agent:main:main", agent_id="main", identified_by="store",
                    confidence=1.0, evidence=evidence)  # fmt: skip

    assert remember(tmp_path / "i.db", [given], NOW) == 1

    (row,) = rows(tmp_path / "i.db", "*")
    assert row[:6] == ("/t/a.jsonl", "s", "agent:main:main", "main", "store", 1.0)
    assert json.loads(row[6])[0]["source"] == "/t/sessions.json"
    assert row[7].startswith("2026-11-21 12:00:00")


def test_what_is_found_again(tmp_path):
    """A later verdict on a transcript replaces the earlier one."""
    remember(tmp_path / "i.db", [verdict(), verdict("/t/b.jsonl")], NOW)
    remember(tmp_path / "i.db", [verdict(session_key="agent:main:x")], NOW)

    assert rows(tmp_path / "i.db") == [("/t/a.jsonl", "agent:main:x"), ("/t/b.jsonl", None)]


def test_many(tmp_path):
    """More verdicts than one transaction takes are all kept."""
    remember(tmp_path / "i.db", (verdict(f"/t/{n:04}") for n in range(1201)), NOW)

    assert len(rows(tmp_path / "i.db")) == 1201


def test_relative_and_hostile_paths(tmp_path, monkeypatch):
    """Paths are kept whole, and such that any text can be stored."""
    monkeypatch.chdir(tmp_path)

    remember(tmp_path / "i.db", [verdict("a.jsonl"), verdict("/\udcff", session_id="x\x00")], NOW)

    assert {Path(path).name for path, _ in rows(tmp_path / "i.db")} == {"a.jsonl", "\\udcff"}
    assert all(path.startswith("/") for path, _ in rows(tmp_path / "i.db"))


def test_an_index_of_version_1(tmp_path, data):
    """An older index is brought up to date first."""
    shutil.copy(data / "v1" / "sessions.db", tmp_path / "i.db")

    remember(tmp_path / "i.db", [verdict()], NOW)

    assert len(rows(tmp_path / "i.db")) == 1


def test_what_is_no_index(tmp_path):
    """Somebody else's database, and a place where none can be, are errors; nothing is changed."""
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(SchemaVersionError):
        remember(other, [verdict()], NOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write") as caught:
        remember(tmp_path / "file" / "i.db", [verdict()], NOW)
    assert caught.value.hint
