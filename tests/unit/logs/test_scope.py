"""One scope per run, flushed once on every way out."""

import asyncio
import contextvars
import gc
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager

import pytest

import steno
from steno.errors import ConfigError
from steno.logs import capture
from steno.logs import scope as scopes
from steno.logs.capture import restore_logging
from steno.logs.scope import CURRENT, LogScope, active_scope, log_scope
from steno.testing import capture_events

log = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _restored():
    """Nothing is left in force, and logging is given back."""
    assert active_scope() is None
    yield
    assert active_scope() is None
    CURRENT.set(None)
    restore_logging()


class Sink:
    """Notes what it is told."""

    def __init__(self):
        self.heard, self.ends = [], []

    def take(self, line):
        self.heard.append(line.message)

    def end(self, status, reason=""):
        self.ends.append((status, reason))


def begin(got, **more):
    """Make a scope whose lines end in a list of lists."""
    return log_scope(
        level="DEBUG", callback=lambda lines: got.append([each.message for each in lines]), **more
    )


# -- ids and options ---------------------------------------------------------


def test_ids():
    """Ids are those given, else those of the session that speaks, else new."""
    with capture_events() as (recorder, _), recorder.session("s", user_id="u") as session:
        with session.request(model="m", request_id="r"):
            same, other = log_scope(), log_scope(session_id="x")
            assert (same.session_id, same.request_id, same.user_id) == ("s", "r", "u")
            assert (other.session_id, other.user_id) == ("x", None)
            assert other.request_id not in {"", "r"}
            named = log_scope(session_id="s", request_id="q", user_id="v")
            assert (named.session_id, named.request_id, named.user_id) == ("s", "q", "v")
    one, two = log_scope(), log_scope()
    assert len({one.session_id, two.session_id, one.request_id, two.request_id}) == 4


def test_levels(monkeypatch):
    """The level is that given, else the environment's; only a given one binds the host."""
    monkeypatch.setenv("GLOBAL_LOG_LEVEL", "ERROR")
    assert (log_scope().level, log_scope().follows) == (logging.ERROR, False)
    assert (log_scope(level="warning").level, log_scope(level=5).floor) == (logging.WARNING, 5)
    assert log_scope(level="ERROR", sinks=[Sink()]).floor == logging.DEBUG
    with pytest.raises(ConfigError):
        log_scope(level="LOUD")
    monkeypatch.setenv("GLOBAL_LOG_LEVEL", "LOUD")
    with pytest.raises(ConfigError):
        log_scope()


def test_once():
    """A scope is for use once."""
    with (scope := log_scope()):
        pass
    with pytest.raises(RuntimeError), scope:
        pass


# -- ways out ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "ok"),
        (ValueError("x"), "error"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(1), "error"),
        (asyncio.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
    ],
)
def test_ways_out(error, status):
    """However it ends, lines are handed over once, sinks are told how, and the error goes on."""
    for entering in ("sync", "async"):
        got, sink = [], Sink()
        scope = begin(got, sinks=[sink])

        def run(scope=scope):
            with scope:
                log.debug("a")
                if error is not None:
                    raise error

        async def arun(scope=scope):
            async with scope:
                log.debug("a")
                if error is not None:
                    raise error

        def step(coroutine):
            with pytest.raises(StopIteration):
                coroutine.send(None)

        work = run if entering == "sync" else lambda arun=arun: step(arun())
        if error is None:
            work()
        else:
            with pytest.raises(type(error)) as caught:
                work()
            assert caught.value is error
        scope.__exit__(None, None, None)
        assert (got, sink.heard) == ([["a"]], ["a"])
        assert [told for told, _ in sink.ends] == [status]
        assert scope.closed
        assert len(scope.buffer) == 0


def test_nothing_to_say():
    """Without lines there is no call."""
    got = []
    with begin(got):
        pass
    assert got == []


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
def test_a_callback_that_raises(error):
    """A callback that raises changes nothing: neither the way out nor the error on it."""

    def callback(lines):
        raise error

    with log_scope(callback=callback):
        log.warning("a")
    with pytest.raises(ZeroDivisionError), log_scope(callback=callback):
        log.warning("a")
        raise ZeroDivisionError


def test_an_error_without_text():
    """An error whose text fails goes out as it is."""

    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    sink = Sink()
    with pytest.raises(Broken), log_scope(sinks=[sink]):
        raise Broken
    assert sink.ends[0][0] == "error"
    assert "Broken" in sink.ends[0][1]


def test_sinks_that_fail(capsys):
    """A sink that fails holds up neither the program nor the end nor the other sinks."""

    class Broken(Sink):
        def take(self, line):
            raise OSError

        def end(self, status, reason=""):
            raise OSError

    got, sink = [], Sink()
    with begin(got, sinks=[sink, Broken()]):
        log.debug("a")
    with begin(got, sinks=[Broken(), sink]):
        log.debug("b")

    assert sink.ends == [("ok", "")] * 2
    assert sink.heard == ["a"]
    assert "steno: a log" in capsys.readouterr().err


def test_cancelled_again_and_again():
    """A coroutine callback goes on while its waiter is cancelled, and the cancellation gets out."""
    got = []

    async def callback(lines):
        await asyncio.sleep(0.05)
        got.extend(lines)

    async def run():
        async with log_scope(level="DEBUG", callback=callback):
            log.debug("a")
            await asyncio.sleep(60)

    async def main():
        task = asyncio.ensure_future(run())
        await asyncio.sleep(0)
        for _ in range(5):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert [line.message for line in got] == ["a"]


def test_waits_for_a_callback(monkeypatch):
    """``async with`` waits for a coroutine callback, a little; ``with`` does not."""
    monkeypatch.setattr(scopes, "WAIT_S", 0.05)
    done = []

    async def quick(lines):
        await asyncio.sleep(0.01)
        done.append("quick")

    hang = asyncio.Event()

    async def hangs(lines):
        await hang.wait()

    async def main():
        async with log_scope(callback=quick):
            log.warning("a")
        assert done == ["quick"]
        async with log_scope(callback=hangs):
            log.warning("a")
        hang.set()

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_last_word():
    """A scope that ends with its loop still hands over."""
    got = []

    async def callback(lines):
        await asyncio.sleep(0.01)
        got.extend(lines)

    async def main():
        with log_scope(callback=callback):
            log.warning("a")

    asyncio.run(main())
    assert len(got) == 1


def test_nested():
    """A line is the innermost scope's; what was outside holds again afterwards."""
    got = []
    with begin(got):
        log.debug("outer 1")
        with begin(got):
            log.debug("inner")
        log.debug("outer 2")

    assert got == [["inner"], ["outer 1", "outer 2"]]


def test_out_of_order():
    """Scopes that end in the wrong order each get their lines, and leave nobody behind."""
    got = []
    first, second = begin(got), begin(got)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    log.debug("second's")
    second.__exit__(None, None, None)
    log.warning("nobody's")

    assert got == [["second's"]]
    assert CURRENT.get() is None
    assert (first.late, second.late) == (0, 0)


def test_left_in_another_context():
    """A scope that is left elsewhere than it was entered is over, there and here."""
    got = []
    scope = begin(got)
    context = contextvars.copy_context()
    context.run(scope.__enter__)
    context.run(log.debug, "a")
    scope.__exit__(None, None, None)
    context.run(log.warning, "late")

    assert got == [["a"]]
    assert scope.late == 1
    assert context.run(active_scope) is None


def test_left_on_another_thread():
    """A thread may end what another began."""
    got = []
    scope = begin(got)
    scope.__enter__()
    thread = threading.Thread(target=scope.__exit__, args=(None, None, None))
    log.debug("a")
    thread.start()
    thread.join()
    log.warning("late")

    assert got == [["a"]]
    assert (scope.late, len(scope.buffer)) == (1, 0)


def test_late():
    """A task that outlives its scope: its lines are counted, and kept nowhere."""
    got = []

    async def background(go):
        await go.wait()
        for _ in range(3):
            log.warning("late")

    async def main():
        go = asyncio.Event()
        with (scope := begin(got)):
            task = asyncio.ensure_future(background(go))
            log.debug("a")
        go.set()
        await task
        return scope

    scope = asyncio.run(main())
    assert got == [["a"]]
    assert (scope.late, len(scope.buffer), scope.buffer.size) == (3, 0, 0)


def test_what_is_held_is_let_go():
    """A task that lives on keeps a scope, but not what its callback held."""

    class Held:
        def __call__(self, lines):
            return None

    held = Held()
    scope = log_scope(callback=held)
    gone = weakref.ref(held)
    del held
    with scope:
        log.warning("a")

    assert gone() is None


def test_chains_do_not_grow():
    """Scope after scope in a context that forgets none leaves no chain of the dead."""
    for _ in range(50):
        scope = log_scope()
        contextvars.copy_context().run(scope.__enter__)
        CURRENT.set(scope)
        scope.__exit__(None, None, None)
        CURRENT.set(scope)
    with log_scope() as last:
        assert last._outer is None


# -- generators --------------------------------------------------------------


def words(got, name):
    """Log in a bare scope, step by step."""
    with begin(got):
        for number in range(3):
            log.debug("%s%d", name, number)
            yield number


async def awords(got, name):
    """Log in a bare scope, step by step, asynchronously."""
    async with begin(got):
        for number in range(3):
            log.debug("%s%d", name, number)
            await asyncio.sleep(0)
            yield number


def test_generators_in_turn():
    """Generators that take turns do not see each other's lines, nor their consumer's."""
    got = []
    for _ in zip(words(got, "a"), words(got, "b"), strict=True):
        log.warning("the consumer's")
        assert active_scope() is None

    assert sorted(got) == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_async_generators_in_turn():
    """So do asynchronous ones, within one task."""
    got = []

    async def main():
        one, two = awords(got, "a"), awords(got, "b")
        for _ in range(3):
            await anext(one)
            log.warning("the consumer's")
            await anext(two)
            assert active_scope() is None
        assert [item async for item in one] == [item async for item in two] == []

    asyncio.run(main())
    assert got == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_closed_early():
    """A generator that is closed, or forgotten, hands its lines over once."""
    got = []
    generator = words(got, "a")
    next(generator)
    generator.close()
    assert got == [["a0"]]
    generator = words(got, "b")
    next(generator)
    del generator
    gc.collect()
    assert got == [["a0"], ["b0"]]


def test_collected_while_another_begins():
    """A generator in a cycle that is collected at any time holds up nobody."""
    got = []

    class Cycle:
        def __init__(self):
            self.me, self.words = self, words(got, "a")
            next(self.words)

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            Cycle()
            with begin(got):
                log.debug("b")
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert sorted(map(tuple, got)) == [("a0",)] * 50 + [("b",)] * 50


def test_async_closed_early():
    """An asynchronous generator that is closed by another task, or cancelled, or forgotten."""
    got = []

    async def consume(generator):
        async for _ in generator:
            await asyncio.sleep(60)

    async def main():
        generator = awords(got, "a")
        await asyncio.ensure_future(anext(generator))
        await asyncio.ensure_future(generator.aclose())
        assert got == [["a0"]]
        generator = awords(got, "b")
        task = asyncio.ensure_future(consume(generator))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await generator.aclose()
        assert got == [["a0"], ["b0"]]
        generator = awords(got, "c")
        await anext(generator)
        del generator
        gc.collect()
        await asyncio.sleep(0.01)
        assert got == [["a0"], ["b0"], ["c0"]]

    asyncio.run(main())


def wrapped(got, name, enter):
    """Log in a scope that is entered in some way."""
    with enter(got):
        for number in range(2):
            log.debug("%s%d", name, number)
            yield


@contextmanager
def managed(got):
    """Wrap a scope as people do."""
    with begin(got) as scope:
        yield scope


class Wrapper:
    """Wrap a scope as other people do."""

    def __init__(self, got):
        self.scope = begin(got)

    def __enter__(self):
        return self.scope.__enter__()

    def __exit__(self, *error):
        return self.scope.__exit__(*error)


class Stacked(ExitStack):
    """Wrap a scope as a third kind of people do."""

    def __init__(self, got):
        super().__init__()
        self.scope = begin(got)

    def __enter__(self):
        self.enter_context(self.scope)
        return self


@pytest.mark.parametrize("enter", [begin, managed, Wrapper, Stacked])
def test_wrappers_in_generators(enter):
    """A scope inside a wrapper belongs to the generator that entered the wrapper."""
    got = []
    for _ in zip(wrapped(got, "a", enter), wrapped(got, "b", enter), strict=True):
        assert active_scope() is None

    assert sorted(got) == [["a0", "a1"], ["b0", "b1"]]


def test_context_managers():
    """A scope behind ``@contextmanager`` and its kin holds in the code around it."""
    got = []

    @asynccontextmanager
    async def amanaged():
        async with begin(got) as scope:
            yield scope

    @contextmanager
    def twice():
        with managed(got):
            yield

    async def main():
        async with amanaged():
            log.debug("async")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(amanaged())
            log.debug("async stack")

    with managed(got):
        log.debug("sync")
    with twice():
        log.debug("twice")
    with ExitStack() as stack:
        stack.enter_context(managed(got))
        log.debug("stack")

    @managed(got)
    def decorated():
        log.debug("decorated")

    decorated()
    asyncio.run(main())
    assert got == [["sync"], ["twice"], ["stack"], ["decorated"], ["async"], ["async stack"]]


@pytest.fixture
def scope_of_a_test():
    """Open a scope around a test."""
    with log_scope(level="DEBUG") as scope:
        yield scope


def test_fixture(scope_of_a_test):
    """A scope in a fixture holds in the test."""
    log.debug("a")

    assert [line.message for line in scope_of_a_test.buffer.lines()] == ["a"]
    scope_of_a_test.__exit__(None, None, None)


def test_iterate():
    """A generator that is passed on logs for its scope, its consumer does not."""
    got = []

    def source():
        for number in range(3):
            log.debug("source %d", number)
            yield number
        log.debug("end")

    for _ in begin(got).iterate(source()):
        assert active_scope() is None
    assert got == [["source 0", "source 1", "source 2", "end"]]
    assert list(begin(got).iterate([1, 2])) == [1, 2]


def test_aiterate():
    """So does an asynchronous one, on whatever task each step runs."""
    got = []

    async def source():
        try:
            for number in range(3):
                log.debug("source %d", number)
                await asyncio.sleep(0)
                yield number
        finally:
            log.debug("end")

    async def main():
        items = begin(got).aiterate(source())
        for _ in range(2):
            await asyncio.ensure_future(anext(items))
            assert active_scope() is None
        await items.aclose()

    asyncio.run(main())
    assert got == [["source 0", "source 1", "end"]]


def test_iterate_what_has_scopes_and_sessions():
    """What a passed on generator enters stays with it, from step to step."""
    got, heard = [], []

    def source(recorder):
        log.debug("outer")
        with begin(got), recorder.session("inner's"):
            yield log.debug("inner 0")
            heard.append(steno.current_scope().session_id)
            yield log.debug("inner 1")
        log.debug("outer again")

    with capture_events() as (recorder, _):
        for _ in begin(got).iterate(source(recorder)):
            assert active_scope() is None
            assert steno.current_scope() is None
            log.warning("the consumer's")

    assert got == [["inner 0", "inner 1"], ["outer", "outer again"]]
    assert heard == ["inner's"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_iterate_ways_out(asynchronous):
    """Errors, and consumers that leave, end the scope once, with their status."""

    def source(error):
        log.debug("a")
        yield 1
        if error:
            raise error

    async def asource(error):
        for item in source(error):
            yield item

    async def consume(sink, error, stop):
        items = log_scope(sinks=[sink]).aiterate(asource(error))
        async for _ in items:
            if stop:
                await items.aclose()
                return

    for error, stop, status in (
        (None, 0, "ok"),
        (ValueError(), 0, "error"),
        (None, 1, "cancelled"),
    ):
        sink = Sink()
        try:
            if asynchronous:
                asyncio.run(consume(sink, error, stop))
            else:
                for _ in log_scope(sinks=[sink]).iterate(source(error)):
                    if stop:
                        break
        except ValueError as caught:
            assert caught is error  # noqa: PT017 - it is raised in one case of three
        assert [each for each, _ in sink.ends] == [status]
        assert sink.heard == ["a"]


def test_a_bare_scope_between_tasks():
    """As documented: steps on tasks of their own lose a bare scope; `aiterate` does not."""
    got = []

    async def main():
        generator = awords(got, "a")
        for _ in range(3):
            await asyncio.ensure_future(anext(generator))
        await generator.aclose()

    asyncio.run(main())
    assert got == [["a0"]]


def test_a_bare_scope_and_new_tasks():
    """As documented: a task that the consumer begins in between belongs to a bare scope."""
    got = []

    async def speak():
        log.debug("new task")

    async def main():
        generator = awords(got, "a")
        await anext(generator)
        await asyncio.ensure_future(speak())
        await generator.aclose()

    asyncio.run(main())
    assert got == [["a0", "new task"]]


def test_work_that_a_generator_begins():
    """Tasks and threads that a generator begins are its scope's."""
    got = []

    async def speak():
        log.debug("task")

    async def generator():
        with begin(got):
            await asyncio.gather(speak(), asyncio.to_thread(log.debug, "thread"))
            yield 1

    async def main():
        async for _ in generator():
            pass

    asyncio.run(main())
    assert sorted(got[0]) == ["task", "thread"]


# -- in the middle of its life -----------------------------------------------


def test_open_and_close():
    """A scope may be opened without being in force, and closed by hand, once."""
    got, sink = [], Sink()
    scope = begin(got, sinks=[sink])
    scope.open()
    log.warning("nobody's")
    with scope.speaking():
        log.debug("a")
    error = ValueError("x")
    scope.notes_errors = True
    scope.close(error)
    scope.close(error)

    assert got == [["a", "the run ended with ValueError: x"]]
    assert sink.heard == got[0]
    assert sink.ends == [("error", "ValueError: x")]
    assert len(scope.buffer) == 0


def test_interrupted():
    """A run of which nobody knows how it ended hands nothing over; its sinks are told."""
    got, sink = [], Sink()
    scope = begin(got, sinks=[sink])
    scope.open()
    with scope.speaking():
        log.debug("a")
    scope.interrupt("no end seen")

    assert got == []
    assert sink.ends == [("interrupted", "no end seen")]


def test_taken_by_hand():
    """Lines that did not come through logging are taken by their level, until the end."""
    got, sink = [], Sink()
    scope = log_scope(
        level="ERROR", callback=lambda lines: got.extend(x.message for x in lines), sinks=[sink]
    )
    with scope:
        for level in (5, 10, 40):
            scope.take(steno.LogLine(0.0, level, "", "l", str(level)))
    scope.take(steno.LogLine(0.0, 40, "", "l", "late"))

    assert (got, sink.heard) == (["40"], ["10", "40"])


# -- forks, the end, reloads -------------------------------------------------


def test_forked():
    """A child forked in mid-scope hands over nothing of its parent's, and writes to no sink."""
    got, sink = [], Sink()
    read, write = os.pipe()

    def callback(lines):
        os.write(write, b"%d;" % len(lines))

    with log_scope(level="DEBUG", callback=callback, sinks=[sink]) as scope:
        log.debug("a")
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            try:
                log.debug("child")
                assert sink.heard == ["a"]
                scope.__exit__(None, None, None)
                with log_scope(level="DEBUG", callback=lambda lines: os.write(write, b"own;")):
                    log.debug("the child's own")
                assert sink.ends == []
            finally:
                os._exit(0 if sys.exc_info()[0] is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        log.debug("b")
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "own;2;"
    assert got == []
    assert sink.heard == ["a", "b"]


def test_at_the_interpreters_end():
    """A generator that ends with the interpreter says nothing on stderr."""
    program = """
import logging, os, steno
def words():
    with steno.log_scope(level="DEBUG", callback=lambda lines: os.write(1, b"%d" % len(lines))):
        logging.getLogger("a").debug("x")
        yield
each = words()
next(each)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""


def test_reloaded():
    """A reloaded module goes on with the scopes that are open."""
    got = []
    scope = begin(got)
    with scope:
        importlib.reload(scopes)
        log.debug("a")
        with scopes.log_scope(level="DEBUG") as other:
            log.debug("b")
            assert len(other.buffer) == 1
        log.debug("c")

    assert got == [["a", "c"]]
    assert isinstance(scope, LogScope)


def test_forgotten():
    """A scope that was begun and dropped ends as interrupted, and nobody listens for it any more."""
    told = []

    class Sink:
        def take(self, line):
            told.append(line)

        def end(self, status, reason=""):
            told.append((status, reason))

    listening = capture._options.scopes
    scope = LogScope(sinks=[Sink()])
    scope.open()
    del scope
    gc.collect()

    assert told == [("interrupted", "nobody ended it")]
    assert capture._options.scopes == listening
