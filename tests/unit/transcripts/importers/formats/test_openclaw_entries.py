"""The entries of OpenClaw and pi: what each tells."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.transcripts.importers.formats.openclaw_entries import EntryReader
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)

DATA = Path(__file__).parents[4] / "data" / "imports" / "openclaw"
AT = "2026-03-02T08:00:00.000Z"


def read(name):
    """Read the entries of a fixture."""
    reader = EntryReader()
    return [reader.read(line) for line in (DATA / name).read_bytes().splitlines()]


def facts(name):
    """Return all that a fixture tells, in order."""
    return [fact for entry in read(name) for fact in entry.facts]


def tell(entry):
    """Read one entry alone."""
    return EntryReader().read(json.dumps(entry).encode())


def message(role, **fields):
    """Return an entry that is a message."""
    return {"type": "message", "id": "a", "timestamp": AT, "message": {"role": role, **fields}}


def test_conversation():
    """Questions, thoughts, calls and results are told in the order of the file."""
    said, first, returned, second = facts("v3.jsonl")

    assert said == Said("user", "Which bed is dry?")
    assert (first.text, first.thinking, first.finish_reason) == (
        "I look.", "I must look.", "toolUse",
    )  # fmt: skip
    assert first.calls == (Call("read", "toolu_01", '{"path":"beds.csv"}'),)
    assert (first.model, first.provider, first.cost_usd) == (
        "claude-sonnet-4-5", "anthropic", 0.0042,
    )  # fmt: skip
    assert (first.tokens.input, first.tokens.output) == (1180, 40)
    assert (first.id, first.claim) == (
        "msg_01AAAAAAAAAAAAAAAAAAAAAA",
        "2026-03-02T08:00:04.000Z/1772438402000/claude-sonnet-4-5/1180/40",
    )
    assert returned == Returned(
        call_id="toolu_01", name="read", output="bed,moisture\n1,40\n2,7", success=True,
        duration_ms=12,
    )  # fmt: skip
    assert second.text == "Bed 2 is dry."


def test_times_and_ids():
    """An entry's own id and time are kept; its time wins over the message's."""
    entries = read("v3.jsonl")

    assert entries[4].id == "a0000004"
    assert entries[4].at == datetime(2026, 3, 2, 8, 0, 4, tzinfo=UTC)
    assert {entry.known for entry in entries} == {True}


def test_time_of_the_message():
    """Where the entry has no time, the message's counts."""
    entry = message("user", content="x", timestamp=1772438400000)
    del entry["timestamp"]

    assert tell(entry).at == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_version_1():
    """Entries without ids tell the same; the header names the model of replies that do not."""
    replies = [fact for fact in facts("v1.jsonl") if isinstance(fact, Replied)]
    guessed = [entry.guessed for entry in read("v1.jsonl") if entry.guessed]

    assert [reply.model for reply in replies] == ["claude-sonnet-4-5"] * 3
    assert guessed == ["the model: the one that was chosen last"]
    assert replies[0].tokens.input == 1180
    assert Summarised(summary="Bed 2 is dry.", tokens_before=1222) in facts("v1.jsonl")


def test_version_2():
    """What an extension said is sent as the user's."""
    assert facts("v2.jsonl")[0] == Said("user", "It rains.")


def test_version_4():
    """Context that is a user message of its own is said like one."""
    assert facts("v4.jsonl")[:2] == [
        Said("user", "[context] It is Monday."), Said("user", "Good morning"),
    ]  # fmt: skip


def test_compaction():
    """A compaction is one; where it tells what it took, that is a reply of its own."""
    told = facts("compaction.jsonl")
    first, second = (fact for fact in told if isinstance(fact, Summarised))
    reply = told[-2]

    assert first == Summarised(summary="The user asked for dry beds; bed 2 is.", tokens_before=2282)
    assert second.trigger == "extension"
    assert (reply.text, reply.tokens.output, reply.model) == (
        "Beds 1 and 2 were looked at.", 9, "claude-sonnet-4-5",
    )  # fmt: skip


def test_branches():
    """All branches are told, in the order of the file, with the summary of the one that was left."""
    told = facts("branches.jsonl")

    assert [fact.text for fact in told if isinstance(fact, Replied)] == [
        "I look.", "Bed 2 is dry.", "Let me think of another way.",
    ]  # fmt: skip
    assert Said("user", "Looking at the file was tried.") in told
    assert [fact for fact in told if isinstance(fact, Noted)] == [
        Noted(text="good answer"), Noted(text="Dry beds"),
    ]  # fmt: skip
    assert told[-1] == Said("user", "Thanks")


def test_kinds():
    """Every kind tells what it says, or nothing; kinds that are not known are kept and said."""
    entries = {entry.id: entry for entry in read("kinds.jsonl")}
    told = {identifier[-1]: entry.facts for identifier, entry in entries.items()}

    assert told["1"] == ()
    assert told["2"] == (Said("user", "The gate is open."),)
    assert told["3"] == (Said("user", "$ ls\nbeds.csv"),)
    assert told["4"] == (Noted(text="$ env\nA=1", role="user"),)
    assert told["5"] == (Said("user", "Mind the roses."),)
    assert told["6"] == (Said("user", "A branch was left."),)
    assert told["7"] == (Summarised(summary="Earlier: nothing.", tokens_before=10),)
    assert told["8"] == (Said("user", "As a string, with a picture."),)
    assert told["9"] == (Said("user", ""),)
    assert told["a"] == (Noted(text="reset: daily"),)
    assert [entry.kind for entry in entries.values() if not entry.known] == [
        "plugin_state", "message/oracle",
    ]  # fmt: skip


def test_synthetic():
    """What OpenClaw itself wrote as an assistant's is no reply of a model."""
    told = facts("synthetic.jsonl")

    assert [fact.text for fact in told if isinstance(fact, Replied)] == ["I told them."]
    assert told[2:] == [
        Noted(text="Dinner at six.", role="assistant"),
        Noted(text="(gateway restarted)", role="assistant"),
    ]


def test_failures():
    """Errors, what was cut short, prompts that failed, and tools that failed say so."""
    told = facts("failures.jsonl")
    replies = [fact for fact in told if isinstance(fact, Replied)]

    assert [reply.error for reply in replies] == ["529 overloaded", None, None, None]
    assert (replies[0].tokens, replies[1].tokens.source) == (None, "partial")
    assert replies[1].calls == (Call("write", "toolu_09", '{"path":"a'),)
    assert [fact for fact in told if isinstance(fact, Aborted)] == [
        Aborted(error="cancelled: Request was aborted"), Aborted(error="no API key"),
    ]  # fmt: skip
    assert replies[1].finish_reason is None  # the provider gave no reason: the reply has no end
    assert [fact.success for fact in told if isinstance(fact, Returned)] == [False, False]
    assert replies[3].refused


def test_prompt_error_behind_a_reply():
    """A prompt that failed when nothing was asked ends no request: it is a note."""
    data = {"error": {"type": "overloaded", "message": "wait"}}
    entry = tell({"type": "custom", "customType": "openclaw:prompt-error", "data": data})

    assert entry.facts == (Noted(text="overloaded: wait"),)


def test_oh_my_pi():
    """The entries of oh-my-pi are known: titles, settings, files, and the model of its own form."""
    entries = read("omp.jsonl")
    told = facts("omp.jsonl")

    assert all(entry.known for entry in entries)
    assert told[:5] == [
        Noted(text="Dry beds"), Said("system", "You are a gardener."),
        Said("developer", "Be brief."), Said("user", "beds.csv\n2,7"), Said("user", "$ 1+1\n2"),
    ]  # fmt: skip
    assert (told[5].provider, told[5].model, told[5].tokens.reasoning) == ("openai", "gpt-5", 1)


def test_json_mode():
    """Of what `pi --mode json` prints, each message is told once."""
    told = facts("json-mode.jsonl")

    assert [type(fact) for fact in told] == [Said, Replied]
    assert all(entry.known for entry in read("json-mode.jsonl"))


def test_model_of_a_snapshot():
    """OpenClaw's snapshots of the model name it where replies do not."""
    reader = EntryReader()
    data = {"modelId": "gpt-5", "provider": "openai"}
    snapshot = {"type": "custom", "customType": "model-snapshot", "data": data}
    reader.read(json.dumps(snapshot).encode())
    (fact,) = reader.read(json.dumps(message("assistant", content="x")).encode()).facts

    assert (fact.model, fact.provider, fact.text) == ("gpt-5", "openai", "x")


def test_no_type():
    """A message whose type was left away is one."""
    entry = tell({"message": {"role": "user", "content": "x"}})

    assert (entry.kind, entry.known, entry.facts) == ("message/user", True, (Said("user", "x"),))


def test_short_provider_ids():
    """An id that a local server drew from a thousand identifies no reply; the entry's does."""
    entry = tell(message("assistant", content=[], model="m", responseId="chatcmpl-123"))

    assert entry.facts[0].id == "a"


def test_claims_without_ids():
    """A reply of version 1, and the same after each file got ids of its own, are one."""
    first = [fact.claim for fact in facts("v1.jsonl") if isinstance(fact, Replied)][:2]
    later = [fact.claim for fact in facts("v3.jsonl") if isinstance(fact, Replied)]

    assert first == later
    assert None not in first


@pytest.mark.parametrize(
    ("entry_time", "message_time", "identifier", "claim"),
    [
        (AT, 5, "a", f"{AT}/5/m/0/0"),
        (AT, None, "a", f"a@{AT}"),
        (None, 5, "a", "a@5"),
        (None, None, "a", None),
        (None, None, "a" * 36, "a" * 36),
        (AT, None, None, None),
        ({}, [], {}, None),
    ],
)
def test_claims(entry_time, message_time, identifier, claim):
    """A claim holds what copies keep, as far as it is there; a short id alone is none."""
    entry = message("assistant", content=[], model="m", timestamp=message_time)
    entry.update(timestamp=entry_time, id=identifier)

    assert tell(entry).facts[0].claim == claim


def test_results_with_images():
    """The bytes of images stay in the entry alone."""
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
    ]
    (fact,) = tell(message("toolResult", toolCallId="c", toolName="n", content=parts)).facts

    assert fact.output == [parts[0], {"type": "image", "mimeType": "image/png"}]
    assert fact.success is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"5", "?"), (b"null", "?"), (b"[]", "?"), (b"{}", "?"), (b'{"type":5}', "?"),
        (b"[" * 100_000, "?"), (b'{"type":"message"}', "message/?"),
        (b'{"type":"message","message":[]}', "message/?"), (b'{"type":"other"}', "other"),
        (b'{"type":"' + b"x" * 1000 + b'"}', "x" * 100),
    ],
)  # fmt: skip
def test_unknown(data, kind):
    """What is no entry, or none that is known, is kept verbatim and tells nothing."""
    entry = EntryReader().read(data, 7)

    assert (entry.raw, entry.kind, entry.known, entry.facts, entry.offset) == (
        data, kind, False, (), 7,
    )  # fmt: skip


@pytest.mark.parametrize("odd", [{}, [], [[]], {"a": 1}])
def test_fields_of_other_types(odd):
    """A field that should be a word and is an object or a list tells nothing, and is kept."""
    entries = [
        {"type": "model_change", "role": odd, "model": "a/b"},
        message("toolResult", toolCallId="c", content="x", details={"status": odd}),
        message("toolResult", toolCallId="c", content=[{"type": odd, "text": "x"}]),
        message("system", content=odd, sections={"a": odd}),
        message("assistant", content=[{"type": odd}], model=odd, stopReason=odd, usage=odd),
        {"type": "usage", "id": odd, "model": odd, "usage": {"input": odd, "output": 3}},
        {"type": "context_edit", "replacement": odd},
        {"type": "compaction_end", "result": odd, "reason": odd},
    ]
    for entry in entries:
        assert json.loads(tell(entry).raw) == entry


@pytest.mark.parametrize(
    ("status", "success"), [("forbidden", False), ("denied", False), ("accepted", True)]
)
def test_tools_that_refuse(status, success):
    """A tool that was not let do its work has failed, though `isError` denies it."""
    entry = message("toolResult", toolCallId="c", details={"status": status}, isError=False)
    (returned,) = tell(entry).facts

    assert returned.success is success
