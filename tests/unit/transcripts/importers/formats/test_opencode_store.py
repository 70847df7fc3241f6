"""Tests of the database of opencode, read session by session."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from steno.storage.foreign import open_foreign
from steno.transcripts.importers.formats.opencode_store import conversations, identity_of
from steno.transcripts.importers.model import Aborted, Entry, Replied, Summarised

DATA = Path(__file__).parents[4] / "data" / "imports" / "opencode"


def entries_of(folder: Path, script: str) -> dict[str, list[Entry]]:
    """Read the entries of a script's database, by session."""
    path = folder / "opencode.db"
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.executescript((DATA / script).read_text())
    with open_foreign(path) as connection:
        return {each.identity.id: list(each.entries) for each in conversations(connection)}


def test_a_models_row_comes_behind_its_parts(tmp_path: Path) -> None:
    """A user's row stands before its parts, a model's behind them."""
    ids = [entry.id for entry in entries_of(tmp_path, "opencode-1.sql")["ses_main"]]

    assert ids.index("msg_01") < ids.index("prt_0101")
    assert ids.index("prt_0211") < ids.index("msg_02") < ids.index("msg_03")


def test_counts_are_those_of_the_steps(tmp_path: Path) -> None:
    """A message of two steps counts both; an older one counts reasoning within its output."""
    sessions = entries_of(tmp_path, "opencode-1.sql")
    counted = {
        fact.id: (fact.tokens.input, fact.tokens.output)
        for entries in sessions.values()
        for entry in entries
        for fact in entry.facts
        if isinstance(fact, Replied) and fact.tokens is not None
    }

    assert counted == {
        "msg_02": (2000, 100),
        "msg_02/2": (2060, 100),
        "msg_06": (900, 80),
        "msg_12": (110, 50),
    }


def test_aborts_and_compactions_are_told(tmp_path: Path) -> None:
    """The aborted message ends its request, the summary has what asked for it."""
    facts = [
        fact for entry in entries_of(tmp_path, "opencode-1.sql")["ses_main"] for fact in entry.facts
    ]

    assert [fact.request for fact in facts if isinstance(fact, Aborted)] == ["msg_04"]
    assert [fact.trigger for fact in facts if isinstance(fact, Summarised)] == ["auto"]


def test_copies_have_one_claim(tmp_path: Path) -> None:
    """A message and its copy in the newer table would be claimed as one."""
    path = tmp_path / "opencode.db"
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.executescript((DATA / "opencode-2.sql").read_text())
        writer.execute("UPDATE session_message SET session_id = 'ses_new' WHERE id = 'evt_2'")
        writer.commit()
    with open_foreign(path) as connection:
        claims = [
            fact.claim
            for each in conversations(connection)
            for entry in each.entries
            if entry.id in {"prt_2", "evt_2"}
            for fact in entry.facts
            if isinstance(fact, Replied)
        ]

    assert len(claims) == 2
    assert claims[0] is not None
    assert claims[0] == claims[1]


def test_an_identity_of_nothing() -> None:
    """A session of which nothing is known is one of opencode's all the same."""
    identity = identity_of(
        "ses_1", {"version": 7}, directory=[], parent=None, fork="", began="x", project=1,
        worktree=None,
    )  # fmt: skip

    assert (identity.id, identity.program, identity.cwd) == ("ses_1", "opencode", None)
    assert identity.previous is None
    assert identity.facts == {}
