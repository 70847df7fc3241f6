"""The pace of a stream."""

import pytest

from steno.recording.measures import measure_stream
from steno.wire.pace import Pace


def test_nothing_came():
    """A stream without a piece has no figures."""
    assert Pace().stats(0.0) is None


def test_one_piece():
    """One piece has a time to the first token, and no waits."""
    pace = Pace()

    assert pace.mark(1.5)
    stats = pace.stats(1.0)
    assert (stats.time_to_first_token_ms, stats.total_chunks, stats.p50_chunk_latency_ms) == (
        500,
        1,
        None,
    )


def test_as_exact_measures():
    """Up to the limit the figures are those of the exact way to measure."""
    times = [1.0 + 0.01 * (number**1.3) for number in range(500)]
    pace = Pace()
    for at in times:
        pace.mark(at)

    assert pace.stats(0.5) == measure_stream(0.5, times)


def test_long_stream_stays_bounded():
    """Of a million pieces a bounded number of waits is kept, spread over all of the stream."""
    pace = Pace()
    for number in range(300_000):
        # The second half is ten times as slow as the first.
        pace.mark(number * 0.001 if number < 150_000 else 150 + (number - 150_000) * 0.01)
    stats = pace.stats(0.0)

    assert len(pace._waits) < 16_384
    assert stats.total_chunks == 300_000
    assert stats.p50_chunk_latency_ms in {1, 10}
    assert stats.p95_chunk_latency_ms == 10
    assert stats.avg_chunk_latency_ms == pytest.approx(5.5, rel=0.01)
