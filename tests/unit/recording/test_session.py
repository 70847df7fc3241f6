"""Sessions as context managers, and how one gives way to the next."""

import asyncio
import gc
import json
import os
import signal
import threading
import weakref

import pytest

import steno
from steno.errors import IdentityError
from steno.testing import capture_events
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_header


def transcripts(home):
    """Read all transcripts of a home: by session, the types of their lines."""
    return {
        read_header(path).session_id: [
            json.loads(line)["type"] for line in path.read_bytes().splitlines()
        ]
        for path in find_transcripts(home / "sessions")
    }


def headers(home):
    """Read all headers of a home, by session."""
    found = [read_header(path) for path in find_transcripts(home / "sessions")]
    return {header.session_id: header for header in found}


def test_snapshot():
    """A snapshot sums the session up so far."""
    with capture_events() as (recorder, writer):
        with recorder.session() as session:
            for tokens in (steno.Tokens(input=1, output=2, thinking=1), steno.Tokens(input=10)):
                with session.request(model="m") as request:
                    request.tool_call("a")
                    request.response(tokens=tokens)
            session.snapshot()
        recorder.flush()

    snapshot = writer.events[-1]
    assert (snapshot.request_count, snapshot.total_input_tokens, snapshot.total_output_tokens) == (
        2,
        11,
        2,
    )
    assert (snapshot.total_tool_calls, snapshot.unique_tools, snapshot.total_thinking_tokens) == (
        2,
        ("a",),
        1,
    )


def test_a_session_without_requests_has_a_transcript(home):
    """A session that only began is in the home too."""
    with steno.open(home) as recorder:
        recorder.session("empty", key="agent:x:main")

    (path,) = home.glob("sessions/*/empty.jsonl")
    assert '"sessionKey":"agent:x:main"' in path.read_text()


def test_asyncio():
    """Sessions and requests work in coroutines, side by side."""

    async def one(recorder, number):
        async with recorder.session(f"s{number}") as session:
            async with session.request(model="m") as request:
                await asyncio.sleep(0.001)
                request.response(text=str(number))

    async def main(recorder):
        await asyncio.gather(*(one(recorder, number) for number in range(50)))

    with capture_events() as (recorder, writer):
        asyncio.run(main(recorder))
        recorder.flush()

    replies = {
        e.session_id: e.response_text
        for e in writer.events
        if isinstance(e, steno.ResponseRecorded)
    }
    assert replies == {f"s{number}": str(number) for number in range(50)}


WHO = {"key": "agent:main:main", "user_id": "u", "chat_id": "c", "parent": "p", "tags": ("t",),
       "program": "codex"}  # fmt: skip


@pytest.mark.parametrize("reason", ["reset", "compaction"])
def test_rotation(home, reason):
    """A rotated transcript names its successor, whose header has the same identity and names it."""
    with steno.open(home) as recorder, recorder.session("old", message_id="m", **WHO) as session:
        with session.request(model="m"):
            pass
        if reason == "reset":
            after = session.reset(session_id="new")
        else:
            after = session.compact(
                summary="so far",
                trigger="manual",
                tokens_before=9,
                tokens_after=3,
                session_id="new",
            )
        with after.request(model="m"):
            pass

    first, second = headers(home)["old"], headers(home)["new"]
    for name in ("session_key", "agent_id", "user_id", "chat_id", "parent", "tags", "program"):
        assert getattr(second, name) == getattr(first, name)
    assert (first.previous, first.reason) == (None, None)
    assert (second.previous, second.reason, second.message_id) == ("old", reason, None)
    begun = [] if reason == "reset" else ["compacted"]
    assert transcripts(home) == {
        "old": ["session", "started", "completed", "rotated"],
        "new": ["session", *begun, "started", "completed"],
    }
    (old,) = home.glob("sessions/*/old.jsonl")
    rotated = json.loads(old.read_bytes().splitlines()[-1])
    assert (rotated["reason"], rotated["successor"], rotated["sessionKey"]) == (
        reason, "new", "agent:main:main",
    )  # fmt: skip
    if begun:
        (new,) = home.glob("sessions/*/new.jsonl")
        compacted = json.loads(new.read_bytes().splitlines()[1])
        assert {name: compacted[name] for name in ("summary", "trigger", "tokens_before", "tokens_after")} == {
            "summary": "so far", "trigger": "manual", "tokens_before": 9, "tokens_after": 3,
        }  # fmt: skip


def test_the_successor_speaks():
    """What speaks for a session speaks for its successor, until the block ends."""
    with capture_events() as (recorder, _), recorder.session("outer"):
        with recorder.session("old", user_id="u") as session:
            new = session.reset()
            assert steno.current_scope() == steno.Scope(new.session_id, "", "u")
            newer = new.compact()
            assert steno.current_scope().session_id == newer.session_id
            with newer:
                assert steno.current_scope().session_id == newer.session_id
            assert steno.current_scope().session_id == newer.session_id
        assert steno.current_scope().session_id == "outer"
    assert steno.current_scope() is None


def test_a_rotation_that_nobody_hears():
    """Where the session doesn't speak, its successor doesn't take the word."""
    with capture_events() as (recorder, _):
        session = recorder.session("old")
        new = session.reset()
        assert steno.current_scope() is None
        with recorder.session("other"):
            session.reset()
            assert steno.current_scope().session_id == "other"
        with new:
            assert steno.current_scope().session_id == session.successor.session_id


def test_requests_that_are_open(home):
    """Requests of before end in the old transcript; the successor speaks when they have ended."""
    with steno.open(home) as recorder, recorder.session("old", key="agent:a:main") as session:
        beside = session.request(model="m")
        with session.request(model="m", request_id="r") as request, beside:
            new = session.compact(summary="s")
            assert steno.current_scope() == steno.Scope("old", beside.request_id, None)
            request.response(text="late")
        assert steno.current_scope().session_id == new.session_id
        session.snapshot()

    found = transcripts(home)
    assert found["old"].count("completed") == found["old"].count("started") == 2
    assert "response_recorded" in found["old"]
    assert found[new.session_id] == ["session", "compacted"]


def test_a_handle_of_a_rotated_session(home):
    """A handle that was rotated stands for the newest successor in all that begins later."""
    with steno.open(home) as recorder:
        session = recorder.session("a", key="agent:a:main")
        with session:
            session.reset(session_id="b")
            session.compact(session_id="c")
            with session.request(model="m"):
                pass
        with session:
            assert steno.current_scope().session_id == "c"
        assert session.session_id == "a"

    assert transcripts(home) == {
        "a": ["session", "rotated"],
        "b": ["session", "rotated"],
        "c": ["session", "compacted", "started", "completed"],
    }
    assert [headers(home)[name].previous for name in "abc"] == [None, "a", "b"]


def test_no_session_is_its_own_successor():
    """A successor by the same id is refused, and the session goes on."""
    with capture_events() as (recorder, _), recorder.session("old") as session:
        with pytest.raises(IdentityError, match="own successor"):
            session.reset(session_id="old")
        assert steno.current_scope().session_id == "old"
        assert session.successor is None


@pytest.mark.parametrize("given", [5, b"x", True, ["a"], ("a",)])
def test_ids_that_are_no_text(home, given):
    """An id that is a number or anything else becomes a text, and other sessions lose nothing."""
    with steno.open(home) as recorder:
        good = recorder.session("good", key="agent:a:main")
        for session in (good, recorder.session(given), good.reset(session_id=given), good):
            with session.request(model="m"):
                pass
        with pytest.raises(IdentityError):
            good.successor.reset(session_id=given)
        assert recorder.flush()
        assert recorder.stats().failed == 0

    assert transcripts(home).keys() == {"good", str(given)}
    assert transcripts(home)["good"] == ["session", "rotated"]


@pytest.mark.parametrize("began", ["yesterday", 5, object()])
def test_a_time_that_is_none(home, began):
    """A session that is said to have begun at no time begins now, and others lose nothing."""
    with steno.open(home) as recorder:
        for session in (recorder.session("good"), recorder.session("bad", began=began)):
            with session.request(model="m"):
                pass
        assert recorder.flush()
        assert recorder.stats().failed == 0

    lines = ["session", "started", "completed"]
    assert transcripts(home) == {"good": lines, "bad": lines}


def test_without_a_key(home):
    """Sessions without a key are rotated too; their ids link them."""
    with steno.open(home) as recorder:
        recorder.session("old").reset(session_id="new")

    assert (headers(home)["new"].session_key, headers(home)["new"].previous) == (None, "old")


def test_rotation_in_coroutines():
    """A session can be rotated in a coroutine; tasks that began before go on as they are."""

    async def main(recorder):
        async with recorder.session("old", key="agent:a:main") as session:
            ready, go = asyncio.Event(), asyncio.Event()

            async def work():
                async with session.request(model="m"):
                    ready.set()
                    await go.wait()
                return steno.current_scope().session_id

            async with asyncio.TaskGroup() as group:
                task = group.create_task(work())
                await ready.wait()
                new = session.reset()
                go.set()
                assert steno.current_scope().session_id == new.session_id
            assert task.result() == new.session_id
        assert steno.current_scope() is None

    with capture_events() as (recorder, writer):
        asyncio.run(main(recorder))
        recorder.flush()

    assert [type(event).__name__ for event in writer.events if event.session_id == "old"] == [
        "Started", "Rotated", "Completed",
    ]  # fmt: skip


def test_threads_that_rotate_at_once():
    """However many threads rotate a session, its transcripts are one chain."""
    with capture_events() as (recorder, writer):
        session = recorder.session("0", key="agent:a:main")
        start = threading.Barrier(8)

        def rotate():
            start.wait()
            for _ in range(50):
                session.reset()

        threads = [threading.Thread(target=rotate) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        recorder.flush()

    successors = {e.session_id: e.successor for e in writer.events if isinstance(e, steno.Rotated)}
    assert len(successors) == 400
    name, chain = "0", 0
    while name in successors:
        assert writer.headers[successors[name]].previous == name
        name, chain = successors[name], chain + 1
    assert (chain, session.successor.session_id) == (400, name)


def test_a_fork_while_a_session_is_being_rotated():
    """A forked child rotates sessions, though a thread of its parent was just doing so."""
    with capture_events() as (recorder, _):
        session = recorder.session("old")
        rotating, forked = threading.Event(), threading.Event()
        succeed = session._succeed

        def wait(*given):
            rotating.set()
            forked.wait(30)
            return succeed(*given)

        session._succeed = wait
        thread = threading.Thread(target=session.reset)
        thread.start()
        rotating.wait(30)
        child = os.fork()
        if not child:
            signal.alarm(10)  # ends a child that hangs
            session._succeed = succeed
            with session.request(model="m"):
                pass
            os._exit(0 if session.reset() is session.successor else 1)
        forked.set()
        thread.join()
        assert os.waitpid(child, 0)[1] == 0


def test_sessions_that_nobody_holds_are_let_go():
    """A session is freed as soon as nobody holds it, also one that was rotated."""
    gc.disable()
    try:
        with capture_events() as (recorder, _):
            session = recorder.session("old")
            middle = weakref.ref(session.reset())
            last = weakref.ref(session.reset())
            session.request(model="m")
            assert (middle(), last()) == (None, session.successor)
            session = None
            assert last() is None
    finally:
        gc.enable()
