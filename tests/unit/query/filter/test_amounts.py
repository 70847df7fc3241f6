"""Numbers, spans and times."""

from datetime import UTC, datetime, timedelta

import pytest

from steno.query.filter.amounts import read_duration, read_number, read_time

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("250", 250), ("10k", 10_000), ("1.5M", 1_500_000), ("0.25", 0.25)],
)
def test_numbers(text, value):
    """Numbers have sizes, and are whole where they can be."""
    assert read_number(text) == value
    assert isinstance(read_number(text), type(value))


@pytest.mark.parametrize("text", ["", "-1", "k", "1kk", "1e999", "9" * 50, "\u0663", "1 0", "nan"])
def test_no_numbers(text):
    """What is no number, or beyond all figures, is an error that says what is allowed."""
    with pytest.raises(ValueError, match="a number such as"):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("500ms", 500), ("2s", 2000), ("1.5m", 90_000), ("1h", 3_600_000)]
)
def test_durations(text, value):
    """Durations are milliseconds."""
    assert read_duration(text) == value


@pytest.mark.parametrize("text", ["", "2", "00", "2x", "s"])
def test_durations_need_a_unit(text):
    """A number alone could be seconds or milliseconds, so it is refused."""
    with pytest.raises(ValueError, match="unit"):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "ago", "lasts"),
    [("30m", timedelta(minutes=30), 0), ("7d", timedelta(days=7), 0), ("2w", timedelta(weeks=2), 0),
     ("today", timedelta(hours=12), 1), ("yesterday", timedelta(hours=36), 1),
     ("2026-11-20", timedelta(hours=12), 1), ("2026-11-20T13:00:00+02:00", timedelta(hours=1), 0),
     ("2026-11-20T11:00", timedelta(hours=1), 0)],
)  # fmt: skip
def test_times(text, ago, lasts):
    """A day lasts a day, any other time no time at all; all are UTC."""
    assert read_time(text, NOW) == (NOW - ago, NOW - ago + timedelta(days=lasts))


@pytest.mark.parametrize(
    "text",
    ["", "7x", "tomorrow", "2026-13-01", "999999999w", "9999-12-31", "0001-01-01T00:00+14:00"],
)
def test_no_times(text):
    """What is no time, or before or after all times, is an error that says what is allowed."""
    with pytest.raises(ValueError, match="7d"):
        read_time(text, NOW)
