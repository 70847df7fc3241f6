"""Letting go, with recorders, processes and commands at work beside it."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

import steno
from steno.retention.plan import Rules
from steno.retention.rounds import Places, run_round
from steno.storage.home import find_home
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

DAY = 86_400
QUIET = "session_recording: {jsonl: {retention: {compress_after_days: 7}}}\n"
NOBODY = 65534


def places(home):
    """Tell where everything is."""
    at = find_home(home)
    return Places(home=at, sessions=at.sessions, index=at.index, archives=home / "archives")


def record(home, *sessions, texts=("hello",)):
    """Record sessions."""
    with steno.open(home) as recorder:
        for name in sessions:
            with recorder.session(name, key="k") as session:
                for text in texts:
                    with session.request(model="m", text=text) as request:
                        request.response(text=text, tokens=steno.Tokens(input=1, output=2))


def make_old(home, days, *names):
    """Make transcripts so many days old."""
    for path in find_transcripts(home / "sessions"):
        if not names or path.name.partition(".")[0] in names:
            stamp = time.time() - days * DAY
            os.utime(path, (stamp, stamp))


def compress(home):
    """Compress everything quiet."""
    account = run_round(places(home), Rules(compress_after_days=7))
    assert not account.failures
    return account


def texts(home, session):
    """Read a session's replies."""
    found = []
    for path in find_transcripts(home / "sessions"):
        for entry in read_transcript(path):
            event = entry.event
            if isinstance(event, steno.ResponseRecorded) and event.session_id == session:
                found.append(event.response_text)
    return found


def rows(home, query):
    """Ask the index."""
    with sqlite3.connect(home / "sessions.db") as connection:
        return connection.execute(query).fetchall()


COMMANDS = [
    ("ls", "--json"), ("show", "one"), ("show", "on", "--json"), ("tail", "one", "-n", "3"),
    ("tail", "--json"), ("sql", "SELECT session_id, request_count FROM sessions ORDER BY 1"),
    ("stats",), ("stats", "--by", "model", "--json"), ("export", "one"),
]  # fmt: skip


@pytest.mark.parametrize("indexed", [True, False])
def test_every_command_reads_it(home, run, indexed):
    """Every command says of a compressed home what it said before, with and without an index.

    But `ls`, which without an index lists what headers tell.
    """
    record(home, "one", "two", texts=[f"text {number}" for number in range(50)])
    make_old(home, 10, "two")
    make_old(home, 9, "one")

    def say():
        said = []
        for command in COMMANDS if indexed else COMMANDS[1:]:
            code, out, _ = run(*command, "--home", home)
            assert code == 0, command
            said.append(out.replace(".jsonl.zst", ".jsonl"))
        return said

    before = say()
    compress(home)
    assert sorted(path.name for path in find_transcripts(home / "sessions")) == [
        "one.jsonl.zst", "two.jsonl.zst",
    ]  # fmt: skip
    if not indexed:
        (home / "sessions.db").unlink()

    assert say() == before
    if indexed:
        assert run("reindex", "--home", home)[0] == 0
        assert say() == before
    (path,) = (each for each in find_transcripts(home / "sessions") if "one" in each.name)
    assert run("show", path, "--home", home)[0] == 0
    assert run("show", str(path).removesuffix(".zst"), "--home", home)[0] == 0


def test_damage_is_said(home, run):
    """Of a damaged compressed transcript, commands show what can be read, and say where it ends."""
    record(home, "one", texts=[os.urandom(2000).hex() for _ in range(1000)])
    make_old(home, 10)
    compress(home)
    (path,) = find_transcripts(home / "sessions")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    code, out, err = run("show", "one", "--home", home, "--json")

    assert code == 0
    assert len(out.splitlines()) > 500
    assert "damage:" in err
    assert "part that begins at its byte" in err
    assert run("reindex", "--home", home)[0] == 0
    assert rows(home, "SELECT damaged_lines FROM transcripts")[0][0] >= 1


def test_session_goes_on(home, run):
    """A session that goes on after its transcript was compressed goes on in the same one."""
    record(home, "s", texts=["one"])
    make_old(home, 10)
    compress(home)
    record(home, "s", texts=["two"])

    (path,) = find_transcripts(home / "sessions")
    assert path.suffix == ".jsonl"
    assert texts(home, "s") == ["one", "two"]
    assert rows(home, "SELECT request_count FROM sessions") == [(2,)]
    assert json.loads(run("stats", "--json", "--home", home)[1])["requests"] == 2


def test_living_recorder_goes_on(home):
    """Also within one recorder, which had the transcript open, and with the index at work."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        for number in range(3):
            with session.request(model="m") as request:
                request.response(text=str(number), tokens=steno.Tokens())
            assert recorder.flush()
            make_old(home, 10)
            # A day later its lease alone protects it no more.
            later = time.time() + 2 * DAY
            account = run_round(
                places(home), Rules(compress_after_days=7), now=lambda later=later: later
            )
            assert account.count("compress") == 1
        with session.request(model="m") as request:
            request.response(text="last", tokens=steno.Tokens())
        assert recorder.flush()

        assert texts(home, "s") == ["0", "1", "2", "last"]
        assert rows(home, "SELECT request_count FROM sessions") == [(4,)]


def test_living_recorder_is_left_alone(home):
    """What a living recorder writes to is neither deleted nor compressed, however old it looks."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m"):
            pass
        assert recorder.flush()
        make_old(home, 99)

        account = run_round(places(home), Rules(max_age_days=30, compress_after_days=7))

        assert account.done == []
        assert "alive" in account.kept[0].why
    make_old(home, 99)
    assert run_round(places(home), Rules(max_age_days=30)).count("delete") == 1
    assert rows(home, "SELECT * FROM sessions") == []


def test_deleted_under_a_recorder(home):
    """A session whose transcript was deleted begins anew, in the index too, and loses no new line."""
    with steno.open(home) as recorder, recorder.session("s") as session:
        with session.request(model="m") as request:
            request.response(text="old", tokens=steno.Tokens())
        assert recorder.flush()
        make_old(home, 99)
        later = time.time() + 2 * DAY
        run_round(places(home), Rules(max_age_days=30), now=lambda: later)
        assert rows(home, "SELECT * FROM sessions") == []
        for text in ("new", "newer"):
            with session.request(model="m") as request:
                request.response(text=text, tokens=steno.Tokens())
            assert recorder.flush()

        assert texts(home, "s") == ["new", "newer"]
        assert rows(home, "SELECT request_count FROM sessions") == [(2,)]


def test_dead_recorder(home):
    """What a dead recorder has left open is closed first, and compressed by a later round."""
    code = (
        "import os, steno\nrecorder = steno.open()\n"
        "request = recorder.session('s').request(model='m')\nrequest.__enter__()\n"
        "recorder.flush()\nos._exit(9)\n"
    )
    environ = {**os.environ, "STENO_HOME": str(home)}
    subprocess.run([sys.executable, "-c", code], env=environ, check=False)
    make_old(home, 10)
    assert compress(home).done == []

    with steno.open(home) as recorder:
        assert recorder.flush()
    make_old(home, 10)
    compress(home)

    (path,) = find_transcripts(home / "sessions")
    events = [entry.event for entry in read_transcript(path)]
    assert path.suffix == ".zst"
    assert events[-1].finish_reason == "interrupted"


def prune_often(home, seconds):
    """Run rounds one after the other."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run_round(places(home), Rules(max_age_days=30, compress_after_days=7))


def test_two_processes(home):
    """Two processes that let go at once, and one that records, lose nothing and fail nowhere."""
    record(home, *(f"old{number}" for number in range(30)))
    record(home, *(f"quiet{number}" for number in range(30)))
    for number in range(30):
        make_old(home, 99, f"old{number}")
        make_old(home, 10, f"quiet{number}")
    context = multiprocessing.get_context("spawn")
    pruners = [context.Process(target=prune_often, args=(home, 3)) for _ in range(2)]
    for each in pruners:
        each.start()
    with steno.open(home) as recorder:
        for number in range(30):
            with (
                recorder.session(f"quiet{number}") as session,
                session.request(model="m") as request,
            ):
                request.response(text="again", tokens=steno.Tokens())
            time.sleep(0.05)
    for each in pruners:
        each.join(60)

    assert [each.exitcode for each in pruners] == [0, 0]
    names = [path.name.partition(".")[0] for path in find_transcripts(home / "sessions")]
    assert sorted(names) == sorted(f"quiet{number}" for number in range(30))
    for number in range(30):
        assert texts(home, f"quiet{number}") == ["hello", "again"]
    assert rows(home, "SELECT COUNT(*), SUM(request_count) FROM sessions") == [(30, 60)]


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4])
def test_killed(home, after_s):
    """Killed at any moment, a round leaves each transcript whole; the next one does the rest."""
    record(home, *(f"s{number}" for number in range(8)), texts=[os.urandom(500).hex()] * 200)
    make_old(home, 10)
    make_old(home, 99, "s0", "s1")
    before = {f"s{number}": texts(home, f"s{number}") for number in range(8)}
    code = (
        "import sys\nfrom pathlib import Path\nfrom steno.retention.plan import Rules\n"
        "from steno.retention.rounds import Places, run_round\n"
        "from steno.storage.home import find_home\nhome = Path(sys.argv[1])\nat = find_home(home)\n"
        "p = Places(home=at, sessions=at.sessions, index=at.index, archives=home / 'archives')\n"
        "print('go', flush=True)\nrun_round(p, Rules(max_age_days=30, compress_after_days=7))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
    )
    child.stdout.readline()
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    for name, said in before.items():
        left = texts(home, name)
        assert left == said or (left == [] and name in {"s0", "s1"})
    for _ in range(2):  # the first one may find copies that the killed one has left
        account = run_round(places(home), Rules(max_age_days=30, compress_after_days=7))
        assert not account.failures
    assert sorted(path.name for path in find_transcripts(home / "sessions")) == [
        f"s{number}.jsonl.zst" for number in range(2, 8)
    ]
    assert rows(home, "SELECT session_id FROM sessions ORDER BY 1") == [
        (f"s{number}",) for number in range(2, 8)
    ]
    for number in range(2, 8):
        assert texts(home, f"s{number}") == before[f"s{number}"]


def test_permission_denied(home, tmp_path):
    """Where the folder of a day can't be written to, that is told, and other days go on."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    record(home, "a")
    (day,) = (home / "sessions").glob("2*")
    other = day.with_name("2026-01-01")
    other.mkdir()
    (other / "b.jsonl").write_bytes((day / "a.jsonl").read_bytes().replace(b'"a"', b'"b"'))
    make_old(home, 99)
    for path in [home, *home.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    os.chown(day, 0, 0)
    day.chmod(0o755)
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        account = run_round(places(home), Rules(max_age_days=30))
        fine = account.count("delete") == 1 and any(
            "Permission denied" in each for each in account.failures
        )
        os._exit(0 if fine else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert (day / "a.jsonl").exists()
    assert not other.exists()


def test_full_disk(home, tmp_path):
    """On a disk that is really full nothing is lost, and a round that comes later does its work."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        home = disk / "home"
        record(home, "s", texts=[os.urandom(5000).hex() for _ in range(20)])
        make_old(home, 10)
        before = texts(home, "s")
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 4096)
        account = run_round(places(home), Rules(compress_after_days=7))
        assert account.count("compress") == 0
        assert any("No space" in each for each in account.failures)
        assert texts(home, "s") == before
        filler.unlink()
        compress(home)
        assert texts(home, "s") == before
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_in_the_background(home):
    """A program that records as its configuration says lets go by itself, soon after its start."""
    record(home, "old", texts=["x" * 1000])
    make_old(home, 10)
    (home / "steno.yaml").write_text(QUIET)
    from steno.retention import sweeper

    sweeper_of = sweeper.FIRST_S
    assert sweeper_of < 60
    with steno.from_config(home=home) as recorder:
        (begun,) = recorder.sources
        begun.stop()
        sooner = sweeper.Sweeper(
            begun._places, Rules(compress_after_days=7), (60.0, 60.0), first_s=0.0
        )
        sooner.start()
        deadline = time.monotonic() + 20
        while not sooner.compressed and time.monotonic() < deadline:
            with recorder.session("new") as session, session.request(model="m"):
                pass
        assert sooner.close()

    assert sooner.compressed == 1
    assert {path.name for path in find_transcripts(home / "sessions")} == {
        "old.jsonl.zst", "new.jsonl",
    }  # fmt: skip


def test_the_proxys_desk(home, start_proxy):
    """The recorder's process of a proxy lets go what was old when the proxy was begun."""
    record(home, "old", texts=["x" * 1000])
    make_old(home, 10)
    proxy = start_proxy(overrides={"jsonl.retention.compress_after_days": 7})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if list((home / "sessions").glob("*/old.jsonl.zst")):
            break
        time.sleep(0.1)
    proxy.stop()

    assert [path.name for path in find_transcripts(home / "sessions")] == ["old.jsonl.zst"]


def test_never_holds_up(home):
    """While a large transcript is compressed in the background, recording goes on unhindered."""
    record(home, "large", texts=[os.urandom(50_000).hex() for _ in range(200)])
    make_old(home, 10)
    with steno.open(home) as recorder:
        rounds = threading.Thread(target=compress, args=(home,))
        rounds.start()
        slowest = 0.0
        count = 0
        while rounds.is_alive():
            begun = time.perf_counter()
            recorder.record(steno.Completed("s", str(count), steno_now(), success=True))
            slowest = max(slowest, time.perf_counter() - begun)
            count += 1
            time.sleep(0.001)
        rounds.join()
        assert recorder.flush(10)

    assert count > 20
    assert slowest < 0.25
    assert recorder.stats().dropped == 0


def steno_now():
    """Tell the time as events have it."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_follow_goes_on(home):
    """Whoever follows all sessions sees the new events of one that was put back, and no old ones."""
    from steno.transcripts.following import Follower

    record(home, "s", texts=["old"])
    make_old(home, 10)
    compress(home)
    follower = Follower(home / "sessions")
    assert list(follower.poll()) == []

    record(home, "s", texts=["new"])
    seen = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and len(seen) < 4:
        seen += [entry.event for _, entry in follower.poll()]
        time.sleep(0.05)

    replies = [event.response_text for event in seen if isinstance(event, steno.ResponseRecorded)]
    assert replies == ["new"]
