"""``recorded``: a Pipe's method whose turns are recorded, whatever kind of function it is.

Strategy: the host looks at a method's signature and at its kind (plain, coroutine, generator,
asynchronous generator) before it calls it. So what goes around it has the same kind, and asks in
its signature also for what the recording needs. A coroutine or plain function that returns a
generator ends with that generator.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, TypeVar

from steno.integrations.open_webui.turn import Host, Turn, begin_turn

if TYPE_CHECKING:
    import asyncio

_F = TypeVar("_F", bound=Callable[..., Any])

_ASKED = {
    "__user__": "user",
    "__metadata__": "metadata",
    "__event_emitter__": "emitter",
    "__task__": "task",
    "__task_body__": "task_body",
}
"""What the recording needs of the host, and what it is called here."""


def recorded(pipe: _F) -> _F:
    """Record the turns of a ``pipe`` method.

    Usage::

        class Pipe:
            class Valves(LogValves):
                ...

            class UserValves(LogUserValves):
                ...

            def __init__(self):
                self.valves = self.Valves()

            @recorded
            async def pipe(self, body, __user__):
                logging.getLogger("my.pipe").debug("in the archive, and in no other user's")
                yield "the answer"

    A parameter ``__valves__`` gets the valves as they were when the turn began.
    """
    start = _Start(pipe)
    if inspect.isasyncgenfunction(pipe):
        wrapper = _around_async_generator(pipe, start)
    elif inspect.isgeneratorfunction(pipe):
        wrapper = _around_generator(pipe, start)
    elif inspect.iscoroutinefunction(pipe):
        wrapper = _around_coroutine(pipe, start)
    else:
        wrapper = _around_function(pipe, start)
    wrapper.__signature__ = _widen(start.signature)
    return wrapper  # type: ignore[no-any-return]


class _Start:
    """Begins the turns of one method, and keeps from it what it did not ask for."""

    def __init__(self, pipe: Callable[..., Any]) -> None:
        self.signature = inspect.signature(pipe)
        self._own = frozenset(self.signature.parameters)
        kinds = {each.kind for each in self.signature.parameters.values()}
        self._takes_all = inspect.Parameter.VAR_KEYWORD in kinds

    def __call__(
        self, instance: Any, args: tuple[Any, ...], given: dict[str, Any]
    ) -> tuple[Turn, dict[str, Any]]:
        """Begin a turn; returns it, and what to pass to the method by name."""
        host = Host(**{name: given.get(key) for key, name in _ASKED.items()})
        passed = {
            key: value
            for key, value in given.items()
            if key in self._own or (self._takes_all and key not in _ASKED)
        }
        valves = _copy(getattr(instance, "valves", None))
        if "__valves__" in self._own:
            passed["__valves__"] = valves
        body = given.get("body", args[0] if args else None)
        return begin_turn(valves, host, body, listener="pipe"), passed


def _around_async_generator(pipe: Callable[..., Any], start: _Start) -> Any:
    @functools.wraps(pipe)
    async def wrapper(self: Any, *args: Any, **given: Any) -> AsyncGenerator[Any, None]:
        turn, passed = start(self, args, given)
        async with aclosing(_pass_on(turn, pipe(self, *args, **passed))) as items:
            async for item in items:
                yield item

    return wrapper


def _around_generator(pipe: Callable[..., Any], start: _Start) -> Any:
    @functools.wraps(pipe)
    def wrapper(self: Any, *args: Any, **given: Any) -> Iterator[Any]:
        turn, passed = start(self, args, given)
        yield from _pass_all_on(turn, pipe(self, *args, **passed))

    return wrapper


def _around_coroutine(pipe: Callable[..., Any], start: _Start) -> Any:
    @functools.wraps(pipe)
    async def wrapper(self: Any, *args: Any, **given: Any) -> Any:
        turn, passed = start(self, args, given)
        turn.scope.open()
        try:
            with turn.scope.speaking():
                result = await pipe(self, *args, **passed)
        except BaseException as error:
            await turn.scope.settle(_end(turn, error))
            raise
        passed_on = _pass_result_on(turn, result)
        if passed_on is None:
            await turn.scope.settle(_end(turn, None))
            return result
        return passed_on

    return wrapper


def _around_function(pipe: Callable[..., Any], start: _Start) -> Any:
    @functools.wraps(pipe)
    def wrapper(self: Any, *args: Any, **given: Any) -> Any:
        turn, passed = start(self, args, given)
        turn.scope.open()
        try:
            with turn.scope.speaking():
                result = pipe(self, *args, **passed)
        except BaseException as error:
            _end(turn, error)
            raise
        passed_on = _pass_result_on(turn, result)
        if passed_on is None:
            _end(turn, None)
            return result
        return passed_on

    return wrapper


def _widen(signature: inspect.Signature) -> inspect.Signature:
    """Ask the host for what the recording needs, beside what the method itself asks for."""
    kept = [each for name, each in signature.parameters.items() if name != "__valves__"]
    asked = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in _ASKED
        if name not in signature.parameters
    ]
    at = len(kept) - (1 if kept and kept[-1].kind is inspect.Parameter.VAR_KEYWORD else 0)
    return signature.replace(parameters=[*kept[:at], *asked, *kept[at:]])


def _copy(valves: Any) -> Any:
    """Copy what the host shares between turns."""
    copy = getattr(valves, "model_copy", None)
    return copy(deep=True) if callable(copy) else valves


def _pass_result_on(turn: Turn, result: Any) -> Any:
    """Put the recording around a generator that a function returned; it ends the turn.

    Returns:
        What to return instead; None where the reply came whole, and the turn is over.
    """
    if hasattr(result, "__anext__"):
        return _pass_on(turn, result)
    if hasattr(result, "__next__"):
        return _pass_all_on(turn, result)
    stream: Any = getattr(result, "body_iterator", None)
    if hasattr(stream, "__anext__"):
        result.body_iterator = _pass_on(turn, stream)
        return result
    if turn.exchange is not None:
        turn.exchange.reply(result)
    return None


async def _pass_on(turn: Turn, items: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    error: BaseException | None = None
    try:
        async with aclosing(turn.scope.aiterate(items)) as lines:
            async for item in lines:
                if turn.exchange is not None:
                    turn.exchange.add(item)
                yield item
    except BaseException as failure:
        error = failure
        raise
    finally:
        if turn.exchange is not None:
            turn.exchange.end(error)


def _pass_all_on(turn: Turn, items: Iterator[Any]) -> Iterator[Any]:
    error: BaseException | None = None
    try:
        with closing(turn.scope.iterate(items)) as lines:
            for item in lines:
                if turn.exchange is not None:
                    turn.exchange.add(item)
                yield item
    except BaseException as failure:
        error = failure
        raise
    finally:
        if turn.exchange is not None:
            turn.exchange.end(error)


def _end(turn: Turn, error: BaseException | None) -> asyncio.Task[None] | None:
    task = turn.scope.close(error)
    if turn.exchange is not None:
        turn.exchange.end(error)
    return task
