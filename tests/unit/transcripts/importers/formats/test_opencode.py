"""Tests of the format of opencode: what it recognises, and its database from end to end."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steno.transcripts.importers.formats.opencode import FORMAT
from steno.transcripts.importers.model import Counted, Entry, Noted, Replied, Returned, Said
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "opencode"


def make(path: Path, script: str, *more: str) -> Path:
    """Make a database of a script."""
    with sqlite3.connect(path) as connection:
        connection.executescript((DATA / script).read_text())
        for statement in more:
            connection.execute(statement)
    connection.close()
    return path


def read(path: Path) -> dict[str, list[Entry]]:
    """Read all conversations: their ids, and their entries."""
    source = Source(path)
    return {each.identity.id: list(each.entries) for each in FORMAT.read(source)}


def test_recognises_databases_and_trees(tmp_path: Path) -> None:
    """Databases of both versions and both forms of the tree are recognised, nothing else is."""
    one = make(tmp_path / "opencode.db", "opencode-1.sql")
    two = make(tmp_path / "two.db", "opencode-2.sql")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE message (id, body)")
    connection.close()

    assert FORMAT.recognise(probe(one)) == 1.0
    assert FORMAT.recognise(probe(two)) == 1.0
    assert FORMAT.recognise(probe(other)) == 0.0
    assert FORMAT.recognise(probe(DATA / "storage")) > 0.9
    assert FORMAT.takes_folder(probe(DATA / "storage-0.3"))
    assert not FORMAT.takes_folder(probe(tmp_path))


def test_names_neighbours() -> None:
    """Logs of the database and parts of the tree are named as no transcripts."""
    assert FORMAT.neighbour(Path("x/opencode.db-wal")) is not None
    assert FORMAT.neighbour(Path("x/storage/part/msg_a/prt_a.json")) is not None
    assert FORMAT.neighbour(Path("x/auth.json")) == "credentials"
    assert FORMAT.neighbour(Path("x/storage/other.jsonl")) is None


def test_tells_who_a_session_is(tmp_path: Path) -> None:
    """A session has its folder, version, title and the session that began it."""
    path = make(tmp_path / "opencode.db", "opencode-1.sql")
    main, child = [each.identity for each in FORMAT.read(Source(path))]

    assert (main.id, main.cwd, main.title) == ("ses_main", "/home/ada/loom", "Mend the loom")
    assert main.program == "opencode 1.15.10"
    assert main.began is not None
    assert main.began.isoformat() == "2026-01-15T12:00:00+00:00"
    assert main.facts["worktree"] == "/home/ada/loom"
    assert child.parent == "ses_main"


def test_every_row_is_one_entry(tmp_path: Path) -> None:
    """Each row of a session's tables is one entry of valid JSON, in order, the unknown one told."""
    entries = read(make(tmp_path / "opencode.db", "opencode-1.sql"))["ses_main"]

    assert len(entries) == 1 + 7 + 19 + 1 + 1
    for entry in entries:
        assert isinstance(msgspec.json.decode(entry.raw), dict)
    assert [entry.kind for entry in entries if not entry.known] == ["part/hologram"]
    assert entries[0].kind == "session"
    assert [entry.kind for entry in entries[-2:]] == [
        "session_message/agent-switched",
        "todo",
    ]


def test_a_fork_and_a_copy_are_told_once(tmp_path: Path) -> None:
    """Rows that repeat a message of the older table are kept and tell nothing."""
    path = make(tmp_path / "opencode.db", "opencode-2.sql")
    identities = {each.identity.id: each.identity for each in FORMAT.read(Source(path))}
    entries = {entry.id: entry for entry in read(path)["ses_old"]}

    assert identities["ses_new"].previous == "ses_old"
    assert identities["ses_new"].reason == "fork"
    assert entries["evt_1"].facts == entries["evt_2"].facts == ()
    assert entries["evt_2"].guessed is not None
    assert entries["evt_3"].facts == (Said("user", "Again."),)
    assert [f.text for f in entries["prt_2"].facts if isinstance(f, Replied)] == ["Spun."]


def test_missing_indexes_change_nothing(tmp_path: Path) -> None:
    """Without opencode's indexes the same entries come, by a pass over the tables."""
    with_them = read(make(tmp_path / "one.db", "opencode-1.sql"))
    drops = [
        f"DROP INDEX {name}"
        for name in ("message_session_time_created_id_idx", "part_message_id_id_idx")
    ]
    without = read(make(tmp_path / "two.db", "opencode-1.sql", *drops))

    assert without == with_them


def test_messages_without_a_session_are_read(tmp_path: Path) -> None:
    """Messages whose session is gone are a conversation of their own."""
    path = make(tmp_path / "x.db", "opencode-1.sql", "DELETE FROM session WHERE id = 'ses_child'")

    assert any(entry.facts for entry in read(path)["ses_child"])


VALUES = [
    "null",
    "7",
    "-1",
    '""',
    '"x"',
    "[]",
    "{}",
    "1e308",
    '{"type":[]}',
    "[[[[]]]]",
    "true",
    '"\\ud800"',
    "NaN",
    "not json",
    "9" * 40,
    '{"role":"assistant","tokens":{"output":-5}}',
]


@pytest.mark.parametrize("script", ["opencode-1.sql", "opencode-2.sql"])
def test_no_value_makes_it_raise_or_lose(script: str, tmp_path: Path) -> None:
    """Whatever a field holds, nothing raises and every row is one entry still."""
    numbers = random.Random(5)
    original = make(tmp_path / "x.db", script)
    count = sum(len(entries) for entries in read(original).values())
    for number in range(40):
        path = tmp_path / f"{number}.db"
        shutil.copy(original, path)
        with sqlite3.connect(path) as connection:
            for table in ("message", "part", "session_message"):
                for rowid, data in connection.execute(
                    f"SELECT rowid, data FROM {table}"
                ).fetchall():
                    if numbers.random() < 0.3:
                        mutated = mutate(data, numbers)
                        query = f"UPDATE {table} SET data = ? WHERE rowid = ?"
                        connection.execute(query, (mutated, rowid))
        connection.close()
        entries = [entry for each in read(path).values() for entry in each]
        assert len(entries) == count
        for entry in entries:
            msgspec.json.decode(entry.raw)
        path.unlink()


def mutate(data: str, numbers: random.Random) -> Any:
    """Change one field of an object, tear it, or put something else in its place."""
    if numbers.random() < 0.2:
        return data[: numbers.randrange(len(data))]
    if numbers.random() < 0.2:
        return numbers.choice([*VALUES, b"\xff\x00", 7])
    told = msgspec.json.decode(data)
    place = told
    while True:
        if not isinstance(place, dict) or not place:
            break
        key = numbers.choice(sorted(place))
        if isinstance(place[key], dict) and place[key] and numbers.random() < 0.7:
            place = place[key]
            continue
        if numbers.random() < 0.3:
            del place[key]
        else:
            place[key] = numbers.choice([None, 7, -1, "", "x", [], {}, 1e308, True, [{}], 2**63])
        break
    return msgspec.json.encode(told).decode()


def test_facts_are_of_the_contract(tmp_path: Path) -> None:
    """All that is told is of the kinds that the contract knows, and no counts stand alone."""
    facts = [
        fact
        for entries in read(make(tmp_path / "x.db", "opencode-1.sql")).values()
        for entry in entries
        for fact in entry.facts
    ]

    assert any(isinstance(fact, Noted) for fact in facts)
    assert any(isinstance(fact, Returned) for fact in facts)
    assert not any(isinstance(fact, Counted) for fact in facts)
