"""OpenClaw's database: its sessions, in whichever form their entries are kept."""

import contextlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.storage.compressed import load_zstd
from steno.transcripts.importers.formats import openclaw
from steno.transcripts.importers.formats.openclaw_store import FORMAT
from steno.transcripts.importers.model import Replied
from steno.transcripts.importers.registry import recognise
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports"
LINES = (DATA / "openclaw" / "compaction.jsonl").read_text().splitlines()
AT = 1772438400000
KEY = "agent:garden:main"


class Database:
    """A database of an agent's, to be filled.

    Attributes:
        path: Where it lies.
    """

    def __init__(self, folder, schema):
        """Make one of a schema."""
        self.path = folder / "agents" / "garden" / "agent" / "openclaw-agent.sqlite"
        self.path.parent.mkdir(parents=True)
        self.run(lambda connection: connection.executescript(
            (DATA / "openclaw-store" / f"schema-{schema}.sql").read_text()
        ))  # fmt: skip

    def run(self, work):
        """Work on it."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            work(connection)

    def insert(self, table, **fields):
        """Add a row."""
        names, marks = ", ".join(fields), ", ".join("?" * len(fields))
        self.run(lambda connection: connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(fields.values())
        ))  # fmt: skip

    def window(self, session_id, number=0, key=KEY, **fields):
        """Add a session."""
        at = AT + number
        self.insert("session_windows", session_id=session_id, session_key=key, created_at=at,
                    updated_at=at, **fields)  # fmt: skip

    def events(self, session_id, lines, packed=()):
        """Add entries, some of them compressed."""
        for seq, line in enumerate(lines):
            if seq in packed:
                data = load_zstd().compress(line.encode())
                self.insert("transcript_events", session_id=session_id, seq=seq, event_zstd=data,
                            event_utf8_bytes=len(line.encode()), created_at=AT + seq)  # fmt: skip
            else:
                self.insert("transcript_events", session_id=session_id, seq=seq, event_json=line,
                            created_at=AT + seq)  # fmt: skip

    def archive(self, session_id, blob, **fields):
        """Add an archive."""
        self.insert("session_transcript_archives", **{
            "session_id": session_id, "generation": "g1", "session_key": KEY, "reason": "deleted",
            "encoding": "zstd", "archive_blob": blob, "archive_sha256": "0" * 64,
            "archive_name": f"{session_id}-{fields.get('generation')}", "created_at": AT, **fields,
        })  # fmt: skip

    def cold(self, session_id, name, blob=None):
        """Put a session into cold storage."""
        self.insert("session_transcript_cold_archives", session_id=session_id, generation="g",
                    archive_name=name, archive_sha256="0" * 64, event_count=1, raw_bytes=1,
                    archive_bytes=1, last_seq=1, archived_at=AT,
                    storage="file" if blob is None else "sqlite", archive_blob=blob)  # fmt: skip


@pytest.fixture(params=[19, 25])
def any_database(tmp_path, request):
    """Make a database of either age."""
    return Database(tmp_path, request.param)


@pytest.fixture
def database(tmp_path):
    """Make a database of the newest age."""
    return Database(tmp_path, 25)


def read(database):
    """Read all sessions: identity and entries, and what was left out."""
    source = Source(database.path)
    found = [(each.identity, list(each.entries)) for each in FORMAT.read(source)]
    return found, source


def texts(entries):
    """Return entries verbatim."""
    return [entry.raw.decode() for entry in entries]


def test_recognised(any_database):
    """The database is known by its tables, and as no other format."""
    looked = probe(any_database.path)

    assert FORMAT.recognise(looked) == 1.0
    assert recognise(looked) is FORMAT
    assert not FORMAT.takes_folder(looked)


def test_others_not_recognised(tmp_path):
    """Other databases, other tables of these names, and files that are none, are not taken."""
    path = tmp_path / "x.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE transcript_events (id, what)")
        connection.execute("CREATE TABLE session_windows (window_id)")

    assert FORMAT.recognise(probe(path)) == 0
    assert FORMAT.recognise(probe(DATA / "openclaw" / "v3.jsonl")) == 0


def test_neighbours(tmp_path):
    """The parts of a database beside it are none themselves."""
    assert FORMAT.neighbour(tmp_path / "openclaw-agent.sqlite-wal")
    assert FORMAT.neighbour(tmp_path / "openclaw-agent.sqlite") is None


def test_entries(any_database):
    """The entries of a window are those of the JSON lines, verbatim and in order."""
    any_database.window("s1")
    any_database.events("s1", LINES)
    [(identity, entries)], source = read(any_database)

    assert texts(entries) == LINES
    assert [entry.offset for entry in entries] == list(range(len(LINES)))
    assert source.flaws == []
    assert (identity.format, identity.id, identity.key) == ("openclaw", "s1", KEY)
    assert identity.cwd == "/srv/garden"


def test_same_as_the_file(database):
    """A session in the database and its file have one identity and the same facts."""
    header = json.loads(LINES[0])
    database.window(header["id"])
    database.events(header["id"], LINES, packed={2, 4})
    [(identity, entries)], _ = read(database)
    (other,) = openclaw.FORMAT.read(Source(DATA / "openclaw" / "compaction.jsonl"))

    assert (identity.format, identity.id) == (other.identity.format, other.identity.id)
    assert [(each.raw, each.id, each.facts) for each in entries] == [
        (each.raw, each.id, each.facts) for each in other.entries
    ]


def test_compressed_entries(database):
    """Entries that are compressed are read like the others."""
    database.window("s1")
    database.events("s1", LINES, packed={0, 3, 5})
    [(identity, entries)], _ = read(database)

    assert texts(entries) == LINES
    assert identity.cwd == "/srv/garden"


def test_identity(database):
    """Who a window is, what it goes on from, and who began it, stand in its row."""
    database.insert("schema_meta", meta_key="primary", role="agent", schema_version=25,
                    agent_id="garden", app_version="2026.9.7")  # fmt: skip
    database.insert("session_nodes", session_key=KEY, current_session_id="s2", entry_json="{}",
                    updated_at=AT, display_name="The garden", created_via="operator")  # fmt: skip
    database.window("s1", 0)
    database.window("s2", 10, previous_session_id="s1", reason="rollover", channel="telegram",
                    started_at=AT + 11, status="done")  # fmt: skip
    database.window("s3", 20, key="agent:garden:subagent:7c", spawned_by=KEY, reason="initial")
    found, _ = read(database)
    first, second, third = (identity for identity, _ in found)

    assert (first.previous, first.reason, first.title) == (None, None, "The garden")
    assert (second.previous, second.reason) == ("s1", "reset")
    assert second.began == datetime(2026, 3, 2, 8, 0, 0, 11000, UTC)
    assert second.facts == {
        "session_scope": "conversation", "channel": "telegram", "status": "done",
        "window_reason": "rollover", "created_via": "operator", "agent": "garden",
        "schema_version": 25,
    }  # fmt: skip
    assert (third.parent, third.facts["spawned_by"]) == ("s2", KEY)
    assert third.program == "openclaw"


@pytest.mark.parametrize(
    ("reason", "ours"),
    [("reset", "reset"), ("compaction", "compaction"), ("fork", "fork"), ("rewind", "fork"),
     ("switch", None), ("recovery", None), (None, None)],
)  # fmt: skip
def test_reasons(database, reason, ours):
    """Why a window goes on from another one is said in our words, where there is one."""
    database.window("s2", previous_session_id="s1", reason=reason)
    [(identity, _)], _ = read(database)

    assert (identity.previous, identity.reason) == ("s1", ours)


def test_fork_of_a_node(database):
    """The node tells where a fork came from, where the window does not."""
    database.insert("session_nodes", session_key=KEY, current_session_id="s2", entry_json="{}",
                    updated_at=AT, fork_source_session_id="s0")  # fmt: skip
    database.window("s2", reason="initial")
    [(identity, _)], _ = read(database)

    assert (identity.previous, identity.reason) == ("s0", "fork")


def test_deleted_sessions(database):
    """Archives of deleted sessions are read, plain and compressed, before what is left of them."""
    text = "".join(f"{line}\n" for line in LINES[:4]).encode()
    database.archive("gone", load_zstd().compress(text), generation="g1")
    database.archive("plain", text, encoding="identity", generation="g1")
    database.archive("again", text, generation="g1")
    database.window("again")
    database.events("again", LINES[4:])
    found, _ = read(database)
    told = {identity.id: (identity, texts(entries)) for identity, entries in found}

    assert told["gone"][1] == told["plain"][1] == LINES[:4]
    assert told["again"][1] == LINES
    assert (told["gone"][0].key, told["gone"][0].facts["archived"]) == (KEY, "deleted")


def test_cold_storage(database):
    """Cold storage is read where it lies: in the database, or in a file beside the sessions."""
    text = "".join(f"{line}\n" for line in LINES).encode()
    folder = database.path.parent.parent / "sessions" / "cold"
    folder.mkdir(parents=True)
    (folder / "abc.jsonl.zst").write_bytes(load_zstd().compress(text))
    for number, session_id in enumerate(("s1", "s2", "s3")):
        database.window(session_id, number)
    database.cold("s1", "in.jsonl.zst", load_zstd().compress(text))
    database.cold("s2", "abc.jsonl.zst")
    database.cold("s3", "lost.jsonl.zst")
    found, source = read(database)

    assert [texts(entries) for _, entries in found] == [LINES, LINES, []]
    assert source.skipped == {"a session in cold storage, whose file is not there": 1}


def test_entries_without_a_window(database):
    """Entries whose session has no window are a session all the same, named by their header."""
    header = {**json.loads(LINES[0]), "id": "s9", "sessionKey": "agent:a:main"}
    database.events("s9", [json.dumps(header), *LINES[1:]])
    [(identity, entries)], _ = read(database)

    assert (identity.id, identity.key, len(entries)) == ("s9", "agent:a:main", len(LINES))


def test_damaged_entries(database):
    """Rows that hold no entry are kept as they are, and said; the others are read."""
    database.window("s1")
    database.events("s1", LINES[:2])
    for seq, fields in enumerate(
        ({"event_zstd": b"nonsense"}, {"event_json": "{"}, {}, {"event_json": "5"}), 2
    ):
        database.insert("transcript_events", session_id="s1", seq=seq, created_at=AT, **fields)
    [(_, entries)], source = read(database)
    kept = [json.loads(entry.raw) for entry in entries]

    assert [entry.known for entry in entries] == [True, True, False, False, False, False]
    assert kept[2]["event_zstd"] == {"base64": "bm9uc2Vuc2U="}
    assert (kept[3]["event_json"], kept[4]["seq"], kept[5]) == ("{", 4, 5)
    assert [(flaw.offset, flaw.kind) for flaw in source.flaws] == [
        (2, "compressed"), (3, "syntax"), (4, "compressed"),
    ]  # fmt: skip


def test_time_of_the_row(database):
    """An entry that tells no time was written when its row was."""
    database.window("s1")
    database.events("s1", ['{"type":"message","id":"a","message":{"role":"user","content":"x"}}'])
    [(_, entries)], _ = read(database)

    assert entries[0].at == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_while_it_is_written(database):
    """A database in use is read with what its write-ahead log holds, and nothing is written."""
    with contextlib.closing(sqlite3.connect(database.path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(
            "INSERT INTO session_windows (session_id, session_key, created_at, updated_at)"
            " VALUES ('s1', 'k', 1, 1)"
        )
        before, _ = read(database)
        writer.commit()
        after, _ = read(database)

    assert (len(before), len(after)) == (0, 1)


def test_columns_missing(database):
    """Tables that lack any of the columns that are asked for are read as far as they go."""
    database.window("s1", previous_session_id="s0")
    database.insert("session_nodes", session_key=KEY, current_session_id="s1", entry_json="{}",
                    updated_at=AT)  # fmt: skip
    database.events("s1", LINES)
    database.archive("s2", b"{}", generation="g")
    whole = database.path.read_bytes()
    for table in ("session_windows", "session_nodes", "transcript_events",
                  "session_transcript_archives", "session_transcript_cold_archives"):  # fmt: skip
        for column in sorted(probe(database.path).tables[table]):
            name = f"gone_{column}"
            database.run(lambda each, t=table, c=column, n=name: each.execute(
                f"ALTER TABLE {t} RENAME COLUMN {c} TO {n}"
            ))  # fmt: skip
            found, _ = read(database)
            database.path.write_bytes(whole)

            assert found or column == "session_id"


def test_any_type(database):
    """Values of other types in any column do no harm."""
    path = database.path.with_name("loose.sqlite")
    loose = (DATA / "openclaw-store" / "schema-19.sql").read_text()
    for value in (None, 5, 1.5, b"\xff\x00", "", "x" * 1000, -(2**62), "\U0001f99e"):
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(loose.replace("NOT NULL", ""))
            for table, width in (("session_windows", 19), ("session_nodes", 14),
                                 ("transcript_events", 4), ("schema_meta", 7)):  # fmt: skip
                connection.execute(
                    f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", (value,) * width
                )
        source = Source(path)
        for conversation in FORMAT.read(source):
            list(conversation.entries)


def test_replies(database):
    """Tokens are counted as those of the JSON lines are."""
    database.window("s1")
    database.events("s1", LINES, packed=set(range(0, len(LINES), 2)))
    [(_, entries)], _ = read(database)
    replies = [fact for entry in entries for fact in entry.facts if isinstance(fact, Replied)]

    assert sum(reply.tokens.output for reply in replies) == 40 + 12 + 2 + 9


def test_which_window_of_the_parent(database):
    """A sub-agent belongs to the session that its parent's key had when the sub-agent began."""
    database.window("a-first", 0)
    database.window("child", 5, key="agent:garden:subagent:1", spawned_by=KEY)
    database.window("z-second", 10)
    for session_id in ("a-first", "child", "z-second"):
        database.events(session_id, LINES[:2])
    found, _source = read(database)

    assert [(each.id, each.parent) for each, _entries in found] == [
        ("a-first", None), ("child", "a-first"), ("z-second", None),
    ]  # fmt: skip
