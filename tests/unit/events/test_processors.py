"""Steps that change or drop events."""

from datetime import UTC, datetime

import steno
from steno.events.processors import drop_types

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_drop_types():
    """Events of the named types are dropped, others pass untouched."""
    drop = drop_types("stats_snapshot")
    kept = steno.Completed("s", "r", NOW, success=True)

    assert drop(steno.StatsSnapshot("s", "", NOW)) is None
    assert drop(kept) is kept
