"""The figures of a request."""

import pytest

import steno
from steno.recording.measures import ToolMeasures, measure_stream, percentile, token_totals


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([1], 0.5, 1), ([1, 2], 0.5, 1), ([1, 2], 0.99, 2), (list(range(1, 101)), 0.95, 95)],
)
def test_percentile(values, share, expected):
    """Percentiles are those of the nearest rank, also of one and two values."""
    assert percentile(values, share) == expected


def test_stream():
    """The wait for the first chunk is not a latency between chunks."""
    stats = measure_stream(10.0, [11.0, 11.1, 11.3])

    assert stats.time_to_first_token_ms == 1000
    assert (stats.total_chunks, stats.streaming_duration_ms) == (3, 300)
    assert (stats.min_chunk_latency_ms, stats.max_chunk_latency_ms) == (100, 200)
    assert stats.avg_chunk_latency_ms == 150
    assert measure_stream(1.0, []) is None
    assert measure_stream(1.0, [2.0]).p50_chunk_latency_ms is None


def test_token_totals():
    """Totals name the kinds once; the grand total is input and output."""
    totals = token_totals(steno.Tokens(input=10, output=5, cache_read=8, thinking=3), "m")

    assert (totals["grand_total"], totals["total_cached"], totals["total_cache_read"]) == (15, 8, 8)
    assert totals["by_model"]["m"].input == 10
    assert token_totals(steno.Tokens(), "m")["by_model"] == {}


def test_tools():
    """Calls are counted by tool; calls without a time don't blur the mean."""
    tools = ToolMeasures()
    tools.add("a", 10, success=True)
    tools.add("a", None, success=None)
    tools.add("b", 4, success=False)

    totals = tools.totals()
    assert (
        totals["total_tool_calls"],
        totals["unique_tool_count"],
        totals["tool_error_count"],
    ) == (3, 2, 1)
    assert totals["total_tool_time_ms"] == 14
    assert totals["by_tool"]["a"].avg_execution_time_ms == 10
