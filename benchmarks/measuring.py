"""What all benchmarks share: results, timing, and events of a real size."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import steno

TEXT = ("The recorder writes down what was said. " * 70)[:2300]
"""With its other fields, an event with this text is a line of about 2.6 kB."""


class Result(NamedTuple):
    """One bar and what was measured.

    Attributes:
        bar: The bar's number in the issue and its name.
        demand: What it asks for.
        measured: What was measured.
        met: Whether that is enough.
        note: How it was measured.
    """

    bar: str
    demand: str
    measured: str
    met: bool
    note: str


def percentile(values: list[float], share: float) -> float:
    """Return a nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def alternate(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Run measures in turn, several rounds, and return the median of each.

    The machine's speed drifts; what is compared must have seen the same weather.
    """
    values: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for at, measure in enumerate(measures):
            values[at].append(measure())
    return [statistics.median(each) for each in values]


def seconds(work: Callable[[], object]) -> float:
    """Time one run."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def make_requests(count: int, sessions: int = 1, *, text: str = TEXT) -> list[steno.Event]:
    """Make the five events of each of so many requests, in sessions that take turns."""
    now = datetime.now(UTC)
    events: list[steno.Event] = []
    for number in range(count):
        ids = f"session-{number % sessions}", f"request-{number}", now
        events += [
            steno.Started(*ids, model_requested="gpt-5", provider="openai", listener="sdk"),
            steno.RequestRecorded(*ids, request_text=text, message_count=3),
            steno.ToolCallRecorded(
                *ids, tool_name="search", tool_call_id="call-1", tool_arguments='{"query":"x"}',
                execution_time_ms=12, success=True,
            ),
            steno.ResponseRecorded(
                *ids, response_text=text, model_used="gpt-5-2026", provider_latency_ms=900,
                tokens=steno.Tokens(input=700, output=500, reasoning=100),
            ),
            steno.Completed(*ids, success=True, total_duration_ms=950, total_input=700,
                            total_output=500, grand_total=1200),
        ]  # fmt: skip
    return events
