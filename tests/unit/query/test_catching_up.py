"""The database of words follows the transcripts."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import steno
from steno.errors import QueryError
from steno.query import catching_up
from steno.query.catching_up import catch_up
from steno.storage.compressed import pack


def say(home, session, text):
    """Record one request."""
    with steno.open(home) as recorder, recorder.session(session) as each:
        with each.request(model="m", text=text) as request:
            request.response(text="fine")
        assert recorder.flush()


def update(home, **options):
    """Bring the words of a home up to date."""
    return catch_up(home / "sessions", home / "search.db", **options)


def found(home, word):
    """List the sessions in which a word is found."""
    with closing(sqlite3.connect(home / "search.db")) as connection:
        rows = connection.execute(
            "SELECT DISTINCT session_id FROM places WHERE id IN "
            "(SELECT rowid >> 24 FROM texts WHERE texts MATCH ?) ORDER BY 1", (word,),
        ).fetchall()  # fmt: skip
    return [name for (name,) in rows]


def transcript(home, session):
    """Name a session's transcript."""
    (path,) = home.glob(f"sessions/*/{session}.jsonl*")
    return path


def test_incremental(home):
    """What was read is not read again; what is new is found."""
    say(home, "a", "first")
    assert (update(home).read, update(home).read) == (1, 0)
    say(home, "a", "second")
    say(home, "b", "first")

    done = update(home)
    assert (done.read, done.texts, done.removed) == (2, 4, 0)
    assert found(home, "first") == ["a", "b"]
    assert found(home, "second") == ["a"]


def test_gone(home):
    """What stood in a transcript that is gone is not found any more."""
    say(home, "a", "first")
    say(home, "b", "first")
    update(home)
    transcript(home, "a").unlink()

    assert update(home).removed == 1
    assert found(home, "first") == ["b"]
    for path in home.glob("sessions/*/b.jsonl"):
        path.unlink()
        path.parent.rmdir()
    assert update(home).removed == 1
    assert found(home, "first") == []


def test_shrunk_and_rewritten(home):
    """A transcript that is shorter, or another one, is read anew."""
    say(home, "a", "first")
    say(home, "a", "second")
    update(home)
    path = transcript(home, "a")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))

    assert update(home).read == 1
    assert found(home, "first") == ["a"]
    assert found(home, "second") == []
    other = b"".join(lines).replace(b"first", b"third").replace(b'"seq":', b'"seq": ')
    path.write_bytes(other)
    update(home)
    assert found(home, "first") == []
    assert found(home, "third") == ["a"]


def test_compressed(home):
    """A transcript that is compressed is still known, and one that began so is read."""
    say(home, "a", "first")
    update(home)
    for again in (False, True):
        path = transcript(home, "a")
        if not again:
            packed = path.with_name(path.name + ".zst")
            with path.open("rb") as source, packed.open("wb") as target:
                pack(source.fileno(), target.fileno(), stopped=lambda: False)
            path.unlink()
        else:
            (home / "search.db").unlink()
        done = update(home)
        assert (done.texts > 0, done.damage) == (again, [])
        assert found(home, "first") == ["a"]


def test_damage_is_said(home):
    """Damage is told when it is met, and counted ever after; what follows it is found."""
    say(home, "a", "first")
    path = transcript(home, "a")
    path.write_bytes(path.read_bytes() + b"no json\n")
    say(home, "a", "second")

    assert [each.reason.partition(":")[0] for each in update(home).damage]
    later = update(home)
    assert (later.damage, later.damaged) == ([], 1)
    assert found(home, "second") == ["a"]


def test_a_line_that_is_being_written(home):
    """The beginning of a line is no damage; the whole of it is read when it is there."""
    say(home, "a", "first")
    path = transcript(home, "a")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert update(home).damage == []
    path.write_bytes(whole)

    assert update(home).damaged == 0
    assert found(home, "first") == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_is_tried_again(home):
    """A transcript that can't be read today is told each time, and found when it can."""
    say(home, "a", "first")
    path = transcript(home, "a")
    path.chmod(0)
    assert len(update(home).damage) == len(update(home).damage) == 1
    path.chmod(0o600)

    assert update(home).damage == []
    assert found(home, "first") == ["a"]


def test_a_day_that_cannot_be_listed(home):
    """A day's folder that can't be read is told each time, and nothing of it is forgotten."""
    say(home, "a", "first")
    update(home)
    (day,) = home.glob("sessions/2*")
    kept = day.rename(home / "kept")
    day.symlink_to(day.name)  # a circle, which not even root can read
    for _ in range(2):
        assert [each.path for each in update(home).damage] == [str(day)]
    day.unlink()
    kept.rename(day)

    assert update(home).damage == []
    assert found(home, "first") == ["a"]


def test_folders_that_cannot_be_listed(home):
    """A folder of transcripts that can't be read is told; a file among the days is no damage."""
    folder = home / "sessions"
    folder.mkdir(parents=True)
    (folder / "2026-01-01").write_text("")
    assert update(home).damage == []
    (folder / "2026-01-01").unlink()
    folder.rmdir()
    folder.symlink_to("sessions")

    assert [each.path for each in update(home).damage] == [str(folder)]


def test_a_disk_that_is_not_there(home):
    """Where the folder is missing nothing is forgotten."""
    say(home, "a", "first")
    update(home)
    (home / "sessions").rename(home / "elsewhere")

    with pytest.raises(QueryError, match="no folder"):
        update(home)
    assert found(home, "first") == ["a"]


def test_batches(home, monkeypatch):
    """Many small batches leave what a large one does, requests that are mixed up included."""
    monkeypatch.setattr(catching_up, "_BATCH_TEXTS", 3)
    with steno.open(home) as recorder, recorder.session("a") as session:
        requests = [session.request(model="m", text=f"word{number}") for number in range(4)]
        for request in requests:
            request.__enter__()
        for number, request in enumerate(requests):
            request.response(text=f"reply{number}")
        for request in reversed(requests):
            request.__exit__(None, None, None)
        assert recorder.flush()
    update(home)

    assert found(home, "word3") == found(home, "reply0") == ["a"]
    with closing(sqlite3.connect(home / "search.db")) as connection:
        counts = connection.execute("SELECT texts FROM places").fetchall()
        assert connection.execute("SELECT COUNT(*) FROM origins").fetchone()[0] == 8
    assert counts == [(2,)] * 4


def test_another_process_is_at_it(home):
    """Who can't wait for another process searches what is there, and is told so."""
    say(home, "a", "first")
    update(home)
    with catching_up._alone(home / "search.db", 0.0) as alone:
        assert alone
        assert update(home, wait_s=0.0).busy
    assert not update(home).busy


def test_two_at_once(home):
    """Of several processes that begin together, none fails and nothing is found twice."""
    for number in range(30):
        say(home, f"s{number:02}", "first")
    script = (
        "import sys, pathlib; from steno.query.catching_up import catch_up\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "print(catch_up(home / 'sessions', home / 'search.db').texts)"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    texts = [int(child.communicate()[0]) for child in children]

    assert sorted(texts) == [0, 0, 60]
    assert len(found(home, "first")) == 30


def test_killed_in_the_middle(home):
    """Whoever is killed at any moment leaves what the next one can go on from."""
    for number in range(20):
        say(home, f"s{number:02}", f"first word{number}")
    script = (
        "import sys, os, signal, pathlib; from steno.query import catching_up\n"
        "home, left = pathlib.Path(sys.argv[1]), int(sys.argv[2])\n"
        "catching_up._BATCH_TEXTS = 2\n"
        "real = catching_up._Update._store_texts\n"
        "def store(self):\n"
        "    global left\n"
        "    real(self)\n"
        "    left -= 1\n"
        "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "catching_up._Update._store_texts = store\n"
        "catching_up.catch_up(home / 'sessions', home / 'search.db')"
    )
    for left in (1, 3, 2):
        done = subprocess.run([sys.executable, "-c", script, str(home), str(left)], check=False)
        assert done.returncode == -signal.SIGKILL
    update(home)

    assert len(found(home, "first")) == 20
    with closing(sqlite3.connect(home / "search.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM origins").fetchone()[0] == 40
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
