"""Making the index anew."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

import steno
from steno.errors import TranscriptError
from steno.query.reindex import reindex


def dump(home):
    """Read all rows of the index."""
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as connection:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in ("sessions", "tool_calls", "gaps", "session_stats")
        }


def without_ids(rows):
    """Leave out the row ids, which may differ, and put rows in order."""
    return {
        table: sorted((row[table in {"tool_calls", "session_stats"} :] for row in found), key=repr)
        for table, found in rows.items()
    }


def test_the_same_rows(recorded):
    """An index that is made anew holds what the recorder had put there."""
    before = without_ids(dump(recorded))
    (recorded / "sessions.db").unlink()

    done = reindex(recorded / "sessions", recorded / "sessions.db")

    after = without_ids(dump(recorded))
    assert done.transcripts == 3
    assert after == before


def test_again_changes_nothing(recorded):
    """Doing it twice gives the same rows."""
    reindex(recorded / "sessions", recorded / "sessions.db")
    before = without_ids(dump(recorded))

    reindex(recorded / "sessions", recorded / "sessions.db")

    assert without_ids(dump(recorded)) == before


def test_transcripts_that_are_gone(recorded):
    """Rows of a session whose transcript was deleted are removed."""
    next(recorded.glob("sessions/*/well.jsonl")).unlink()

    done = reindex(recorded / "sessions", recorded / "sessions.db")

    assert (done.transcripts, done.removed) == (2, 1)
    assert len(dump(recorded)["sessions"]) == 2


def test_a_damaged_database_is_moved_aside(recorded):
    """A damaged database is moved aside, never overwritten."""
    (recorded / "sessions.db").write_bytes(b"garbage" * 1000)
    for rest in recorded.glob("sessions.db-*"):
        rest.unlink()

    done = reindex(recorded / "sessions", recorded / "sessions.db")

    assert done.moved_aside is not None
    assert Path(done.moved_aside).read_bytes().startswith(b"garbage")
    assert len(dump(recorded)["sessions"]) == 3


def test_one_session_in_two_transcripts(home):
    """A session that has two transcripts keeps the rows of both, however often it is indexed."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m"):
            pass
    (path,) = home.glob("sessions/*/s.jsonl")
    other = home / "sessions" / "2001-01-01" / "s.jsonl"
    other.parent.mkdir()
    other.write_text(path.read_text().replace("req-", "other-"))

    for _ in range(3):
        reindex(home / "sessions", home / "sessions.db")
        with contextlib.closing(sqlite3.connect(home / "sessions.db")) as connection:
            assert connection.execute("SELECT request_count FROM sessions").fetchone() == (2,)


def test_beside_a_recorder(home):
    """Recorders go on while the index is made anew, and nothing is missing afterwards."""
    with steno.open(home) as recorder:
        for number in range(300):
            with (
                recorder.session(f"s{number % 7}") as session,
                session.request(model="m") as request,
            ):
                request.response(tokens=steno.Tokens(input=1))
            if number % 100 == 50:
                reindex(home / "sessions", home / "sessions.db")
        assert recorder.flush(30)

    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as connection:
        row = connection.execute(
            "SELECT SUM(request_count), SUM(input_tokens) FROM sessions"
        ).fetchone()
    assert row == (300, 300)


def test_progress(recorded):
    """Progress is told after each transcript."""
    seen = []

    reindex(recorded / "sessions", recorded / "sessions.db", progress=lambda *at: seen.append(at))

    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_home_that_was_moved(recorded, tmp_path):
    """After a home was moved, the index has the same rows, and the new paths."""
    before = len(dump(recorded)["session_stats"])
    moved = recorded.rename(tmp_path / "moved")

    done = reindex(moved / "sessions", moved / "sessions.db")

    assert (done.transcripts, done.removed) == (3, 3)
    with contextlib.closing(sqlite3.connect(moved / "sessions.db")) as connection:
        paths = [path for (path,) in connection.execute("SELECT transcript FROM sessions")]
    assert len(paths) == 3
    assert all(path.startswith(str(moved)) for path in paths)
    assert len(dump(moved)["session_stats"]) == before


def test_a_disk_that_is_not_mounted(recorded):
    """When the folder of transcripts is not there, the index is left as it is."""
    (recorded / "sessions").rename(recorded / "elsewhere")

    with pytest.raises(TranscriptError, match="there is no folder"):
        reindex(recorded / "sessions", recorded / "sessions.db")
    assert len(dump(recorded)["sessions"]) == 3


def test_a_folder_that_can_not_be_read(recorded, monkeypatch):
    """Rows of transcripts that can't be read today are kept."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("steno.transcripts.finding.os.scandir", refuse)

    done = reindex(recorded / "sessions", recorded / "sessions.db")
    assert (done.transcripts, done.removed) == (0, 0)
    assert len(dump(recorded)["sessions"]) == 3


def test_a_home_without_transcripts(home):
    """Rows that a recorder wrote without transcripts are the truth, and are kept."""
    builder = steno.RecorderBuilder().add_writer(steno.SqliteWriter(home / "sessions.db"))
    with builder.build() as recorder, recorder.session("s") as session, session.request(model="m"):
        pass

    assert reindex(home / "sessions", home / "sessions.db").removed == 0
    assert len(dump(home)["sessions"]) == 1


def test_two_damaged_databases(recorded):
    """A second damaged database does not overwrite the first that was moved aside."""
    for content in (b"first" * 1000, b"second" * 1000):
        for rest in recorded.glob("sessions.db-*"):
            rest.unlink()
        (recorded / "sessions.db").write_bytes(content)
        reindex(recorded / "sessions", recorded / "sessions.db")

    assert len(list(recorded.glob("sessions.db.damaged-*"))) == 2


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_compressed(recorded):
    """Compressed transcripts are indexed as plain ones, under their plain names, and are not gone."""
    before = dump(recorded)
    for path in recorded.glob("sessions/*/*.jsonl"):
        pack_away(path)

    done = reindex(recorded / "sessions", recorded / "sessions.db")

    assert (done.transcripts, done.failed, done.removed) == (3, 0, 0)
    assert without_ids(dump(recorded)) == without_ids(before)
