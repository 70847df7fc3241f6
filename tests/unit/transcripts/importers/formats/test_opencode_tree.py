"""Tests of the tree of files that opencode kept before its database."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec

from steno.transcripts.importers.formats.opencode_tree import conversations, is_tree, neighbour
from steno.transcripts.importers.model import Replied, Said
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "opencode"


def test_a_session_of_the_tree() -> None:
    """A session is read message by message, each with its parts; pretty files become one line."""
    source = Source(DATA / "storage")
    ((identity, entries),) = [(each.identity, list(each.entries)) for each in conversations(source)]

    assert (identity.id, identity.parent, identity.title) == ("ses_tree", "ses_root", "In a tree")
    assert (identity.program, identity.cwd) == ("opencode 0.9.3", "/home/ada/loom")
    assert [entry.id for entry in entries] == [
        "ses_tree", "msg_a", "prt_a", "prt_b", "prt_c", "msg_b", None,
    ]  # fmt: skip
    assert entries[2].facts == (Said("user", "Card the wool."),)
    (reply,) = entries[5].facts
    assert isinstance(reply, Replied)
    assert reply.tokens is not None
    assert (reply.tokens.input, reply.tokens.output) == (15, 8)
    for entry in entries:
        assert b"\n" not in entry.raw
        msgspec.json.decode(entry.raw)


def test_a_torn_file_is_kept_and_told() -> None:
    """A file that is no JSON is kept as text and told as a flaw."""
    source = Source(DATA / "storage")
    torn = next(
        entry for each in conversations(source) for entry in each.entries if entry.id == "prt_c"
    )

    assert not torn.known
    assert torn.facts == ()
    assert "prt_c" in msgspec.json.decode(torn.raw)
    assert [flaw.detail for flaw in source.flaws] == ["prt_c.json"]


def test_the_first_form() -> None:
    """The tree's first form, with everything under ``session``, is read as well."""
    each = next(conversations(Source(DATA / "storage-0.3")))

    assert each.identity.id == "ses_first"
    assert [entry.id for entry in each.entries] == ["ses_first", "msg_x", "prt_x"]


def test_what_the_database_holds_is_left_to_it(tmp_path: Path) -> None:
    """Sessions that opencode has copied into its database are not told twice."""
    shutil.copytree(DATA / "storage", tmp_path / "storage")
    database = tmp_path / "opencode.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE session (id text)")
        connection.execute("INSERT INTO session VALUES ('ses_tree')")
    connection.close()
    source = Source(tmp_path / "storage")

    assert list(conversations(source)) == []
    assert list(source.skipped.values()) == [1]
    database.write_bytes(b"no database")
    assert len(list(conversations(Source(tmp_path / "storage")))) == 1


def test_a_session_whose_file_is_missing(tmp_path: Path) -> None:
    """Messages are read whose session's own file is gone, or is no object."""
    shutil.copytree(DATA / "storage", tmp_path / "storage")
    (tmp_path / "storage/session/prj1/ses_tree.json").unlink()

    (each,) = conversations(Source(tmp_path / "storage"))
    assert each.identity.id == "ses_tree"
    assert len(list(each.entries)) == 6


def test_what_is_a_tree(tmp_path: Path) -> None:
    """A folder is a tree by the folders in it."""
    (tmp_path / "session").mkdir()

    assert is_tree(probe(DATA / "storage"))
    assert is_tree(probe(DATA / "storage-0.3"))
    assert not is_tree(probe(tmp_path))
    assert neighbour(Path("storage/session_diff/x.json")) == "differences of files"
    assert neighbour(Path("storage/x.json")) is None
