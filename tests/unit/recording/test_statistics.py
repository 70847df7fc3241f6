"""The recorder's figures."""

import steno
from steno.testing import capture_events


def test_after_a_flush_nothing_is_pending():
    """After a flush, everything that was accepted is written, in every writer."""
    with capture_events() as (recorder, _):
        with recorder.session() as session, session.request(model="m"):
            pass
        recorder.flush()
        stats = recorder.stats()

    assert isinstance(stats, steno.RecorderStats)
    assert (stats.accepted, stats.written, stats.pending, stats.queue_depth) == (2, 2, 0, 0)
    assert isinstance(stats.writers["memory"], steno.WriterStats)
    assert stats.writers["memory"].written == 2
