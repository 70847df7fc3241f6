"""What Prometheus reads from the proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from steno.recording.statistics import RecorderStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_OVERHEAD = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05)


class Metrics:
    """The proxy's figures; the recorder's own are read when they are asked for."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "steno_proxy_requests", "Exchanges that ended.", ("provider", "outcome", "status"),
            registry=self._registry,
        )  # fmt: skip
        self.open = Gauge("steno_proxy_open_exchanges", "Exchanges that go on.",
                          registry=self._registry)  # fmt: skip
        self._seconds = Histogram(
            "steno_proxy_request_seconds", "From a request's head to the reply's last byte.",
            ("provider",), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._overhead = Histogram(
            "steno_proxy_overhead_seconds", "Seconds of it that the proxy itself took.",
            buckets=_OVERHEAD, registry=self._registry,
        )  # fmt: skip
        self._bytes = Counter("steno_proxy_bytes", "Bytes of bodies that passed.", ("direction",),
                              registry=self._registry)  # fmt: skip
        self._events = Gauge("steno_recorder_events", "Events of the recorder, by what became of "
                             "them.", ("state",), registry=self._registry)  # fmt: skip
        self._waiting = Gauge("steno_recorder_queue_depth", "Events that wait for the worker.",
                              registry=self._registry)  # fmt: skip
        self._lost = Gauge("steno_proxy_unrecorded_bytes", "Bytes that passed and could not be "
                           "recorded.", registry=self._registry)  # fmt: skip

    def count(
        self, provider: str, outcome: str, status: int, seconds: float, overhead_s: float
    ) -> None:
        """Count an exchange that ended."""
        self._requests.labels(provider, outcome, str(status)).inc()
        self._seconds.labels(provider).observe(seconds)
        self._overhead.observe(overhead_s)

    def count_bytes(self, direction: str, count: int) -> None:
        """Count bytes that passed: ``request`` or ``reply``."""
        self._bytes.labels(direction).inc(count)

    def render(self, stats: RecorderStats, lost_bytes: int) -> bytes:
        """Write all figures in Prometheus' text format.

        Args:
            stats: How the recorder stands.
            lost_bytes: Bytes that passed and could not be recorded.
        """
        for state in ("accepted", "written", "dropped", "failed", "pending", "retried"):
            self._events.labels(state).set(getattr(stats, state))
        self._waiting.set(stats.queue_depth)
        self._lost.set(lost_bytes)
        return generate_latest(self._registry)
