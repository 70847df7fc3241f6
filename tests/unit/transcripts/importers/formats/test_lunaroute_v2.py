"""Tests of the format of LunaRoute's second recorder."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steno.transcripts.importers.formats.lunaroute_v2 import FORMAT, REPEATED
from steno.transcripts.importers.model import (
    Aborted,
    Conversation,
    Entry,
    Replied,
    Returned,
    Said,
)
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "lunaroute-v2"
NAMES = ["flat.jsonl", "nested.jsonl", "passthrough.jsonl"]


def read(path: Path) -> list[tuple[Conversation, list[Entry]]]:
    """Read all sessions of a file."""
    return [(each, list(each.entries)) for each in FORMAT.read(Source(path))]


def facts_of(name: str, kind: type[Any]) -> list[Any]:
    """List the facts of one kind in a fixture."""
    ((_, entries),) = read(DATA / name)
    return [fact for entry in entries for fact in entry.facts if isinstance(fact, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_recognises_its_files(name: str) -> None:
    """Events of LunaRoute are recognised by their types and common fields."""
    assert FORMAT.recognise(probe(DATA / name)) > 0.8


def test_does_not_claim_stenos_own(tmp_path: Path) -> None:
    """A transcript of steno's own is not LunaRoute's, with its header or without."""
    event = {
        "type": "started", "session_id": "s", "request_id": "r", "model_requested": "m",
        "timestamp": "2026-01-01T00:00:00Z", "recorder": "x", "seq": 1,
    }  # fmt: skip
    path = tmp_path / "s.jsonl"
    path.write_bytes(msgspec.json.encode(event))
    assert FORMAT.recognise(probe(path)) == 0.0
    header = {"type": "session", "version": 4, "session_id": "s"}
    path.write_bytes(msgspec.json.encode(header) + b"\n" + path.read_bytes())
    assert FORMAT.recognise(probe(path)) == 0.0
    path.write_bytes(b'{"type":[]}')
    assert FORMAT.recognise(probe(path)) == 0.0
    assert not FORMAT.takes_folder(probe(tmp_path))
    assert FORMAT.neighbour(tmp_path / ".encryption_salt") is not None
    assert FORMAT.neighbour(path) is None


def test_requests_that_interleave() -> None:
    """What belongs to a request names it, whatever stands between."""
    assert facts_of("flat.jsonl", Said) == [
        Said("system", "Be brief.", "req-1"),
        Said("user", "Why tides?", "req-1"),
        Said("user", "Title?", "req-2"),
    ]
    replies = facts_of("flat.jsonl", Replied)
    assert [reply.id for reply in replies] == ["req-1", "req-2", "req-1"]
    assert replies[0].text == "The moon."
    assert {reply.model for reply in replies if reply.id == "req-1"} == {"glow-5-2025"}
    assert (replies[0].tokens.input, replies[0].tokens.output) == (100, 20)
    assert facts_of("flat.jsonl", Aborted) == [
        Aborted(error="interrupted: client disconnected", request="req-2")
    ]


def test_identity_and_unknown_types() -> None:
    """The session is named by its events; a type that nobody knows is kept and told."""
    ((each, entries),) = read(DATA / "flat.jsonl")

    assert (each.identity.id, each.identity.tags) == ("abc-123", ("lunaroute:openai",))
    assert each.identity.began is not None
    assert [entry.kind for entry in entries if not entry.known] == ["aura_read"]
    assert entries[1].raw == (DATA / "flat.jsonl").read_bytes().splitlines()[1]


def test_the_usual_mode() -> None:
    """Without a recorded response, counts come from the figures; Anthropic's cache is added."""
    replies = facts_of("passthrough.jsonl", Replied)
    counted = [(r.id, r.tokens.input, r.tokens.output) for r in replies if r.tokens is not None]

    assert counted == [("req-1", 65, 7), ("req-2", 12, 3)]
    assert [call.id for reply in replies for call in reply.calls] == ["toolu_1"]
    assert not any(reply.refused for reply in replies)
    assert facts_of("passthrough.jsonl", Said) == [
        Said("system", "Weave.", "req-1"),
        Said("user", "Look it up.", "req-1"),
    ]


def test_a_result_counts_once() -> None:
    """The result of a tool that every request repeats is told by the first."""
    ((_, entries),) = read(DATA / "passthrough.jsonl")

    assert facts_of("passthrough.jsonl", Returned) == [
        Returned(call_id="toolu_1", name="almanac", success=True)
    ]
    assert [entry.guessed for entry in entries if entry.guessed] == [REPEATED]


def test_structures_under_their_own_names() -> None:
    """The documented form tells the same as the one that is written."""
    ((each, _),) = read(DATA / "nested.jsonl")
    first, last = facts_of("nested.jsonl", Replied)

    assert each.identity.tags == ("nested",)
    assert each.identity.facts["client_ip"] == "192.0.2.7"
    assert (first.tokens.input, first.duration_ms) == (10, 700)
    assert (last.error, last.duration_ms) == ("upstream 529", 1500)


def test_several_sessions_in_a_file(tmp_path: Path) -> None:
    """Files that were put together are several sessions; what has none belongs to the last."""
    path = tmp_path / "all.jsonl"
    path.write_bytes(
        (DATA / "nested.jsonl").read_bytes() + b"7\n" + (DATA / "flat.jsonl").read_bytes()
    )

    assert [(each.identity.id, len(entries)) for each, entries in read(path)] == [
        ("ghi-789", 4),
        ("abc-123", 8),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_makes_it_raise_or_lose(name: str, tmp_path: Path) -> None:
    """Whatever a field holds, nothing raises and every line is one entry."""
    numbers = random.Random(11)
    lines = (DATA / name).read_bytes().splitlines()
    path = tmp_path / name
    odd = [None, 7, -1, 1e308, "", "x", [], {}, [[]], {"a": 1}, True, 2**63]
    for _ in range(120):
        changed = list(lines)
        for number in range(len(changed)):
            if numbers.random() < 0.3:
                event = msgspec.json.decode(changed[number])
                for key in numbers.sample(sorted(event), min(2, len(event))):
                    if numbers.random() < 0.3:
                        del event[key]
                    else:
                        event[key] = numbers.choice(odd)
                changed[number] = msgspec.json.encode(event)
        path.write_bytes(b"\n".join(changed))
        entries = [entry for _each, entries in read(path) for entry in entries]
        assert [entry.raw for entry in entries] == changed
