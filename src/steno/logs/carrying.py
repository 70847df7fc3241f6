"""Threads that know whose work they do: pools lose the context that tasks inherit.

``asyncio.to_thread`` copies the context by itself; ``loop.run_in_executor`` and the pools of
``concurrent.futures`` don't, and neither does ``threading.Thread`` before Python 3.14.
"""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def carry_scope(function: Callable[_P, _T], /) -> Callable[_P, _T]:
    """Bind a function to whoever speaks now, for a thread that will call it later.

    Usage::

        threading.Thread(target=steno.carry_scope(work)).start()
        loop.run_in_executor(None, steno.carry_scope(work), argument)
    """
    context = copy_context()

    @functools.wraps(function)
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        # A context can be entered by one thread at a time; the function may be called by several.
        return context.copy().run(function, *args, **kwargs)

    return carried


class ScopedThreadPoolExecutor(ThreadPoolExecutor):
    """A pool in which every call belongs to whoever submitted it."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Submit a call, with the context of the caller."""
        return super().submit(functools.partial(copy_context().run, fn, *args, **kwargs))
