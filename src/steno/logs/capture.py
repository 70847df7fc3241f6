"""Catch what is logged within a scope, whatever the host's loggers let through.

Strategy: three methods of ``logging.Logger`` are replaced, for the whole process, until
`restore_logging`. Handlers and levels are the host's own affair, and stay as they are. A root
logger at WARNING, a logger that doesn't propagate, ``logging.config.dictConfig`` with its habit to
disable every logger that exists, a handler that is added later: each of these would cut off a
handler or filter of ours, or make the host print what we let through.

- ``isEnabledFor`` says yes where the host would not hear a record but a scope wants it, and leaves
  a mark for the thread that it said so;
- ``callHandlers`` gives every record of a scope to that scope, and then to the host's handlers,
  unless the mark says that they would not have got it;
- ``handle`` does the same for a logger that was disabled.

Outside all scopes, the way is the standard library's but for a look at a context variable.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct

from steno.events.model import LogRecorded
from steno.logs.levels import parse_level
from steno.logs.lines import LogLine, make_line, tidy
from steno.logs.scope import CURRENT, active_scope, count_late
from steno.notices import say
from steno.recording.context import SPEAKER, Scope
from steno.recording.recorder import Recorder
from steno.wire.scrubbing import scrub

if TYPE_CHECKING:
    from steno.logs.scope import LogScope


class _Options(Struct):
    """What `configure_logging` was asked for, and how many want to listen."""

    recorder: Recorder | None = None
    record_level: int = logging.INFO
    ignored: tuple[str, ...] = ()
    scopes: int = 0
    active: bool = False
    listening: bool = False


_Mark = tuple[logging.Logger, int, Any]
"""Logger and level of a record that only a scope wants, and the mark before it, if any."""


class _Thread(threading.local):
    """What a thread remembers between a logger's yes and its record."""

    forced: _Mark | None = None


class _Originals(Struct):
    """The methods that stand behind ours; they stay when ours are taken away again."""

    is_enabled_for: Any = None
    handle: Any = None
    call_handlers: Any = None


_state: dict[str, Any] = globals().get("_state", {})
"""What must outlive ``importlib.reload``: our methods, and scopes, are still in use then."""

_options: _Options = _state.setdefault("options", _Options())
_originals: _Originals = _state.setdefault("originals", _Originals())
_in_place: set[str] = _state.setdefault("in_place", set())
_thread: _Thread = _state.setdefault("thread", _Thread())
_state.setdefault("lock", threading.RLock())  # a finalizer may close a scope while one is opened
_current = CURRENT.get
_speaker = SPEAKER.get


def configure_logging(
    *,
    recorder: Recorder | None = None,
    record_level: str | int = logging.INFO,
    ignore: tuple[str, ...] = (),
) -> None:
    """Let log records know their session; call it once, or again to change the options.

    From then on every record has ``session_id``, ``request_id`` and ``user_id`` (None outside all
    sessions), and `steno.log_scope` collects. Modules just call ``logging.getLogger(__name__)``.
    The host's loggers, levels, handlers and filters are left as they are.

    Args:
        recorder: Gets a ``log_recorded`` event for each line that belongs to a session.
        record_level: The lowest level of these events.
        ignore: Loggers, with those below them, of which no scope keeps anything.

    Raises:
        ConfigError: There is no such level.
    """
    level = parse_level(record_level, "record_level")
    with _state["lock"]:
        _options.recorder = recorder
        _options.record_level = level
        _options.ignored = ignore
        _install()


def restore_logging() -> None:
    """Give ``logging`` back as it was; scopes that are open collect nothing more.

    Where somebody has wrapped our methods since, they stay behind his, and let everything pass.
    A scope that is opened later configures logging again.
    """
    with _state["lock"]:
        _options.recorder = None
        _options.ignored = ()
        _options.active = False
        _listen()
        for name, (field, _) in _OURS.items():
            if _is_ours(logging.Logger.__dict__.get(name)):
                setattr(logging.Logger, name, getattr(_originals, field))
                _in_place.discard(name)


def watch(change: int) -> None:
    """Count the scopes that are open; with the first one, logging is configured if it was not."""
    with _state["lock"]:
        _options.scopes += change
        if change > 0:
            _install()
        else:
            _thread.forced = None  # of a question, asked in a scope, that no record followed
        _listen()


def _install() -> None:
    _options.active = True
    for name, (field, ours) in _OURS.items():
        now = getattr(logging.Logger, name)
        before = getattr(_originals, field)
        if now is ours:
            continue
        if _is_ours(now):  # this module was loaded anew: the methods of the old one are replaced
            before = now.steno_original
        elif name not in _in_place or now is before:
            before = now
        else:
            continue  # somebody wrapped ours
        setattr(_originals, field, before)
        ours.steno_original, ours.steno_self = before, ours
        setattr(logging.Logger, name, ours)
        _in_place.add(name)
    _listen()


def _listen() -> None:
    wanted = _options.scopes > 0 or _options.recorder is not None
    _options.listening = _options.active and wanted


def _is_ours(method: object) -> bool:
    """Tell our methods, those of this module's earlier load too, from wrappers of them."""
    # ``functools.wraps`` copies attributes to the wrapper; this one names who bears it.
    return method is not None and getattr(method, "steno_self", None) is method


def _after_fork() -> None:
    _state["lock"] = threading.RLock()  # another thread of the parent may have held it


if "forks" not in _state:
    os.register_at_fork(after_in_child=_after_fork)
    _state["forks"] = True


# -- the three methods: hot --------------------------------------------------


def _is_enabled_for(self: logging.Logger, level: int) -> bool:
    """Say whether the host, or a scope, wants a record of this level."""
    try:
        # What the standard library's own method does first; it is its answer in most cases.
        if self._cache[level] and not self.disabled:  # type: ignore[attr-defined]
            return True
    except KeyError:
        if _originals.is_enabled_for(self, level):
            return True
    if not _options.listening:
        return False
    scope = _current()
    if scope is not None and not scope.plain:
        scope = active_scope()
    if scope is None or level < scope.floor:
        recorder = _options.recorder
        if recorder is None or level < _options.record_level:
            return False
        if scope is None and _speaker() is None:
            return False
    if self.manager.disable >= level:
        return False
    before = _thread.forced
    _thread.forced = (self, level, None if before is None else _outer_mark(before, self, level))
    return True


def _outer_mark(before: _Mark, logger: logging.Logger, level: int) -> _Mark | None:
    """Keep the mark of a record in whose making, as by a filter, another one is logged."""
    if before[0] is logger and before[1] == level:
        return None  # of a question that no record followed
    return before[0], before[1], None


def _handle(self: logging.Logger, record: logging.LogRecord) -> None:
    """Hear a disabled logger out, too, where a scope listens."""
    if not _options.listening or not (
        self.disabled or (self.filters and _thread.forced is not None)
    ):
        _originals.handle(self, record)
        return
    try:
        verdict = self.filter(record)
    except Exception as error:
        if not self.disabled and self.getEffectiveLevel() <= record.levelno:
            raise  # as it would without a scope
        # A filter that never saw such a record before: the program must not feel it.
        _thread.forced = None
        say("log-filter", f"a filter of the logger {self.name} failed: {error!r}")
        return
    if verdict:
        _call_handlers(self, verdict if isinstance(verdict, logging.LogRecord) else record)


def _call_handlers(  # noqa: C901, PLR0912 - hot: what stands in functions of its own costs more
    self: logging.Logger, record: Any
) -> None:
    """Give a record to its scope, and to the host's handlers if they would have got it."""
    if not _options.listening:
        if _current() is not None:
            count_late()
        speaker = _speaker()
        if speaker is None:
            # As in `stamp`, without the call. Attributes, for `__dict__` costs thrice as much.
            if not hasattr(record, "session_id"):
                record.session_id = None
            if not hasattr(record, "request_id"):
                record.request_id = None
            if not hasattr(record, "user_id"):
                record.user_id = None
        else:
            stamp(record, speaker)
        _originals.call_handlers(self, record)
        return
    level = record.levelno
    heard = not self.disabled
    forced = _thread.forced
    if forced is not None and forced[0] is self and forced[1] == level:
        _thread.forced = forced[2]
        # The mark may be of a question that no record followed, before the host changed its mind.
        heard = heard and self._cache.get(level, False)  # type: ignore[attr-defined]
    scope = _current()
    if scope is not None and not scope.plain:
        scope = active_scope()
    speaker = _speaker()
    who: LogScope | Scope | None = scope
    if speaker is not None and (scope is None or speaker is not scope.speaker):
        who = speaker  # a session within the scope
    wanted = not _options.ignored or not _is_ignored(record.name)
    if wanted and who is not None:
        try:
            _keep(record, scope, who)
        except Exception as error:  # noqa: BLE001 - to log must not fail because of us
            say("log-line", f"a log line was not kept: {type(error).__name__}")
    if scope is None:
        count_late()
        if heard:
            stamp(record, who)
            _originals.call_handlers(self, record)
    elif (heard or (wanted and scope.stream is not None)) and (
        level >= scope.level or not scope.follows
    ):
        _show(self, record, scope, who, heard=heard)


_OURS: dict[str, tuple[str, Any]] = {
    "isEnabledFor": ("is_enabled_for", _is_enabled_for),
    "handle": ("handle", _handle),
    "callHandlers": ("call_handlers", _call_handlers),
}
"""What takes the place of the methods of ``logging.Logger``."""


# -- what is kept ------------------------------------------------------------


def _keep(record: logging.LogRecord, scope: LogScope | None, who: LogScope | Scope) -> None:
    level = record.levelno
    line = None
    if scope is not None and level >= scope.floor:
        line = make_line(record, who)
        for sink in scope.sinks:
            sink.take(line)
        if level >= scope.level:
            scope.buffer.take(line)
    if _options.recorder is not None and level >= _options.record_level:
        speaker = SPEAKER.get()
        if speaker is not None and speaker.sealed:
            # The recorder is another one than the incident's, and keeps what it gets in plain text.
            say(
                "sealed-log",
                f"WARN log lines inside the sealed incident {speaker.session_id} are not recorded",
            )
            return
        _record(_options.recorder, line or make_line(record, who))


def _is_ignored(name: str) -> bool:
    # A record made from a dictionary may have any name, or none.
    return any(name == each or str(name).startswith(f"{each}.") for each in _options.ignored)


def _record(recorder: Recorder, line: LogLine) -> None:
    recorder.record(
        LogRecorded(
            line.session_id,
            line.request_id,
            datetime.fromtimestamp(line.created, UTC),
            level=line.level_name,
            level_number=line.level,
            logger=line.logger,
            message=scrub(line.message),
            user_id=line.user_id,
            exception=scrub(line.exception) if line.exception else None,
            source=f"{line.module}:{line.function}:{line.line_number}",
        )
    )


# -- what is shown -----------------------------------------------------------


def stamp(record: Any, who: LogScope | Scope | None) -> None:
    """Put on a record whose it is; what the program put there itself stays."""
    if not hasattr(record, "session_id"):
        record.session_id = who and who.session_id
    if not hasattr(record, "request_id"):
        record.request_id = who and who.request_id
    if not hasattr(record, "user_id"):
        record.user_id = who and who.user_id


def _show(
    logger: logging.Logger,
    record: logging.LogRecord,
    scope: LogScope,
    who: LogScope | Scope | None,
    *,
    heard: bool,
) -> None:
    """Give a record to the host's handlers, or print it where none of them takes it."""
    stamp(record, who)
    if heard and (scope.stream is None or _is_heard(logger, record.levelno)):
        _originals.call_handlers(logger, record)
    elif scope.stream is not None and record.levelno >= scope.level:
        _print(record, scope.stream)


def _is_heard(logger: logging.Logger, level: int) -> bool:
    """Tell whether some handler of the host's takes a record."""
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            # Libraries give their loggers one that takes everything and shows nothing.
            if level >= handler.level and not isinstance(handler, logging.NullHandler):
                return True
        at = at.parent if at.propagate else None
    return False


_printed = logging.Formatter("%(asctime)s [%(levelname)s] [%(session_id)s] %(name)s: %(message)s")


def _print(record: logging.LogRecord, stream: str | TextIO) -> None:
    """Print a line where the scope wants it; one that can't be printed is the printer's affair."""
    file = getattr(sys, stream, None) if isinstance(stream, str) else stream
    try:
        if file is not None:
            file.write(f"{tidy(_printed.format(record))}\n")
            file.flush()
    except Exception:  # noqa: BLE001 - as the standard library's handlers do
        logging.NullHandler().handleError(record)
