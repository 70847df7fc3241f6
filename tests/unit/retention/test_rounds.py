"""One round, from the lock to the account."""

import errno
import os
import signal
import sqlite3
import time

import pytest

from steno.errors import RetentionError
from steno.query.reindex import reindex
from steno.retention import applying, rounds
from steno.retention.plan import COMPRESS, DELETE, TIDY, Rules
from steno.retention.rounds import preview, run_round
from steno.storage.compressed import pack
from steno.storage.holds import Hold, Holds

ALL = Rules(max_age_days=30, compress_after_days=7, archive_days=90)


def run(old, rules=ALL, **more):
    """Run a round at the home's time."""
    return run_round(old.places, rules, now=lambda: old.now, **more)


def names(old):
    """Name all transcripts that are left."""
    return sorted(path.name for path in old.home.sessions.glob("*/[!.]*"))


def test_round(old):
    """Old transcripts go, quiet ones are compressed, young ones and foreign files stay."""
    old.transcript("old", days=31)
    old.transcript("quiet", days=8)
    old.transcript("young", days=6)
    old.transcript("today", days=0)
    (old.home.sessions / "2026-11-20" / "foreign.jsonl").write_text("x\n")
    old.age(old.home.sessions / "2026-11-20" / "foreign.jsonl", 99)
    reindex(old.home.sessions, old.home.index)

    account = run(old)

    assert names(old) == ["foreign.jsonl", "quiet.jsonl.zst", "today.jsonl", "young.jsonl"]
    assert (account.count(DELETE), account.count(COMPRESS)) == (1, 1)
    assert account.freed > 0
    assert (account.failures, account.busy, account.stopped) == ([], False, False)
    assert [os.path.basename(each.file.path) for each in account.kept] == ["foreign.jsonl"]
    with sqlite3.connect(old.home.index) as connection:
        known = connection.execute("SELECT session_id FROM sessions ORDER BY 1").fetchall()
    assert known == [("quiet",), ("today",), ("young",)]


def test_compressing_keeps_the_age(old):
    """A compressed transcript is deleted when its last event is old enough, not 30 days later."""
    old.transcript("s", days=8)
    run(old)
    assert names(old) == ["s.jsonl.zst"]

    old.now += 23 * 86_400
    run(old)

    assert names(old) == []


def test_compressing_makes_room(old):
    """The limit on the total is looked at after compressing: what fits then stays."""
    for name in ("a", "b", "c"):
        old.transcript(name, days=10, size=100_000)
    old.transcript("new", days=0.5, size=100_000)

    account = run(old, Rules(compress_after_days=7, max_total_bytes=200_000))

    assert account.count(DELETE) == 0
    assert names(old) == ["a.jsonl.zst", "b.jsonl.zst", "c.jsonl.zst", "new.jsonl"]


def test_oldest_first(old):
    """Beyond the limit the oldest go, until the rest fits; compressed or not."""
    for days in (4, 1, 3, 2):
        old.transcript(f"d{days}", days=days, size=100_000)

    run(old, Rules(max_total_bytes=250_000))

    assert names(old) == ["d1.jsonl", "d2.jsonl"]


def test_folders_of_days(old):
    """The folder of a day goes when nothing is left in it."""
    old.transcript("a", days=99)
    old.transcript("b", days=99, day="2026-11-21")
    (old.home.sessions / "2026-11-21" / "note").touch()

    run(old)

    assert [path.name for path in old.home.sessions.iterdir()] == ["2026-11-21"]


def test_archives(old):
    """Old archives go; foreign files in their midst stay, and so do the folders they lie in."""
    old.archive("u1", "c1", "m.zip", days=91)
    old.archive("u1", "c1", "n.steno.age", days=91)
    young = old.archive("u2", "c1", "m.zip", days=89)
    foreign = old.archive("u3", "c1", "m.zip", days=91, comment=b"")
    old.archive("u3", "c1", "n.zip", days=91)

    account = run(old)

    assert account.count(DELETE) == 3
    left = {path for path in old.places.archives.rglob("*") if path.is_file()}
    assert left == {young, foreign}
    assert not (old.places.archives / "u1").exists()


def test_holds(old):
    """What is held stays, with its artefacts and its archives, until it is released."""
    old.transcript("s", days=99, user_id="u", chat_id="c", message_id="m")
    folder = old.artefact("s")
    old.archive(days=99)
    hold = Hold(session_id="s", user_id="u", chats={"c": ("m",)}, reason="case 1")
    Holds(old.home.holds).place(hold)

    account = run(old)
    assert account.count(DELETE) == 0
    assert {each.why for each in account.kept} == {"held: session s (case 1)"}
    assert folder.exists()

    Holds(old.home.holds).release([hold])
    assert run(old).count(DELETE) == 2
    assert not folder.exists()


@pytest.mark.parametrize("rules", [ALL, ALL.of_archives, ALL.of_transcripts])
def test_unreadable_hold(old, rules):
    """If a hold can't be read nothing goes, neither transcript nor archive."""
    path, archive = old.transcript("s", days=99), old.archive(days=99)
    old.home.holds.mkdir()
    (old.home.holds / "x.json").write_text("{")

    with pytest.raises(RetentionError, match=r"x\.json"):
        run(old, rules)
    with pytest.raises(RetentionError):
        preview(old.places, rules)
    assert path.exists()
    assert archive.exists()


def test_preview(old):
    """A preview is the plan, and touches nothing."""
    old.transcript("old", days=31)
    old.transcript("quiet", days=8)
    before = sorted(old.path.rglob("*"))

    made = preview(old.places, ALL, now=lambda: old.now)

    assert [step.action for step in made.steps] == [DELETE, COMPRESS]
    assert sorted(old.path.rglob("*")) == before


def test_clock_put_back(old):
    """With a clock that was put back nothing looks old, and the round comes to its end."""
    old.transcript("s", days=8)
    old.archive(days=99)
    old.now -= 400 * 86_400

    account = run(old)

    assert (account.done, account.failures) == ([], [])


def test_one_error(old, monkeypatch):
    """An error of one file is told, and the others go on."""
    for name in ("a", "b", "c"):
        old.transcript(name, days=10)
    real = applying.pack
    calls = []

    def fail_once(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(applying, "pack", fail_once)

    account = run(old)

    assert account.count(COMPRESS) == 2
    assert len(account.failures) == 1
    assert account.failures[0].endswith("b.jsonl: No space left on device")


def test_killed_while_compressing(old):
    """The next round removes what a killed process left, and compresses again."""
    path = old.transcript("s", days=10)
    part = path.with_name(".s.jsonl.zst.1-aa.part")
    part.write_bytes(b"half")
    old.now += 7200

    account = run(old)

    assert names(old) == ["s.jsonl.zst"]
    assert not part.exists()
    assert account.left_behind == 4


def test_killed_before_the_plain_one_went(old):
    """Of two equal forms the plain one goes on, and is compressed anew by the next round."""
    path = old.transcript("s", days=10)
    with path.open("rb") as source, path.with_name("s.jsonl.zst").open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)

    assert run(old).count(TIDY) == 1
    assert names(old) == ["s.jsonl"]
    run(old)
    assert names(old) == ["s.jsonl.zst"]


def test_busy(old):
    """While another process is at it, nothing is done and that is said."""
    path = old.transcript("s", days=99)

    with rounds._lock(old.home) as first:
        assert first
        account = run(old)

    assert account.busy
    assert path.exists()
    assert run(old).count(DELETE) == 1


@pytest.mark.parametrize("killed", [False, True])
def test_lock_after_fork(old, killed):
    """A child that is forked in mid-round does not keep the lock, however the parent ends."""
    old.transcript("s", days=99)
    reading, writing = os.pipe()
    middle = os.fork()
    if not middle:
        with rounds._lock(old.home):
            child = os.fork()
            if not child:
                os.write(writing, b"%d\n" % os.getpid())
                time.sleep(60)
            time.sleep(0.3)
            if killed:
                os._exit(9)
        os._exit(0)
    os.waitpid(middle, 0)
    child = int(os.read(reading, 20))
    try:
        assert not run(old).busy
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(reading)
        os.close(writing)


def test_stopped(old):
    """A round that is stopped ends between two steps, and what it had noted goes next time."""
    for name in ("a", "b"):
        old.transcript(name, days=99)
    asked = []

    def stopped():
        asked.append(1)
        return len(asked) > 3

    account = run(old, stopped=stopped)
    assert account.stopped
    assert len(names(old)) == 1

    assert not run(old).stopped
    assert names(old) == []


def test_progress(old):
    """Long work tells how far it has come."""
    for name in ("a", "b"):
        old.transcript(name, days=99)
    told = []

    run(old, progress=lambda done, of: told.append((done, of)))

    assert told == [(1, 2), (2, 2)]


def test_no_home(old):
    """Where nothing was ever recorded nothing is created."""
    assert run(old).done == []
    assert not old.path.exists()


def test_home_that_refuses(old):
    """If the home can't be written to, the error says so and nothing goes."""
    path = old.transcript("s", days=99)
    old.home.retention.write_text("in the way")

    with pytest.raises(RetentionError, match="cannot lock"):
        run(old)
    assert path.exists()


def test_no_list_no_deletion(old, monkeypatch):
    """What can't be written down does not go."""
    path = old.transcript("s", days=99)
    (old.home.retention / "removed.jsonl").mkdir(parents=True)

    with pytest.raises((RetentionError, OSError)):
        run(old)
    assert path.exists()
