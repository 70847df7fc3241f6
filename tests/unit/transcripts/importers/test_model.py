"""What entries tell, for people."""

import pytest

from steno.events.parts import Tokens
from steno.transcripts.importers.model import (
    Aborted,
    Counted,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
    read_facts,
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((), (None, "")),
        ((Said("user", "hi"),), ("user", "hi")),
        ((Replied(text="yes"), Counted(tokens=Tokens())), ("assistant", "yes")),
        ((Returned(output="out"), Said("user", "more")), ("tool", "out\nmore")),
        ((Returned(output={"not": "text"}),), ("tool", "")),
        ((Noted(text="a title"),), (None, "a title")),
        ((Noted(text="!ls", role="user"),), ("user", "!ls")),
        ((Summarised(summary="so far"),), (None, "so far")),
        ((Aborted(error="cancelled"),), (None, "cancelled")),
    ],
)
def test_reading(facts, expected):
    """Who speaks first is who speaks; all texts are read, in order."""
    assert read_facts(facts) == expected
