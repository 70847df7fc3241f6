"""Tests of what ``opencode run --format json`` prints."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

from steno.transcripts.importers.formats.opencode import FORMAT
from steno.transcripts.importers.formats.opencode_events import conversations, is_stream
from steno.transcripts.importers.model import Call, Replied, Returned
from steno.transcripts.importers.source import Source, probe

RUN = Path(__file__).parents[4] / "data" / "imports" / "opencode" / "run.jsonl"


def test_a_run_is_recognised() -> None:
    """A run is known by its lines, an export is none."""
    assert is_stream(probe(RUN))
    assert FORMAT.recognise(probe(RUN)) > 0.9
    assert not is_stream(probe(RUN.parent / "export.json"))


def test_values_of_other_types(tmp_path: Path) -> None:
    """Lines whose fields are of other types are none of a run's."""
    path = tmp_path / "run.jsonl"
    path.write_text('{"type":{},"sessionID":"ses_1","part":{}}\n{"type":"text","sessionID":7}\n')

    assert not is_stream(probe(path))


def test_a_run_is_told() -> None:
    """Each message is a reply, told part by part, with the counts of its steps."""
    (each,) = FORMAT.read(Source(RUN))
    entries = list(each.entries)
    facts = [fact for entry in entries for fact in entry.facts]
    replies = [fact for fact in facts if isinstance(fact, Replied)]

    assert each.identity.id == "ses_run0000000000000000000001-run"
    assert each.identity.began == datetime(2026, 11, 21, 19, 49, 32, 1000, tzinfo=UTC)
    assert [reply.text for reply in replies if reply.text] == ["I look.", "Bed 2 is dry."]
    assert [
        (reply.id, reply.tokens.input, reply.tokens.output) for reply in replies if reply.tokens
    ] == [("msg_r1", 110, 40), ("msg_r2", 180, 20)]
    assert [call for reply in replies for call in reply.calls] == [
        Call("bash", "call_r1", '{"command":"cat beds"}')
    ]
    (returned,) = [fact for fact in facts if isinstance(fact, Returned)]
    assert (returned.output, returned.success, returned.duration_ms) == ("2 dry\n", True, 40)
    assert replies[-1].error == "APIError: overloaded"
    assert [entry.kind for entry in entries if not entry.known] == ["run/novel"]


def test_nothing_makes_it_raise(tmp_path: Path) -> None:
    """A run that is torn or damaged anywhere is read as far as it goes."""
    numbers = random.Random(19)
    data = RUN.read_bytes()
    path = tmp_path / "run.jsonl"
    for _ in range(150):
        at = numbers.randrange(len(data))
        odd = numbers.choice([b"", b"null", b"[]", b"7", b"\xff", b"{}", b'"'])
        path.write_bytes(data[:at] + odd + data[at + numbers.randrange(9) :])
        for each in conversations(Source(path)):
            assert list(each.entries)
