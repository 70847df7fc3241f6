"""What is asked for, and what makes no sense."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from steno.collectors.kubernetes_wanted import Wanted, end_of
from steno.collectors.windows import Window
from steno.errors import CollectError

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"pod": ""},
        {"pod": ".."},
        {"pod": "a", "namespace": ".."},
        {"pod": "a", "selector": "b"},
        {"pod": "a", "namespace": "*"},
        {"pod": "a", "follow": True, "previous": True},
        {"pod": "a", "duration": "1m"},
        {"pod": "a", "timeout_s": 0},
        {"pod": "a", "retries": -1},
        {"pod": "a", "tail": -1},
        {"pod": "a", "limit_lines": 0},
        {"pod": "a", "limit_bytes": 0},
    ],
)
def test_senseless(asked):
    """What makes no sense is refused before anybody is asked."""
    with pytest.raises(CollectError) as caught:
        Wanted(**asked).check()

    assert caught.value.reason == "query"


def test_described():
    """A query says what was asked for and nothing that goes without saying."""
    wanted = Wanted(pod="a", follow=True, duration=timedelta(minutes=2), since="2h", retries=9)

    assert wanted.described("n") == {
        "pod": "a", "follow": True, "duration": "120s", "namespace": "n"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "until", "seconds"),
    [
        ({"follow": True, "duration": "10m"}, None, 600.0),
        ({"follow": True}, NOW + timedelta(seconds=5), 6.0),
        ({"follow": True}, NOW - timedelta(hours=1), 1.0),
        ({"follow": True, "duration": "2s"}, NOW + timedelta(seconds=5), 2.0),
        ({"follow": True}, None, None),
        ({}, NOW, None),
    ],
)
def test_end(asked, until, seconds):
    """Following ends by its duration or a moment behind its window, whichever is first."""
    before = time.monotonic()
    end = end_of(Wanted(pod="a", **asked), Window(None, until), NOW)

    if seconds is None:
        assert end is None
    else:
        assert before + seconds <= end <= time.monotonic() + seconds
