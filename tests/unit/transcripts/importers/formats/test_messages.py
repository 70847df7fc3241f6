"""Tests of the format of plain logs of messages."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steno.transcripts.importers.formats.chats import spoken
from steno.transcripts.importers.formats.messages import FORMAT, shape_of
from steno.transcripts.importers.model import (
    Aborted,
    Entry,
    Identity,
    Noted,
    Replied,
    Returned,
    Said,
)
from steno.transcripts.importers.source import Source, probe

DATA = Path(__file__).parents[4] / "data" / "imports" / "messages"
NAMES = [
    "array.json", "batch-output.jsonl", "fine-tuning.jsonl", "lines.jsonl", "pairs.jsonl",
    "sharegpt.jsonl",
]  # fmt: skip


def read(path: Path) -> list[tuple[Identity, list[Entry]]]:
    """Read all conversations of a file."""
    return [(each.identity, list(each.entries)) for each in FORMAT.read(Source(path))]


def told(entries: list[Entry]) -> list[str]:
    """List what is told, a word for each fact."""
    words: list[str] = []
    for entry in entries:
        for fact in entry.facts:
            if isinstance(fact, Said):
                words.append(f"{fact.role}: {fact.text}")
            elif isinstance(fact, Replied):
                words.append(f"reply: {fact.text}" + "".join(f" {c.name}()" for c in fact.calls))
            elif isinstance(fact, Returned):
                words.append(f"tool: {fact.output}")
            elif isinstance(fact, Aborted):
                words.append(f"aborted: {fact.error}")
            elif isinstance(fact, Noted):
                words.append(f"noted: {fact.text}")
    return words


@pytest.mark.parametrize("name", NAMES)
def test_recognises_such_logs(name: str) -> None:
    """Logs of messages are recognised, less surely where lines are something else."""
    assert FORMAT.recognise(probe(DATA / name)) > 0.4


@pytest.mark.parametrize(
    "lines",
    [
        ['{"type":"session","version":3,"id":"x"}', '{"type":"message","message":{"role":"user"}}'],
        ['{"type":"user","uuid":"u","sessionId":"s","message":{"role":"user","content":"x"}}'],
        ['{"id":"x","instructions":null}', '{"type":"message","role":"user","content":[]}'],
        ['{"type":"reasoning"}', '{"type":"message","role":"user","content":[]}'],
        ['{"sessionId":"s","messages":[{"type":"user","content":"x"}]}'],
        ['{"messages":[{"info":{},"parts":[]}]}'],
        ['{"a":1}', "7", "[]", '{"type":[],"id":{}}'],
        [],
    ],
)
def test_does_not_claim_others(lines: list[str], tmp_path: Path) -> None:
    """Transcripts of programs that have formats of their own are left to these."""
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(lines))

    assert FORMAT.recognise(probe(path)) == 0.0


def test_a_first_line_longer_than_the_head(tmp_path: Path) -> None:
    """A file whose first value is longer than what is looked at is known by how it begins."""
    path = tmp_path / "x.jsonl"
    long = "x" * 100_000
    path.write_text('{"messages":[{"role":"user","content":"' + long + '"}]}')

    assert FORMAT.recognise(probe(path)) > 0.0


def test_conversations_are_sessions() -> None:
    """Each line of fine-tuning data is a session, each of its messages an entry."""
    (one, first), (two, second) = read(DATA / "fine-tuning.jsonl")

    assert one.id.startswith("fine-tuning-")
    assert two.id == "fine-tuning-two"
    assert told(first) == ["system: Be brief.", "user: Why tides?", "reply: The moon."]
    assert told(second) == [
        "user: Day three?", "reply:  almanac()", "tool: high at noon", "reply: High at noon.",
    ]  # fmt: skip
    assert [entry.kind for entry in second] == ["conversation", *["message"] * 4]


def test_from_and_value() -> None:
    """The other names of roles and text are read as well."""
    ((identity, entries),) = read(DATA / "sharegpt.jsonl")

    assert identity.id == "sharegpt-g1"
    assert told(entries) == [
        "system: Be brief.", "user: Why tides?", "reply: The moon.", "reply:  almanac()",
        "tool: high",
    ]  # fmt: skip


def test_lines_of_messages_are_one_session() -> None:
    """Messages on lines of their own are one session; what is none is kept and told."""
    ((identity, entries),) = read(DATA / "lines.jsonl")

    assert told(entries) == [
        "system: Be brief.", "user: Why tides?", "reply: The moon. almanac()", "tool: high",
        "user: And?",
    ]  # fmt: skip
    assert identity.began is not None
    assert not entries[-1].known
    (reply,) = entries[2].facts
    assert isinstance(reply, Replied)
    assert reply.tokens is not None
    assert (reply.tokens.input, reply.tokens.output, reply.model) == (100, 5, "claude-glow")


def test_requests_with_their_replies() -> None:
    """Each request tells what is new in it; replies of all three forms are counted."""
    ((_, entries),) = read(DATA / "pairs.jsonl")

    assert told(entries) == [
        "system: Be brief.", "user: Why tides?", "reply: The moon.",
        "system: Be brief.", "user: And the sun?", "reply: A little.",
        "system: Weave.", "user: Hi", "reply: Hello.",
        "system: Softly.", "user: Speak.", "reply: Psst.",
        "user: Fail", "aborted: rate_limit: slow down",
    ]  # fmt: skip
    replies = [fact for entry in entries for fact in entry.facts if isinstance(fact, Replied)]
    assert [(r.tokens.input, r.tokens.output) for r in replies if r.tokens] == [
        (20, 10), (40, 4), (10, 2), (5, 2),
    ]  # fmt: skip
    assert replies[0].claim == "messages:chatcmpl-0001"
    assert replies[0].duration_ms == 850


def test_history_that_nobody_saw_is_noted(tmp_path: Path) -> None:
    """What a request carries of an exchange that is not in the file is there to be read."""
    path = tmp_path / "x.jsonl"
    path.write_bytes((DATA / "pairs.jsonl").read_bytes().splitlines()[1])
    ((_, entries),) = read(path)

    assert told(entries)[:3] == ["noted: Why tides?", "noted: The moon.", "system: Be brief."]


def test_a_reply_may_be_a_text(tmp_path: Path) -> None:
    """Beside what was asked, the model's message or its text alone is the reply."""
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"prompt":"One?","completion":"Two."}\n'
        '{"messages":[{"role":"user","content":"Three?"}],"response":"Four."}\n'
        '{"input":{"messages":[{"role":"user","content":"Five?"}]},'
        '"output":{"role":"assistant","content":"Six."}}\n'
    )
    ((_, entries),) = read(path)

    assert FORMAT.recognise(probe(path)) > 0.7
    assert told(entries) == [
        "user: One?", "reply: Two.", "user: Three?", "reply: Four.", "user: Five?", "reply: Six.",
    ]  # fmt: skip


def test_batches() -> None:
    """Results and inputs of batches are read in both providers' forms."""
    ((_, entries),) = read(DATA / "batch-output.jsonl")

    assert told(entries) == ["reply: One.", "reply: Two.", "user: Three?"]
    assert [entry.id for entry in entries] == ["batch_req_1", "row-2", "row-3"]


def test_an_array_is_its_values() -> None:
    """Messages in an array are entries, each as it stands there."""
    ((_, entries),) = read(DATA / "array.json")

    assert [entry.raw for entry in entries] == [
        b'{"role":"user","content":"In an array?"}',
        b'{"role":"assistant","content":"Yes."}',
    ]


def test_growing_files_keep_their_sessions(tmp_path: Path) -> None:
    """A file to which lines are added tells the same sessions and entries first."""
    for name in NAMES:
        path = tmp_path / name
        lines = (DATA / name).read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:1]))
        (identity, entries) = read(path)[0]
        path.write_bytes(b"".join(lines))
        (again, more) = read(path)[0]
        assert again.id == identity.id
        assert more[: len(entries)] == entries


def test_shapes() -> None:
    """Values are told apart by what they hold."""
    messages = [{"role": "user", "content": "x"}]
    assert shape_of({"messages": messages}).kind == "conversation"
    assert shape_of({"messages": messages, "model": "m"}).kind == "request"
    assert shape_of({"messages": messages, "model": "m", "choices": []}).kind == "exchange"
    assert shape_of({"choices": [], "object": "chat.completion"}).kind == "reply"
    assert shape_of({"request": '{"model":"m","input":"x"}'}).kind == "request"
    assert shape_of({"error": "boom"}).kind == ""
    assert shape_of({"prompt": "a", "completion": "b"}).kind == "exchange"
    assert shape_of({"prompt": "a"}).kind == shape_of({"output": "b"}).kind == ""
    message = {"role": "assistant", "content": "b"}
    assert shape_of({"input": {"messages": messages}, "output": message}).kind == "exchange"
    assert shape_of({"role": 7, "content": "x"}).kind == ""


ODD: list[Any] = [None, 7, -1, 1e308, "", "x", "{", [], {}, [[]], [{}], {"a": 1}, True, 2**63]


def change(value: Any, numbers: random.Random) -> Any:
    """Change one value somewhere inside."""
    if isinstance(value, dict) and value and numbers.random() < 0.85:
        key = numbers.choice(sorted(value))
        if numbers.random() < 0.15:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: change(value[key], numbers)}
    if isinstance(value, list) and value and numbers.random() < 0.85:
        at = numbers.randrange(len(value))
        return [*value[:at], change(value[at], numbers), *value[at + 1 :]]
    return numbers.choice(ODD)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_makes_it_raise(name: str, tmp_path: Path) -> None:
    """Whatever a field holds and wherever the file ends, nothing raises and all is JSON."""
    numbers = random.Random(13)
    lines = (DATA / name).read_bytes().splitlines()
    path = tmp_path / name
    for _ in range(80):
        changed = [
            msgspec.json.encode(change(msgspec.json.decode(line), numbers)) for line in lines
        ]
        path.write_bytes(b"\n".join(changed))
        probe_of = probe(path)
        assert 0.0 <= FORMAT.recognise(probe_of) <= 1.0
        for _identity, entries in read(path):
            for entry in entries:
                msgspec.json.decode(entry.raw)
    whole = b"\n".join(lines)
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        read(path)


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"label": "a", "value": 1}]},
        [{"question": "Which?", "choices": ["a", "b"], "answer": 0}],
        [{"question": "Which?", "choices": [{"text": "a"}]}],
        {"messages": [{"role": "user"}, {"role": "system"}]},
        {"messages": [{"id": 1, "from": "user", "text": "hi"}]},
        [{"type": "message", "content": [{"type": "p", "text": "x"}]}],
        [{"name": "a", "value": "b", "from": "system"}],
        {"name": "x", "version": "1", "type": "module", "scripts": {}},
        [{"model": "toyota", "input": ["a"], "output": ["c"]}],
    ],
)
def test_other_peoples_files(value: object, tmp_path: Path) -> None:
    """What merely has choices, roles, senders or messages is no log of a model."""
    path = tmp_path / "file.json"
    path.write_bytes(msgspec.json.encode(value))

    assert FORMAT.recognise(probe(path)) == 0


@pytest.mark.parametrize("name", ["history", "traj", "conversation"])
@pytest.mark.parametrize("size", [10, 50_000])
def test_conversations_of_agents(name: str, size: int, tmp_path: Path) -> None:
    """Agents keep a conversation under several names, with much before it."""
    path = tmp_path / "run.traj"
    told = [{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": "Done."}]
    document = {"environment": "e" * size, name: told, "info": {"rest": "r" * size}}
    path.write_text(json.dumps(document, indent=2))

    assert FORMAT.recognise(probe(path)) >= 0.5
    ((_, entries),) = read(path)
    assert [entry.kind for entry in entries] == ["conversation", "message", "message"]


def test_counts_beside_a_message() -> None:
    """Counts of a message are found where the whole reply is kept beside it."""
    usage = {"prompt_tokens": 10, "completion_tokens": 4}
    told = {"role": "assistant", "content": "x", "extra": {"response": {"usage": usage}}}
    (reply,) = spoken(told).facts()

    assert isinstance(reply, Replied)
    assert reply.tokens is not None
    assert (reply.tokens.input, reply.tokens.output) == (10, 4)
