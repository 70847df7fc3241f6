"""Log lines as an archive holds them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.archives.identifiers import ArchiveIds
from steno.archives.records import (
    classify,
    encode_line,
    key_of,
    split_text,
    stamp,
    text_key_of,
    text_of,
)
from steno.logs.lines import LogLine

IDS = ArchiveIds("user", "session", "chat", "message", "request")
HOSTILE = "\n\r\x00\x07\x0b\x0c\x1b[2J\x1c\x1d\x85\u2028\u2029\u202e\x7f"
FAKE = "2026-01-01 00:00:00,000 [INFO] [user=root] all is well"


def make_line(message, created=1e9, **fields):
    """Build a log line."""
    return LogLine(created, 10, "DEBUG", "pipe", message, "pipe", "run", 7, **fields)


def test_keys_and_their_order():
    """The keys of a line and their order are those that readers of such files know."""
    line = encode_line(make_line("hi", 1_700_000_000.1239, exception="Traceback"), IDS)

    assert line.endswith(b"\n")
    assert list(json.loads(line).items()) == [
        ("ts", "2023-11-14T22:13:20.123Z"), ("level", "DEBUG"), ("logger", "pipe"),
        ("request_id", "request"), ("user_id", "user"), ("session_id", "session"),
        ("chat_id", "chat"), ("message_id", "message"), ("event_type", "pipe"),
        ("module", "pipe"), ("func", "run"), ("lineno", 7), ("exception", {"text": "Traceback"}),
        ("message", "hi"),
    ]  # fmt: skip
    assert "exception" not in json.loads(encode_line(make_line("hi"), IDS))


def test_the_line_names_its_own_request():
    """A record keeps the request in which it was logged."""
    assert json.loads(encode_line(make_line("x", request_id="r9"), IDS))["request_id"] == "r9"


def test_text():
    """A record in the text is the line that begins with a time in UTC."""
    line = encode_line(make_line("it  happened", 1_700_000_000.5), IDS)

    assert text_of(line) == b"2023-11-14 22:13:20,500 [DEBUG] [user=user] it  happened\n"


@given(st.text() | st.just(f"x{HOSTILE}{FAKE}"), st.text() | st.just(f"a\n{FAKE}\x85{FAKE}"))
def test_no_text_forges_a_record(message, trace):
    """Whatever a message or a traceback says, it makes one record, and moves no cursor."""
    line = encode_line(make_line(message, 1_700_000_000.5, exception=trace), IDS)
    text = text_of(line)
    begin = text.splitlines()[0][:23]

    assert len(list(split_text(text.splitlines(keepends=True)))) == 1
    assert len([each for each in text.decode().splitlines() if each.startswith("20")]) == 1
    assert begin == b"2023-11-14 22:13:20,500"
    assert not set(HOSTILE) - {"\n", "[", "2", "J"} & set(text.decode())


def test_json_keeps_the_original():
    """What the text escapes, the JSON has as it was."""
    line = encode_line(make_line(f"a{HOSTILE}b"), IDS)

    assert json.loads(line)["message"] == f"a{HOSTILE}b"
    assert line.count(b"\n") == 1


def test_tracebacks_are_barred():
    """The lines of a traceback follow their record under a bar."""
    line = encode_line(make_line("bad", exception=f"Traceback:\n  x\n{FAKE}"), IDS)

    assert text_of(line).decode().splitlines()[1:] == [
        "    | Traceback:", "    |   x", f"    | {FAKE}",
    ]  # fmt: skip


def test_half_a_surrogate():
    """Text that has no form in UTF-8 is kept as an escape."""
    assert json.loads(encode_line(make_line("a\ud800b"), IDS))["message"] == "a\\ud800b"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("OpenRouter request headers: {}", "openrouter.request.headers"),
        ("OpenRouter request payload: {}", "openrouter.request.payload"),
        ("OpenRouter payload: {}", "openrouter.sse.event"),
        ("Tool search", "pipe.tools"), ("\U0001f527 x", "pipe.tools"), ("Skipping x", "pipe.tools"),
        ("Tools", "pipe"), ("", "pipe"),
    ],
)  # fmt: skip
def test_kinds(message, kind):
    """A record's kind is known by how its message begins."""
    assert classify(message) == kind


@given(st.lists(st.floats(0, 4e9), min_size=2, max_size=5))
def test_keys_sort_in_time(times):
    """What records are sorted by goes with the time, in JSON and in text."""
    lines = [encode_line(make_line("x", max(each, 0.001)), IDS) for each in sorted(times)]

    assert sorted(lines, key=key_of) == lines
    assert [text_key_of(text_of(line)) for line in lines] == sorted(
        text_key_of(text_of(line)) for line in lines
    )


@pytest.mark.parametrize("created", [-1.0, float("nan"), float("inf"), 1e300])
def test_impossible_times(created):
    """A clock that lies is no reason to lose a line."""
    assert len(stamp(created)) == 24
