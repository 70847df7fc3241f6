"""Readers for JSON of strangers."""

import math

import pytest

from steno.wire.providers import reading

HUGE = 10**30


@pytest.mark.parametrize("value", [-1, True, 1.0, "7", None, HUGE, [], {}, math.nan])
def test_no_count(value):
    """What cannot be a count of tokens is none."""
    assert reading.count(value) is None


def test_count():
    """Counts are whole numbers from zero on."""
    assert (reading.count(0), reading.count(10**9)) == (0, 10**9)


@pytest.mark.parametrize("value", [-0.1, True, "0.5", None, math.nan, math.inf, HUGE, [1]])
def test_no_money(value):
    """What cannot be an amount is none."""
    assert reading.money(value) is None


def test_money():
    """Amounts are numbers from zero on."""
    assert (reading.money(0), reading.money(0.25)) == (0.0, 0.25)


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, "1" * 10_000 + "x"])
def test_no_json(text):
    """What is no JSON, or too deep, decodes to None."""
    assert reading.decode_json(text) is None


def test_half_characters():
    """Half of a character in an escape is read; encoding gives it back."""
    half = reading.decode_json('"\\ud83d"')

    assert half == "\ud83d"
    assert reading.encode_json([half]) == '["\\ud83d"]'


def test_encode_json():
    """JSON is written compactly; what JSON cannot hold gives an empty text."""
    assert reading.encode_json({"a": [1, "é"]}) == '{"a":[1,"é"]}'
    assert reading.encode_json(object()) == ""


def test_wrong_types():
    """A value of the wrong type counts as absent."""
    assert reading.mapping([1]) == {}
    assert list(reading.mappings([1, {"a": 1}, None])) == [{"a": 1}]
    assert list(reading.mappings({"a": 1})) == []
    assert (reading.length({}), reading.length([1, 2])) == (0, 2)
    assert (reading.text(1), reading.optional_text(""), reading.optional_text("a")) == (
        "",
        None,
        "a",
    )
    assert (reading.index(True), reading.index("1"), reading.index(3)) == (0, 0, 3)
    assert (reading.as_json_text(None), reading.as_json_text("{"), reading.as_json_text({})) == (
        "",
        "{",
        "{}",
    )


def test_part_texts():
    """Of an array of parts, those of text are read, a line each."""
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image", "text": "no"},
        "b",
        3,
        {"type": ["text"], "text": "no"},
        {"type": "text", "text": 5},
    ]

    assert reading.part_texts(parts, ("text",)) == "a\nb\n"
    assert reading.part_texts("plain", ("text",)) == "plain"
    assert reading.part_texts({"type": "text"}, ("text",)) == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "a", "code": "b", "message": "m"}, "a: m"),
        ({"code": "b", "message": "m"}, "b: m"),
        ({"code": 502, "message": "m"}, "502: m"),
        ({"code": True, "message": "m"}, "m"),
        ({"type": "a"}, "a"),
        ({"message": ["m"]}, "unknown error"),
        ("m", "m"),
        ("", None),
        ({}, None),
        (7, None),
    ],
)
def test_error_text(error, expected):
    """An error reads as its type, or else its code, and its message."""
    assert reading.error_text(error) == expected


def test_long_error():
    """The message of an error is cut: it may quote the request."""
    assert (
        len(reading.error_text({"type": "a", "message": "m" * 10_000})) == reading.MAX_ERROR_CHARS
    )


def test_counted():
    """Counts say where they come from, and which share of the output was thought."""
    tokens = reading.counted(sent=None, received=40, is_final=False, reasoning=10)

    assert (tokens.input, tokens.output, tokens.source) == (0, 40, "partial")
    assert tokens.thinking_percentage == 25.0
    assert (
        reading.counted(sent=1, received=2, is_final=True, thinking=9).thinking_percentage == 100.0
    )
    assert (
        reading.counted(sent=1, received=0, is_final=True, thinking=9).thinking_percentage is None
    )
    assert reading.counted(sent=1, received=2, is_final=True).source == "provider_final"
    assert reading.counted(sent=None, received=None, is_final=True, reasoning=1) is None
