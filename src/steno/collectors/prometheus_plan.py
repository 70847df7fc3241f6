"""What to ask of Prometheus, and how its answers become series; no input and output.

Strategy: a window becomes pages of `POINTS_PER_PAGE` points, whose first and last instants are
points of one grid, so that no point is asked for twice. Values stay the bytes that the server sent
(`msgspec.Raw`): a sample costs what it costs in JSON, and NaN, infinities and native histograms are
kept as they are, because nobody reads them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from steno.collectors.decoding import MALFORMED, decode_json
from steno.collectors.http import Ask
from steno.collectors.windows import milliseconds
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.collectors.collection import Progress
    from steno.collectors.http import Answer, Questions
    from steno.collectors.windows import Window
    from steno.recording.saving import Saved
    from steno.recording.session import Session

POINTS_PER_PAGE = 2_000
"""Points for each series that one question asks for; the server refuses more than 11,000."""

_WANTED_POINTS = 1_000
_STEPS_S = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_LONGEST_IN_ADDRESS = 4_000
_MAX_NOTES = 100
_PARTIAL = "the server says that its answer is partial"
_REASONS = {"bad_data": "query", "execution": "query", "timeout": "timeout", "canceled": "timeout"}
_DENIED, _MISSING = (401, 403), 404
_SHOWN = 300


class _Series(Struct):
    metric: dict[str, str] = {}
    value: Raw | UnsetType = UNSET
    histogram: Raw | UnsetType = UNSET
    values: Raw | UnsetType = UNSET
    histograms: Raw | UnsetType = UNSET


class _Data(Struct, rename="camel"):
    result_type: str
    result: Raw


class _Reply(Struct, rename="camel"):
    status: str = ""
    data: _Data | None = None
    error_type: str = ""
    error: str = ""
    warnings: list[str] | None = None
    infos: list[str] | None = None
    is_partial: bool = False  # of VictoriaMetrics, where one of its stores is away


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_matrix = msgspec.json.Decoder(list[_Series]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def choose_step(length: timedelta) -> timedelta:
    """Choose the distance of points for a window: a round one, at most 1,000 points."""
    for seconds in _STEPS_S:
        step = timedelta(seconds=seconds)
        if length / step <= _WANTED_POINTS:
            return step
    return timedelta(days=-(-length // timedelta(days=_WANTED_POINTS)))


class MetricsPlan:
    """One PromQL query; a `steno.collectors.finishing.Plan`."""

    source = "prometheus"

    def __init__(
        self,
        query: str,
        window: Window,
        step: timedelta | None,
        timeout_s: float,
        progress: Progress | None = None,
    ) -> None:
        """Plan a query at the window's instant (without a step), or over the window."""
        self.promql = query
        self.window = window
        self.step = step
        self.query: dict[str, Any] = {"query": query}
        if step is not None:
            self.query["step_s"] = step.total_seconds()
        self.answers = 0
        self.limited = False
        self._timeout = f"{0.9 * timeout_s:g}"  # its own word comes before ours
        self._progress = progress
        self._series: dict[tuple[tuple[str, str], ...], _Joined] = {}
        self._alone: list[dict[str, Any]] = []
        self._result_type = "matrix" if step is not None else "vector"
        self._samples = 0
        self._notes: dict[str, list[str]] = {"warnings": [], "infos": []}

    @classmethod
    def over(
        cls,
        query: str,
        window: Window,
        step: timedelta | None,
        timeout_s: float,
        progress: Progress | None = None,
    ) -> MetricsPlan:
        """Plan a query over a window that has both ends.

        Raises:
            CollectError: The step is shorter than what Prometheus can tell apart.
        """
        assert window.start is not None
        assert window.end is not None
        if step is None:
            step = choose_step(window.end - window.start)
        if step < timedelta(milliseconds=1):
            raise CollectError(
                "the step is shorter than a millisecond", hint="Prometheus keeps no finer time",
                reason="query",
            )  # fmt: skip
        return cls(query, window, step, timeout_s, progress)

    def questions(self) -> Questions:
        """Ask page after page, the oldest first.

        Raises:
            CollectError: The server refuses the query, or is no Prometheus.
        """
        for path, params in self._pages():
            whole = (("query", self.promql), *params, ("timeout", self._timeout))
            by_post = len(urlencode(whole)) > _LONGEST_IN_ADDRESS
            answer = yield Ask(path, whole, by_post=by_post, final=_is_final)
            self._take(answer)
            self.answers += 1
            if self._progress is not None:
                self._progress(self._samples)

    def _pages(self) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
        assert self.window.start is not None
        assert self.window.end is not None
        first, last = milliseconds(self.window.start), milliseconds(self.window.end)
        if self.step is None:
            yield "/api/v1/query", (("time", _seconds(first)),)
            return
        step = self.step // timedelta(milliseconds=1)
        points = (last - first) // step + 1
        for at in range(0, points, POINTS_PER_PAGE):
            until = min(at + POINTS_PER_PAGE, points) - 1
            yield (
                "/api/v1/query_range",
                (
                    ("start", _seconds(first + at * step)),
                    ("end", _seconds(first + until * step)),
                    ("step", _seconds(step)),
                ),
            )

    def _take(self, answer: Answer) -> None:
        reply = _read(answer)
        warnings = [*(reply.warnings or ()), *([_PARTIAL] if reply.is_partial else ())]
        for name, notes in (("warnings", warnings), ("infos", reply.infos)):
            kept = self._notes[name]
            kept += [each for each in dict.fromkeys(notes or ()) if each not in kept]
            del kept[_MAX_NOTES:]
        assert reply.data is not None
        self._result_type = reply.data.result_type
        try:
            if self._result_type in ("scalar", "string"):
                # A copy: what is left of the answer may go.
                self._alone.append({"metric": {}, "value": Raw(bytes(reply.data.result))})
                self._samples += 1
                return
            for series in _decode_matrix(reply.data.result):
                key = tuple(sorted(series.metric.items()))
                joined = self._series.setdefault(key, _Joined(series.metric))
                self._samples += joined.take(series)
        except MALFORMED as error:
            raise _foreign(answer, error) from None

    def entries(self) -> list[Any]:
        """Return an entry for each series, as the API writes them."""
        return self._alone + [joined.entry() for joined in self._series.values()]

    def facts(self) -> dict[str, Any]:
        """Return what the artefact says of itself beside the query and the time range."""
        facts: dict[str, Any] = {
            "result_type": self._result_type,
            "samples": self._samples,
            "answers": self.answers,
        }
        if self.step is not None:
            facts["step_s"] = self.step.total_seconds()
        return facts | {name: notes for name, notes in self._notes.items() if notes}

    def save(self, session: Session, entries: list[Any], metadata: dict[str, Any]) -> Saved | None:
        """Save as metrics of the session."""
        return session.save_metrics(
            entries,
            source=self.source,
            query=self.promql,
            time_range=self.window.time_range,
            metadata=metadata,
        )


class _Joined:
    """One series, of which pages bring parts."""

    def __init__(self, metric: dict[str, str]) -> None:
        self._metric = metric
        self._single: dict[str, bytes] = {}
        self._parts: dict[str, list[bytes]] = {}

    def take(self, series: _Series) -> int:
        """Add a page; return how many samples it has."""
        count = 0
        for name in ("value", "histogram"):
            raw = getattr(series, name)
            if raw is not UNSET:
                self._single[name] = bytes(raw)
                count += 1
        for name in ("values", "histograms"):
            raw = getattr(series, name)
            if raw is not UNSET and (points := _decode_list(raw)):
                count += len(points)
                self._parts.setdefault(name, []).append(bytes(raw).strip()[1:-1])
        return count

    def entry(self) -> dict[str, Any]:
        """Return it as the API writes a series."""
        entry: dict[str, Any] = {"metric": self._metric}
        entry |= {name: Raw(value) for name, value in self._single.items()}
        return entry | {
            name: Raw(b"[" + b",".join(parts) + b"]") for name, parts in self._parts.items()
        }


def _read(answer: Answer) -> _Reply:
    """Read an answer.

    Raises:
        CollectError: It is an error, or none of Prometheus's answers.
    """
    try:
        reply = decode_json(answer.body, _decode_reply)
    except MALFORMED as error:
        raise _foreign(answer, error) from None
    if reply.status == "success" and reply.data is not None:
        return reply
    if reply.status != "error":
        raise _foreign(answer, None)
    hint = ""
    if reply.error_type == "timeout":
        hint = "--timeout gives it longer; a shorter window or a longer step asks for less"
    elif "too many samples" in reply.error:
        hint = "a shorter window, a longer step or a narrower selector asks for less"
    raise CollectError(
        f"Prometheus says {reply.error_type}: {reply.error}",
        hint=hint,
        reason=_REASONS.get(reply.error_type, "other"),
    )


def _is_final(answer: Answer) -> bool:
    """Tell whether an answer is the server's word on the query: asking again changes nothing."""
    try:
        reply = decode_json(answer.body, _decode_reply)
    except MALFORMED:
        return False
    return reply.status == "error" and reply.error_type in _REASONS


def _foreign(answer: Answer, error: Exception | None) -> CollectError:
    if answer.status in _DENIED:
        return CollectError(
            f"Prometheus lets nobody in like this (status {answer.status})",
            hint="PROMETHEUS_TOKEN, or PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD, let one in",
            reason="denied",
        )
    shown = answer.body[:_SHOWN].decode("utf-8", "replace").strip()
    what = f": {error}" if error is not None and answer.status < 300 else ""  # noqa: PLR2004 - a success
    return CollectError(
        f"that is no answer of Prometheus (status {answer.status}){what}: {shown!r}",
        hint="the address is the one behind which /api/v1/query is",
        reason="missing" if answer.status == _MISSING else "unreachable",
    )


def _seconds(count: int) -> str:
    """Write milliseconds as the seconds that the API takes, exactly."""
    sign, count = ("-", -count) if count < 0 else ("", count)
    return f"{sign}{count // 1000}.{count % 1000:03d}"
