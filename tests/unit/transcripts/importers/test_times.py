"""Times as other programs write them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.transcripts.importers.source import Probe
from steno.transcripts.importers.times import first_time, read_time

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 12:00:00", 1772366400,
     1772366400000, 1772366400.0],
)  # fmt: skip
def test_forms(value):
    """ISO 8601, seconds and milliseconds are read; what has no offset is UTC."""
    assert read_time(value) == NOON


@pytest.mark.parametrize(
    "value",
    [None, True, "yesterday", "", float("nan"), float("inf"), 10**30, -(10**18), 1e308, [], {},
     "9999-99-99", "0001-01-01T00:00:00+14:00", object()],
    ids=repr,
)  # fmt: skip
def test_nonsense(value):
    """Whatever is no time is None, and raises nothing."""
    assert read_time(value) is None


@pytest.mark.parametrize("value", [0, 0.0, -1, -1772366400])
def test_no_time(value):
    """Zero and less are what programs write where no time is known."""
    assert read_time(value) is None


def test_first_time():
    """A file begins with the earliest time of its first values."""
    looked = Probe(
        Path("x"), "x", b"",
        ({"timestamp": "2026-03-02T00:00:00Z"}, [], {"startTime": "2026-03-01T12:00:00Z"}, {}),
    )  # fmt: skip

    assert first_time(looked) == NOON
    assert first_time(Probe(Path("x"), "x")) is None
