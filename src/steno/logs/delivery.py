"""Hand the lines of a scope to whoever wants them, without an await that could be cancelled.

Strategy: a plain function is called at once. A coroutine function, such as one that emits an event
to Open WebUI, becomes a task that nobody's cancellation reaches: when a client hangs up, every real
suspension in a ``finally`` is cancelled again, and only work that is detached gets done. Who can
wait for the task, may. A callback that fails is said once at a rate, and never felt by the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from steno.logs.frames import running_loop
from steno.logs.lines import LogLine
from steno.notices import say

Callback = Callable[[list[LogLine]], Awaitable[object] | object]
"""What takes the lines of a scope when it ends; a plain or a coroutine function."""

END_S = 5.0
"""Seconds that a loop, at its end, waits for callbacks instead of cancelling them."""


class _Detached(asyncio.Task[None]):
    """A task that ``asyncio.run`` waits for a little at its end, rather than cancel it unbegun."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel it; later, where that is because the loop ends."""
        loop = self.get_loop()
        if loop.is_running():  # the callback's own doing, such as a timeout within it
            return super().cancel(msg)
        loop.call_later(END_S, super().cancel, msg)
        return True


_running: set[asyncio.Task[None]] = set()
"""The event loop holds its tasks weakly; what is detached must be held by somebody."""


def deliver(
    callback: Callback, lines: list[LogLine], home: asyncio.AbstractEventLoop | None = None
) -> asyncio.Task[None] | None:
    """Call a callback.

    Args:
        callback: Who takes the lines.
        lines: The lines.
        home: The loop in which the scope began: a generator may be closed on another thread.

    Returns:
        The task that goes on with it, or None where there is nothing to wait for.
    """
    try:
        result = callback(lines)
    # A cancellation comes to who awaits; one that a plain call raises is somebody else's.
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - must not be felt
        _complain(error)
        return None
    if not inspect.isawaitable(result):
        return None
    here = running_loop()
    if home is not None and home is not here and home.is_running():
        with contextlib.suppress(RuntimeError):  # it was closed just now
            home.call_soon_threadsafe(_start, home, result)
            return None
    if here is not None:
        return _start(here, result)
    if inspect.iscoroutine(result):
        result.close()
    say("log-callback-loop", "a log scope's coroutine callback needs a running event loop")
    return None


def _start(loop: asyncio.AbstractEventLoop, result: Awaitable[Any]) -> asyncio.Task[None]:
    # A context of its own: what the callback logs belongs to no session.
    task = _Detached(_finish(result), loop=loop, context=Context())
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _finish(result: Awaitable[Any]) -> None:
    try:
        await result
    except Exception as error:  # noqa: BLE001 - as above
        _complain(error)
    except asyncio.CancelledError as error:
        _complain(error)
        raise


def _complain(error: BaseException) -> None:
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error's own text may fail
        text = type(error).__name__
    say("log-callback", f"a log scope's callback failed: {text}")
