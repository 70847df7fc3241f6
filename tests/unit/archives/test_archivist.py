"""What hosts talk to."""

import asyncio
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from steno.archives import ArchiveIds, ArchiveSettings, Archivist
from steno.archives.layout import find_archives
from steno.archives.reading import Keys, open_archive

# Python 3.12 warns of what is tested here: a fork while threads run.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_a_request(begin, base, make_line, ids, read_messages, read_meta):
    """A request's lines are in the archive of its message, with all that is known of it."""
    archivist = begin()
    spool = archivist.open(ids)
    for number in range(1000):
        spool.take(make_line(str(number)))
    spool.end("cancelled", "the user pressed Stop")
    assert spool.wait(20)

    path = base / "user" / "chat" / "message.zip"
    meta = read_meta(path)
    assert read_messages(path) == [str(number) for number in range(1000)]
    assert (meta.status, meta.records, meta.dropped, meta.complete) == ("cancelled", 1000, 0, True)
    assert meta.requests[0].reason == "the user pressed Stop"
    assert not list((base / ".spool").glob("*.spool"))
    stats = archivist.stats()
    assert (stats.opened, stats.sealed, stats.lines, stats.failed) == (1, 1, 1000, 0)


@pytest.mark.parametrize("cause", ["user_id", "session_id", "chat_id", "message_id"])
def test_missing_ids(begin, base, capsys, cause):
    """Without one of the ids nothing is archived; each cause is said once, the request goes on."""
    archivist = begin()
    given = {"user_id": "u", "session_id": "s", "chat_id": "c", "message_id": "m", cause: ""}
    for _ in range(3):
        assert archivist.open(ArchiveIds(**given, request_id="r")) is None
    assert archivist.open(ArchiveIds()) is None

    said = capsys.readouterr().err
    assert said.count(f"the request has no {cause}\n") == 1
    assert said.count("not archived") == 2, "another cause is said too"
    assert archivist.stats().skipped[f"missing-{cause}"] == 3
    assert not base.exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"enabled": False}, ""), ({"password": " "}, "no password"),
        ({"directory": None}, "no folder"),
        ({"recipients": ("age1x",)}, "'age1x' is no age public key"),
    ],
)  # fmt: skip
def test_settings_that_do_not_suffice(begin, base, ids, capsys, settings, said):
    """Without a folder or a key nothing is archived and it is said why; switched off, nothing."""
    archivist = begin(**settings)

    assert archivist.open(ids) is None
    assert archivist.open(ids) is None
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == bool(said)
    assert archivist.recover() == []


def test_no_pyzipper(begin, ids, capsys, monkeypatch):
    """Without pyzipper the request goes on, and it is said what to install."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyzipper" else real(name)
    )

    assert begin().open(ids) is None
    assert "pyzipper is not installed: pip install steno[archives]" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["recipients", "secret", "pyzipper"])
def test_begin_without_what_is_needed(begin, base, ids, make_line, capsys, monkeypatch, broken):
    """Where nothing can be sealed, no threads begin to fail, and the cause is said once."""
    before = set(threading.enumerate())  # other tests' may still be ending
    real = importlib.util.find_spec
    if broken == "pyzipper":
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "pyzipper" else real(name)
        )
        archivist = begin()
    else:
        key = "age1x" if broken == "recipients" else "AGE-SECRET-KEY-1QQPQRLUSAHYXZZ"
        archivist = begin(recipients=(key,))
    archivist.begin()
    archivist.begin()
    assert archivist.open(ids) is None

    assert not archivist.is_running
    assert not [
        each
        for each in set(threading.enumerate()) - before
        if each.name.startswith("steno-archive")
    ]
    err = capsys.readouterr().err
    assert err.count("not archived: ") == err.count("\n") == 1
    assert "QQPQRL" not in err
    assert archivist.recover() == []


def test_temporary_chats(begin, base):
    """A temporary chat is never archived."""
    assert begin(api_calls=True).open(ArchiveIds("u", "s", "local:x", "m", "r")) is None
    assert not base.exists()


def test_api_calls(archive, base):
    """A call without a message is kept under its user and request, if that is wanted."""
    ids = ArchiveIds("u", "", "", "", "r1")

    assert archive("x", ids=ids, api_calls=True) == [base / "u" / "api" / "r1.zip"]


def test_tasks_join_their_message(archive, base, ids, read_meta):
    """What makes the title is in the archive of the message, and does not tell its status."""
    archive("title", ids=ArchiveIds("user", "session", "chat", "message", "t"),
            task="title_generation", status="error")  # fmt: skip
    (path,) = archive("turn", ids=ids)

    meta = read_meta(path)
    assert meta.status == "ok"
    assert {each.task for each in meta.requests} == {"title_generation", None}


def test_lines_are_on_disk_within_the_timeout(begin, base, ids, make_line):
    """A line is in the spool within the batch timeout, encrypted."""
    spool = begin().open(ids)
    time.sleep(0.5)  # the key is made at the start
    spool.take(make_line("a plain secret"))
    deadline = time.monotonic() + 5
    begun = time.monotonic()
    while not list(base.glob(".spool/*.spool")):
        assert time.monotonic() < deadline
        time.sleep(0.005)

    assert time.monotonic() - begun < 1
    time.sleep(0.05)
    assert all(b"plain secret" not in path.read_bytes() for path in base.glob(".spool/*"))


def test_memory_is_bounded(begin, ids, make_line, read_meta, monkeypatch):
    """What finds no room is dropped and counted in the archive; the caller does not wait."""
    from steno.archives import archivist as module
    from steno.archives.intake import Intake

    monkeypatch.setattr(module, "Intake", lambda: Intake(max_waiting=20_000))
    archivist = begin(batch_timeout_ms=2000)
    spool = archivist.open(ids)
    begun = time.monotonic()
    for number in range(2000):
        spool.take(make_line(f"{number} {'x' * 100}"))
    assert time.monotonic() - begun < 1
    spool.end("ok")
    assert spool.wait(20)

    ((path, _),) = find_archives(archivist.settings.directory)
    meta = read_meta(path)
    assert meta.records + meta.dropped == 2000
    assert meta.dropped == archivist.stats().dropped > 0
    assert not meta.complete


def test_silence_and_then_more(begin, base, ids, make_line, read_messages, read_meta):
    """A request that was sealed as interrupted, because it was silent, goes on when it speaks."""
    now = [1000.0]
    archivist = begin(clock=lambda: now[0], stale_seconds=300)
    spool = archivist.open(ids)
    spool.take(make_line("before", 1000.0))
    assert archivist.flush()
    now[0] = 1400.0
    assert archivist.flush()
    path = base / "user" / "chat" / "message.zip"
    deadline = time.monotonic() + 20
    while not path.exists():
        archivist._intake.bell.ring()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert read_meta(path).status == "interrupted"
    spool.take(make_line("after", 1401.0))
    spool.end("ok")
    assert spool.wait(20)

    assert read_messages(path) == ["before", "after"]
    (request,) = read_meta(path).requests
    assert (request.status, request.records) == ("ok", 2)


def test_nothing_raises(begin, ids, capsys):
    """What is no log line, and an end that is unknown, come back to nobody."""
    spool = begin().open(ids)
    spool.take(object())
    spool.end("finished")
    spool.end("ok")
    assert spool.wait(20)

    assert "was not kept" in capsys.readouterr().err


def test_close_ends_what_is_open(begin, base, ids, make_line, read_meta):
    """What is open when the program ends well is sealed as interrupted; later calls do nothing."""
    archivist = begin()
    spool = archivist.open(ids)
    spool.take(make_line("a"))
    assert archivist.close()

    meta = read_meta(base / "user" / "chat" / "message.zip")
    assert (meta.status, meta.requests[0].reason) == ("interrupted", "the program ended")
    spool.take(make_line("late"))
    spool.end("ok")
    assert archivist.open(ids) is None
    assert archivist.stats().late == 1, "and takes no memory"
    assert not (base / ".spool").exists()


def test_a_forked_child(begin, base, ids, make_line, read_messages):
    """A child writes spools of its own, and none of its parent's lines a second time."""
    archivist = begin()
    spool = archivist.open(ids)
    spool.take(make_line("before"))
    child = os.fork()
    if child == 0:
        spool.take(make_line("child"))
        own = archivist.open(ArchiveIds("user", "session", "chat", "other", "r"))
        own.take(make_line("own"))
        own.end("ok")
        os._exit(0 if own.wait(10) and archivist.flush() else 1)
    assert os.waitpid(child, 0)[1] == 0
    spool.take(make_line("after"))
    spool.end("ok")
    assert spool.wait(20)
    archivist.recover()

    assert read_messages(base / "user" / "chat" / "other.zip") == ["own"]
    assert sorted(read_messages(base / "user" / "chat" / "message.zip")) == [
        "after", "before", "child",
    ]  # fmt: skip


def test_many_threads(begin, base, make_line, read_messages):
    """Requests that log from many threads at once get their own lines, all of them."""
    archivist = begin()

    def work(name):
        spool = archivist.open(ArchiveIds("u", "s", "c", name, name))
        for number in range(200):
            spool.take(make_line(f"{name} {number}"))
        spool.end("ok")
        assert spool.wait(30)

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    for n in range(8):
        found = read_messages(base / "u" / "c" / f"m{n}.zip")
        assert found == [f"m{n} {number}" for number in range(200)]


def test_a_thousand_requests_at_once(begin, base, make_line):
    """Requests that are open take no file each, and none of them is lost."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    archivist = begin()
    archivist.open(ArchiveIds("u", "s", "c", "first", "r"))
    # What other tests have left open in this process does not count.
    few = len(os.listdir("/proc/self/fd")) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(few, limits[1]), limits[1]))
    try:
        spools = [
            archivist.open(ArchiveIds("u", "s", f"c{n % 10}", f"m{n}", "r")) for n in range(1000)
        ]
        for number, spool in enumerate(spools):
            spool.take(make_line(str(number)))
        assert archivist.flush(60)
        assert archivist.stats().failed == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    for spool in spools:
        spool.end("ok")
    assert archivist.flush(120)

    assert len(list(find_archives(base))) == 1000


def test_somebody_removes_the_spool(begin, base, ids, make_line, read_messages):
    """What comes after a spool was removed is archived all the same, and nothing hangs."""
    archivist = begin()
    spool = archivist.open(ids)
    spool.take(make_line("lost"))
    assert archivist.flush()
    for path in base.glob(".spool/*.spool"):
        path.unlink()
    spool.take(make_line("kept"))
    spool.end("ok")

    assert spool.wait(20)
    assert read_messages(base / "user" / "chat" / "message.zip") == ["kept"]


def test_no_threads(begin, ids, monkeypatch, capsys):
    """Where no thread can be begun the request goes on, and it is said why."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert begin().open(ids) is None
    assert "not archived: can't start new thread" in capsys.readouterr().err


def test_at_the_end_of_a_program(base, tmp_path):
    """A program that ends without closing leaves its lines in an archive."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom steno.archives import *\n"
        "from steno.logs.lines import LogLine\n"
        "a = Archivist(ArchiveSettings(enabled=True, directory=Path(sys.argv[1]), password='pw'))\n"
        "s = a.open(ArchiveIds('u', 's', 'c', 'm', 'r'))\n"
        "s.take(LogLine(time.time(), 10, 'DEBUG', 'x', 'hello'))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(base)], check=True)

    with open_archive(base / "u" / "c" / "m.zip", Keys("pw")) as archive:
        assert archive.meta.status == "interrupted"
        assert len(list(archive.lines())) == 1


def test_a_signal_handler_may_log(begin, ids, make_line):
    """A signal handler that logs in the midst of logging blocks nobody."""
    spool = begin().open(ids)
    old = signal.signal(signal.SIGALRM, lambda *_: spool.take(make_line("signal")))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for number in range(3000):
            spool.take(make_line(str(number)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    spool.end("ok")

    assert spool.wait(30)


def test_a_loop_goes_on(begin, ids, make_line):
    """While thousands of lines are written and sealed, a loop is not held up for long."""
    archivist = begin()
    spool = archivist.open(ids)

    async def run():
        for number in range(3000):
            spool.take(make_line(f"{number} {'text ' * 60}"))
        spool.end("ok")
        stalls = []
        while not spool.wait(0):
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(time.perf_counter() - begun)
        return sorted(stalls)

    stalls = asyncio.run(run())
    assert stalls[len(stalls) // 2] < 0.02


def test_recovery_at_the_start(begin, base, ids, make_line, read_messages):
    """What a process that was killed left is sealed when the next one begins to work."""
    child = os.fork()
    if child == 0:
        archivist = Archivist(
            ArchiveSettings(enabled=True, directory=base, password="correct horse")
        )
        spool = archivist.open(ids)
        spool.take(make_line("left"))
        archivist.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    begin().open(ArchiveIds("user", "session", "chat", "next", "r2"))
    path = base / "user" / "chat" / "message.zip"
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert read_messages(path) == ["left"]
