"""The figures that a request's ``completed`` carries, from what was seen of it. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from steno.events.parts import StreamingStats, Tokens, ToolStats

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of values in ascending order.

    Args:
        ordered: At least one value.
        share: 0 to 1.
    """
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def measure_stream(begun_s: float, arrivals_s: Sequence[float]) -> StreamingStats | None:
    """Measure a streamed reply.

    Args:
        begun_s: Monotonic time at which the request began, in seconds.
        arrivals_s: Monotonic times of its chunks.

    Returns:
        None when there was no chunk.
    """
    if not arrivals_s:
        return None
    waits = sorted((after - before) * 1000 for before, after in pairwise(arrivals_s))
    if not waits:
        return StreamingStats(
            time_to_first_token_ms=round((arrivals_s[0] - begun_s) * 1000), total_chunks=1
        )
    return StreamingStats(
        time_to_first_token_ms=round((arrivals_s[0] - begun_s) * 1000),
        total_chunks=len(arrivals_s),
        streaming_duration_ms=round((arrivals_s[-1] - arrivals_s[0]) * 1000),
        avg_chunk_latency_ms=round(sum(waits) / len(waits), 3),
        p50_chunk_latency_ms=round(percentile(waits, 0.50)),
        p95_chunk_latency_ms=round(percentile(waits, 0.95)),
        p99_chunk_latency_ms=round(percentile(waits, 0.99)),
        max_chunk_latency_ms=round(waits[-1]),
        min_chunk_latency_ms=round(waits[0]),
    )


def token_totals(tokens: Tokens, model: str) -> dict[str, Any]:
    """Return the token fields of ``completed``."""
    return {
        "total_input": tokens.input,
        "total_output": tokens.output,
        "total_thinking": tokens.thinking or 0,
        "total_reasoning": tokens.reasoning or 0,
        "total_cached": tokens.cache_read or 0,
        "total_cache_read": tokens.cache_read or 0,
        "total_cache_creation": tokens.cache_creation or 0,
        "total_audio_input": tokens.audio_input or 0,
        "total_audio_output": tokens.audio_output or 0,
        "grand_total": tokens.total,
        "by_model": {model: tokens} if tokens.total else {},
    }


class ToolMeasures:
    """Counts the tool calls of a request.

    Attributes:
        calls: All calls.
        by_tool: Calls, milliseconds, calls with a known time and errors, by tool.
    """

    def __init__(self) -> None:
        """Begin without calls."""
        self.calls = 0
        self.by_tool: dict[str, list[int]] = {}

    def add(self, name: str, time_ms: int | None, *, success: bool | None) -> None:
        """Count a call."""
        self.calls += 1
        counts = self.by_tool.setdefault(name, [0, 0, 0, 0])
        counts[0] += 1
        if time_ms is not None:
            counts[1] += time_ms
            counts[2] += 1
        counts[3] += success is False

    def totals(self) -> dict[str, Any]:
        """Return the tool fields of ``completed``."""
        return {
            "total_tool_calls": self.calls,
            "unique_tool_count": len(self.by_tool),
            "by_tool": {
                name: ToolStats(
                    call_count=calls,
                    total_execution_time_ms=time_ms,
                    avg_execution_time_ms=time_ms // timed if timed else 0,
                    error_count=errors,
                )
                for name, (calls, time_ms, timed, errors) in self.by_tool.items()
            },
            "total_tool_time_ms": sum(counts[1] for counts in self.by_tool.values()),
            "tool_error_count": sum(counts[3] for counts in self.by_tool.values()),
        }
