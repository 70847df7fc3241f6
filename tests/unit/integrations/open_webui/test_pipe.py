"""``recorded``: each kind of method stays of its kind."""

import asyncio
import inspect
import logging

import pytest

from steno.integrations.open_webui import LogValves, recorded
from steno.integrations.open_webui import pipe as module

log = logging.getLogger("test.pipe")
HOST = {"__user__", "__metadata__", "__event_emitter__", "__task__", "__task_body__"}


class Pipe:
    """Methods of each kind."""

    def __init__(self):
        self.valves = LogValves(STENO_RECORD=False, LOG_LEVEL="DEBUG")

    @recorded
    def function(self, body):
        log.debug("function")
        return body["say"]

    @recorded
    async def coroutine(self, body, __user__):
        log.debug("coroutine of %s", __user__["id"])
        return body["say"]

    @recorded
    def generator(self, body):
        log.debug("generator")
        yield body["say"]

    @recorded
    async def async_generator(self, body):
        log.debug("async generator")
        yield body["say"]

    @recorded
    async def streaming(self, body):
        """Return what starlette's responses look like."""

        async def stream():
            log.debug("stream")
            yield body["say"]

        class Response:
            body_iterator = stream()

        return Response()

    @recorded
    def returning(self, body):
        def inner():
            log.debug("inner")
            yield body["say"]

        return inner()

    @recorded
    async def failing(self, body):
        raise ValueError(body["say"])

    @recorded
    def failing_at_once(self, body):
        raise ValueError(body["say"])

    @recorded
    async def everything(self, body, **host):
        return host

    @recorded
    async def with_valves(self, body, __valves__):
        await asyncio.sleep(0)
        return __valves__


@pytest.fixture
def ended(monkeypatch):
    """Collect the lines of turns that have ended."""
    lines = []
    begin = module.begin_turn

    def begin_turn(*args, **more):
        turn = begin(*args, **more)
        turn.scope.callback = lambda taken: lines.extend(each.message for each in taken)
        return turn

    monkeypatch.setattr(module, "begin_turn", begin_turn)
    return lines


def run(method, **more):
    """Call a method as the host does; returns what comes of it."""
    given = {"body": {"model": "m", "say": "hi"}, "__user__": {"id": "u1"}, "__metadata__": {}}
    parameters = inspect.signature(method).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    given = {key: each for key, each in {**given, **more}.items() if takes_all or key in parameters}

    async def call():
        result = method(**given)
        if inspect.isawaitable(result):
            result = await result
        result = getattr(result, "body_iterator", result)
        if hasattr(result, "__anext__"):
            return [each async for each in result]
        return list(result) if hasattr(result, "__next__") else result

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("name", "result", "line"),
    [
        ("function", "hi", "function"),
        ("coroutine", "hi", "coroutine of u1"),
        ("generator", ["hi"], "generator"),
        ("async_generator", ["hi"], "async generator"),
        ("streaming", ["hi"], "stream"),
        ("returning", ["hi"], "inner"),
    ],
)
def test_kinds(ended, name, result, line):
    """Each kind of method gives the host what it gave before, and its lines are collected."""
    assert run(getattr(Pipe(), name)) == result
    assert ended == [line]


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("coroutine", inspect.iscoroutinefunction),
        ("generator", inspect.isgeneratorfunction),
        ("async_generator", inspect.isasyncgenfunction),
    ],
)
def test_same_kind(name, check):
    """The host, which looks at a method's kind, sees the same kind."""
    assert check(getattr(Pipe, name))


def test_signature():
    """The host is asked for what the recording needs, and not for the valves."""
    asked = set(inspect.signature(Pipe().with_valves).parameters)

    assert asked == {"body"} | HOST


@pytest.mark.parametrize("name", ["failing", "failing_at_once"])
def test_failures(ended, name):
    """What a method raises comes to the host as it was, and stands in the lines."""
    with pytest.raises(ValueError, match="hi"):
        run(getattr(Pipe(), name))

    assert ended == ["the run ended with ValueError: hi"]


def test_asked_for_all(ended):
    """A method that takes everything gets what the host passes, but what only steno asked for."""
    assert set(run(Pipe().everything, __request__=1)) == {"__request__"}


def test_valves(ended):
    """A method that asks for its valves gets a copy that the host can't change."""
    pipe = Pipe()
    given = run(pipe.with_valves)

    assert given == pipe.valves
    assert given is not pipe.valves


def test_closed_early(ended):
    """A generator that is left is closed at once, and its lines are handed over."""
    items = Pipe().generator(body={"model": "m", "say": "hi"})
    next(items)
    items.close()

    assert ended == ["generator"]


def test_without_valves(ended):
    """A class that has no valves works, too."""

    class Bare:
        @recorded
        async def pipe(self, body):
            log.info("bare")
            return "x"

    assert run(Bare().pipe) == "x"
    assert ended == ["bare"]
