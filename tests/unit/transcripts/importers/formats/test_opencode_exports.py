"""Tests of what ``opencode export`` writes."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from steno.transcripts.importers.formats.opencode import FORMAT
from steno.transcripts.importers.formats.opencode_exports import conversations, is_export
from steno.transcripts.importers.model import Replied, Said
from steno.transcripts.importers.source import Source, probe

EXPORT = Path(__file__).parents[4] / "data" / "imports" / "opencode" / "export.json"


def test_an_export_is_recognised(tmp_path: Path) -> None:
    """An export is known by how it begins, whole or longer than what is looked at."""
    long = tmp_path / "x.json"
    long.write_text('{"info":{"slug":"a","id":"ses_1"},"messages":["' + "x" * 100_000 + '"]}')

    assert is_export(probe(EXPORT))
    assert FORMAT.recognise(probe(long)) > 0.9
    assert not is_export(probe(EXPORT.parent / "README.md"))


def test_a_session_is_told() -> None:
    """Messages and parts are entries on lines of their own, told like those of the database."""
    (each,) = FORMAT.read(Source(EXPORT))
    entries = list(each.entries)

    assert (each.identity.id, each.identity.title) == ("ses_out-export", "Exported")
    assert each.identity.program == "opencode 1.2.0"
    assert [entry.id for entry in entries] == [None, "msg_o1", "prt_o1", "prt_o2", "msg_o2"]
    assert entries[2].facts == (Said("user", "Felt the wool."),)
    (reply,) = entries[4].facts
    assert isinstance(reply, Replied)
    assert reply.tokens is not None
    assert (reply.tokens.input, reply.tokens.output) == (20, 13)
    for entry in entries:
        assert b"\n" not in entry.raw
        msgspec.json.decode(entry.raw)


def test_nothing_makes_it_raise(tmp_path: Path) -> None:
    """An export that is torn or damaged anywhere is read as far as it goes."""
    numbers = random.Random(17)
    data = EXPORT.read_bytes()
    path = tmp_path / "x.json"
    for _ in range(150):
        at, end = sorted(numbers.sample(range(len(data)), 2))
        odd = numbers.choice([b"", b"null", b"[]", b"7", b"\xff", b"{}"])
        path.write_bytes(data[:at] + odd + data[min(end, at + 30) :])
        for each in conversations(Source(path)):
            for entry in each.entries:
                msgspec.json.decode(entry.raw)
    path.write_bytes(data[:900])
    (each,) = conversations(Source(path))
    assert len(list(each.entries)) >= 3
