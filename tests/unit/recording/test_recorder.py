"""The recorder as a program uses it."""

import asyncio
import contextlib
import gc
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

import steno
from steno.errors import WriteError
from steno.testing import FailingWriter, MemoryWriter, capture_events

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def event(text="", session="s"):
    """Build an event that can be told from others."""
    return steno.ResponseRecorded(session, "r", NOW, response_text=text)


def build(*writers, **settings):
    """Build a recorder that writes soon."""
    builder = steno.RecorderBuilder().batch_timeout_ms(settings.pop("timeout", 20))
    for writer in writers:
        builder.add_writer(writer)
    for name, value in settings.items():
        getattr(builder, name)(*value if isinstance(value, tuple) else (value,))
    return builder.build()


def wait_for(condition, seconds=20):
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def adds_up(stats):
    """Check the promise about the figures."""
    for each in (stats, *stats.writers.values()):
        assert each.accepted == each.written + each.dropped + each.failed + each.pending
        assert each.pending >= 0
    return stats


def test_events_arrive_in_order():
    """What one thread records arrives whole and in order."""
    with capture_events() as (recorder, writer):
        for number in range(1000):
            assert recorder.record(event(str(number)))
        assert recorder.flush()

    assert [each.response_text for each in writer.events] == [str(n) for n in range(1000)]


def test_a_lone_event_is_written_within_the_batch_timeout():
    """An event is written by time alone, without a flush and without a full batch."""
    writer = MemoryWriter()
    recorder = build(writer, timeout=50)
    recorder.record(event())

    wait_for(lambda: writer.events)
    recorder.close()


def test_batches_have_the_size_that_was_asked_for():
    """No batch is larger than batch_size."""
    writer = MemoryWriter()
    with build(writer, batch_size=7) as recorder:
        for number in range(100):
            recorder.record(event(str(number)))

    assert max(writer.batches) <= 7
    assert sum(writer.batches) == 100


def test_full_buffer_drops_counts_and_tells(capsys):
    """A full buffer drops the newest events; figures, stderr and gaps agree on how many."""
    writer = FailingWriter()
    writer.gate.clear()
    recorder = build(writer, channel_buffer_size=100, batch_size=10)

    accepted = sum(
        recorder.record(event(str(number), session=f"s{number % 3}")) for number in range(5000)
    )
    stats = adds_up(recorder.stats())
    assert stats.accepted == 5000
    assert stats.dropped == 5000 - accepted > 0
    writer.gate.set()
    recorder.flush()
    recorder.close()

    stats = adds_up(recorder.stats())
    assert (stats.pending, stats.written) == (0, accepted)
    gaps = [each for each in writer.events if isinstance(each, steno.Gap)]
    assert sum(gap.count for gap in gaps) == stats.dropped
    assert {gap.session_id for gap in gaps} == {"s0", "s1", "s2"}
    assert {(gap.what, gap.reason) for gap in gaps} == {("event", "buffer_full")}
    assert all(gap.since is not None for gap in gaps)
    err = capsys.readouterr().err
    assert "WARN Session recording buffer full, dropping event" in err
    assert err.count("buffer full") == 1


def test_block_policy_waits_for_room():
    """With the policy block, nothing is dropped while the writer gets on."""
    writer = MemoryWriter()
    with build(writer, channel_buffer_size=50, batch_size=10, overflow="block") as recorder:
        for number in range(2000):
            assert recorder.record(event(str(number)))

    assert len(writer.events) == 2000


def test_block_policy_gives_up():
    """With the policy block and a writer that hangs, the event is dropped after the timeout."""
    writer = FailingWriter()
    writer.gate.clear()
    builder = steno.RecorderBuilder().add_writer(writer).channel_buffer_size(2)
    recorder = builder.overflow("block", timeout_ms=30).build()

    results = [recorder.record(event()) for _ in range(6)]
    writer.gate.set()
    recorder.close()

    assert False in results
    adds_up(recorder.stats())


def test_without_writers_recording_is_off():
    """Without writers there are no threads, no files and nothing to close."""
    before = threading.active_count()
    recorder = steno.RecorderBuilder().build()

    with recorder, recorder.session() as session, session.request(model="m") as request:
        request.response(text="x")
        assert not recorder.enabled
        assert not recorder.record(event())
        assert threading.active_count() == before
    assert recorder.stats() == steno.RecorderStats()


class TestFailure:
    """Writers that fail, hang or refuse."""

    def test_a_failing_writer_does_not_stop_the_other(self):
        """While one writer fails, the other stores everything."""
        failing, fine = FailingWriter("failing"), MemoryWriter("fine")
        failing.error = WriteError("the disk is gone", transient=True)
        recorder = build(failing, fine)

        for number in range(300):
            recorder.record(event(str(number)))
        wait_for(lambda: len(fine.events) == 300)
        failing.error = None
        assert recorder.flush()
        recorder.close()

        assert len(failing.events) == 300
        assert adds_up(recorder.stats()).retried > 0

    def test_a_hanging_writer_does_not_stop_the_other(self):
        """While one writer hangs and its share of memory is full, the other goes on."""
        hanging, fine = FailingWriter("hanging"), MemoryWriter("fine")
        hanging.gate.clear()
        recorder = build(hanging, fine, channel_buffer_size=100, batch_size=10)

        for number in range(200):
            while not recorder.record(event(str(number))):
                time.sleep(0.005)
        wait_for(lambda: len([e for e in fine.events if not isinstance(e, steno.Gap)]) == 200)
        hanging.gate.set()
        recorder.close()

        stats = adds_up(recorder.stats())
        assert stats.writers["hanging"].dropped > 0
        assert stats.writers["fine"].written == 200

    def test_headers_outlive_a_batch_that_was_given_up(self):
        """What a hanging writer could not be told of sessions, it is told with its next batch."""
        hanging, fine = FailingWriter("hanging"), MemoryWriter("fine")
        hanging.gate.clear()
        recorder = build(hanging, fine, channel_buffer_size=100, batch_size=10)

        for number in range(200):
            if not number % 4:
                recorder.session(f"s{number // 4}", key="agent:a:main")
            while not recorder.record(event(str(number), f"s{number // 4}")):
                time.sleep(0.005)
        wait_for(lambda: recorder.stats().writers["hanging"].dropped > 0)
        hanging.gate.set()
        recorder.close()

        assert recorder.stats().writers["hanging"].dropped > 0
        assert {each.session_id for each in hanging.events} <= set(hanging.headers)

    def test_one_poison_event_is_set_aside(self, tmp_path):
        """Of a hundred events one can't be stored: it is set aside, its neighbours are written."""
        writer = FailingWriter()
        writer.poison = {"arsenic"}
        recorder = build(writer, dead_letters=tmp_path)

        for number in range(100):
            recorder.record(event("arsenic" if number == 42 else str(number)))
        recorder.flush()
        recorder.close()

        replies = [each for each in writer.events if isinstance(each, steno.ResponseRecorded)]
        assert len(replies) == 99
        stats = adds_up(recorder.stats())
        assert (stats.written, stats.failed) == (99, 1)
        letter = json.loads((tmp_path / "failing.jsonl").read_text())
        assert letter["event"]["response_text"] == "arsenic"
        assert "can't be stored" in letter["error"]
        gaps = [each for each in writer.events if isinstance(each, steno.Gap)]
        assert [(gap.reason, gap.count) for gap in gaps] == [("write_failed", 1)]

    def test_a_writer_that_always_breaks(self, tmp_path):
        """A writer that raises whatever it is given loses nothing silently."""
        writer = FailingWriter()
        writer.error = RuntimeError("broken")
        recorder = build(writer, dead_letters=tmp_path)

        for number in range(5):
            recorder.record(event(str(number)))
        recorder.flush()
        recorder.close()

        assert adds_up(recorder.stats()).failed == 5
        letters = (tmp_path / "failing.jsonl").read_text().splitlines()
        texts = [json.loads(line)["event"].get("response_text") for line in letters]
        assert {"0", "1", "2", "3", "4"} <= set(texts)

    def test_close_says_what_it_could_not_write(self, capsys, tmp_path):
        """When the cause does not go away, close ends in time, says so and keeps the events."""
        writer = FailingWriter()
        writer.error = WriteError("no space", transient=True)
        recorder = build(writer, dead_letters=tmp_path)
        recorder.record(event("kept"))

        assert not recorder.close(timeout_s=1.0)

        assert adds_up(recorder.stats()).failed == 1
        assert "could not write everything" in capsys.readouterr().err
        assert "kept" in (tmp_path / "failing.jsonl").read_text()

    def test_record_never_raises(self):
        """Whatever is recorded, the caller hears nothing of it."""
        with capture_events() as (recorder, writer):
            for thing in (None, 5, "text", object(), steno.Completed, event()):
                recorder.record(thing)
            recorder.flush()
            stats = adds_up(recorder.stats())

        assert (stats.accepted, stats.written, stats.failed) == (6, 1, 5)
        assert sum(each.count for each in writer.events if isinstance(each, steno.Gap)) == 5

    def test_a_processor_that_breaks(self):
        """An event on which a processor raises is not written, but counted and told."""

        def redact(each):
            if "secret" in each.response_text:
                raise ValueError("cannot redact")
            return each

        writer = MemoryWriter()
        recorder = steno.RecorderBuilder().add_writer(writer).add_processor(redact).build()
        recorder.record(event("a secret"))
        recorder.record(event("fine"))
        recorder.flush()
        recorder.close()

        assert [e.response_text for e in writer.events if not isinstance(e, steno.Gap)] == ["fine"]
        assert adds_up(recorder.stats()).failed == 1

    def test_a_processor_that_drops(self):
        """What a processor drops is counted and told."""
        writer = MemoryWriter()
        recorder = steno.RecorderBuilder().add_writer(writer).add_processor(lambda _: None).build()
        recorder.record(event())
        recorder.flush()
        recorder.close()

        assert adds_up(recorder.stats()).dropped == 1
        assert [gap.reason for gap in writer.events] == ["processor_dropped"]

    def test_the_worker_outlives_its_thread(self, monkeypatch):
        """When the worker's thread dies, the next events bring a new one, and nothing is lost."""
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        with capture_events() as (recorder, writer):
            recorder.record(event("before"))
            recorder.flush()
            kill(recorder._engine.worker._thread, recorder._buffer.signal)
            kill(recorder._engine.lanes[0]._thread, recorder._engine.lanes[0].hurry)
            for number in range(500):
                recorder.record(event(str(number)))
            assert recorder.flush()
            adds_up(recorder.stats())

        assert len(writer.events) == 501


def kill(thread, wake):
    """End a thread by an exception that nothing catches."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    )
    wake()
    thread.join(10)
    assert not thread.is_alive()


class TestEnd:
    """Flushing, closing and forgetting to."""

    def test_flush_goes_on(self):
        """After a flush everything is stored, and recording goes on."""
        with capture_events() as (recorder, writer):
            for count in (1, 2, 3):
                recorder.record(event())
                assert recorder.flush()
                assert len(writer.events) == count

    def test_close_is_idempotent_and_final(self, capsys):
        """Close may be called twice; events after it are dropped, counted and told once."""
        writer = MemoryWriter()
        recorder = build(writer)
        recorder.record(event())

        assert recorder.close()
        assert recorder.close()
        assert not recorder.record(event())
        assert not recorder.record(event())
        assert recorder.flush()

        stats = adds_up(recorder.stats())
        assert (stats.accepted, stats.written, stats.dropped) == (3, 1, 2)
        assert capsys.readouterr().err.count("is closed") == 1

    def test_aclose_does_not_block_the_loop(self):
        """A coroutine can close a recorder whose writer takes its time."""
        writer = FailingWriter()
        writer.gate.clear()
        recorder = build(writer)
        recorder.record(event())

        async def main():
            closing = asyncio.ensure_future(recorder.aclose())
            await asyncio.sleep(0.05)
            assert not closing.done()
            writer.gate.set()
            assert await closing

        asyncio.run(main())
        assert len(writer.events) == 1

    def test_a_dropped_recorder_warns_and_writes(self, capsys):
        """A recorder that nobody closes says so, and its events are written all the same."""
        writer = MemoryWriter()
        recorder = build(writer)
        recorder.record(event())
        del recorder
        gc.collect()

        wait_for(lambda: writer.events)
        assert "dropped without close()" in capsys.readouterr().err

    def test_exit_of_the_interpreter(self, tmp_path):
        """A short script that forgets to close loses nothing."""
        script = (
            "import sys, steno\n"
            "recorder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(sys.argv[1]))"
            ".batch_timeout_ms(60000).build()\n"
            "with recorder.session('s') as session, session.request(model='m') as request:\n"
            "    request.response(text='last words')\n"
        )
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)

        (path,) = tmp_path.glob("*/s.jsonl")
        assert "last words" in path.read_text()


class TestConcurrency:
    """Threads, tasks and forks."""

    def test_threads(self):
        """What eight threads record at once arrives, each thread's in its order."""
        with capture_events() as (recorder, writer):

            def work(name):
                for number in range(500):
                    while not recorder.record(event(f"{name} {number}")):
                        time.sleep(0.001)

            threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert recorder.flush()

        texts = [each.response_text.split() for each in writer.events]
        for name in range(8):
            assert [int(n) for who, n in texts if who == str(name)] == list(range(500))

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork(self, tmp_path):
        """Parent and children write their own events once each, under ids of their own."""
        recorder = build(steno.JsonlWriter(tmp_path), timeout=20)
        for number in range(50):
            recorder.record(event(f"parent {number}"))
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    for number in range(50):
                        recorder.record(event(f"child{child} {number}"))
                    code = 0 if recorder.close() else 1
                finally:
                    os._exit(code)
            children.append(pid)
        for number in range(50, 100):
            recorder.record(event(f"parent {number}"))
        codes = [os.waitpid(pid, 0)[1] for pid in children]
        recorder.close()

        (path,) = tmp_path.glob("*/s.jsonl")
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        events = [line for line in lines if line["type"] != "session"]
        texts = [line["response_text"] for line in events]
        assert codes == [0, 0, 0]
        assert lines[0]["type"] == "session"
        assert all(line == lines[0] for line in lines if line["type"] == "session")
        assert len(texts) == len(set(texts)) == 250
        assert len({line["recorder"] for line in events}) == 4

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_prefork_server(self, home):
        """A server that opens its recorder and then forks workers has all they said in the index."""
        recorder = steno.open(home)
        with recorder.session("master") as session, session.request(model="m"):
            pass
        recorder.flush()
        workers = []
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    for number in range(25):
                        with recorder.session("shared") as session:
                            with session.request(
                                model="m", request_id=f"{worker}-{number}"
                            ) as request:
                                request.response(tokens=steno.Tokens(input=1))
                    code = 0 if recorder.close() else 2
                finally:
                    os._exit(code)
            workers.append(pid)
        codes = [os.waitpid(pid, 0)[1] for pid in workers]
        with recorder.session("master") as session, session.request(model="m"):
            pass
        assert recorder.close()

        assert codes == [0, 0, 0, 0]
        with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
            rows = index.execute(
                "SELECT session_id, request_count, open_requests, input_tokens FROM sessions ORDER BY 1"
            ).fetchall()
            check = index.execute("PRAGMA integrity_check").fetchone()
        assert rows == [("master", 2, 0, 0), ("shared", 100, 0, 100)]
        assert check == ("ok",)
        assert list((home / "sessions" / ".recorders").iterdir()) == []

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_multiprocessing_children_flush(self, tmp_path):
        """A multiprocessing child that ends without closing loses nothing."""
        script = (
            "import multiprocessing, sys, steno\n"
            "recorder = steno.RecorderBuilder().add_writer(steno.JsonlWriter(sys.argv[1]))"
            ".batch_timeout_ms(60000).build()\n"
            "def work():\n"
            "    with recorder.session('child') as s, s.request(model='m') as r:\n"
            "        r.response(text='from the child')\n"
            "child = multiprocessing.get_context('fork').Process(target=work)\n"
            "child.start(); child.join(); sys.exit(child.exitcode)\n"
        )
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True, timeout=60
        )

        (path,) = tmp_path.glob("*/child.jsonl")
        assert "from the child" in path.read_text()


def test_a_clock_that_jumps_back(home):
    """When the clock jumps back, nothing is lost and the session begins at its earliest time."""
    with steno.open(home) as recorder:
        for number, stamp in enumerate((NOW, NOW - timedelta(days=2), NOW + timedelta(days=2))):
            recorder.record(steno.Completed("s", str(number), stamp, success=True))
        assert recorder.flush()

    (path,) = home.glob("sessions/*/s.jsonl")
    assert path.parent.name == "2026-11-20"
    assert [json.loads(line)["seq"] for line in path.read_bytes().splitlines()[1:]] == [1, 2, 3]
    with contextlib.closing(sqlite3.connect(home / "sessions.db")) as index:
        row = index.execute(
            "SELECT started_at, completed_at, request_count FROM sessions"
        ).fetchone()
    assert row == ("2026-11-18 00:00:00.000000", "2026-11-22 00:00:00.000000", 3)


def test_import_is_light():
    """`import steno` loads no database driver, no event loop, no command line and no YAML."""
    script = (
        "import sys, steno\n"
        "heavy = {'sqlite3', 'asyncio', 'click', 'rich', 'yaml', 'cryptography', 'aiohttp'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_builder_refuses_nonsense():
    """Settings that can't be are errors that say what is allowed."""
    builder = steno.RecorderBuilder().add_writer(MemoryWriter())

    for call in (
        lambda: builder.batch_size(0),
        lambda: builder.batch_timeout_ms(True),
        lambda: builder.channel_buffer_size("many"),
        lambda: builder.overflow("panic"),
        lambda: builder.add_writer(MemoryWriter()),
    ):
        with pytest.raises(steno.ConfigError):
            call()


class TestBeginnings:
    """Who begins a transcript knows whose it is, if anybody in the process does."""

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_child_that_comes_first(self, tmp_path):
        """A forked child that writes before its parent begins the transcript with its identity."""
        recorder = build(steno.JsonlWriter(tmp_path), timeout=60_000)
        session = recorder.session("s", key="agent:main:main", user_id="u")
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with session.request(model="m"):
                    pass
                code = 0 if recorder.close() else 1
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0

        (path,) = tmp_path.glob("*/s.jsonl")
        header = json.loads(path.read_bytes().splitlines()[0])
        assert (header["sessionKey"], header["user_id"], header["pid"]) == (
            "agent:main:main", "u", os.getpid(),
        )  # fmt: skip
        recorder.close()

    def test_a_transcript_that_was_removed(self, tmp_path):
        """A session that goes on after its transcript was removed has its identity again."""
        with build(steno.JsonlWriter(tmp_path)) as recorder:
            began = NOW
            session = recorder.session("s", key="agent:main:main", began=began)
            recorder.flush()
            (path,) = tmp_path.glob("2026-11-20/s.jsonl")
            path.unlink()
            with session.request(model="m"):
                pass
            recorder.flush()

            header = json.loads(path.read_bytes().splitlines()[0])
        assert header["sessionKey"] == "agent:main:main"

    def test_a_header_that_found_no_room(self, tmp_path):
        """A header that the full buffer refused is found when the transcript begins."""
        writer = steno.JsonlWriter(tmp_path)
        recorder = build(writer, channel_buffer_size=4, timeout=1000)
        sessions = [recorder.session(f"s{n}", key=f"agent:a:explicit:{n}") for n in range(200)]
        for session in sessions:
            while not recorder.record(steno.Completed(session.session_id, "r", NOW, success=True)):
                recorder.flush()
        recorder.close()

        paths = list(tmp_path.glob("*/s*.jsonl"))
        found = [json.loads(path.read_bytes().splitlines()[0]) for path in paths]
        assert len(found) == 200
        assert all(each["sessionKey"] == f"agent:a:explicit:{each['id'][1:]}" for each in found)

    def test_two_handles_of_one_session(self, tmp_path):
        """Of two handles of one session, the one that knows the key is asked for it."""
        with build(steno.JsonlWriter(tmp_path)) as recorder:
            first = recorder.session("s")
            second = recorder.session("s", key="agent:main:main")
            third = recorder.session("s")
            recorder.flush()
            (path,) = tmp_path.glob("*/s.jsonl")
            path.unlink()
            recorder.record(steno.Completed("s", "r", NOW, success=True))
            recorder.flush()

            assert json.loads(path.read_bytes().splitlines()[0])["sessionKey"] == "agent:main:main"
        assert first.session_id == second.session_id == third.session_id
