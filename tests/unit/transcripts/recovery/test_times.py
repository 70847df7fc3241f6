"""Times of such transcripts."""

import pytest

from steno.transcripts.recovery.times import iso_time, seconds_of


def test_to_text_and_back():
    """A time is written with milliseconds and read again."""
    assert iso_time(1_767_225_600_123_000_000) == "2026-01-01T00:00:00.123Z"
    assert seconds_of("2026-01-01T00:00:00.123Z") == 1_767_225_600.123
    assert seconds_of("2026-01-01T00:00:00") == 1_767_225_600


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T00:00:00Z", "9" * 99])
def test_what_is_no_time(text):
    """What is no time is none."""
    assert seconds_of(text) is None


def test_a_time_beyond_all_times():
    """A file's time that no calendar has becomes the first one."""
    assert iso_time(10**30) == "1970-01-01T00:00:00.000Z"
