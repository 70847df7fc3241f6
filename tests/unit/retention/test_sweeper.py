"""Rounds in the background."""

import os
import random
import threading
import time

import steno
from steno.retention import sweeper as module
from steno.retention.plan import Rules
from steno.retention.rounds import Account
from steno.retention.sweeper import Sweeper

RULES = Rules(max_age_days=30, compress_after_days=7, archive_days=90)


def wait_for(condition, seconds=20):
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def begin(old, rules=RULES, intervals=(3600.0, 3600.0), **more):
    """Begin a sweeper that starts at once."""
    sweeper = Sweeper(old.places, rules, intervals, first_s=0.01, now=lambda: old.now, **more)
    sweeper.start()
    return sweeper


def test_first_round(old, capsys):
    """The first round comes soon, and what was removed is counted and said once."""
    old.transcript("old", days=31)
    old.transcript("quiet", days=8, size=100_000)
    old.archive(days=99)

    sweeper = begin(old)
    wait_for(lambda: sweeper.rounds == 2)
    assert sweeper.close()

    assert (sweeper.deleted, sweeper.compressed, sweeper.failed) == (2, 1, 0)
    assert sweeper.freed > 0
    err = capsys.readouterr().err
    assert "1 transcript(s) deleted, 1 transcript(s) compressed" in err
    assert "1 archive(s) deleted" in err


def test_each_interval(old):
    """Then a round comes after each interval: transcripts and archives each have their own."""
    old.transcript("a", days=31)
    sweeper = begin(old, intervals=(0.05, 3600.0))
    wait_for(lambda: sweeper.deleted == 1)
    old.transcript("b", days=31)
    wait_for(lambda: sweeper.deleted == 2)
    sweeper.close()

    assert sweeper.rounds > 2


def test_jitter():
    """No two intervals are alike, and none is far from what was asked for."""
    drawn = {module._about(100.0) for _ in range(50)}

    assert len(drawn) > 40
    assert all(90 <= each <= 110 for each in drawn)


def test_random_numbers():
    """The numbers that the program draws are not disturbed: a seed gives what it always gives."""
    before = random.getstate()
    module._about(100.0)

    assert random.getstate() == before


def test_nothing_to_do(old):
    """Without rules there is no thread."""
    sweeper = begin(old, Rules())

    assert sweeper._thread is None
    assert sweeper.close()
    assert sweeper.flush(1.0)


def test_close_at_once(old, monkeypatch):
    """Closing does not wait for the next round, nor for the end of one that is going on."""
    begun = threading.Event()

    def endless(*_, stopped, **__):
        begun.set()
        while not stopped():
            time.sleep(0.01)
        account = Account()
        account.stopped = True
        return account

    idle = Sweeper(old.places, RULES, (1.0, 1.0))
    idle.start()
    begun_s = time.monotonic()
    assert idle.close()
    monkeypatch.setattr(module, "run_round", endless)
    busy = begin(old)
    assert begun.wait(10)
    assert busy.close()
    assert time.monotonic() - begun_s < 5
    assert busy.rounds == 0


def test_errors_stay_here(old, capsys, monkeypatch):
    """What goes wrong is said and counted, and the next round comes all the same."""
    old.transcript("s", days=99)
    old.home.holds.mkdir()
    (old.home.holds / "x.json").write_text("{")
    sweeper = begin(old, intervals=(0.05, 3600.0))
    wait_for(lambda: sweeper.failed > 1)
    assert "can't be read" in capsys.readouterr().err

    (old.home.holds / "x.json").unlink()
    wait_for(lambda: sweeper.deleted == 1)

    def explode(*_, **__):
        raise RuntimeError("a defect")

    failed = sweeper.failed
    monkeypatch.setattr(module, "run_round", explode)
    wait_for(lambda: sweeper.failed > failed)
    assert sweeper.close()


def test_another_process(old):
    """Who finds another process at work leaves the round to it."""
    from steno.retention import rounds

    path = old.transcript("s", days=99)
    with rounds._lock(old.home):
        sweeper = begin(old, intervals=(0.05, 3600.0))
        time.sleep(0.3)
        assert (sweeper.rounds, sweeper.failed, path.exists()) == (0, 0, True)
    wait_for(lambda: sweeper.deleted == 1)
    sweeper.close()


def test_fork(old):
    """A forked child has no sweeper, and none that it could begin."""
    sweeper = begin(old)
    child = os.fork()
    if not child:
        sweeper.after_fork()
        sweeper.start()
        os._exit(0 if sweeper._thread is None and sweeper.close() else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert sweeper.close()


def test_lowest_priority(old, monkeypatch):
    """The thread goes behind all others, and the program keeps its priority."""
    seen = []

    def look(*_, **__):
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        raise RuntimeError("seen")

    monkeypatch.setattr(module, "run_round", look)
    sweeper = begin(old)
    wait_for(lambda: seen)
    sweeper.close()

    assert seen[0] == 19
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) < 19


def test_recorder_begins_it(home, monkeypatch):
    """A recorder that a configuration opens has a sweeper where something is configured."""
    home.mkdir()
    recorder = steno.from_config(home=home)
    assert not any(isinstance(each, Sweeper) for each in recorder.sources)
    recorder.close()

    (home / "steno.yaml").write_text(
        "archive: {enabled: true}\nsession_recording: {enabled: false}\n"
    )
    recorder = steno.from_config(home=home)
    (sweeper,) = recorder.sources
    assert sweeper._thread.is_alive()
    recorder.close()
    assert not sweeper._thread.is_alive()


def test_recorder_that_is_dropped(home, capsys):
    """A recorder that nobody closes takes its sweeper along."""
    home.mkdir()
    (home / "steno.yaml").write_text(
        "session_recording: {jsonl: {retention: {max_age_days: 30}}}\n"
    )
    recorder = steno.from_config(home=home)
    thread = recorder.sources[0]._thread
    del recorder
    thread.join(10)

    assert not thread.is_alive()
