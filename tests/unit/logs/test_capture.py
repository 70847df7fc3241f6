"""What is logged within a scope is caught; the host's own logging stays what it is."""

import asyncio
import functools
import importlib
import io
import logging
import logging.config
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import steno
from steno.errors import ConfigError
from steno.logs import capture
from steno.logs.scope import log_scope
from steno.testing import capture_events

METHODS = ("isEnabledFor", "handle", "callHandlers")
PLAIN = {name: logging.Logger.__dict__[name] for name in METHODS}
FORMAT = "%(levelname)s %(name)s [%(session_id)s %(request_id)s %(user_id)s] %(message)s"


class Host:
    """A host with a root logger of its own.

    Attributes:
        root: Its root logger.
    """

    def __init__(self):
        self.root = logging.RootLogger(logging.WARNING)
        self.manager = self.root.manager = logging.Manager(self.root)
        self.streams = []

    def log(self, name, level=logging.NOTSET, *, propagate=True):
        """Make a logger."""
        logger = self.manager.getLogger(name)
        logger.setLevel(level)
        logger.propagate = propagate
        return logger

    def add(self, logger, level=logging.NOTSET, form="%(levelname)s %(message)s"):
        """Add a handler that prints to a stream; returns the stream."""
        handler = logging.StreamHandler(io.StringIO())
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter(form))
        logger.addHandler(handler)
        self.streams.append(handler.stream)
        return handler.stream

    def printed(self):
        """Return what was printed, stream by stream."""
        return [stream.getvalue().splitlines() for stream in self.streams]


@pytest.fixture
def host():
    """Make a host."""
    return Host()


@pytest.fixture(autouse=True)
def _restored():
    """Give logging back as it was."""
    yield
    steno.restore_logging()
    logging.disable(logging.NOTSET)
    assert {name: logging.Logger.__dict__[name] for name in METHODS} == PLAIN
    assert capture._options.scopes == 0


def kept(scope):
    """List what a scope has kept."""
    return [line.message for line in scope.buffer.lines()]


# -- what is caught ----------------------------------------------------------


def test_below_the_hosts_level(host):
    """A root logger at WARNING does not silence DEBUG in a scope, nor does its handler print it."""
    host.add(host.root)
    child = host.log("a.b.c")
    with log_scope(session_id="s", request_id="r", user_id="u", level="DEBUG") as scope:
        child.debug("debug")
        child.info("info")
        child.warning("warning")
        [line, *_] = scope.buffer.lines()

    assert (line.logger, line.function) == ("a.b.c", "test_below_the_hosts_level")
    assert (line.session_id, line.request_id, line.user_id) == ("s", "r", "u")
    assert host.printed() == [["WARNING warning"]]


def test_kept_at_once(host):
    """A line is there as soon as it was logged, and says what it said then."""
    logger, argument = host.log("a"), {"a": 1}
    with log_scope(level="DEBUG") as scope:
        logger.debug("%s", argument)
        argument["a"] = 2
        assert kept(scope) == ["{'a': 1}"]


def speak(logger):
    """Log at all levels, in all ways."""
    for level in (5, 10, 15, 20, 30, 40, 50):
        logger.log(level, "level %d", level)
    logger.handle(logging.makeLogRecord({"levelno": 10, "levelname": "DEBUG", "msg": "by hand"}))
    if logger.isEnabledFor(10):
        logger.debug("guarded")
    logger.debug("extra", extra={"x": 1})


def arrange(host, way):
    """Set a host up in one of several ways; returns the logger that speaks."""
    logger = host.log("a.b")
    if way == "root handler":
        host.add(host.root)
    elif way == "levels of handlers":
        host.root.setLevel(5)
        host.add(host.root, logging.ERROR)
        host.add(logger, 10)
    elif way == "level of a logger":
        host.add(host.root)
        host.log("a", 15)
    elif way == "no propagation":
        host.add(host.root)
        host.add(logger, logging.INFO)
        logger.propagate = False
    elif way == "disabled":
        host.add(host.root)
        logger.disabled = True
    elif way == "switched off":
        host.add(host.root)
        host.root.setLevel(10)
        host.manager.disable = 30
    elif way == "filters":
        host.add(host.root)
        logger.addFilter(lambda record: "40" not in record.getMessage())
        host.root.handlers[0].addFilter(lambda record: record.levelno != 50)
    return logger


WAYS = [
    "root handler", "levels of handlers", "level of a logger", "no propagation", "disabled",
    "switched off", "filters",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_host_prints_what_it_printed(way):
    """Configured, in a scope, or with a recorder: the host's handlers print what they printed."""
    hosts = [Host() for _ in range(5)]
    loggers = [arrange(host, way) for host in hosts]
    for logger in loggers[:2]:  # questions asked without us are remembered by loggers
        speak(logger)
    steno.configure_logging()
    speak(loggers[1])
    speak(loggers[2])
    with log_scope():
        speak(loggers[3])
    with log_scope(level=1), capture_events() as (recorder, _):
        steno.configure_logging(recorder=recorder, record_level=1)
        speak(loggers[4])
    plain, twice, *others = [host.printed() for host in hosts]

    assert twice == [stream * 2 for stream in plain]
    assert all(printed == plain for printed in others)


@pytest.mark.parametrize("way", WAYS)
def test_caught_in_any_host(host, way):
    """A scope gets all it asked for, once; the host's filters and ``logging.disable`` count."""
    logger = arrange(host, way)
    with log_scope(level=5) as scope:
        speak(logger)
        texts = [f"level {level}" for level in (5, 10, 15, 20, 30, 40, 50)]
        texts += ["by hand", "guarded", "extra"]
        if way == "switched off":
            texts = ["level 40", "level 50", "by hand"]
        elif way == "filters":
            texts.remove("level 40")
        assert kept(scope) == texts


def test_handlers_that_come_and_go(host):
    """A handler that is added in mid-scope prints what comes after, once."""
    logger = host.log("a")
    with log_scope(level="DEBUG") as scope:
        logger.warning("before")
        host.add(host.root)
        logger.warning("after")
        logger.debug("not for it")
        assert kept(scope) == ["before", "after", "not for it"]

    assert host.printed() == [["WARNING after"]]


def test_dict_config_after_us():
    """A host that configures logging after us, and disables what exists, cuts nothing off."""
    logger = logging.getLogger("steno_tests.dict_config")
    before = logging.root.level, logging.root.handlers[:]
    enabled = [
        each
        for each in logging.root.manager.loggerDict.values()
        if isinstance(each, logging.Logger) and not each.disabled
    ]
    stream = io.StringIO()
    steno.configure_logging()
    try:
        with log_scope(level="DEBUG") as scope:
            logging.config.dictConfig(
                {
                    "version": 1,
                    "disable_existing_loggers": True,
                    "handlers": {"h": {"class": "logging.StreamHandler", "stream": stream}},
                    "root": {"level": "WARNING", "handlers": ["h"]},
                }
            )
            assert logger.disabled
            logger.debug("old")
            logger.error("old, too")
            logging.getLogger("steno_tests.dict_config.new").warning("new")
            assert kept(scope) == ["old", "old, too", "new"]
        assert stream.getvalue().splitlines() == ["new"]
    finally:
        for each in enabled:
            each.disabled = False
        logging.root.handlers[:] = before[1]
        logging.root.setLevel(before[0])


def test_filters_are_honoured(host):
    """A logger's filter drops for the scope too, and may put another record in its place."""
    logger = host.log("a")

    class Replacing:
        def filter(self, record):
            if "secret" in record.msg:
                return False
            if sys.version_info >= (3, 12) and "old" in record.msg:
                return logging.makeLogRecord({**record.__dict__, "msg": "new"})
            return True

    logger.addFilter(Replacing())
    host.add(host.root)
    for disabled in (False, True):
        logger.disabled = disabled
        with log_scope(level="DEBUG") as scope:
            logger.debug("secret")
            logger.warning("secret")
            logger.warning("old")
            assert kept(scope) == ["new" if sys.version_info >= (3, 12) else "old"]
    assert len(host.printed()[0]) == 1


def test_a_record_that_is_logged_within_another(host):
    """What a filter logs while a record is on its way changes nothing for that record."""
    logger, other = host.log("a"), host.log("b")
    host.add(host.root)

    def chatty(record):
        other.debug("within")
        other.info("within")
        return True

    logger.addFilter(chatty)
    with log_scope(level="DEBUG") as scope:
        logger.debug("outer")
        logger.warning("outer")
        assert kept(scope) == ["within", "within", "outer"] * 2

    assert host.printed() == [["WARNING outer"]]


def test_a_question_without_a_record(host):
    """A guard that asked in one scope leaves nothing behind for the next record."""
    logger = host.log("a")
    stream = host.add(host.root)
    with log_scope(level="DEBUG") as asked:
        assert logger.isEnabledFor(10)
    with log_scope() as scope:
        scope.level = scope.floor = 10  # not bound to the host
        logger.handle(logging.makeLogRecord({"levelno": 10, "levelname": "DEBUG", "msg": "x"}))
        assert kept(scope) == ["x"]
        assert logger.isEnabledFor(10)
        host.root.setLevel(10)
        logger.debug("y")
        assert kept(scope) == ["x", "y"]

    assert (len(asked.buffer), asked.late) == (0, 0)
    assert stream.getvalue().splitlines() == ["DEBUG x", "DEBUG y"]


def test_a_guard_and_another_logger(host):
    """A guard's yes does not make a disabled logger be heard."""
    logger, disabled = host.log("a"), host.log("b")
    host.add(host.root)
    disabled.disabled = True
    with log_scope(level="DEBUG"):
        assert logger.isEnabledFor(10)
        disabled.error("x")
    assert host.printed() == [[]]


def test_ignored(host):
    """Loggers that are ignored are nobody's, those below them too."""
    steno.configure_logging(ignore=("noisy",))
    host.add(host.root)
    stream = io.StringIO()
    with log_scope(level="DEBUG", stream=stream) as scope:
        for name in ("noisy", "noisy.child", "noisy2"):
            host.log(name).debug("%s", name)
            host.log(name).error("%s", name)
        assert kept(scope) == ["noisy2"] * 2
    assert host.printed() == [["ERROR noisy", "ERROR noisy.child", "ERROR noisy2"]]
    assert len(stream.getvalue().splitlines()) == 1


def test_hostile_records(host):
    """Whatever a program logs, the call raises nothing because of us."""

    class Hostile:
        def __str__(self):
            raise ValueError

        __repr__ = __str__

    logger = host.log("a")
    steno.configure_logging(ignore=("x",))
    with log_scope(level="DEBUG") as scope:
        logger.debug(Hostile())
        logger.debug("%s", Hostile())
        logger.debug("%d", "x")
        logger.debug("%s")
        logger.debug("x" * 1_000_000)
        logger.debug("\x00\ud800\u2028")
        logger.handle(logging.makeLogRecord({"levelno": 10, "msg": "no name"}))
        assert len(scope.buffer) == 7


def test_late_lines(host):
    """Lines of a scope that is over are counted, whether others are open or none."""
    logger = host.log("a")
    stream = host.add(host.root)

    async def background(ended, go):
        await ended.wait()
        logger.error("late 1")
        await go.wait()
        logger.error("late 2")

    async def main():
        ended, go = asyncio.Event(), asyncio.Event()
        with (scope := log_scope(level="DEBUG")):
            task = asyncio.ensure_future(background(ended, go))
        ended.set()
        await asyncio.sleep(0)
        with log_scope():
            go.set()
            await task
        return scope

    scope = asyncio.run(main())
    assert (scope.late, len(scope.buffer)) == (2, 0)
    assert stream.getvalue().splitlines() == ["ERROR late 1", "ERROR late 2"]


# -- what is shown -----------------------------------------------------------


def test_shown_by_level(host):
    """ERROR suppresses INFO for the callback and the host's handlers of that run, not for sinks."""
    host.root.setLevel(logging.DEBUG)
    host.add(host.root)
    logger = host.log("a")
    heard, shown = [], []

    class Sink:
        def take(self, line):
            heard.append(line.message)

        def end(self, status, reason=""):
            pass

    with log_scope(level="ERROR", sinks=[Sink()], callback=shown.extend):
        for level in ("debug", "info", "error"):
            getattr(logger, level)(level)
    logger.info("outside")

    assert heard == ["debug", "info", "error"]
    assert [line.message for line in shown] == ["error"]
    assert host.printed() == [["ERROR error", "INFO outside"]]


def test_host_without_a_level(host):
    """A scope without a level binds only the callback."""
    host.root.setLevel(logging.DEBUG)
    host.add(host.root)
    with log_scope() as scope:
        host.log("a").debug("x")
        host.log("a").info("y")
        assert kept(scope) == ["y"]
    assert host.printed() == [["DEBUG x", "INFO y"]]


def test_stream(host, capsys):
    """What no handler of the host's takes is printed where the scope wants it, once."""
    stream = io.StringIO()
    logger = host.log("a")
    logger.addHandler(logging.NullHandler())
    host.add(host.root)
    with log_scope(session_id="s", level="DEBUG", stream=stream):
        logger.debug("debug")
        logger.warning("warning")
    with log_scope(level="ERROR", stream=stream):
        logger.warning("not shown")
    with log_scope(level="DEBUG", stream="stdout"):
        logger.debug("to stdout")

    [line] = stream.getvalue().splitlines()
    assert line.endswith("[DEBUG] [s] a: debug")
    assert host.printed() == [["WARNING warning"]]
    assert capsys.readouterr().out.endswith(" a: to stdout\n")


def test_stream_without_any_handler(host, capsys):
    """Without a handler there is one line still, not one more from the last resort."""
    stream = io.StringIO()
    with log_scope(level="DEBUG", stream=stream):
        host.log("a").warning("x")

    assert len(stream.getvalue().splitlines()) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stream", ["stdout", None])
def test_a_stream_that_fails(host, stream, monkeypatch):
    """A stream that is closed, or missing, costs the program nothing."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", None)
    with log_scope(level="DEBUG", stream=stream or closed) as scope:
        host.log("a").debug("x")
        assert kept(scope) == ["x"]


# -- ids on records ----------------------------------------------------------


def test_ids_on_every_record(host):
    """A host's formatter may name the ids on every record, in scopes and out of them."""
    stream = host.add(host.root, form=FORMAT)
    logger = host.log("a")
    steno.configure_logging()
    logger.error("outside")
    with capture_events() as (recorder, _):
        with recorder.session("s1", user_id="u1") as session:
            logger.error("session")
            with session.request(model="m", request_id="r1"):
                logger.error("request")
        with log_scope(session_id="s2", request_id="r2", user_id="u2"):
            logger.error("scope")
            with recorder.session("s3"):
                logger.error("session in scope")
            logger.error("scope again")
        with recorder.session("s4") as session, session.request(model="m", request_id="r4"):
            with log_scope():
                logger.error("scope in session")
        with log_scope():
            with recorder.session("s5"), log_scope(session_id="s6", request_id="r6"):
                logger.error("scope in session in scope")

    assert stream.getvalue().splitlines() == [
        "ERROR a [None None None] outside",
        "ERROR a [s1  u1] session",
        "ERROR a [s1 r1 u1] request",
        "ERROR a [s2 r2 u2] scope",
        "ERROR a [s3  None] session in scope",
        "ERROR a [s2 r2 u2] scope again",
        "ERROR a [s4 r4 None] scope in session",
        "ERROR a [s6 r6 None] scope in session in scope",
    ]


def test_extra_stays(host):
    """What a program put on a record itself stays."""
    stream = host.add(host.root, form=FORMAT)
    logger = host.log("a")
    steno.configure_logging()
    extra = {"session_id": "mine", "user_id": None}
    logger.error("outside", extra=extra)
    with log_scope(session_id="s", request_id="r", user_id="u") as scope:
        logger.error("inside", extra=extra)
        assert scope.buffer.lines()[0].session_id == "s"
    logging.LoggerAdapter(logger, extra).error("adapter")

    assert stream.getvalue().splitlines() == [
        "ERROR a [mine None None] outside",
        "ERROR a [mine r None] inside",
        "ERROR a [mine None None] adapter",
    ]


# -- the recorder ------------------------------------------------------------


def test_recorder(host):
    """Lines from the level on are events of the session and the request that speak."""
    logger = host.log("a")
    with capture_events() as (recorder, writer):
        steno.configure_logging(recorder=recorder, record_level="INFO")
        logger.error("nobody's")
        with recorder.session("s", user_id="u") as session:
            with session.request(model="m", request_id="r"):
                logger.info("below the host's level")
                logger.debug("below ours")
        with log_scope(session_id="t", request_id="q", level="ERROR"):
            logger.info("in a scope")
            try:
                raise ValueError("x")
            except ValueError:
                logger.exception("failed")
        recorder.flush()
        events = [each for each in writer.events if isinstance(each, steno.LogRecorded)]

    assert [(each.session_id, each.request_id, each.message) for each in events] == [
        ("s", "r", "below the host's level"),
        ("t", "q", "in a scope"),
        ("t", "q", "failed"),
    ]
    assert (events[0].level, events[0].level_number, events[0].logger) == ("INFO", 20, "a")
    assert (events[0].user_id, events[0].source) == ("u", f"test_capture:test_recorder:{LINE}")
    assert "ValueError: x" in events[2].exception


LINE = 1 + next(
    number
    for number, line in enumerate(Path(__file__).read_text().splitlines())
    if 'logger.info("below the host' in line
)


def test_record_level():
    """A level that is none is an error, and changes nothing."""
    with pytest.raises(ConfigError, match="record_level"):
        steno.configure_logging(record_level="LOUD")


# -- configured, restored, wrapped, reloaded ---------------------------------


def depth():
    """Count the calls from a logger to its handlers."""
    host, found = Host(), []

    class Deep(logging.Handler):
        def emit(self, record):
            frame, count = sys._getframe(), 0
            while frame.f_code is not depth.__code__:
                frame, count = frame.f_back, count + 1
            found.append(count)

    host.root.addHandler(Deep())
    host.log("a").error("x")
    return found[0]


def test_configured_twice():
    """To configure again, or to restore again, adds nothing and takes nothing."""
    plain, handlers, loggers = (
        depth(),
        logging.root.handlers[:],
        len(logging.root.manager.loggerDict),
    )
    steno.configure_logging()
    once = depth()
    for _ in range(5):
        steno.configure_logging()
    assert depth() == once
    steno.restore_logging()
    steno.restore_logging()
    assert depth() == plain
    for _ in range(5):
        steno.configure_logging()
        with log_scope():
            pass
        steno.restore_logging()
    assert {name: logging.Logger.__dict__[name] for name in METHODS} == PLAIN
    assert logging.root.handlers == handlers
    assert len(logging.root.manager.loggerDict) == loggers


def test_restored_in_a_scope(host):
    """Restored in the middle of scopes, nothing is caught any more, whichever of them ends."""
    logger = host.log("a")
    with log_scope(level="DEBUG") as outer:
        with log_scope(level="DEBUG") as inner:
            steno.restore_logging()
            logger.debug("x")
            logger.error("y")
            assert kept(inner) == []
        assert not capture._options.listening
        logger.error("z")
        assert kept(outer) == []


def wrap(wraps):
    """Wrap `callHandlers` as an error tracker does; returns how to undo it, and what it saw."""
    before, seen = logging.Logger.callHandlers, []

    def call_handlers(self, record):
        seen.append(record.getMessage())
        return before(self, record)

    if wraps:
        call_handlers = functools.wraps(before)(call_handlers)
    logging.Logger.callHandlers = call_handlers
    return functools.partial(setattr, logging.Logger, "callHandlers", before), seen


@pytest.mark.parametrize("wraps", [False, True])
def test_wrapped_by_somebody(host, wraps):
    """A wrapper that came after us goes on to work, whatever is configured, restored, reloaded."""
    host.add(host.root)
    logger = host.log("a")
    steno.configure_logging()
    unwrap, seen = wrap(wraps)
    before = depth()
    try:
        for _ in range(3):
            steno.restore_logging()
            logger.error("restored")
            steno.configure_logging()
            importlib.reload(capture)
            logger.error("reloaded")
            capture.configure_logging()
            with log_scope(level="DEBUG") as scope:
                logger.debug("inside")
                logger.error("inside, too")
                assert kept(scope) == ["inside", "inside, too"]
        assert depth() == before
        steno.restore_logging()
    finally:
        unwrap()
        steno.restore_logging()

    texts = ["restored", "reloaded", "inside", "inside, too"]
    assert [text for text in seen if text != "x"] == texts * 3
    assert host.printed() == [["ERROR restored", "ERROR reloaded", "ERROR inside, too"] * 3]


def test_wrapped_before_us(host):
    """A wrapper that came before us gets what it got, and can be undone after us."""
    host.add(host.root)
    unwrap, seen = wrap(wraps=True)
    with log_scope(level="DEBUG"):
        host.log("a").debug("inside")
        host.log("a").error("inside, too")
    steno.restore_logging()
    unwrap()

    assert seen == ["inside, too"]
    assert host.printed() == [["ERROR inside, too"]]


def test_unpatched_by_somebody(host):
    """Somebody who puts back what he found before us does not cut us off for good."""
    before = logging.Logger.callHandlers
    steno.configure_logging()
    logging.Logger.callHandlers = before
    steno.configure_logging()
    with log_scope(level="DEBUG") as scope:
        host.log("a").debug("x")
        assert kept(scope) == ["x"]


def test_reloaded(host):
    """A module that is loaded anew takes the old one's place: nothing grows, nothing is lost."""
    host.add(host.root)
    logger = host.log("a")
    with log_scope(level="DEBUG") as scope:
        before = depth()
        for _ in range(5):
            importlib.reload(capture)
            logger.error("x")
            assert depth() == before
            capture.configure_logging()
            logger.debug("y")
        assert depth() == before
        assert [text for text in kept(scope) if text != "x"] == ["y"] * 5
    logger.error("end")
    importlib.reload(capture)
    capture.restore_logging()

    assert host.printed() == [[*["ERROR x"] * 5, "ERROR end"]]


def test_loaded_twice(host):
    """A module that was thrown away and loaded again takes the old one's place."""
    steno.configure_logging()
    before = depth()
    spec = importlib.util.find_spec("steno.logs.capture")
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    other.configure_logging()

    assert depth() == before
    other.restore_logging()


# -- threads and forks -------------------------------------------------------


def test_forked_while_held():
    """A child that was forked while a thread opened a scope can open and close its own."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with capture._state["lock"]:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # instead of a child that hangs
        with log_scope(level="DEBUG") as scope:
            logging.getLogger("a").debug("x")
            os._exit(len(scope.buffer))
    release.set()
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_configured_while_others_log(host):
    """Threads that log while logging is configured and restored feel nothing."""
    stream = host.add(host.root)
    logger, errors, end = host.log("a"), [], time.monotonic() + 0.3

    def speak():
        try:
            while time.monotonic() < end:
                logger.debug("x")
                logger.error("y")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for each in threads:
        each.start()
    while time.monotonic() < end:
        steno.configure_logging()
        with log_scope(level="DEBUG"):
            logger.debug("z")
        steno.restore_logging()
    for each in threads:
        each.join()

    assert not errors
    assert set(stream.getvalue().splitlines()) == {"ERROR y"}


def test_printed_lines_can_not_be_forged():
    """What a message holds begins no line on the stream, and reaches no terminal."""
    stream = io.StringIO()
    with log_scope(session_id="s\ud800", level="DEBUG", stream=stream):
        logging.getLogger("forger").debug("x\n2026 [CRITICAL] owned \x1b[2J")

    assert stream.getvalue().count("\n2026") == 0
    assert "\x1b" not in stream.getvalue()
    assert "s\\ud800" in stream.getvalue()


def test_a_filter_that_fails(capsys):
    """A host's filter that fails on records that only a scope wants is not felt by the program."""

    def fail(record):
        raise RuntimeError("never saw DEBUG before")

    logger = logging.getLogger("failing.filter")
    logger.addFilter(fail)
    logger.setLevel(logging.INFO)
    try:
        with log_scope(level="DEBUG"):
            logger.debug("only the scope wants it")
            with pytest.raises(RuntimeError):
                logger.info("as it would without a scope")
    finally:
        logger.removeFilter(fail)

    assert "a filter of the logger failing.filter failed" in capsys.readouterr().err


def test_no_secrets_in_events(tmp_path):
    """A credential in a log line reaches no transcript, nor does one in a traceback."""
    with steno.open(tmp_path) as recorder:
        capture.configure_logging(recorder=recorder)
        with recorder.session("s"):
            try:
                raise ValueError("api_key=hunter22222")
            except ValueError:
                logging.getLogger("app").exception("Authorization: Bearer abcdefgh12345678")
    text = next(tmp_path.rglob("s.jsonl")).read_text()

    assert "log_recorded" in text
    assert "abcdefgh12345678" not in text
    assert "hunter22222" not in text


def test_sealed_incident(home, capsys):
    """What is logged inside a sealed incident goes to no recorder that would keep it in clear."""
    incident = steno.Session.create("p", home=home)
    with capture_events() as (recorder, writer):
        steno.configure_logging(recorder=recorder)
        with incident, incident.request(model="m"):
            logging.getLogger("app").error("secret")
        with recorder.session("s"):
            logging.getLogger("app").error("told")
        assert recorder.flush()
    incident.close()

    assert [event.message for event in writer.events] == ["told"]
    assert f"inside the sealed incident {incident.session_id}" in capsys.readouterr().err
