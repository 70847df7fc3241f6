"""What to ask of Jaeger, and how its answers become traces; no input and output.

Strategy: Jaeger's search has a limit and no pages, and in which order a store finds traces is its
own affair. So a window whose answer is full is cut in two, and the newer half is asked first, until
answers are not full: then all of that stretch is there, whatever the order. Cuts are made at the
median of what was found, where traces are; the same trace found twice counts once. Traces stay the
bytes that the server sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from steno.collectors.decoding import MALFORMED, decode_json
from steno.collectors.http import Ask
from steno.collectors.windows import microseconds
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steno.collectors.collection import Progress
    from steno.collectors.http import Answer, Questions
    from steno.collectors.windows import Window
    from steno.recording.saving import Saved
    from steno.recording.session import Session

TRACES_PER_PAGE = 200
"""Traces that one question asks for."""

_MOST_NAMED = 20
_SUCCESS = range(200, 300)
_DENIED, _MISSING, _WRONG = (401, 403), 404, 400
_SHOWN = 300


class TraceQuery(Struct, frozen=True):
    """Which traces are wanted.

    Attributes:
        service: Of this service.
        operation: With this operation of the service.
        tags: With these tags at one of its spans.
        limit: The newest so many.
        min_duration: With a span at least as long, as Go writes durations: ``1.5s``.
        max_duration: With a span at most as long.
        trace_id: This one, and nothing of the above.
    """

    service: str | None = None
    operation: str | None = None
    tags: Mapping[str, str] = {}
    limit: int = 100
    min_duration: str | None = None
    max_duration: str | None = None
    trace_id: str | None = None


class _Error(Struct):
    msg: str = ""
    code: int = 0


class _Reply(Struct):
    data: Raw = Raw(b"null")
    errors: list[_Error] | None = None


class _Process(Struct, rename="camel"):
    service_name: str = ""


class _Span(Struct, rename="camel"):
    start_time: int = 0
    process_id: str = ""


class _Trace(Struct, rename="camel"):
    trace_id: str = msgspec.field(name="traceID")
    spans: list[_Span] = []
    processes: dict[str, _Process] = {}


class _Found(Struct):
    began: int
    raw: bytes


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode
_decode_names = msgspec.json.Decoder(list[str] | None).decode
_decode_trace = msgspec.json.Decoder(_Trace).decode


class TracesPlan:
    """One search for traces; a `steno.collectors.finishing.Plan`."""

    source = "jaeger"

    def __init__(
        self, wanted: TraceQuery, window: Window, progress: Progress | None = None
    ) -> None:
        """Plan a search in a window that has both ends, or for one trace."""
        self.window = window
        self.query: dict[str, Any] = {
            name: value
            for name, value in msgspec.to_builtins(wanted).items()
            if value and (wanted.trace_id is None or name == "trace_id")
        }
        self.answers = 0
        self.limited = False
        self._wanted = wanted
        self._progress = progress
        self._found: dict[str, _Found] = {}
        self._spans = 0
        self._notes: list[str] = []

    def questions(self) -> Questions:
        """Ask for the trace, or window by window, the newest first.

        Raises:
            CollectError: The server refuses, is no Jaeger, or knows no such service or trace.
        """
        if self._wanted.trace_id is not None:
            path = f"/api/traces/{quote(self._wanted.trace_id, safe='')}"
            self._take((yield Ask(path)))
            if not self._found:
                raise _no_trace(self._wanted.trace_id)
            return
        assert self.window.start is not None
        assert self.window.end is not None
        limit = self._wanted.limit
        whole: set[str] = set()  # found in stretches of which nothing is missing
        # The last is asked first.
        windows = [(microseconds(self.window.start), microseconds(self.window.end))]
        while windows and len(whole) <= limit:
            first, last = windows.pop()
            size, known = min(limit + 1, TRACES_PER_PAGE), len(self._found)
            found = self._take((yield self._ask(first, last, size)))
            # An instant can't be cut, and where traces are longer than what is left of the window,
            # its parts would hold the same ones.
            while size <= min(len(found), limit) and (first == last or known == len(self._found)):
                size = min(limit + 1, size * 4)
                found = self._take((yield self._ask(first, last, size)))
            if len(found) >= size and first < last:
                middle = self._middle(found, first, last)
                windows += [(first, middle), (middle + 1, last)]
            else:
                whole.update(found)
        self.limited = len(self._found) > limit
        if not self._found:
            yield from self._doubt()

    def _ask(self, first: int, last: int, size: int) -> Ask:
        wanted = self._wanted
        params = {
            "service": wanted.service,
            "operation": wanted.operation,
            "tags": msgspec.json.encode(dict(wanted.tags)).decode() if wanted.tags else None,
            "start": str(first),
            "end": str(last),
            "limit": str(size),
            "minDuration": wanted.min_duration,
            "maxDuration": wanted.max_duration,
        }
        return Ask(
            "/api/traces",
            tuple((name, value) for name, value in params.items() if value is not None),
        )

    def _middle(self, found: list[str], first: int, last: int) -> int:
        """Choose where to cut a window; the first part ends there, and neither is empty."""
        began = sorted(self._found[trace_id].began for trace_id in found)
        return min(max(began[len(began) // 2] - 1, first), last - 1)

    def _doubt(self) -> Questions:
        """Ask whether what was searched for is known at all: nothing found may be a wrong name.

        Raises:
            CollectError: It is not.
        """
        service, operation = self._wanted.service, self._wanted.operation
        known = _names(_read((yield Ask("/api/services"))))
        if known and service not in known:
            raise CollectError(
                f"Jaeger knows no service {service!r}", hint=_known(known), reason="missing"
            )
        if operation is None or service not in known:
            return
        path = f"/api/services/{quote(str(service), safe='')}/operations"
        known = _names(_read((yield Ask(path))))
        if known and operation not in known:
            raise CollectError(
                f"Jaeger knows no operation {operation!r} of {service}", hint=_known(known),
                reason="missing",
            )  # fmt: skip

    def _take(self, answer: Answer) -> list[str]:
        """Take in the traces of an answer; return the ids of all of them."""
        if answer.status == _MISSING and self._wanted.trace_id is not None:
            raise _no_trace(self._wanted.trace_id)
        reply = _read(answer)
        # Beside traces, errors tell of parts that a store could not give.
        self._notes += [each.msg for each in reply.errors or () if each.msg not in self._notes]
        ids = []
        try:
            for raw in _decode_list(reply.data) or ():
                trace = _decode_trace(raw)
                ids.append(trace.trace_id)
                if trace.trace_id not in self._found:
                    self._spans += len(trace.spans)
                    self._found[trace.trace_id] = _Found(self._began(trace), bytes(raw))
        except MALFORMED as error:
            raise _foreign(answer, error) from None
        self.answers += 1
        if self._progress is not None:
            self._progress(len(self._found))
        return ids

    def _began(self, trace: _Trace) -> int:
        """Tell when the service began to work on a trace, by which stores search."""
        own = [
            span.start_time
            for span in trace.spans
            if (process := trace.processes.get(span.process_id)) is not None
            and process.service_name == self._wanted.service
        ]
        return max(own or [span.start_time for span in trace.spans], default=0)

    def entries(self) -> list[Any]:
        """Return the traces as the API writes them, the newest first."""
        newest = sorted(self._found.values(), key=lambda each: each.began, reverse=True)
        if self._wanted.trace_id is None:
            newest = newest[: self._wanted.limit]
        return [Raw(each.raw) for each in newest]

    def facts(self) -> dict[str, Any]:
        """Return what the artefact says of itself beside the time range."""
        facts = {**self.query, "spans": self._count_spans(), "answers": self.answers}
        return facts | ({"warnings": self._notes} if self._notes else {})

    def _count_spans(self) -> int:
        if len(self._found) <= self._wanted.limit:
            return self._spans
        return sum(len(_decode_trace(raw).spans) for raw in self.entries())

    def save(self, session: Session, entries: list[Any], metadata: dict[str, Any]) -> Saved | None:
        """Save as traces of the session."""
        return session.save_traces(
            entries,
            source=self.source,
            identifier=self._wanted.trace_id,
            service=self._wanted.service,
            time_range=None if self._wanted.trace_id is not None else self.window.time_range,
            metadata=metadata,
        )


def _names(reply: _Reply) -> list[str]:
    try:
        return sorted(_decode_names(reply.data) or ())
    except MALFORMED:
        return []  # an answer of another form tells nothing about names


def _known(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    return f"it knows {', '.join(shown[:_MOST_NAMED])}{more}"


def _no_trace(trace_id: str) -> CollectError:
    return CollectError(
        f"Jaeger has no trace {trace_id!r}",
        hint="it may have been let go, or was never sampled",
        reason="missing",
    )


def _read(answer: Answer) -> _Reply:
    """Read an answer.

    Raises:
        CollectError: It is an error, or none of Jaeger's answers.
    """
    try:
        reply = decode_json(answer.body, _decode_reply)
    except MALFORMED as error:
        raise _foreign(answer, error) from None
    if answer.status in _SUCCESS:
        return reply
    said = "; ".join(each.msg for each in reply.errors or () if each.msg)
    if not said or answer.status in _DENIED:
        raise _foreign(answer, None)
    raise CollectError(
        f"Jaeger says (status {answer.status}): {said}",
        reason={_WRONG: "query", _MISSING: "missing"}.get(answer.status, "unreachable"),
    )


def _foreign(answer: Answer, error: Exception | None) -> CollectError:
    if answer.status in _DENIED:
        return CollectError(
            f"Jaeger lets nobody in like this (status {answer.status})",
            hint="JAEGER_TOKEN, or JAEGER_USERNAME and JAEGER_PASSWORD, let one in",
            reason="denied",
        )
    shown = answer.body[:_SHOWN].decode("utf-8", "replace").strip()
    what = f": {error}" if error is not None and answer.status in _SUCCESS else ""
    return CollectError(
        f"that is no answer of Jaeger (status {answer.status}){what}: {shown!r}",
        hint="the address is the one behind which /api/traces is, such as http://host:16686",
        reason="missing" if answer.status == _MISSING else "unreachable",
    )
