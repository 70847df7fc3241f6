"""Threads that know whose work they do."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from steno.logs.capture import restore_logging
from steno.logs.carrying import ScopedThreadPoolExecutor, carry_scope
from steno.logs.scope import log_scope

log = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _restored():
    """Give logging back."""
    yield
    restore_logging()


def say(text, *, loud=False):
    """Log in a thread."""
    log.debug("%s %s", text, loud)
    return threading.get_ident()


def test_threads():
    """A thread whose function is carried logs for who began it, another one for nobody."""
    with log_scope(level="DEBUG") as scope:
        for target in (carry_scope(say), say):
            thread = threading.Thread(target=target, args=("a",), kwargs={"loud": True})
            thread.start()
            thread.join()
        assert [line.message for line in scope.buffer.lines()] == ["a True"]


def test_many_calls_at_once():
    """A carried function may be called by several threads at once."""
    barrier = threading.Barrier(4)

    def work():
        barrier.wait(5)
        log.debug("here")

    with log_scope(level="DEBUG") as scope, ThreadPoolExecutor(4) as pool:
        carried = carry_scope(work)
        for future in [pool.submit(carried) for _ in range(4)]:
            future.result()
        assert len(scope.buffer) == 4
    assert carried.__name__ == "work"


def test_executors():
    """What an event loop's executor runs is the scope's when carried, and in a pool of ours."""

    async def main():
        loop = asyncio.get_running_loop()
        with log_scope(level="DEBUG") as scope:
            with ScopedThreadPoolExecutor(1) as ours:
                await loop.run_in_executor(None, carry_scope(say), "carried")
                await loop.run_in_executor(ours, say, "pool")
                await asyncio.to_thread(say, "thread")
                await loop.run_in_executor(None, say, "lost")
            return [line.message for line in scope.buffer.lines()]

    assert asyncio.run(main()) == ["carried False", "pool False", "thread False"]


def test_a_pool_of_many():
    """Calls of one pool belong to whoever submitted each, in `submit` and in `map`."""
    with ScopedThreadPoolExecutor(1) as pool:
        for name in ("a", "b"):
            with log_scope(level="DEBUG") as scope:
                pool.submit(say, name, loud=True).result()
                list(pool.map(say, [name, name]))
                assert [line.message for line in scope.buffer.lines()] == [
                    f"{name} True",
                    *[f"{name} False"] * 2,
                ]
        pool.submit(say, "late").result()
    assert scope.late == 0, "the pool's thread is nobody's afterwards"


def test_errors_pass():
    """What a carried function raises is its caller's."""
    with pytest.raises(ZeroDivisionError), ScopedThreadPoolExecutor(1) as pool:
        pool.submit(carry_scope(lambda: 1 / 0)).result()
