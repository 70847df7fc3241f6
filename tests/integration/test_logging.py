"""Logging as programs use it: many sessions at once, other libraries, a real recorder."""

import asyncio
import gc
import io
import logging
import logging.handlers
import queue
import threading
import time
import tracemalloc
from collections import defaultdict

import pytest

import steno
from steno.logs.carrying import ScopedThreadPoolExecutor, carry_scope
from steno.logs.citation import logs_citation
from steno.logs.scope import active_scope, log_scope
from steno.transcripts.finding import find_transcripts
from steno.transcripts.reader import read_transcript

log = logging.getLogger("steno_tests.logging")
child = logging.getLogger("steno_tests.logging.child")


@pytest.fixture(autouse=True)
def _restored():
    """Give logging back."""
    yield
    steno.restore_logging()


@pytest.fixture
def host():
    """Give the host a handler on its root logger, at WARNING."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s [%(session_id)s] %(message)s"))
    logging.root.addHandler(handler)
    yield stream
    logging.root.removeHandler(handler)


# -- 200 sessions at once ----------------------------------------------------


class Session:
    """One of many sessions, which logs a token of its own in every way there is.

    Attributes:
        token: What its lines say.
        ids: Its session, its request and its user.
        flushed: How often lines were handed over.
        lines: What was handed over.
        logged: How many lines it logged.
    """

    def __init__(self, number):
        # The last two share a session, and are told apart by their request.
        self.token = f"token-{number}-"
        self.ids = (f"s{min(number, 198)}", f"r{number}", f"u{number}")
        self.flushed, self.lines, self.logged = 0, [], 0

    def scope(self):
        """Open a scope of the session."""
        session_id, request_id, user_id = self.ids
        return log_scope(
            session_id=session_id, request_id=request_id, user_id=user_id, level="DEBUG",
            callback=self.flush,
        )  # fmt: skip

    def flush(self, lines):
        """Take what a scope hands over."""
        self.flushed += 1
        self.lines += lines

    def log(self, what):
        """Log a line of one's own."""
        self.logged += 1
        child.debug("%s %s", self.token, what)

    def words(self):
        """Log in a generator."""
        for number in range(3):
            self.log("generator")
            yield number

    async def awords(self):
        """Log in an asynchronous generator."""
        for number in range(3):
            self.log("async generator")
            await asyncio.sleep(0)
            yield number

    def scoped_words(self):
        """Log in a generator with a bare scope."""
        with self.scope():
            yield from self.words()

    async def scoped_awords(self):
        """Log in an asynchronous generator with a bare scope."""
        async with self.scope():
            async for word in self.awords():
                yield word

    async def task(self, pool):
        """Log in a task, and in tasks and threads that it begins."""
        loop = asyncio.get_running_loop()

        async def speak(what):
            self.log(what)
            await asyncio.sleep(0)
            self.log(what)

        async with self.scope():
            self.log("task")
            await asyncio.gather(*(speak("gather") for _ in range(3)))
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(speak("group"))
            await asyncio.to_thread(self.log, "to_thread")
            await loop.run_in_executor(None, carry_scope(self.log), "carried")
            await loop.run_in_executor(pool, self.log, "pool")
            self.log("task")

    def thread(self):
        """Log in a thread."""
        with self.scope():
            for _ in range(5):
                self.log("thread")
                time.sleep(0.0005)

    def check(self, *, flushes):
        """All that it logged was handed over, each flush once, and nothing else."""
        assert self.flushed == flushes
        assert len(self.lines) == self.logged > 0
        for line in self.lines:
            assert line.message.startswith(f"{self.token} ")
            assert (line.session_id, line.request_id, line.user_id) == self.ids


def test_200_sessions():
    """200 sessions in tasks, threads and generators find their own lines, and no foreign one."""
    sessions = [Session(number) for number in range(200)]
    flushes = defaultdict(int)

    async def interleaved(some):
        """Let generators of many sessions take turns on one task."""
        for bare in (True, False):
            generators = [
                each.scoped_words() if bare else each.scope().iterate(each.words()) for each in some
            ]
            for _ in range(3):
                for generator in generators:
                    next(generator)
                    assert active_scope() is None
                await asyncio.sleep(0)
            for generator in generators:
                generator.close()

    async def ainterleaved(some, *, bare):
        """The same with asynchronous ones; those that are passed on change tasks, too."""
        generators = [
            each.scoped_awords() if bare else each.scope().aiterate(each.awords()) for each in some
        ]
        for _ in range(3):
            for generator in generators:
                step = anext(generator)
                await (step if bare else asyncio.ensure_future(step))
                assert active_scope() is None
        for generator in generators:
            await generator.aclose()

    async def main():
        with ScopedThreadPoolExecutor(4) as pool:
            async with asyncio.TaskGroup() as group:
                for each in sessions:
                    group.create_task(each.task(pool))
                    flushes[each] += 1
                for at in range(0, 200, 20):
                    some = sessions[at : at + 20]
                    group.create_task(interleaved(some))
                    group.create_task(ainterleaved(some, bare=True))
                    group.create_task(ainterleaved(some, bare=False))
                    for each in some:
                        flushes[each] += 4

    threads = [threading.Thread(target=each.thread) for each in sessions]
    for thread in threads:
        thread.start()
    asyncio.run(main())
    for thread in threads:
        thread.join()

    for each in sessions:
        each.check(flushes=flushes[each] + 1)
    assert sessions[198].ids[0] == sessions[199].ids[0]


# -- memory ------------------------------------------------------------------


def test_1000_scopes():
    """1,000 scopes of 100 records at once stay within the bounds that they were given."""
    bound = 48_000

    async def run(release, opened, full):
        with log_scope(level="DEBUG", max_lines=100, max_bytes=bound) as scope:
            for number in range(150):
                log.debug("%d %s", number, "x" * (number % 40))
            opened.append(scope)
            if len(opened) == 1000:
                full.set()
            await release.wait()

    async def main():
        release, opened, full = asyncio.Event(), [], asyncio.Event()
        gc.collect()
        tracemalloc.start()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(1000):
                    group.create_task(run(release, opened, full))
                await full.wait()
                used = tracemalloc.get_traced_memory()[0]
                release.set()
        finally:
            tracemalloc.stop()
        return used, opened

    steno.configure_logging()
    used, scopes = asyncio.run(main())

    assert used < 1000 * (bound + 8_000), "of which 8,000 are the task's and the scope's own"
    assert all(scope.buffer.dropped == 50 for scope in scopes)
    assert all(len(scope.buffer) == 0 for scope in scopes)


# -- the recorder ------------------------------------------------------------


def test_recorded(home):
    """Lines are read back from the transcripts of their sessions, with their requests."""
    with steno.open(home) as recorder:
        steno.configure_logging(recorder=recorder, record_level="DEBUG")
        with recorder.session("a", user_id="u") as session:
            log.debug("in the session")
            with session.request(model="m", request_id="r1"):
                log.debug("in the request")
                with log_scope():
                    child.debug("in a scope within")
            with log_scope(session_id="b", request_id="r2", level="ERROR"):
                log.info("below the scope's level")
                with recorder.session("c"):
                    log.warning("a session within the scope")
        log.warning("nobody's")
        assert recorder.flush()
        steno.restore_logging()

    found = {
        (each.event.session_id, each.event.request_id, each.event.message)
        for path in find_transcripts(home / "sessions")
        for each in read_transcript(path)
        if isinstance(each.event, steno.LogRecorded)
    }
    assert found == {
        ("a", "", "in the session"),
        ("a", "r1", "in the request"),
        ("a", "r1", "in a scope within"),
        ("b", "r2", "below the scope's level"),
        ("c", "", "a session within the scope"),
    }


# -- other libraries ---------------------------------------------------------


@pytest.mark.parametrize("filtered", [False, True])
def test_structlog(host, filtered):
    """What structlog hands to the standard library is the session's.

    As documented, its ``filter_by_level`` reads the host's level, and hands on no line below it.
    """
    structlog = pytest.importorskip("structlog")
    structlog.configure(
        processors=[
            *([structlog.stdlib.filter_by_level] if filtered else []),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    try:
        said = structlog.get_logger("steno_tests.structlog").bind(who="me")
        with log_scope(session_id="s", level="DEBUG") as scope:
            said.debug("debug", x=1)
            said.warning("warning %s", "y")
            lines = scope.buffer.lines()
    finally:
        structlog.reset_defaults()

    expected = [
        ("s", "steno_tests.structlog", "event='debug' who='me' x=1"),
        ("s", "steno_tests.structlog", "event='warning y' who='me'"),
    ]
    assert [(line.session_id, line.logger, line.message) for line in lines] == expected[filtered:]
    assert host.getvalue() == "WARNING [s] event='warning y' who='me'\n"


def test_loguru(host):
    """What loguru says through a handler that propagates is the session's."""
    loguru = pytest.importorskip("loguru").logger

    class Propagating(logging.Handler):
        def emit(self, record):
            logging.getLogger(f"steno_tests.{record.name}").handle(record)

    loguru.remove()
    sink = loguru.add(Propagating(), format="{message}", level="DEBUG")
    try:
        with log_scope(session_id="s", level="DEBUG") as scope:
            loguru.debug("debug {}", 1)  # noqa: PLE1205 - the braces are loguru's
            loguru.warning("warning")
            lines = scope.buffer.lines()
        loguru.warning("outside")
    finally:
        loguru.remove(sink)

    assert [(line.session_id, line.level_name, line.message) for line in lines] == [
        ("s", "DEBUG", "debug 1"),
        ("s", "WARNING", "warning"),
    ]
    # A handler that passes records on by hand asks for no level: that is as it was.
    assert host.getvalue().splitlines() == [
        "DEBUG [s] debug 1",
        "WARNING [s] warning",
        "WARNING [None] outside",
    ]


def test_a_queue_handler_of_the_hosts():
    """A host that prints on another thread finds the ids on its records there."""
    stream = io.StringIO()
    printing = logging.StreamHandler(stream)
    printing.setFormatter(logging.Formatter("[%(session_id)s] %(message)s"))
    waiting = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, printing)
    queueing = logging.handlers.QueueHandler(waiting)
    logging.root.addHandler(queueing)
    steno.configure_logging()
    listener.start()
    try:
        with log_scope(session_id="s", level="DEBUG") as scope:
            log.debug("debug")
            log.warning("warning")
            assert len(scope.buffer) == 2
        log.warning("outside")
    finally:
        listener.stop()
        logging.root.removeHandler(queueing)

    assert stream.getvalue() == "[s] warning\n[None] outside\n"


def test_warnings(host):
    """Warnings that the host sends to logging are the session's."""
    import warnings

    logging.captureWarnings(capture=True)
    try:
        with warnings.catch_warnings(), log_scope(session_id="s") as scope:
            warnings.simplefilter("always")
            logging.captureWarnings(capture=False)
            logging.captureWarnings(capture=True)
            warnings.warn("careful", stacklevel=1)
            [line] = scope.buffer.lines()
    finally:
        logging.captureWarnings(capture=False)

    assert line.logger == "py.warnings"
    assert "careful" in line.message


# -- the run of a function in Open WebUI -------------------------------------


def test_a_client_that_hangs_up():
    """Cancelled again at every await, as by a server whose client is gone, lines still arrive."""
    events, cancelled = [], []

    async def emit(lines):
        await asyncio.sleep(0.01)
        events.append(logs_citation(lines))

    async def pipe():
        with log_scope(level="DEBUG", callback=emit):
            log.debug("begun")
            try:
                yield "a"
                await asyncio.sleep(60)
                yield "b"
            finally:
                log.debug("cleaning up")
                await asyncio.sleep(0.01)

    async def serve():
        try:
            async for _ in pipe():
                pass
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main():
        task = asyncio.ensure_future(serve())
        await asyncio.sleep(0.01)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)

    asyncio.run(main())
    [event] = events
    first, second = event["data"]["document"][0].split("\n")
    assert first.endswith("[DEBUG] begun")
    assert second.endswith("[DEBUG] cleaning up")
    assert cancelled == [True]


@pytest.mark.parametrize(("user", "shown"), [("DEBUG", 3), ("INHERIT", 1), ("INFO", 2)])
def test_valves(user, shown):
    """The user's valve, else the operator's, says what the citation shows."""
    lines = []
    with log_scope(level=steno.resolve_level(user, "ERROR"), callback=lines.extend):
        log.debug("debug")
        log.info("info")
        log.error("error")

    assert len(lines) == shown
