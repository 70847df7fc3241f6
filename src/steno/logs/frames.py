"""Where a context manager was entered: in a generator that rests at each ``yield``, or not.

Strategy: the frame that entered is looked up once, through the frames that only pass it on
(``__enter__`` of somebody's wrapper, ``ExitStack``, ``@contextmanager``). Later its id is enough:
it stays the same for as long as the generator lives.
"""

from __future__ import annotations

import sys
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from threading import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

_PASSING = frozenset({"__enter__", "__aenter__", "enter_context", "enter_async_context"})
_BORROWED = ("contextlib", "_pytest.", "pytest_asyncio.", "anyio.")
"""Modules that run a generator on behalf of the code around it."""


def find_generator(frame: FrameType | None) -> FrameType | None:
    """Find the generator in which a ``with`` stands; None where it stands in none."""
    while frame is not None:
        code = frame.f_code
        if code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            caller = frame.f_back
            name = caller.f_globals.get("__name__", "") if caller is not None else ""
            if not str(name).startswith(_BORROWED):
                return frame
        elif code.co_name not in _PASSING:
            return None
        frame = frame.f_back
    return None


def is_running(frame_id: int) -> bool:
    """Tell whether a frame is on this thread's stack."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - frames have no public name
    while frame is not None:
        if id(frame) == frame_id:
            return True
        frame = frame.f_back
    return False


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs on this thread, if one does; does not load ``asyncio``."""
    loops = sys.modules.get("asyncio")
    if loops is None:
        return None
    try:
        loop: asyncio.AbstractEventLoop = loops.get_running_loop()
    except RuntimeError:
        return None
    return loop


def whereabouts() -> tuple[int, object]:
    """Name the running thread, and the task if there is one."""
    loops = sys.modules.get("asyncio")
    if loops is None:
        return get_ident(), None
    try:
        return get_ident(), loops.current_task()
    except RuntimeError:
        return get_ident(), None
