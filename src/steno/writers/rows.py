"""Events to rows of the index. Pure but for `Rows.store`, which runs the statements.

Strategy: the facts of a batch are merged in memory first, so that a request or a session costs one
statement per batch however many events it has. Every statement may be run again with the same
facts, and in another order, and leaves the same rows: what can be said twice is told by rank (the
time, the recorder and the number of the event that said it), the rest is filled in once.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from steno.events.codec import LineEncoder, decode_line
from steno.events.model import (
    ArtefactSaved,
    Completed,
    Event,
    Gap,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StatsUpdated,
    StreamStarted,
    ToolCallRecorded,
)
from steno.events.salvage import clean_text
from steno.writers.statements import (
    ARTEFACT_UPSERT,
    GAP_UPSERT,
    REQUEST,
    REQUEST_UPSERT,
    SESSION,
    SESSION_KEYS_UPDATE,
    SESSION_UPSERT,
    TOOL_UPSERT,
    keys_of,
)

if TYPE_CHECKING:
    from steno.events.header import Header

MAX_TEXT = 4096
"""Characters of a request's or reply's text that the index keeps; the transcript has the whole."""

_MAX_INTEGER = (1 << 63) - 1
_REPLY, _UPDATE, _TOTALS = "3", "2", "1"
"""Which event's figures are believed first."""

_STARTED = "1"


def sql_time(stamp: datetime) -> str:
    """Write a time as SQLite does: ``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC."""
    if stamp.tzinfo is not UTC:
        try:
            stamp = stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
        except OverflowError:  # within a day of the first or the last year
            stamp = stamp.replace(tzinfo=UTC)
    return stamp.isoformat(" ", "microseconds")[:26]


def bindable(value: Any) -> Any:
    """Bring a value into a form that SQLite can store."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return max(-_MAX_INTEGER - 1, min(_MAX_INTEGER, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return clean_text(value if isinstance(value, str) else str(value))


class Rows:
    """The rows of one batch, or of one piece of a transcript."""

    def __init__(self) -> None:
        """Begin empty."""
        self._sessions: dict[str, list[Any]] = {}
        self._requests: dict[tuple[str, str], list[Any]] = {}
        self._tools: dict[tuple[str, str, str], list[Any]] = {}
        self._gaps: list[tuple[Any, ...]] = []
        self._stamp: object = object()  # that of no event
        self._at = ""
        self._artefacts: list[tuple[Any, ...]] = []

    def add_header(self, header: Header) -> None:
        """Take what a header says of its session."""
        session = self._session(header.session_id, sql_time(header.timestamp))
        facts = {
            "session_key": header.session_key,
            "agent_id": header.agent_id,
            "user_id": header.user_id,
            "chat_id": header.chat_id,
            "message_id": header.message_id,
            "parent": header.parent,
            "host": header.host,
            "program": header.program,
            "cwd": header.cwd,
            "tags": msgspec.json.encode(header.tags).decode() if header.tags else None,
            "recorder": header.recorder,
        }
        for name, value in facts.items():
            if session[SESSION[name]] is None:
                session[SESSION[name]] = value

    def add(self, event: Event, recorder: str, seq: int) -> None:
        """Take the facts of an event.

        Args:
            event: The event.
            recorder: Id of the recorder that wrote it.
            seq: Its number among that recorder's events.
        """
        stamp = event.timestamp
        if stamp is not self._stamp:  # events of one moment often share it
            self._stamp = stamp
            self._at = sql_time(stamp if isinstance(stamp, datetime) else datetime.now(UTC))
        at = self._at
        session_id = (
            event.session_id if isinstance(event.session_id, str) else str(event.session_id)
        )
        request_id = (
            event.request_id if isinstance(event.request_id, str) else str(event.request_id)
        )
        session = self._session(session_id, at)
        step = _STEPS.get(type(event))
        if step is None:
            return
        try:
            self._take(step, event, session, (session_id, request_id), recorder, seq, at)
        except (AttributeError, TypeError, ValueError, OverflowError):
            # A careless caller's value: take the event as it reads in the transcript, where what
            # has no place in it is an unknown event.
            line, _ = LineEncoder(recorder).encode(event, seq)
            entry = decode_line(line, lossless=False)
            step = _STEPS.get(type(entry)) if isinstance(entry, Event) else None
            if step is not None:
                self._take(step, entry, session, (session_id, request_id), recorder, seq, at)

    def _take(
        self,
        step: _Step,
        event: Any,
        session: list[Any],
        key: tuple[str, str],
        recorder: str,
        seq: int,
        at: str,
    ) -> None:
        session_id, request_id = key
        if step is _gap:
            self._gaps.append(_gap_row(event, session_id, request_id, recorder, seq, at))
            return
        if step is _artefact:
            row = _artefact_row(event, session_id, request_id, recorder, seq, at)
            self._artefacts.append(row)
            return
        request = self._requests.get(key)
        if request is None:
            request = self._requests[key] = [None] * len(REQUEST)
            request[0], request[1] = key
            request[_R_CREATED] = at
        elif at < request[_R_CREATED]:
            request[_R_CREATED] = at
        if step is _tool:
            self._add_tool(_tool_row(event, session_id, request_id, recorder, seq, at))
            return
        step(event, session, request, f"{at}|{recorder}|{seq:015d}", at)

    def _add_tool(self, row: list[Any]) -> None:
        """Take a call or its result; both are one row, as in `TOOL_UPSERT`."""
        known = self._tools.setdefault((row[0], row[1], row[2]), row)
        if known is row:
            return
        for column in _GREATEST_OF_TOOL:
            if row[column] is not None and (known[column] is None or row[column] > known[column]):
                known[column] = row[column]
        if row[_SUCCESS_OF_TOOL] is not None and known[_SUCCESS_OF_TOOL] is not False:
            known[_SUCCESS_OF_TOOL] = row[_SUCCESS_OF_TOOL]
        known[_TIME_OF_TOOL] = min(known[_TIME_OF_TOOL], row[_TIME_OF_TOOL])

    def _session(self, session_id: str, at: str) -> list[Any]:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = [None] * len(SESSION)
            session[0], session[_S_STARTED], session[_S_CREATED] = session_id, at, at
        elif at < session[_S_STARTED]:
            session[_S_STARTED] = session[_S_CREATED] = at
        return session

    def store(self, connection: sqlite3.Connection, *, harden: bool = False) -> None:
        """Run the statements, parents first.

        Args:
            connection: Inside a transaction.
            harden: Look at each value and bring it into a form that can be stored.

        Raises:
            UnbindableError: Some value can't be stored as it is; roll back, and harden.
            sqlite3.Error: As SQLite says.
        """
        for request in self._requests.values():
            request[-1] = (
                request[REQUEST["model_used"]] or request[REQUEST["model_requested"]] or ""
            )
        tables: tuple[tuple[str, Iterable[Any]], ...] = (
            (SESSION_KEYS_UPDATE, [keys_of(session) for session in self._sessions.values()]),
            (SESSION_UPSERT, self._sessions.values()),
            (REQUEST_UPSERT, self._requests.values()),
            (TOOL_UPSERT, self._tools.values()),
            (GAP_UPSERT, self._gaps),
            (ARTEFACT_UPSERT, self._artefacts),
        )
        for statement, rows in tables:
            if not rows:
                continue
            if harden:
                rows = [[bindable(value) for value in row] for row in rows]  # noqa: PLW2901
            try:
                connection.executemany(statement, rows)
            except (ValueError, TypeError, OverflowError, *_BINDING) as error:
                raise UnbindableError from error


_GREATEST_OF_TOOL, _SUCCESS_OF_TOOL, _TIME_OF_TOOL = (4, 5, 6), 7, 8
"""Columns of a row for `TOOL_UPSERT`."""


class UnbindableError(Exception):
    """A value that SQLite can't store as it is: rare enough to look at each only then."""


_BINDING = (sqlite3.ProgrammingError, sqlite3.InterfaceError)

_S_STARTED, _S_CREATED = SESSION["started_at"], SESSION["created_at"]
_R_CREATED = REQUEST["created_at"]

_Step = Callable[[Any, list[Any], list[Any], str, str], None]


def _newer(row: list[Any], column: int, rank: str) -> bool:
    if row[column] is not None and row[column] >= rank:
        return False
    row[column] = rank
    return True


def _started(event: Started, session: list[Any], request: list[Any], rank: str, at: str) -> None:
    metadata = event.metadata
    user_agent = metadata.user_agent if metadata is not None else None
    if _newer(request, REQUEST["begun_rank"], rank):
        request[REQUEST["model_requested"]] = event.model_requested
        request[REQUEST["provider"]] = event.provider
        request[REQUEST["listener"]] = event.listener
        request[REQUEST["is_streaming"]] = event.is_streaming
        request[REQUEST["started_at"]] = at
        request[REQUEST["recorder"]] = rank.split("|", 2)[1]
    if user_agent is not None and _newer(request, REQUEST["agent_rank"], _STARTED + rank):
        request[REQUEST["user_agent"]] = user_agent
    if _newer(session, SESSION["begun_rank"], rank):
        session[SESSION["request_id"]] = event.request_id
        session[SESSION["provider"]] = event.provider
        session[SESSION["listener"]] = event.listener
        session[SESSION["model_requested"]] = event.model_requested
        session[SESSION["is_streaming"]] = event.is_streaming
        session[SESSION["user_agent"]] = user_agent
        session[SESSION["client_ip"]] = metadata.client_ip if metadata is not None else None


def _sent(
    event: RequestRecorded, session: list[Any], request: list[Any], rank: str, _at: str
) -> None:
    if event.has_tools:
        request[REQUEST["has_tools"]] = True
    if _newer(request, REQUEST["sent_rank"], rank):
        request[REQUEST["request_size_bytes"]] = event.request_size_bytes
        request[REQUEST["message_count"]] = event.message_count
        request[REQUEST["pre_processing_ms"]] = event.pre_processing_ms
    # An agent's later turns say nothing new of the user's; what was asked stays.
    if event.request_text and _newer(session, SESSION["sent_rank"], rank):
        session[SESSION["request_text"]] = _cut(event.request_text)


def _streamed(
    event: StreamStarted, session: list[Any], request: list[Any], rank: str, _at: str
) -> None:
    if _newer(request, REQUEST["streamed_rank"], rank):
        request[REQUEST["time_to_first_token_ms"]] = event.time_to_first_token_ms
    if _newer(session, SESSION["streamed_rank"], rank):
        session[SESSION["time_to_first_token_ms"]] = event.time_to_first_token_ms


def _replied(
    event: ResponseRecorded, session: list[Any], request: list[Any], rank: str, _at: str
) -> None:
    if event.has_refusal:
        request[REQUEST["has_refusal"]] = True
    if event.model_used and _newer(request, REQUEST["model_rank"], _REPLY + rank):
        request[REQUEST["model_used"]] = event.model_used
    if event.chunk_count is not None or event.streaming_duration_ms is not None:
        _time_stream(request, _UPDATE + rank, event.chunk_count, event.streaming_duration_ms)
    if _newer(request, REQUEST["replied_rank"], rank):
        request[REQUEST["provider_latency_ms"]] = event.provider_latency_ms
        request[REQUEST["post_processing_ms"]] = event.post_processing_ms
        request[REQUEST["proxy_overhead_ms"]] = event.total_proxy_overhead_ms
        request[REQUEST["response_size_bytes"]] = event.response_size_bytes
        request[REQUEST["content_blocks"]] = event.content_blocks
    tokens = event.tokens
    counts = (
        tokens.input,
        tokens.output,
        tokens.thinking,
        tokens.reasoning,
        tokens.cache_read,
        tokens.cache_creation,
        tokens.audio_input,
        tokens.audio_output,
    )
    if any(counts) or tokens.source is not None:
        time_ms = event.streaming_duration_ms or event.provider_latency_ms
        speed = tokens.tokens_per_second
        if speed is None and time_ms and tokens.output:
            speed = _ratio(1000 * tokens.output, time_ms)
        _count(request, _REPLY + rank, counts, tokens.source, tokens.thinking_percentage, speed)
    if _newer(session, SESSION["replied_rank"], rank):
        session[SESSION["model_used"]] = event.model_used or None
        session[SESSION["response_text"]] = _cut(event.response_text)


def _updated(
    event: StatsUpdated, _session: list[Any], request: list[Any], rank: str, _at: str
) -> None:
    if event.model_used and _newer(request, REQUEST["model_rank"], _UPDATE + rank):
        request[REQUEST["model_used"]] = event.model_used
    if event.has_refusal:
        request[REQUEST["has_refusal"]] = True
    if event.user_agent is not None and _newer(request, REQUEST["agent_rank"], _UPDATE + rank):
        request[REQUEST["user_agent"]] = event.user_agent
    if event.token_updates is not None:
        _count_totals(request, _UPDATE + rank, event.token_updates)


def _ended(event: Completed, session: list[Any], request: list[Any], rank: str, at: str) -> None:
    cost = event.estimated_cost
    if _newer(request, REQUEST["ended_rank"], rank):
        request[REQUEST["completed_at"]] = at
        request[REQUEST["success"]] = event.success
        request[REQUEST["error_message"]] = event.error
        request[REQUEST["duration_ms"]] = event.total_duration_ms
        request[REQUEST["finish_reason"]] = event.finish_reason
        request[REQUEST["cost_usd"]] = cost.total_cost_usd if cost is not None else None
    stream = event.streaming_stats
    if stream is not None:
        _time_stream(request, _REPLY + rank, stream.total_chunks, stream.streaming_duration_ms)
    if event.grand_total or event.total_input or event.total_output:
        _count_totals(request, _TOTALS + rank, event)
    ended = session[SESSION["completed_at"]]
    session[SESSION["completed_at"]] = at if ended is None or at > ended else ended
    if _newer(session, SESSION["ended_rank"], rank):
        session[SESSION["success"]] = event.success
        session[SESSION["error_message"]] = event.error
        session[SESSION["finish_reason"]] = event.finish_reason


def _time_stream(request: list[Any], rank: str, chunks: int | None, duration: int | None) -> None:
    if _newer(request, REQUEST["chunks_rank"], rank):
        request[REQUEST["chunk_count"]] = chunks
        request[REQUEST["streaming_duration_ms"]] = duration


def _count_totals(request: list[Any], rank: str, totals: Any) -> None:
    counts = (
        totals.total_input,
        totals.total_output,
        totals.total_thinking,
        totals.total_reasoning,
        totals.total_cache_read or totals.total_cached,
        totals.total_cache_creation,
        totals.total_audio_input,
        totals.total_audio_output,
    )
    if any(counts):
        _count(request, rank, counts, None, None, None)


def _count(
    request: list[Any],
    rank: str,
    counts: tuple[Any, ...],
    source: str | None,
    thinking_percentage: float | None,
    tokens_per_second: float | None,
) -> None:
    """Set the token columns, if nothing that is believed more has set them."""
    if not _newer(request, REQUEST["tokens_rank"], rank):
        return
    first = REQUEST["input_tokens"]
    request[first : first + len(counts)] = counts
    output, thinking = counts[1], counts[2] or counts[3]
    if thinking_percentage is None and thinking and output:
        thinking_percentage = _ratio(100 * thinking, output)
    request[REQUEST["tokens_source"]] = source
    request[REQUEST["thinking_percentage"]] = thinking_percentage
    request[REQUEST["tokens_per_second"]] = tokens_per_second


def _ratio(part: int, whole: int) -> float | None:
    try:
        return part / whole
    except OverflowError:  # whole numbers from a provider have no bound
        return None


def _tool(*_: object) -> None:
    raise NotImplementedError  # a mark in the table of steps; see `Rows.add`


def _gap(*_: object) -> None:
    raise NotImplementedError  # a mark in the table of steps; see `Rows.add`


def _artefact(*_: object) -> None:
    raise NotImplementedError  # a mark in the table of steps; see `Rows.add`


def _tool_row(
    event: Any,
    session_id: str,
    request_id: str,
    recorder: str,
    seq: int,
    at: str,
) -> list[Any]:
    return [
        session_id,
        request_id,
        event.tool_call_id or f"{recorder}:{seq}",
        event.tool_name or "",
        event.execution_time_ms,
        event.input_size_bytes,
        event.output_size_bytes,
        event.success,
        at,
    ]


def _gap_row(
    event: Any,
    session_id: str,
    request_id: str,
    recorder: str,
    seq: int,
    at: str,
) -> tuple[Any, ...]:
    since = sql_time(event.since) if isinstance(event.since, datetime) else None
    return (
        recorder, seq, session_id, request_id, event.what or "", event.count or 0,
        event.reason or "", since,
        event.detail, at,
    )  # fmt: skip


def _artefact_row(
    event: Any,
    session_id: str,
    request_id: str,
    recorder: str,
    seq: int,
    at: str,
) -> tuple[Any, ...]:
    metadata = msgspec.json.encode(event.metadata).decode() if event.metadata else None
    return (
        recorder, seq, session_id, request_id, at, event.kind or "", event.source or "",
        event.path or "", event.size_bytes or 0, event.count, event.sha256, metadata,
    )  # fmt: skip


def _cut(text: Any) -> str | None:
    if isinstance(text, str):
        return text[:MAX_TEXT]
    return None if text is None else str(text)[:MAX_TEXT]


_STEPS: dict[type[Event], _Step] = {
    Started: _started,
    RequestRecorded: _sent,
    StreamStarted: _streamed,
    ResponseRecorded: _replied,
    StatsUpdated: _updated,
    Completed: _ended,
    ToolCallRecorded: _tool,
    Gap: _gap,
    ArtefactSaved: _artefact,
}
