"""Tests of the format of LunaRoute's first recorder."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import pytest

from steno.transcripts.importers.formats.lunaroute_v1 import FORMAT
from steno.transcripts.importers.model import Aborted, Entry, Identity, Noted, Replied, Said
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "lunaroute-v1"


def read(path: Path) -> tuple[Identity, list[Entry]]:
    """Read the one session of a folder."""
    (each,) = FORMAT.read(Source(path))
    return each.identity, list(each.entries)


def reply_of(entries: list[Entry]) -> list[Replied]:
    """List what is told of the reply."""
    return [fact for entry in entries for fact in entry.facts if isinstance(fact, Replied)]


def test_recognises_its_folders(tmp_path: Path) -> None:
    """A folder with a file of events is one session; so is the file itself."""
    assert FORMAT.recognise(probe(DATA / "plain")) == 1.0
    assert FORMAT.takes_folder(probe(DATA / "plain"))
    assert FORMAT.recognise(probe(DATA / "plain" / "events.ndjson")) > 0.9
    assert FORMAT.recognise(probe(DATA / "plain" / "metadata.json")) == 0.0
    assert FORMAT.recognise(probe(tmp_path)) == 0.0
    assert FORMAT.neighbour(DATA / "plain" / "metadata.json") is not None
    assert FORMAT.neighbour(tmp_path / "metadata.json") is None


def test_a_reply_in_one_piece() -> None:
    """What is new in the request is said, its history noted; the metadata tell how it went."""
    identity, entries = read(DATA / "plain")

    assert identity.id == "0123456789abcdef0123456789abcdef"
    assert identity.began is not None
    assert identity.began.isoformat() == "2025-10-01T10:00:00+00:00"
    assert identity.facts["custom"] == {"tenant": "weavers"}
    assert [entry.kind for entry in entries] == ["request", "response", "metadata"]
    assert entries[0].facts == (
        Noted(text="Hello?", role="user"),
        Noted(text="Hello.", role="assistant"),
        Said("system", "Be brief."),
        Said("user", "Why tides?"),
    )
    reply, end = reply_of(entries)
    assert reply.tokens is not None
    assert (reply.text, reply.model, reply.provider) == ("The moon.", "glow-5-2025", "openai")
    assert (reply.tokens.input, reply.tokens.output) == (40, 6)
    assert (end.tokens, end.duration_ms, end.finish_reason) == (None, 1250, "stop")
    assert b"\n" not in entries[-1].raw


def test_a_reply_in_pieces() -> None:
    """Pieces are parts of one reply; arguments of a tool are put together at its end."""
    _, entries = read(DATA / "streamed")
    replies = reply_of(entries)

    assert {reply.id for reply in replies} == {"fedcba9876543210fedcba9876543210"}
    assert {reply.model for reply in replies} == {"glow-5-2025"}
    assert "".join(reply.text for reply in replies) == "I look."
    (call,) = [call for reply in replies for call in reply.calls]
    assert (call.name, call.id, call.arguments) == ("almanac", "call_1", '{"day":3}')
    assert [(r.tokens.input, r.tokens.output) for r in replies if r.tokens] == [(9, 3)]
    assert replies[-1].finish_reason == "tool_calls"


def test_a_session_that_never_ended() -> None:
    """A session whose end was not recorded is an interrupted request."""
    _, entries = read(DATA / "unfinished")

    assert entries[0].facts == (Said("user", "Are you there?"),)
    (aborted,) = entries[1].facts
    assert isinstance(aborted, Aborted)


def test_without_metadata(tmp_path: Path) -> None:
    """Without metadata the folder names the session; counts come from the events alone."""
    folder = tmp_path / "5e551"
    shutil.copytree(DATA / "streamed", folder)
    (folder / "metadata.json").unlink()
    identity, entries = read(folder)

    assert identity.id == "5e551"
    assert len(entries) == 8


def test_calls_of_a_torn_stream_are_told_at_the_end(tmp_path: Path) -> None:
    """Where the stream broke off in a call, what there is of it is told with the metadata."""
    folder = tmp_path / "torn"
    shutil.copytree(DATA / "streamed", folder)
    events = (folder / "events.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "events.ndjson").write_bytes(b"".join(events[:5]))
    _, entries = read(folder)

    assert [call.arguments for reply in reply_of(entries) for call in reply.calls] == ['{"da']


def test_counts_of_the_metadata(tmp_path: Path) -> None:
    """Counts are taken from the metadata where no event has told them."""
    folder = tmp_path / "uncounted"
    shutil.copytree(DATA / "plain", folder)
    events = (folder / "events.ndjson").read_text().replace('"usage"', '"other"')
    (folder / "events.ndjson").write_text(events)
    last = reply_of(read(folder)[1])[-1]

    assert last.tokens is not None
    assert (last.tokens.input, last.tokens.output) == (40, 6)


@pytest.mark.parametrize("name", ["plain", "streamed", "unfinished"])
def test_nothing_makes_it_raise(name: str, tmp_path: Path) -> None:
    """Whatever is cut out of the files or put into them, nothing raises."""
    numbers = random.Random(3)
    for number in range(60):
        folder = tmp_path / str(number)
        shutil.copytree(DATA / name, folder)
        for file in ("metadata.json", "events.ndjson"):
            data = bytearray((folder / file).read_bytes())
            for _ in range(numbers.randrange(1, 4)):
                at = numbers.randrange(len(data) or 1)
                data[at : at + numbers.randrange(40)] = numbers.choice(
                    [b"", b"null", b"[]", b"7", b'"x"', b"\xff", b"\n", b"{}"]
                )
            (folder / file).write_bytes(bytes(data))
        for entry in read(folder)[1]:
            if entry.kind == "metadata":
                msgspec.json.decode(entry.raw)
