"""Lines are handed over without an await."""

import asyncio
import threading

import pytest

from steno.logs import delivery
from steno.logs.delivery import deliver
from steno.logs.lines import LogLine

LINES = [LogLine(0.0, 20, "INFO", "l", "a")]


def test_plain():
    """A plain function is called at once."""
    got = []

    assert deliver(got.append, LINES) is None
    assert got == [LINES]


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), RecursionError()])
def test_it_raises(error, capsys):
    """A callback that raises, a cancellation of somebody else's included, is not felt."""

    def callback(lines):
        raise error

    assert deliver(callback, LINES) is None
    assert "callback failed" in capsys.readouterr().err


def test_its_error_has_no_text(capsys):
    """Not even the text of its error is."""

    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    def callback(lines):
        raise Broken

    assert deliver(callback, LINES) is None
    assert "failed: Broken" in capsys.readouterr().err


def test_exits_pass():
    """Ctrl-C in a callback is the program's affair."""

    def callback(lines):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(callback, LINES)


def test_coroutine():
    """A coroutine goes on in a task, whoever is cancelled."""
    got = []

    async def callback(lines):
        await asyncio.sleep(0.02)
        got.extend(lines)

    async def run():
        try:
            await asyncio.sleep(60)
        finally:
            deliver(callback, LINES)

    async def main():
        task = asyncio.ensure_future(run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(5):
            task.cancel()
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert got == LINES


def test_at_the_end_of_the_loop():
    """A loop that ends right after waits for it, and does not cancel it before it began."""
    got = []

    async def callback(lines):
        await asyncio.sleep(0.05)
        got.extend(lines)

    async def main():
        deliver(callback, LINES)

    asyncio.run(main())
    assert got == LINES


def test_it_hangs_at_the_end(monkeypatch, capsys):
    """One that hangs holds up the loop's end for a while only."""
    monkeypatch.setattr(delivery, "END_S", 0.05)

    async def callback(lines):
        await asyncio.sleep(600)

    async def main():
        deliver(callback, LINES)

    asyncio.run(main())
    assert "CancelledError" in capsys.readouterr().err


def test_its_own_timeout():
    """A timeout within the callback works as ever."""
    got = []

    async def callback(lines):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            got.extend(lines)

    async def main():
        await deliver(callback, LINES)

    asyncio.run(main())
    assert got == LINES


def test_coroutine_raises(capsys):
    """A coroutine that raises is not felt, nor is its task's error left to be found."""

    async def callback(lines):
        raise ValueError("no")

    async def main():
        task = deliver(callback, LINES)
        await asyncio.wait({task})
        assert task.exception() is None

    asyncio.run(main())
    assert "callback failed: ValueError: no" in capsys.readouterr().err
    assert not delivery._running


def test_no_loop(capsys):
    """Without a loop a coroutine can't run: that is said, and nothing is left unawaited."""

    async def callback(lines):
        raise AssertionError

    assert deliver(callback, LINES) is None
    assert "needs a running event loop" in capsys.readouterr().err


def test_from_another_thread():
    """A scope that ends on a thread hands over in the loop in which it began."""
    got = []

    async def callback(lines):
        got.append((lines, threading.get_ident()))

    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(deliver, callback, LINES, loop)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert got == [(LINES, threading.get_ident())]
