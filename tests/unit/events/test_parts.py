"""The structures inside events."""

import msgspec

import steno


def test_total_is_input_and_output():
    """Cached and reasoning tokens are parts of input and output, and are not added again."""
    tokens = steno.Tokens(input=100, output=50, cache_read=80, reasoning=40)

    assert tokens.total == 150


def test_json_names():
    """Token counts have the field's names in JSON; what is not known is left out."""
    encoded = msgspec.json.decode(msgspec.json.encode(steno.Tokens(input=1, cache_read=0)))

    assert encoded == {"input_tokens": 1, "output_tokens": 0, "cache_read_tokens": 0}
