"""How an exchange ended, in words."""

import msgspec
import pytest

from steno.testing import FixedClock
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome(kind="done"), None),
        (Outcome(kind="done", detail="ignored"), None),
        (Outcome(kind="stopped"), "stopped"),
        (Outcome(kind="upstream_failed", detail="refused"), "upstream_failed: refused"),
    ],
)
def test_error(outcome, error):
    """Every end but ``done`` is an error that begins with who ended it."""
    assert outcome.error == error


def test_opening_outlives_a_log():
    """What is known at the beginning comes back from JSON as it was."""
    opening = Opening(
        request_id="r", method="POST", target="/v1", headers={"a": "b"}, begun=FixedClock().now,
        begun_s=1.5, session_id="s", identity=Identity(user_id="u", tags=("t",)),
    )  # fmt: skip

    assert msgspec.json.decode(msgspec.json.encode(opening), type=Opening) == opening
