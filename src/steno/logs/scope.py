"""Whose log lines these are: one scope per run, in a context variable, flushed on every way out.

Strategy: the scope is found through a context variable, so that tasks, `asyncio.to_thread` and
copied contexts carry it. The variable is put back by value, never by token: a generator may be
closed from another context than the one in which it began. Where that happens, the context in which
it began is left with a scope that is closed; a closed scope is nobody's, and is passed over.

A context variable that is set in a generator stays set while the generator rests. So a scope that
is entered in a generator's own frame holds only while that frame is on the stack, or in tasks and
threads that were begun there; two generators that take turns on one thread do not see each other's
lines. Generators that are context managers or fixtures (``contextlib``, pytest) are the exception:
there, who called them is meant.

Nothing on the way out needs an await: see `steno.logs.delivery`.
"""
# ruff: noqa: SLF001 - scopes of one module know each other, and frames have no public name

from __future__ import annotations

import logging
import os
import sys
import weakref
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, Self, TextIO, TypeVar

from steno.identity import new_request_id, new_session_id
from steno.logs.buffer import MAX_BYTES, LineBuffer, default_lines
from steno.logs.endings import error_line, judge, with_traceback
from steno.logs.frames import find_generator, is_running, running_loop, whereabouts
from steno.logs.levels import parse_level, resolve_level
from steno.notices import say
from steno.recording.context import SPEAKER, Scope, current_scope

if TYPE_CHECKING:
    import asyncio
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Generator,
        Iterable,
        Iterator,
        Sequence,
    )
    from types import FrameType, TracebackType

    from steno.logs.delivery import Callback
    from steno.logs.lines import LogLine

_T = TypeVar("_T")

DEBUG = logging.DEBUG
"""What sinks always get, whatever is shown."""

WAIT_S = 5.0
"""Seconds that the end of ``async with`` waits for a coroutine callback; it goes on without."""


class Sink(Protocol):
    """Gets every line of a scope from DEBUG on, and is told the end; must not block or raise."""

    def take(self, line: LogLine) -> None:
        """Take a line, on the thread that logged it."""

    def end(self, status: str, reason: str = "") -> None:
        """Take note of the end: ``ok``, ``error``, ``cancelled`` or ``interrupted``, and why."""


class LogScope:
    """Collects what is logged in one run, and hands it over at its end, however it ends.

    A context manager, sync and async, for use once::

        with steno.log_scope(session_id="s1", request_id="r1", level="DEBUG", callback=print):
            logging.getLogger(__name__).debug("this line is the run's")

    Attributes:
        session_id: The session to which the lines belong.
        request_id: The request within it.
        user_id: The user for whom it runs.
        level: The lowest level that is shown.
        follows: The level was given; then the host's handlers show nothing below it, either.
        floor: The lowest level that is kept.
        sinks: Who gets every line from the floor on.
        stream: Where lines are printed that nobody else prints.
        buffer: What will be handed to the callback: lines from the level on.
        plain: It is open, and holds wherever the context variable says so.
        late: Lines that came after the end; they are nobody's, and only counted.
        speaker: Who spoke when it began.
        notes_errors: An exception that ends the run is a line of its own, with its traceback.
        callback: Gets the lines at the end.
    """

    def __init__(
        self,
        *,
        session_id: str | None = None,
        request_id: str | None = None,
        user_id: str | None = None,
        level: str | int | None = None,
        callback: Callback | None = None,
        sinks: Sequence[Sink] = (),
        stream: str | TextIO | None = None,
        max_lines: int | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Describe the run.

        Args:
            session_id: The session; that of the current ``steno`` session, or a new one.
            request_id: The request; two runs of one session are told apart by it.
            user_id: The user for whom it runs.
            level: What is shown, to the callback and by the host's own handlers; a name or a
                number. Without it, ``GLOBAL_LOG_LEVEL`` or INFO for the callback, and whatever
                they like for the host's handlers.
            callback: Gets a list of `LogLine` at the end, if there are any; a plain or a coroutine
                function.
            sinks: Get every line from DEBUG on as it comes, such as an archive's spool.
            stream: ``"stdout"``, ``"stderr"`` or an open file, where lines are printed that the
                level shows but that no handler of the host's gets; without it, steno prints none.
            max_lines: Lines that are kept for the callback, ``SESSION_LOG_MAX_LINES`` or 20,000
                by default; the oldest go first, and are counted.
            max_bytes: Bytes of memory that they may take.

        Raises:
            ConfigError: The level, or ``GLOBAL_LOG_LEVEL``, names no level.
        """
        speaker = current_scope() or Scope("")
        same = session_id is None or session_id == speaker.session_id
        self.session_id = session_id or speaker.session_id or new_session_id()
        self.request_id = request_id or (same and speaker.request_id) or new_request_id()
        self.user_id = user_id or (speaker.user_id if same else None)
        self.follows = level is not None
        self.level = resolve_level() if level is None else parse_level(level)
        self.floor = min(self.level, DEBUG) if sinks else self.level
        self.sinks = tuple(sinks)
        self.stream = stream
        self.buffer = LineBuffer(default_lines() if max_lines is None else max_lines, max_bytes)
        self.plain = False
        self.late = 0
        self.speaker: Scope | None = None
        self.notes_errors = False
        self.callback = callback
        self._outer: LogScope | None = None
        self._state = "new"
        self._pid = 0
        self._frame = 0
        self._home: object = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: Callable[[int], None] | None = None

    def take(self, line: LogLine) -> None:
        """Keep a line that did not come through ``logging``."""
        if line.level < self.floor or self._state == "closed":
            return
        for sink in self.sinks:
            sink.take(line)
        if line.level >= self.level:
            self.buffer.take(line)

    def interrupt(self, reason: str) -> None:
        """End it without knowing how the run ended; nobody is told but the sinks."""
        self.callback = None
        self._conclude("interrupted", reason)

    @property
    def closed(self) -> bool:
        """Tell whether the run is over."""
        return self._state == "closed"

    def __del__(self) -> None:
        """End what somebody began and forgot."""
        if getattr(self, "_state", "new") == "open":
            with suppress(Exception):  # the interpreter may be at its end
                self.interrupt("nobody ended it")

    # -- in and out ---------------------------------------------------------

    def __enter__(self) -> Self:
        """Begin; lines that are logged from here on are the scope's."""
        self._begin(sys._getframe(1))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End: hand the lines over, at once or in a task that nobody can cancel."""
        self._end(kind, error)

    async def __aenter__(self) -> Self:
        """Begin; as ``with``."""
        self._begin(sys._getframe(1))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End as ``with`` does, then wait a little for a coroutine callback.

        Raises:
            asyncio.CancelledError: Somebody cancelled the waiting; the callback goes on.
        """
        await self.settle(self._end(kind, error))

    def _begin(self, frame: FrameType | None) -> None:
        self.open()
        generator = find_generator(frame)
        if generator is not None:
            # The frame lives as long as its generator; to hold it would keep both alive.
            self._frame = id(generator)
            self.plain = False
            self._home = whereabouts()
        CURRENT.set(self)

    def open(self) -> None:
        """Begin without being in force: `speaking` and `iterate` make lines the scope's.

        Raises:
            RuntimeError: It was begun before.
        """
        if self._state != "new":
            raise RuntimeError("a log scope is for use once: make another one")
        # Remembered, for at the interpreter's end a generator may end with nothing to import from.
        from steno.logs.capture import watch

        self._watch, self._loop = watch, running_loop()
        watch(1)
        _open.add(self)
        self._state = "open"
        self.plain = True
        self._pid = os.getpid()
        self.speaker = current_scope()
        outer = CURRENT.get()
        while outer is not None and outer.closed:  # or a chain of the dead would grow
            outer = outer._outer
        self._outer = outer

    def _end(
        self, kind: type[BaseException] | None, error: BaseException | None
    ) -> asyncio.Task[None] | None:
        return self._conclude(*judge(kind, error), error)

    def _conclude(
        self, status: str, reason: str, error: BaseException | None = None
    ) -> asyncio.Task[None] | None:
        if CURRENT.get() is self:
            outer = self._outer
            while outer is not None and outer.closed:
                outer = outer._outer
            CURRENT.set(outer)
        if self._state != "open":
            return None
        self._state = "closed"
        self.plain = False
        self._home = None
        if self._watch is not None:
            self._watch(-1)
        if self._pid != os.getpid():
            self.buffer.close()  # a forked child's copy: the parent hands it over
            return None
        if status == "error" and self.notes_errors:
            line = error_line(self, reason)
            self.buffer.take(line)
            for sink in self.sinks:  # the traceback is for those who keep, not for those who look
                sink.take(with_traceback(line, error))
        for sink in self.sinks:
            try:
                sink.end(status, reason)
            except Exception as failure:  # noqa: BLE001 - a sink must not hold up the others
                say("log-sink", f"a log scope's sink failed: {failure!r}")
        return self._hand_over(self.buffer.close())

    def _hand_over(self, lines: list[LogLine]) -> asyncio.Task[None] | None:
        # A task that lives on may hold the scope for long; what the callback holds need not stay.
        callback, self.callback = self.callback, None
        if callback is None or not lines:
            return None
        try:
            from steno.logs.delivery import deliver
        except ImportError:  # a generator that ends with the interpreter
            with suppress(Exception):
                callback(lines)
            return None
        return deliver(callback, lines, self._loop)

    def close(self, error: BaseException | None = None) -> asyncio.Task[None] | None:
        """End what `open` began; what was closed before stays so.

        Returns:
            The task of a coroutine callback, for `settle`.
        """
        return self._end(type(error) if error is not None else None, error)

    @staticmethod
    async def settle(task: asyncio.Task[None] | None) -> None:
        """Wait a little for a coroutine callback; cancelled, it goes on without the waiter."""
        if task is not None:
            import asyncio

            await asyncio.wait({task}, timeout=WAIT_S)

    # -- generators ---------------------------------------------------------

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Make lines the scope's for a while, in the middle of its life."""
        before = CURRENT.get()
        CURRENT.set(self)
        try:
            yield
        finally:
            if CURRENT.get() is self:
                CURRENT.set(before)

    def iterate(self, items: Iterable[_T]) -> Generator[_T, None, None]:
        """Pass a generator on within the scope, which ends with it.

        What the generator logs is the scope's, what its consumer logs in between is not.
        """
        if self._state == "new":
            self.open()
        iterator = iter(items)
        inside = _Inside(self)
        error: BaseException | None = None
        try:
            while True:
                with inside:
                    try:
                        item = next(iterator)
                    except StopIteration:
                        break
                yield item
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                with inside:
                    close = getattr(iterator, "close", None)
                    if close is not None:
                        close()
            finally:
                self.close(error)
                error = None  # its traceback holds this frame

    async def aiterate(self, items: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
        """Pass an asynchronous generator on within the scope, which ends with it; see `iterate`."""
        if self._state == "new":
            self.open()
        inside = _Inside(self)
        error: BaseException | None = None
        task: asyncio.Task[None] | None = None
        try:
            while True:
                with inside:
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        break
                yield item
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                with inside:
                    close = getattr(items, "aclose", None)
                    if close is not None:
                        await close()
            finally:
                task = self.close(error)
                error = None  # its traceback holds this frame
            await self.settle(task)

    # -- where it holds -----------------------------------------------------

    def _holds_here(self) -> bool:
        """Tell whether this is the generator's own doing, or a task or thread that it began."""
        return self._home != whereabouts() or is_running(self._frame)


class _Inside:
    """What holds in a generator, from step to step; in between, its consumer has the word."""

    def __init__(self, scope: LogScope) -> None:
        self._scope: LogScope | None = scope
        self._speaker: tuple[Scope | None] | None = None
        self._before: tuple[LogScope | None, Scope | None] = (None, None)

    def __enter__(self) -> None:
        self._before = CURRENT.get(), SPEAKER.get()
        CURRENT.set(self._scope)
        if self._speaker is not None:
            SPEAKER.set(self._speaker[0])

    def __exit__(self, *_: object) -> None:
        scope, speaker = self._before
        # Scopes and sessions that the generator entered are open while it rests.
        self._scope = CURRENT.get()
        CURRENT.set(scope)
        now = SPEAKER.get()
        self._speaker = None if now is speaker else (now,)
        if now is not speaker:
            SPEAKER.set(speaker)


CURRENT: ContextVar[LogScope | None] = globals().get("CURRENT") or ContextVar(
    "steno_log_scope", default=None
)  # the same one after ``importlib.reload``: `steno.logs.capture` reads it
"""The scope that was entered last in a context; see `active_scope` before you believe it."""


def active_scope() -> LogScope | None:
    """Return the scope to which a line belongs that is logged right here; None outside all."""
    scope = CURRENT.get()
    while scope is not None:
        if scope._state == "open" and (not scope._frame or scope._holds_here()):
            return scope
        scope = scope._outer
    return None


def count_late() -> None:
    """Count a line that came when the scope to which it would belong was over."""
    scope = CURRENT.get()
    if scope is not None and scope.closed:
        scope.late += 1


log_scope = LogScope
"""The name under which it stands in a ``with``: ``with steno.log_scope(session_id="s1"): ...``."""


def _after_fork() -> None:
    """What a forked child logs is not its parent's: two must not write to one spool."""
    for scope in list(_open):
        scope.sinks = ()


if "_open" not in globals():  # it is after ``importlib.reload``
    _open: weakref.WeakSet[LogScope] = weakref.WeakSet()
    os.register_at_fork(after_in_child=_after_fork)
