"""Token counts of other programs, normalised."""

import pytest

from steno.events.parts import Tokens
from steno.transcripts.importers.formats.usage import normalised, token_count


def test_what_is_within():
    """Tokens that are parts of others are not added to them."""
    assert normalised((10, 5), cached=4, reasoning=2) == Tokens(
        input=10, output=5, cache_read=4, reasoning=2, thinking_percentage=40.0,
        source="provider_final",
    )  # fmt: skip


def test_what_is_on_top():
    """Tokens that come on top are added."""
    assert normalised(
        (10, 5), cached=4, created=1, thinking=2, apart=True, beside=True, is_final=False
    ) == Tokens(
        input=15, output=7, cache_read=4, cache_creation=1, thinking=2, thinking_percentage=28.57,
        source="partial",
    )  # fmt: skip


def test_what_nobody_counted():
    """Zeros alone tell nothing, and what is no count is none."""
    assert normalised((0, 0)) is None
    assert normalised(("x", None)) is None
    assert normalised((10**15, 5)) == Tokens(output=5, source="provider_final")


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), (7.0, 7), (7.5, None), (-1, None), (10**12 + 1, None)]
)
def test_token_count(value, expected):
    """A count may be written as a float; a figure that no reply can have is an error."""
    assert token_count(value) == expected
