"""The pace of a streamed reply: when its pieces came, in bounded memory. Pure."""

from __future__ import annotations

from array import array

from steno.events.parts import StreamingStats
from steno.recording.measures import percentile

_LIMIT = 16_384


class Pace:
    """Times the pieces of a reply.

    Sums, the least and the greatest wait are exact. Percentiles are exact up to 16,384 waits;
    beyond, every second one that was kept is let go and only every second, fourth, ... is kept
    from then on, so that the kept ones stay spread over the whole stream.

    Attributes:
        count: Pieces so far.
        first_s: When the first one came, in monotonic seconds; None before.
        last_s: When the last one came.
    """

    def __init__(self) -> None:
        """Begin before the first piece."""
        self.count = 0
        self.first_s: float | None = None
        self.last_s = 0.0
        self._least = float("inf")
        self._greatest = 0.0
        self._waits = array("d")
        self._stride = 1

    def mark(self, at_s: float) -> bool:
        """Take note of a piece; True for the first."""
        self.count += 1
        if self.first_s is None:
            self.first_s = self.last_s = at_s
            return True
        wait = at_s - self.last_s
        self.last_s = at_s
        self._least = min(self._least, wait)
        self._greatest = max(self._greatest, wait)
        if self.count % self._stride == 0:
            self._waits.append(wait)
            if len(self._waits) >= _LIMIT:
                self._waits = self._waits[::2]
                self._stride *= 2
        return False

    def stats(self, begun_s: float) -> StreamingStats | None:
        """Return the figures of the stream; None when nothing came.

        Args:
            begun_s: When the request was sent, in monotonic seconds.
        """
        if self.first_s is None:
            return None
        first = round((self.first_s - begun_s) * 1000)
        if self.count == 1:
            return StreamingStats(time_to_first_token_ms=first, total_chunks=1)
        waits = sorted(self._waits) or [self._least]
        return StreamingStats(
            time_to_first_token_ms=first,
            total_chunks=self.count,
            streaming_duration_ms=round((self.last_s - self.first_s) * 1000),
            avg_chunk_latency_ms=round((self.last_s - self.first_s) * 1000 / (self.count - 1), 3),
            p50_chunk_latency_ms=round(percentile(waits, 0.50) * 1000),
            p95_chunk_latency_ms=round(percentile(waits, 0.95) * 1000),
            p99_chunk_latency_ms=round(percentile(waits, 0.99) * 1000),
            max_chunk_latency_ms=round(self._greatest * 1000),
            min_chunk_latency_ms=round(self._least * 1000),
        )
