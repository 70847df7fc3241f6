"""Tests of the format of llm: its database from end to end."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import msgspec
import pytest

from steno.transcripts.importers.formats.llm_logs import FORMAT
from steno.transcripts.importers.model import Entry, Identity, Replied, Returned, Said
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "llm"


def make(path: Path, script: str) -> Path:
    """Make a database of a script."""
    with sqlite3.connect(path) as connection:
        connection.executescript((DATA / script).read_text())
    connection.close()
    return path


def read(source: Source) -> dict[str, tuple[Identity, list[Entry]]]:
    """Read all conversations."""
    return {each.identity.id: (each.identity, list(each.entries)) for each in FORMAT.read(source)}


def said(entries: list[Entry]) -> list[tuple[str, str]]:
    """List what was said, by whom, and what came back."""
    told: list[tuple[str, str]] = []
    for entry in entries:
        for fact in entry.facts if entry.replayed_from is None else ():
            if isinstance(fact, Said):
                told.append((fact.role, fact.text))
            elif isinstance(fact, Returned):
                told.append(("tool", str(fact.output)))
            elif isinstance(fact, Replied) and fact.text:
                told.append(("assistant", fact.text))
    return told


def counts(entries: list[Entry]) -> dict[str | None, tuple[int, int]]:
    """List the counts of each reply."""
    return {
        fact.id: (fact.tokens.input, fact.tokens.output)
        for entry in entries
        for fact in entry.facts
        if isinstance(fact, Replied) and fact.tokens is not None
    }


@pytest.mark.parametrize("script", ["logs-old.sql", "logs-new.sql", "logs-nodes.sql"])
def test_recognises_its_databases(script: str, tmp_path: Path) -> None:
    """Each form of the database is recognised by its tables."""
    assert FORMAT.recognise(probe(make(tmp_path / "logs.db", script))) == 1.0


def test_does_not_claim_others(tmp_path: Path) -> None:
    """A database with tables of the same names but other columns is not llm's."""
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE responses (id)")
        connection.execute("CREATE TABLE messages (id, role)")
    connection.close()

    assert FORMAT.recognise(probe(path)) == 0.0
    assert not FORMAT.takes_folder(probe(tmp_path))
    assert FORMAT.neighbour(Path("keys.json")) == "credentials"
    assert FORMAT.neighbour(Path("logs.db")) is None


def test_the_older_tables(tmp_path: Path) -> None:
    """A conversation of responses: fragments, system and prompt go in, calls come out."""
    told = read(Source(make(tmp_path / "logs.db", "logs-old.sql")))
    identity, entries = told["01aaa"]

    assert identity.title == "Tides"
    assert said(entries) == [
        ("user", "The moon pulls."),
        ("system", "Be brief."),
        ("user", "Why tides?"),
        ("tool", "high at noon"),
        ("tool", "TimeoutError: slow"),
        ("assistant", "The moon."),
    ]
    assert counts(entries) == {"01b01": (120, 40), "01b02": (97, 5)}
    assert [entry.kind for entry in entries] == [
        "conversations", "system_fragments", "prompt_fragments", "prompt_attachments",
        "responses", "tool_calls", "tool_results", "tool_results", "responses",
    ]  # fmt: skip
    assert b'"base64":"iVBOR/8="' in entries[3].raw
    results = [fact for entry in entries for fact in entry.facts if isinstance(fact, Returned)]
    assert [fact.success for fact in results] == [True, False]


def test_a_response_without_a_conversation(tmp_path: Path) -> None:
    """It is a conversation of its own; a time that is none is none."""
    told = read(Source(make(tmp_path / "logs.db", "logs-old.sql")))
    identity, entries = told["01b03"]

    assert identity.began is None
    assert said(entries) == [("user", "Alone?"), ("assistant", "Yes.")]


def test_the_oldest_table(tmp_path: Path) -> None:
    """What the first versions logged is read by chats."""
    told = read(Source(make(tmp_path / "logs.db", "logs-old.sql")))

    assert said(told["logs-1"][1]) == [
        ("user", "First?"), ("assistant", "First."),
        ("user", "And then?"), ("assistant", "Second."),
    ]  # fmt: skip


def test_the_message_store(tmp_path: Path) -> None:
    """A thread tells each message once, and a response that is a turn is left to the turn."""
    source = Source(make(tmp_path / "logs.db", "logs-new.sql"))
    told = read(source)
    _, entries = told["01aaa"]

    assert said(entries) == [
        ("user", "Older?"), ("assistant", "Older."),
        ("system", "Be brief."), ("user", "Read: The moon pulls. Why tides?"),
        ("tool", "high at noon"), ("assistant", "The moon."),
        ("user", "Thanks."), ("assistant", "Gladly."),
    ]  # fmt: skip
    assert counts(entries) == {
        "01b00": (3, 2), "01b01": (100, 20), "01b02": (130, 5), "01b03": (140, 4),
    }  # fmt: skip
    assert list(source.skipped.values()) == [1]
    replies = [
        fact
        for entry in entries
        for fact in entry.facts
        if isinstance(fact, Replied) and fact.id == "01b01"
    ]
    assert {fact.model for fact in replies} == {"glow-5-2026"}
    assert [call.arguments for fact in replies for call in fact.calls] == ['{"day":3}']
    assert "An almanac may know." in {fact.thinking for fact in replies}


def test_a_fork_tells_what_is_its_own(tmp_path: Path) -> None:
    """What a forked thread shares with the other one is marked as a copy of that."""
    told = read(Source(make(tmp_path / "logs.db", "logs-new.sql")))
    identity, entries = told["01ccc"]

    assert (identity.previous, identity.reason) == ("01aaa", "fork")
    assert said(entries) == [("user", "And the sun?"), ("assistant", "A little.")]
    assert counts(entries) == {"01b09": (138, 6)}
    assert [entry.id for entry in entries if entry.replayed_from == "01aaa"] == [
        "b2:s", "b2:u1", "b2:a1", "b2:t1", "b2:a2",
    ]  # fmt: skip


def test_the_store_of_nodes(tmp_path: Path) -> None:
    """The store's other form tells the same."""
    told = read(Source(make(tmp_path / "logs.db", "logs-nodes.sql")))

    assert said(told["01ddd"][1]) == [("user", "Hello?"), ("assistant", "Hello.")]
    assert counts(told["01ddd"][1]) == {"01e01": (8, 2)}


@pytest.mark.parametrize("script", ["logs-old.sql", "logs-new.sql", "logs-nodes.sql"])
def test_no_value_makes_it_raise(script: str, tmp_path: Path) -> None:
    """Whatever a column holds, nothing raises and all that is told is valid JSON."""
    numbers = random.Random(7)
    values = [None, 7, -1, 1e308, "", "x", b"\xff\x00", "[", "[7]", '{"text_ref":7}', 2**62]
    for number in range(40):
        path = make(tmp_path / f"{number}.db", script)
        with sqlite3.connect(path) as connection:
            tables = [
                row[0]
                for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            for table in tables:
                columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
                names = [row[1] for row in columns if not (row[5] and row[2] == "INTEGER")]
                for name in numbers.sample(names, min(2, len(names))):
                    connection.execute(
                        f"UPDATE OR IGNORE {table} SET [{name}] = ? WHERE rowid % 2 = ?",
                        (numbers.choice(values), numbers.randrange(2)),
                    )
        connection.close()
        for _identity, entries in read(Source(path)).values():
            for entry in entries:
                msgspec.json.decode(entry.raw)
        path.unlink()
