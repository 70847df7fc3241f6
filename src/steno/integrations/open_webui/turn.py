"""One invocation of a function: its log lines, its archive, its request and its reply.

Strategy: all that is needed is fixed at the beginning, for the host changes its valves whenever it
likes. Lines are collected by a log scope, which feeds the archive's spool as they come: the host's
workers may be killed within a fifth of a second, with no ``finally``. What is said to the model and
what comes back is noted as an exchange, in the form of OpenAI's chat completions. Nothing here
raises into the host: a turn that can't be recorded goes on without.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.archives.identifiers import ArchiveIds
from steno.errors import ConfigError
from steno.identity import new_session_id
from steno.integrations.open_webui.chunks import StreamEncoder, encode, encode_reply
from steno.integrations.open_webui.host import Call, read_call
from steno.integrations.open_webui.resources import find_archivist, find_recording
from steno.integrations.open_webui.valves import archive_settings
from steno.logs.citation import logs_citation
from steno.logs.levels import resolve_level
from steno.logs.scope import LogScope
from steno.notices import say
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome
from steno.wire.scrubbing import scrub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from steno.capture.scribe import Pen
    from steno.logs.buffer import LineBuffer
    from steno.logs.lines import LogLine

    Emitter = Callable[[dict[str, Any]], Awaitable[Any]]

_TARGET = "/v1/chat/completions"
_PROVIDER = "open_webui"


class Host(Struct, frozen=True):
    """What the host passes to a function beside the body, by the names that it uses."""

    user: Any = None
    metadata: Any = None
    emitter: Any = None
    task: Any = None
    task_body: Any = None


class Turn:
    """One invocation, from its beginning to its end.

    Attributes:
        scope: Its log lines.
        call: Whose it is.
        exchange: Its request and reply; None where they are not recorded.
        streamed: A piece of the reply was seen.
    """

    def __init__(self, scope: LogScope, call: Call, exchange: Exchange | None) -> None:
        """Made by `begin_turn`."""
        self.scope = scope
        self.call = call
        self.exchange = exchange
        self.streamed = False


class Exchange:
    """Notes what a function was asked and what it said; never raises."""

    def __init__(self, pen: Pen, body: object, model: str) -> None:
        """Note the request."""
        self._pen = pen
        self._model = model
        self._stream: StreamEncoder | None = None
        self._pen.request(encode(body))
        self._pen.sent()

    def add(self, item: object) -> None:
        """Note a piece of the reply."""
        try:
            if self._stream is None:
                self._stream = StreamEncoder(self._model)
                self._pen.reply(200, {"content-type": "text/event-stream"})
            data = self._stream.feed(item)
            if data:
                self._pen.data(data)
        except Exception as error:  # noqa: BLE001 - the turn goes on
            _complain(error)

    def reply(self, value: object) -> None:
        """Note a reply that came whole."""
        try:
            self._pen.reply(200, {"content-type": "application/json"})
            self._pen.data(encode_reply(value, self._model))
        except Exception as error:  # noqa: BLE001 - the turn goes on
            _complain(error)

    def end(self, error: BaseException | None = None) -> None:
        """Note the end, and whose doing it was."""
        if error is None:
            if self._stream is not None:
                rest = self._stream.end()
                if rest:
                    self._pen.data(rest)
            outcome = Outcome(kind="done")
        elif isinstance(error, Exception):
            detail = scrub(f"{type(error).__name__}: {error}")[:500]
            outcome = Outcome(kind="upstream_failed", detail=detail)
        else:
            outcome = Outcome(kind="client_disconnected", detail=type(error).__name__)
        self._pen.end(outcome)

    def interrupt(self, detail: str) -> None:
        """Note that nobody said how it ended."""
        self._pen.end(Outcome(kind="interrupted", detail=detail))


def begin_turn(valves: object, host: Host, body: object, *, listener: str) -> Turn:
    """Begin to record an invocation; never raises.

    Args:
        valves: The function's valves, as they are now.
        host: What the host passed.
        body: The request.
        listener: What records it: ``pipe`` or ``filter``.
    """
    try:
        call = read_call(host.user, host.metadata, task=host.task, task_body=host.task_body)
        scope = _make_scope(valves, host, call)
        return Turn(scope, call, open_exchange(valves, call, body, listener=listener))
    except Exception as error:  # noqa: BLE001 - the turn goes on, and nothing of it is kept
        _complain(error)
        return Turn(LogScope(level=logging.CRITICAL), Call(ArchiveIds()), None)


def _make_scope(valves: object, host: Host, call: Call) -> LogScope:
    spool = None
    try:
        archivist = find_archivist(archive_settings(valves), getattr(valves, "STENO_HOME", ""))
        spool = archivist.open(call.ids, task=call.task)
    except Exception as error:  # noqa: BLE001 - the turn goes on, and is not archived
        _complain(error)
    scope = LogScope(
        session_id=call.ids.session_id or call.ids.chat_id or new_session_id(),
        request_id=call.ids.request_id,
        user_id=call.ids.user_id or None,
        level=_choose_level(valves, host.user),
        sinks=() if spool is None else (spool,),
        stream="stdout",
        max_lines=getattr(valves, "SESSION_LOG_MAX_LINES", None),
    )
    scope.notes_errors = True
    # A task has an emitter of nobody's: its lines would stand beside somebody else's message.
    if callable(host.emitter) and call.task is None and getattr(valves, "LOG_CITATION", True):
        scope.callback = _cite(host.emitter, scope.buffer)
    return scope


def _cite(emit: Emitter, buffer: LineBuffer) -> Callable[[list[LogLine]], Awaitable[object]]:
    def cite(lines: list[LogLine]) -> Awaitable[object]:
        return emit(logs_citation(lines, dropped=buffer.dropped))

    return cite


def open_exchange(valves: object, call: Call, body: object, *, listener: str) -> Exchange | None:
    """Note a request; None where nothing of it is to be recorded."""
    if not getattr(valves, "STENO_RECORD", True) or call.ids.is_temporary:
        return None
    ids = call.ids
    model = body.get("model") if isinstance(body, dict) else None
    try:
        pen = find_recording(getattr(valves, "STENO_HOME", "")).open(
            Opening(
                request_id=ids.request_id,
                method="POST",
                target=_TARGET,
                headers={"content-type": "application/json"},
                provider=_PROVIDER,
                listener=listener,
                begun=datetime.now(UTC),
                begun_s=time.monotonic(),
                session_id=ids.chat_id or new_session_id(),
                identity=Identity(
                    session_id=ids.chat_id or None,
                    user_id=ids.user_id or None,
                    chat_id=ids.chat_id or None,
                    message_id=ids.message_id or None,
                    tags=(f"task:{call.task}",) if call.task else (),
                ),
            )
        )
        return None if pen is None else Exchange(pen, body, str(model or ""))
    except Exception as error:  # noqa: BLE001 - the turn goes on, and is not recorded
        _complain(error)
        return None


def _choose_level(valves: object, user: Any) -> int:
    own: Mapping[str, Any] | Any = user.get("valves") if isinstance(user, dict) else None
    chosen = own.get("LOG_LEVEL") if isinstance(own, dict) else getattr(own, "LOG_LEVEL", None)
    try:
        return resolve_level(chosen, getattr(valves, "LOG_LEVEL", None))
    except ConfigError as error:
        say("open-webui-level", f"WARN {error.message}; INFO is shown. {error.hint}")
        return logging.INFO


def _complain(error: Exception) -> None:
    say("open-webui", f"ERROR a turn can't be recorded: {type(error).__name__}: {error}")
