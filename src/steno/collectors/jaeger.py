"""Traces from Jaeger's query API, which other stores of traces speak too.

The read-only part of the API is used and nothing else: ``/api/traces`` and ``/api/services``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steno.collectors.finishing import collect, collect_async
from steno.collectors.http import MAX_BYTES, RETRIES, TIMEOUT_S, Manner
from steno.collectors.jaeger_plan import TraceQuery, TracesPlan
from steno.collectors.services import JAEGER, find_service
from steno.collectors.windows import Moment, Window, parse_duration, resolve_window
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steno.collectors.collection import Cancel, Collection, Progress
    from steno.recording.session import Session

LIMIT = 100
"""Traces that are collected when nothing else is said."""

_LOOKBACK = timedelta(hours=1)


def collect_traces(
    *,
    service: str | None = None,
    operation: str | None = None,
    tags: Mapping[str, object] | None = None,
    limit: int = LIMIT,
    start: Moment | None = None,
    end: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    min_duration: timedelta | float | str | None = None,
    max_duration: timedelta | float | str | None = None,
    trace_id: str | None = None,
    url: str | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    max_bytes: int = MAX_BYTES,
    session: Session | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Collection:
    """Search for the newest traces of a service, or fetch one by its id, and keep them.

    Args:
        service: Of this service.
        operation: With this operation of the service.
        tags: With these tags, such as ``{"error": "true"}``.
        limit: At most so many, the newest; `Collection.reason` is ``limit`` when there are more.
        start: Begun no earlier; an hour before the end when it is not given. A duration counts
            back from now.
        end: Begun no later; now when it is not given.
        since: As ``start``.
        until: As ``end``.
        min_duration: With a span at least as long, such as ``500ms`` or seconds.
        max_duration: With a span at most as long.
        trace_id: One trace by its id; nothing of the above goes with it.
        url: Where Jaeger's query service is; ``JAEGER_QUERY_URL`` when it is not given.
        timeout_s: Seconds that each question may take.
        retries: How often a question is repeated when the server is away or in trouble.
        max_bytes: Bytes that all answers may have; they are held in memory.
        session: Whose artefact they become; without one they are in `Collection.entries`.
        progress: Called with the number of traces so far.
        cancel: Ends the collection with what it has, once it is set.

    Returns:
        What was collected: one entry for each trace, the newest first.

    Raises:
        CollectError: The search is wrong, there is no such service or trace, or nobody answered;
            nothing was collected.
    """
    wanted = _wanted(service, operation, tags, limit, min_duration, max_duration, trace_id)
    plan = TracesPlan(wanted, _window(wanted, start, end, since, until), progress)
    manner = Manner(timeout_s, retries, max_bytes, cancel)
    return collect(plan, find_service(JAEGER, url), manner, session)


async def collect_traces_async(
    *,
    service: str | None = None,
    operation: str | None = None,
    tags: Mapping[str, object] | None = None,
    limit: int = LIMIT,
    start: Moment | None = None,
    end: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    min_duration: timedelta | float | str | None = None,
    max_duration: timedelta | float | str | None = None,
    trace_id: str | None = None,
    url: str | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    max_bytes: int = MAX_BYTES,
    session: Session | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Collection:
    """As `collect_traces`, without holding up the event loop."""
    wanted = _wanted(service, operation, tags, limit, min_duration, max_duration, trace_id)
    plan = TracesPlan(wanted, _window(wanted, start, end, since, until), progress)
    manner = Manner(timeout_s, retries, max_bytes, cancel)
    return await collect_async(plan, find_service(JAEGER, url), manner, session)


def _wanted(
    service: str | None,
    operation: str | None,
    tags: Mapping[str, object] | None,
    limit: int,
    min_duration: timedelta | float | str | None,
    max_duration: timedelta | float | str | None,
    trace_id: str | None,
) -> TraceQuery:
    if not service and not trace_id:
        raise CollectError(
            "Jaeger is asked for the traces of a service, or for one trace",
            hint="give --service or --trace-id; service= or trace_id=",
            reason="query",
        )
    others = (service, operation, tags, min_duration, max_duration)
    if trace_id and any(each is not None for each in others):
        raise CollectError(
            "a trace is fetched by its id alone", hint="leave the service out", reason="query"
        )
    if limit < 1:
        raise CollectError("the limit is at least 1", reason="query")
    return TraceQuery(
        service,
        operation,
        {str(name): _as_tag(value) for name, value in (tags or {}).items()},
        limit,
        _in_go(min_duration),
        _in_go(max_duration),
        trace_id.strip() if trace_id else None,
    )


def _window(
    wanted: TraceQuery,
    start: Moment | None,
    end: Moment | None,
    since: Moment | None,
    until: Moment | None,
) -> Window:
    now = datetime.now(UTC)
    window = resolve_window(now=now, start=start, end=end, since=since, until=until)
    if wanted.trace_id is not None:
        if window != Window(None, None):
            raise CollectError(
                "a trace is fetched by its id alone", hint="leave the window out", reason="query"
            )
        return window
    last = window.end or now
    first = window.start or last - _LOOKBACK
    if last < first:
        raise CollectError("the window lies in the future", reason="query")
    return Window(first, last)


def _as_tag(value: object) -> str:
    """Write a tag's value as Jaeger compares it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_go(duration: timedelta | float | str | None) -> str | None:
    """Write a duration as Go reads it, exactly to the microsecond."""
    if duration is None:
        return None
    return f"{parse_duration(duration) // timedelta(microseconds=1)}us"
