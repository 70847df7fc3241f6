"""When a question is asked again."""

import random

import pytest

from steno.collectors.retrying import read_retry_after, seconds_before


def test_waits():
    """Waits grow with each try, and differ, so that not everybody comes back at the same time."""
    waits = [seconds_before(again) for again in (1, 2, 3, 60)]

    assert sorted(waits) == waits
    assert waits[-1] == 30.0
    assert len({seconds_before(1) for _ in range(20)}) > 1
    assert seconds_before(1, 7.0) == 7.0
    assert seconds_before(1, 1e9) == 30.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), (3, 3.0), (None, None), ("-1", None), ("", None), ("\u0664", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("nan", None)],
)  # fmt: skip
def test_retry_after(value, seconds):
    """Seconds are read, anything else is as good as nothing."""
    assert read_retry_after(value) == seconds


def test_random_numbers():
    """The numbers that the program draws are not disturbed: a seed gives what it always gives."""
    before = random.getstate()
    seconds_before(1)

    assert random.getstate() == before
