"""Windows of time: durations and instants as people and programs write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.collectors.windows import (
    Window,
    microseconds,
    milliseconds,
    parse_duration,
    parse_moment,
    resolve_window,
)
from steno.errors import CollectError

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200), ("90m", 5400), ("7d", 604800), ("1h30m", 5400), ("500ms", 0.5),
        (" 15s ", 15), ("1.5h", 5400), ("1w", 604800), ("1y", 31536000), (30, 30), (0.25, 0.25),
        (timedelta(minutes=1), 60),
    ],
)  # fmt: skip
def test_durations(text, seconds):
    """Durations are read as Prometheus and kubectl write them; numbers are seconds."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2 h", "2x", "0s", "9" * 400 + "y", "٢h", -1, 0, float("nan")]
)
def test_no_durations(text):
    """What is no duration, or none longer than nothing, is refused with what would be one."""
    with pytest.raises(CollectError) as caught:
        parse_duration(text)

    assert "1h30m" in caught.value.hint
    assert caught.value.reason == "query"


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        (timedelta(hours=2), NOW - timedelta(hours=2)),
        ("2026-11-20T14:00:00Z", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        ("2026-11-20T14:00+02:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T14:00", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        (datetime(2026, 11, 20, 14), datetime(2026, 11, 20, 14, tzinfo=UTC)),
        (
            datetime(2026, 11, 20, 14, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 11, 20, 12, tzinfo=UTC),
        ),
        ("1795183200", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        (1795183200.5, datetime(2026, 11, 20, 14, 0, 0, 500000, tzinfo=UTC)),
        ("1795183200000", datetime(2026, 11, 20, 14, tzinfo=UTC)),
        (1795183200000000, datetime(2026, 11, 20, 14, tzinfo=UTC)),
    ],
)
def test_moments(value, moment):
    """Instants are absolute, or so long before now; without a zone they are UTC."""
    assert parse_moment(value, NOW) == moment
    assert parse_moment(value, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2026-13-01", "12345", "3000y", float("nan"), float("inf"), 1e30,
     "0001-01-01T00:00+10:00"],
)  # fmt: skip
def test_no_moments(value):
    """What is no instant is refused, also where the calendar ends."""
    with pytest.raises(CollectError, match=r"is no (time|duration)"):
        parse_moment(value, NOW)


@given(st.text(max_size=30))
def test_any_text(text):
    """Whatever is typed becomes an instant or a clear error."""
    try:
        moment = parse_moment(text, NOW)
    except CollectError:
        return

    assert moment.tzinfo is UTC


def test_window():
    """Both pairs of words make the same window, which is written in UTC."""
    window = resolve_window(now=NOW, since="2h", until="1h")

    assert window == resolve_window(now=NOW, start="2026-11-20T14:00Z", end="2026-11-20T15:00Z")
    assert window.time_range == ("2026-11-20T14:00:00.000000Z", "2026-11-20T15:00:00.000000Z")
    assert resolve_window(now=NOW) == Window(None, None)
    assert Window(None, None).time_range == (None, None)


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"start": "2h", "since": "2h"}, "same end"),
        ({"end": "2h", "until": "2h"}, "same end"),
        ({"since": "1h", "until": "2h"}, "before it begins"),
    ],
)
def test_no_window(given_, told):
    """An end that is given twice, or an end before the beginning, is refused."""
    with pytest.raises(CollectError, match=told):
        resolve_window(now=NOW, **given_)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2500, 1, 1)))
def test_counts(moment):
    """Microseconds are exact, milliseconds are cut off, before the epoch as after it."""
    moment = moment.replace(tzinfo=UTC)

    assert datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds(moment)) == moment
    assert milliseconds(moment) == microseconds(moment) // 1000
