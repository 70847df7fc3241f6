"""Metrics from Prometheus, and from what speaks its query API (Mimir, Thanos, VictoriaMetrics).

The read-only part of the API is used and nothing else: ``/api/v1/query`` and ``query_range``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno.collectors.finishing import collect, collect_async
from steno.collectors.http import MAX_BYTES, RETRIES, TIMEOUT_S, Manner
from steno.collectors.prometheus_plan import MetricsPlan
from steno.collectors.services import PROMETHEUS, find_service
from steno.collectors.windows import Moment, Window, parse_duration, parse_moment, resolve_window
from steno.errors import CollectError

if TYPE_CHECKING:
    from datetime import timedelta

    from steno.collectors.collection import Cancel, Collection, Progress
    from steno.recording.session import Session


def collect_metrics(
    query: str,
    *,
    url: str | None = None,
    at: Moment | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    step: timedelta | float | str | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    max_bytes: int = MAX_BYTES,
    session: Session | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Collection:
    """Ask a PromQL query, at one instant or over a window, and keep the answer.

    Args:
        query: In PromQL.
        url: Where Prometheus is; ``PROMETHEUS_URL`` when it is not given.
        at: The instant; now, when neither it nor a window is given.
        start: The window's first instant; a duration counts back from now.
        end: Its last instant; now, when it is not given.
        since: As ``start``.
        until: As ``end``.
        step: The distance of points, such as ``15s``; when it is not given, the shortest of 15 s,
            30 s, 1 min, ... that makes at most 1,000 points of the window.
        timeout_s: Seconds that each question may take.
        retries: How often a question is repeated when the server is away or in trouble.
        max_bytes: Bytes that all answers may have; they are held in memory.
        session: Whose artefact the answer becomes; without one it is in `Collection.entries`.
        progress: Called with the number of samples so far.
        cancel: Ends the collection with what it has, once it is set.

    Returns:
        What was collected: one entry for each series.

    Raises:
        CollectError: The query is wrong, or nobody answered; nothing was collected.
    """
    plan = _plan(query, at, start, end, since, until, step, timeout_s, progress)
    manner = Manner(timeout_s, retries, max_bytes, cancel)
    return collect(plan, find_service(PROMETHEUS, url), manner, session)


async def collect_metrics_async(
    query: str,
    *,
    url: str | None = None,
    at: Moment | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    step: timedelta | float | str | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    max_bytes: int = MAX_BYTES,
    session: Session | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Collection:
    """As `collect_metrics`, without holding up the event loop."""
    plan = _plan(query, at, start, end, since, until, step, timeout_s, progress)
    manner = Manner(timeout_s, retries, max_bytes, cancel)
    return await collect_async(plan, find_service(PROMETHEUS, url), manner, session)


def _plan(
    query: str,
    at: Moment | None,
    start: Moment | None,
    end: Moment | None,
    since: Moment | None,
    until: Moment | None,
    step: Any,
    timeout_s: float,
    progress: Progress | None,
) -> MetricsPlan:
    now = datetime.now(UTC)
    if not query.strip():
        raise CollectError("the query is empty", hint="give one in PromQL", reason="query")
    ranged = any(each is not None for each in (start, end, since, until))
    if at is not None and ranged:
        raise CollectError(
            "an instant (at) and a window exclude each other", hint="give one", reason="query"
        )
    if not ranged:
        if step is not None:
            raise CollectError(
                "a step needs a window", hint="give --since, or since=", reason="query"
            )
        moment = now if at is None else parse_moment(at, now)
        return MetricsPlan(query, Window(moment, moment), None, timeout_s, progress)
    window = resolve_window(now=now, start=start, end=end, since=since, until=until)
    if window.start is None:
        raise CollectError(
            "the window has an end and no beginning", hint="give --since, or since=", reason="query"
        )
    last = window.end or now
    if last < window.start:
        raise CollectError("the window lies in the future", reason="query")
    duration = None if step is None else parse_duration(step)
    return MetricsPlan.over(query, Window(window.start, last), duration, timeout_s, progress)
