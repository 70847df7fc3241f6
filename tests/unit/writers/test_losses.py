"""The ledger of what was lost."""

from steno.writers.losses import MAX_CAUSES, Losses


def test_counts_by_session_and_cause():
    """Losses are counted by session and cause, and taken once."""
    losses = Losses()
    losses.add("a", "event", "buffer_full", request_id="r1")
    losses.add("a", "event", "buffer_full", request_id="r2", count=2)
    losses.add("a", "event", "write_failed", request_id="r1", detail="why")

    full, failed = losses.take()

    assert (full.count, full.request_id, full.reason) == (3, "", "buffer_full")
    assert (failed.count, failed.request_id, failed.detail) == (1, "r1", "why")
    assert losses.take() == []


def test_no_count_is_lost_when_there_are_too_many_causes():
    """Beyond the bound, losses are counted without their session."""
    losses = Losses()
    for number in range(MAX_CAUSES + 500):
        losses.add(f"s{number}", "event", "buffer_full")

    taken = losses.take()

    assert len(taken) == MAX_CAUSES + 1
    assert sum(loss.count for loss in taken) == MAX_CAUSES + 500
    assert next(loss for loss in taken if not loss.session_id).count == 500
