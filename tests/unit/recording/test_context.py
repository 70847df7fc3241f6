"""Who is speaking."""

import asyncio
import threading

from steno.recording.context import Scope, current_scope, enter_scope, leave_scope
from steno.testing import capture_events


def test_scopes_nest():
    """A request speaks inside its session, and gives the word back."""
    with capture_events() as (recorder, _), recorder.session("s", user_id="u") as session:
        assert current_scope() == Scope("s", "", "u")
        with session.request(model="m", request_id="r"):
            assert current_scope() == Scope("s", "r", "u")
        assert current_scope() == Scope("s", "", "u")
    assert current_scope() is None


def test_tasks_do_not_hear_each_other():
    """Concurrent tasks and threads each have their own speaker."""
    heard = {}

    async def task(recorder, name):
        async with recorder.session(name):
            await asyncio.sleep(0.01)
            heard[name] = current_scope().session_id

    async def all_tasks(recorder):
        await asyncio.gather(*(task(recorder, f"task-{number}") for number in range(20)))

    def thread(recorder, name):
        with recorder.session(name):
            heard[name] = current_scope().session_id

    with capture_events() as (recorder, _):
        threads = [
            threading.Thread(target=thread, args=(recorder, f"thread-{n}")) for n in range(5)
        ]
        for each in threads:
            each.start()
        asyncio.run(all_tasks(recorder))
        for each in threads:
            each.join()

    assert len(heard) == 25
    assert all(name == session for name, session in heard.items())


def test_a_generator_closed_elsewhere():
    """A generator that is closed in another context leaves without an error."""
    with capture_events() as (recorder, writer):

        async def stream():
            with recorder.session("s") as session, session.request(model="m") as request:
                request.chunk("a")
                yield "a"
                yield "b"

        async def main():
            generator = stream()
            await asyncio.ensure_future(anext(generator))
            await asyncio.ensure_future(generator.aclose())

        asyncio.run(main())
        recorder.flush()

    completed = writer.events[-1]
    assert (completed.success, completed.error) == (False, "cancelled: GeneratorExit")
    assert current_scope() is None


def test_leaving_out_of_order():
    """Who leaves late does not take the word from somebody else."""
    first, second = Scope("a"), Scope("b")
    before_first = enter_scope(first)
    before_second = enter_scope(second)

    leave_scope(first, before_first)
    assert current_scope() is second
    leave_scope(second, before_second)
    assert current_scope() is first, "the second gives the word back to whom it took it from"
    leave_scope(first, before_first)
    assert current_scope() is None
