"""The sum of a run, from the events that were recorded in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from steno.events.model import Completed, ResponseRecorded, Started, StreamStarted
from steno.recording.measures import percentile

if TYPE_CHECKING:
    from steno.events.model import Event


class ModelSum(Struct, kw_only=True):
    """What one model did in a run; tokens, US dollars, milliseconds.

    Attributes:
        cost_usd: None when no request of it could be priced.
        unpriced: Requests with tokens that could not be priced.
    """

    model: str
    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_usd: float | None = None
    unpriced: int = 0
    tool_calls: int = 0
    time_to_first_token_ms: int | None = None


class Tally:
    """Adds up a run.

    Attributes:
        sessions: The sessions, in the order in which they began.
        models: What each model did.
        errors: What went wrong, each message once.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.sessions: dict[str, None] = {}
        self.models: dict[str, ModelSum] = {}
        self.errors: dict[str, int] = {}
        self._asked: dict[str, str] = {}
        self._first: dict[str, int] = {}
        self._sources: dict[str, str | None] = {}
        self._waits: dict[str, list[int]] = {}

    def add(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Started):
            self.sessions[event.session_id] = None
            self._asked[event.request_id] = event.model_requested
        elif isinstance(event, StreamStarted):
            self._first[event.request_id] = event.time_to_first_token_ms
        elif isinstance(event, ResponseRecorded):
            if event.model_used:
                self._asked[event.request_id] = event.model_used
            self._sources[event.request_id] = event.tokens.source
        elif isinstance(event, Completed):
            self._complete(event)

    def _complete(self, event: Completed) -> None:
        name = self._asked.pop(event.request_id, "")
        model = self.models.setdefault(name, ModelSum(model=name))
        model.requests += 1
        if not event.success:
            model.errors += 1
            error = event.error or "failed"
            self.errors[error] = self.errors.get(error, 0) + 1
        model.input_tokens += event.total_input
        model.output_tokens += event.total_output
        model.cached_tokens += event.total_cache_read
        model.reasoning_tokens += event.total_reasoning or event.total_thinking
        model.tool_calls += event.total_tool_calls
        model.estimated |= self._sources.pop(event.request_id, None) == "estimate"
        if event.estimated_cost is not None:
            model.cost_usd = (model.cost_usd or 0.0) + event.estimated_cost.total_cost_usd
        elif event.grand_total:
            model.unpriced += 1
        first = self._first.pop(event.request_id, None)
        if first is not None:
            self._waits.setdefault(name, []).append(first)

    def sums(self) -> list[ModelSum]:
        """Return the sums of the models; the time to the first token is the median."""
        for name, waits in self._waits.items():
            self.models[name].time_to_first_token_ms = round(percentile(sorted(waits), 0.5))
        return list(self.models.values())
