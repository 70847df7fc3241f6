"""Events to rows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from steno.writers.rows import bindable, sql_time


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        (datetime(2026, 11, 20, 12, tzinfo=UTC), "2026-11-20 12:00:00.000000"),
        (datetime(2026, 11, 20, 12, 0, 0, 5, tzinfo=UTC), "2026-11-20 12:00:00.000005"),
        (
            datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-20 10:00:00.000000",
        ),
        (datetime(2026, 11, 20, 12), "2026-11-20 12:00:00.000000"),
    ],
)
def test_sql_time(stamp, text):
    """Times are UTC in SQLite's own form, so that they compare rightly."""
    assert sql_time(stamp) == text


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None), (True, 1), (10**30, 2**63 - 1), (-(10**30), -(2**63)), (1.5, 1.5),
        (float("nan"), None), ("\ud800", "\\ud800"), (b"x", b"x"), ({"a": 1}, "{'a': 1}"),
    ],
)  # fmt: skip
def test_bindable(value, stored):
    """Every value has a form that SQLite can store."""
    assert bindable(value) == stored
