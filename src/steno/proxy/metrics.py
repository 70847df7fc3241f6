"""What Prometheus reads from the proxy.

Its own library takes a lock for each figure; here they are plain numbers, counted by the thread
that carries the traffic, and handed to it when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from steno.recording.statistics import RecorderStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_OVERHEAD = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05)
_STATES = ("accepted", "written", "dropped", "failed", "pending", "retried")


class _Spread:
    """How values are spread over some bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Take a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the bounds, and how many values are not above each."""
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        return [
            (name, float(count))
            for name, count in zip(names, accumulate(self._counts), strict=True)
        ]


class Metrics:
    """The proxy's figures; the recorder's own are read when they are asked for.

    Attributes:
        open_count: Exchanges that go on.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.open_count = 0
        self._requests: dict[tuple[str, str, str], int] = {}
        self._seconds: dict[str, _Spread] = {}
        self._overhead = _Spread(_OVERHEAD)
        self._bytes: dict[str, int] = {}

    def count(
        self, provider: str, outcome: str, status: int, seconds: float, overhead_s: float
    ) -> None:
        """Count an exchange that ended."""
        key = provider, outcome, str(status)
        self._requests[key] = self._requests.get(key, 0) + 1
        spread = self._seconds.get(provider)
        if spread is None:
            spread = self._seconds[provider] = _Spread(_SECONDS)
        spread.add(seconds)
        self._overhead.add(overhead_s)

    def count_bytes(self, direction: str, count: int) -> None:
        """Count bytes that passed: ``request`` or ``reply``."""
        self._bytes[direction] = self._bytes.get(direction, 0) + count

    def render(self, stats: RecorderStats, lost_bytes: int) -> bytes:
        """Write all figures in Prometheus' text format.

        Args:
            stats: How the recorder stands.
            lost_bytes: Bytes that passed and could not be recorded.
        """
        registry = CollectorRegistry()
        registry.register(_Reading(self._collect(stats, lost_bytes)))
        return generate_latest(registry)

    def _collect(self, stats: RecorderStats, lost_bytes: int) -> list[Metric]:
        requests = CounterMetricFamily(
            "steno_proxy_requests", "Exchanges that ended.",
            labels=("provider", "outcome", "status"),
        )  # fmt: skip
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        seconds = HistogramMetricFamily(
            "steno_proxy_request_seconds", "From a request's head to the reply's last byte.",
            labels=("provider",),
        )  # fmt: skip
        for provider, spread in self._seconds.items():
            seconds.add_metric((provider,), spread.buckets(), spread.total)
        overhead = HistogramMetricFamily(
            "steno_proxy_overhead_seconds", "Seconds of it that the proxy itself took.",
            buckets=self._overhead.buckets(), sum_value=self._overhead.total,
        )  # fmt: skip
        passed = CounterMetricFamily(
            "steno_proxy_bytes", "Bytes of bodies that passed.", labels=("direction",)
        )
        for direction, size in self._bytes.items():
            passed.add_metric((direction,), size)
        events = GaugeMetricFamily(
            "steno_recorder_events", "Events of the recorder, by what became of them.",
            labels=("state",),
        )  # fmt: skip
        for state in _STATES:
            events.add_metric((state,), getattr(stats, state))
        return [
            requests, seconds, overhead, passed, events,
            GaugeMetricFamily("steno_proxy_open_exchanges", "Exchanges that go on.",
                              value=self.open_count),
            GaugeMetricFamily("steno_recorder_queue_depth", "Events that wait for the worker.",
                              value=stats.queue_depth),
            GaugeMetricFamily("steno_proxy_unrecorded_bytes",
                              "Bytes that passed and could not be recorded.", value=lost_bytes),
        ]  # fmt: skip


class _Reading:
    """Hands figures to Prometheus' library."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Give all of them."""
        return iter(self._families)
