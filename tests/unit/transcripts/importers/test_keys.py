"""By what things are known again when they are imported again."""

from datetime import UTC, datetime

import msgspec

from steno.events.model import Compacted, Completed, ToolCallRecorded
from steno.identity import new_recorder_id
from steno.transcripts.importers.keys import (
    identify,
    is_import,
    key_of,
    recorder_of,
    size_of,
    what_is_told,
)
from steno.transcripts.importers.model import Entry

IDS = "s", "r", datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_entries():
    """An entry is known by its text alone."""
    one = Entry(raw=b'{"a":1}', kind="x", offset=5)

    assert key_of(one) == key_of(Entry(raw=b'{"a":1}', kind="y", offset=9))
    assert key_of(one) != key_of(Entry(raw=b'{"a":2}', kind="x", offset=5))


def test_requests():
    """A request has the same id for ever, and another one in another session."""
    assert identify("s", "k") == identify("s", "k")
    assert len({identify("s", "k"), identify("t", "k"), identify("s", "l")}) == 3
    assert identify("\ud800", "k").startswith("req-")


def test_recorders():
    """A session's imported events have the same recorder for ever, which no other one can have."""
    assert recorder_of("a") == recorder_of("a") != recorder_of("b")
    assert is_import(recorder_of("a"))
    assert not any(is_import(new_recorder_id()) for _ in range(100))


def test_events():
    """A call and its result are two things to tell; so are two compactions."""
    called = ToolCallRecorded(*IDS, tool_name="x", tool_call_id="t", tool_arguments="")
    returned = ToolCallRecorded(*IDS, tool_name="x", tool_call_id="t", tool_output="r")

    assert what_is_told(called) != what_is_told(returned)
    assert what_is_told(Completed(*IDS, success=True)) == what_is_told(
        Completed(*IDS, success=False)
    )
    assert what_is_told(Compacted(*IDS, summary="a"))[1] == "2026-03-01T12:00:00.000000Z"


def test_sizes():
    """What a tool returned is measured as the text or the JSON that it is."""
    assert [size_of(each) for each in (None, "é", {"a": 1}, msgspec.Raw(b"[1]"), "\ud800")] == [
        None, 2, 7, 3, 1,
    ]  # fmt: skip
