"""What was removed, and what follows it."""

import json
import sqlite3

import pytest

import steno
from steno.errors import StenoError
from steno.query.catching_up import catch_up
from steno.query.reindex import reindex
from steno.retention.removed import Entry, Removed
from steno.storage.holds import Hold, Holds


def removed(old, **more):
    """Open the list of a home."""
    return Removed(
        old.home.retention / "removed.jsonl",
        sessions=old.home.sessions, index=old.home.index, artefacts=old.home.artefacts,
        search=old.home.search, **more,
    )  # fmt: skip


def entry(path, session_id="s", at=0.0):
    """Write down a transcript."""
    status = path.stat()
    return Entry(str(path), session_id, status.st_ino, status.st_mtime_ns, at)


def rows(old):
    """Count the index's rows in all tables that hold sessions."""
    with sqlite3.connect(old.home.index) as connection:
        return [
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in ("sessions", "session_stats", "transcripts")
        ]


def test_settle(old):
    """When a transcript is gone, its rows and its artefacts follow; those of others stay."""
    path = old.transcript("s", days=9)
    old.transcript("t", days=9)
    gone, stays = old.artefact("s"), old.artefact("t")
    reindex(old.home.sessions, old.home.index)
    assert rows(old) == [2, 2, 2]
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()

    assert todo.settle(str(path)) >= 5
    todo.close()

    assert rows(old) == [1, 1, 1]
    assert (gone.exists(), stays.exists()) == (False, True)


def test_words_go(old):
    """What was said in a transcript that is gone is in no file any more, also not among words."""
    path = old.transcript("s", days=9)
    with path.open("a") as file:
        file.write(
            '{"type":"log_recorded","session_id":"s","request_id":"","timestamp":'
            '"2026-11-20T10:00:00Z","level":"INFO","logger":"l","message":"unforgettable"}\n'
        )
    catch_up(old.home.sessions, old.home.search)
    assert b"unforgettable" in b"".join(
        file.read_bytes() for file in old.home.path.glob("search.db*")
    )
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()
    todo.settle(str(path))
    todo.close()

    assert not any(
        b"unforgettable" in file.read_bytes() for file in old.home.path.rglob("*") if file.is_file()
    )


def test_sealed_incident(old):
    """An incident of the same id, sealed and so without a transcript of its own, keeps its folder."""
    path = old.transcript("INC-7F3K", days=9)
    folder = old.home.artefacts / "INC-7F3K"
    folder.mkdir(parents=True)
    (folder / "state.sealed").write_bytes(b"sealed")
    todo = removed(old)
    todo.note([entry(path, "INC-7F3K")])
    path.unlink()

    assert todo.settle(str(path)) == 0
    todo.close()

    assert (folder / "state.sealed").exists()


def test_killed_between(old):
    """If the process dies when the file is gone, the next round does the rest."""
    path = old.transcript("s", days=9)
    folder = old.artefact("s")
    reindex(old.home.sessions, old.home.index)
    removed(old).note([entry(path, at=old.now)])
    path.unlink()

    later = removed(old)
    later.read()
    freed, errors = later.settle_rest(old.now, stopped=lambda: False)
    later.close()

    assert (freed >= 5, errors) == (True, [])
    assert rows(old) == [0, 0, 0]
    assert not folder.exists()


def test_killed_before(old):
    """If the process dies before the file is gone, nothing that belongs to it goes."""
    path = old.transcript("s", days=9)
    folder = old.artefact("s")
    reindex(old.home.sessions, old.home.index)
    removed(old).note([entry(path, at=old.now)])

    later = removed(old)
    later.read()
    later.settle_rest(old.now, stopped=lambda: False)
    later.close()

    assert rows(old) == [1, 1, 1]
    assert folder.exists()
    assert (old.home.retention / "removed.jsonl").read_bytes() == b""


def test_begun_anew(old):
    """A session that begins anew at once keeps its artefacts, and the index knows the new lines."""
    path = old.transcript("s", days=9, size=3000)
    folder = old.artefact("s")
    reindex(old.home.sessions, old.home.index)
    todo = removed(old)
    todo.note([entry(path)])
    kept = path.with_name("kept")
    path.rename(kept)  # so that the number of its file is not used again
    old.transcript("s", days=0, size=400)

    todo.settle(str(path))
    todo.close()

    assert rows(old) == [1, 1, 1]
    with sqlite3.connect(old.home.index) as connection:
        (position,) = connection.execute("SELECT position FROM transcripts").fetchone()
    assert position == path.stat().st_size
    assert folder.exists()


def test_other_day(old):
    """A session that has another transcript keeps its artefacts and that one's rows."""
    path = old.transcript("s", days=9)
    old.transcript("s", days=2, day="2026-11-21")
    folder = old.artefact("s")
    reindex(old.home.sessions, old.home.index)
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()

    todo.settle(str(path))
    todo.close()

    assert rows(old) == [1, 1, 1]
    assert folder.exists()


def test_rows_that_come_back(old):
    """Rows that a lagging recorder brings back are found by a later round, for a day."""
    path = old.transcript("s", days=9)
    reindex(old.home.sessions, old.home.index)
    todo = removed(old)
    todo.note([entry(path, at=old.now)])
    path.unlink()
    todo.settle(str(path))
    todo.close()
    with sqlite3.connect(old.home.index) as connection:
        connection.execute(
            "INSERT INTO sessions (session_id, started_at, created_at) VALUES ('s', '2026', '2026')"
        )
    assert rows(old) == [1, 0, 0]

    later = removed(old)
    later.read()
    assert later.settle_rest(old.now + 100, stopped=lambda: False) == (0, [])
    later.close()
    assert rows(old) == [0, 0, 0]

    last = removed(old)
    last.read()
    last.settle_rest(old.now + 90_000, stopped=lambda: False)
    last.close()
    assert (old.home.retention / "removed.jsonl").read_bytes() == b""


def test_locked_index(old, monkeypatch):
    """While the index is locked the error is told once, and a later round does the rest."""
    from steno.retention import removed as module

    monkeypatch.setattr(
        module, "SqliteWriter", lambda path: steno.SqliteWriter(path, busy_timeout_ms=50)
    )
    paths = [old.transcript(name, days=9) for name in ("a", "b")]
    reindex(old.home.sessions, old.home.index)
    todo = removed(old)
    todo.note([entry(path, path.stem, at=old.now) for path in paths])
    locker = sqlite3.connect(old.home.index, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    for path in paths:
        path.unlink()
        with pytest.raises(steno.StenoError, match="locked"):
            todo.settle(str(path))
    todo.close()
    locker.execute("ROLLBACK")
    locker.close()

    later = removed(old)
    later.read()
    later.settle_rest(old.now, stopped=lambda: False)
    later.close()

    assert rows(old) == [0, 0, 0]


def test_without_index(old):
    """Where there is no index, none is made."""
    path = old.transcript("s", days=9)
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()
    todo.settle(str(path))
    todo.close()

    assert not old.home.index.exists()


def test_torn_list(old):
    """Lines of the list that can't be read are passed over."""
    old.home.retention.mkdir(parents=True)
    (old.home.retention / "removed.jsonl").write_bytes(b'{"half\n{"path":1}\n')
    todo = removed(old)

    todo.read()

    assert todo.settle_rest(old.now, stopped=lambda: False) == (0, [])


def test_hostile_link(old):
    """A link in the place of a session's artefacts is not followed."""
    outside = old.path.parent / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    path = old.transcript("s", days=9)
    old.home.artefacts.mkdir()
    (old.home.artefacts / "s").symlink_to(outside)
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()

    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        todo.settle(str(path))
    assert (outside / "precious").exists()


def test_artefact_of_a_line_to_come(old):
    """An artefact that was just written belongs to a line that is yet to come; it stays for now."""
    path = old.transcript("s", days=9)
    folder = old.artefact("s")
    (folder / "logs" / "new").write_text("of a request that goes on with the session")
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()

    with pytest.raises(StenoError, match="within the hour"):
        todo.settle(str(path))
    todo.close()

    assert (folder / "logs" / "pod.txt").exists()
    later = removed(old, now=lambda: old.now + 7200)
    later.read()
    later.settle_rest(old.now + 7200, stopped=lambda: False)
    assert not folder.exists()


def test_held_meanwhile(old):
    """Artefacts of a held session stay, also where its transcript can't be seen at the moment."""
    path = old.transcript("s", days=9)
    folder = old.artefact("s")
    holds = Holds(old.home.holds)
    removed(old).note([entry(path, at=old.now)])  # killed before the file went
    holds.place(Hold(session_id="s"))
    old.home.sessions.rename(old.path / "unmounted")
    old.home.sessions.mkdir()

    later = removed(old, holds=holds)
    later.read()
    freed, errors = later.settle_rest(old.now, stopped=lambda: False)
    later.close()

    assert (freed, len(errors)) == (0, 1)
    assert "held" in errors[0]
    assert folder.exists()


def test_what_was_not_reached(old):
    """What a round that was ended early has not reached is no longer on the list."""
    paths = [old.transcript(name, days=9) for name in ("s", "t")]
    todo = removed(old)
    todo.note([entry(paths[0], "s", old.now), entry(paths[1], "t", old.now)])
    paths[0].unlink()
    todo.settle(str(paths[0]))

    todo.close()

    assert [line["path"] for line in map(json.loads, read_lines(old))] == [str(paths[0])]


def test_home_by_another_name(old):
    """Rows go also where the index was written when the home was reached by a link."""
    path = old.transcript("s", days=9)
    old.transcript("t", days=9)
    link = old.path.with_name("link")
    link.symlink_to(old.path)
    reindex(link / "sessions", old.home.index)
    todo = removed(old)
    todo.note([entry(path)])
    path.unlink()

    todo.settle(str(path))
    todo.close()

    assert rows(old) == [1, 1, 1]


def read_lines(old):
    """Read the list."""
    return (old.home.retention / "removed.jsonl").read_text().splitlines()
