"""Answers as JSON, whatever the server is."""

import msgspec
import pytest

from steno.collectors.decoding import MALFORMED, decode_json


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data": "\xff"}', b"[" * 200_000, b'{"data":' + b"[" * 200_000, b'{"data"'],
)
def test_malformed(body):
    """Bytes that are no JSON, no text, or nest without end are told from answers."""
    with pytest.raises(MALFORMED):
        decode_json(body, msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)


def test_one_line():
    """What stays encoded of an answer that is printed prettily stands in one line."""
    body = '{\r\n "data": [\n  {"é": "a\\nb"},\n  1.50\n ]\n}\n'.encode()

    raw = decode_json(body, msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)["data"]

    assert bytes(raw).decode() == '[{"é":"a\\nb"},1.50]'
