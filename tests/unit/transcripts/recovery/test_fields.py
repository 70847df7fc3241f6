"""JSON that may be anything."""

import pytest

from steno.transcripts.recovery.fields import decode_field, decode_string, split_entry

BROKEN = [b"", b"{", b"\xb3", b'{"a":"\xff"}x', b"[" * 100_000, b"nix"]


@pytest.mark.parametrize("data", [*BROKEN, b"[1]", b"7", b" {}"])
def test_what_is_no_object(data):
    """What is no object, no JSON, no UTF-8 or too deep has no fields."""
    assert split_entry(data) is None


@pytest.mark.parametrize("data", [*BROKEN, None])
def test_what_is_no_value(data):
    """What can't be decoded is nothing."""
    assert decode_field(data) is None


def test_fields():
    """A text is a text; what is something else, or empty, is none."""
    entry = split_entry(b'{"a":"x","b":"","c":7,"d":{"e":[1]}}')

    assert [decode_string(entry.get(name)) for name in "abcd"] == ["x", None, None, None]
    assert decode_field(entry["d"]) == {"e": [1]}
