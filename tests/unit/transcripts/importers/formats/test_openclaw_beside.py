"""Calls of a model beside the conversation of OpenClaw and pi are counted, and answer nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.events.codec import type_of
from steno.transcripts.importers.assembling import Assembler
from steno.transcripts.importers.claims import Claims
from steno.transcripts.importers.formats.openclaw_beside import beside, claim_of, usage_facts
from steno.transcripts.importers.formats.openclaw_entries import EntryReader
from steno.transcripts.importers.model import Noted, Replied, Returned, Said

DATA = Path(__file__).parents[4] / "data" / "imports" / "openclaw"
USAGE = {"input": 10, "output": 5, "cacheRead": 3, "cacheWrite": 0, "totalTokens": 18}


def entries():
    """Read the entries of the fixture."""
    reader = EntryReader()
    return [reader.read(line) for line in (DATA / "beside.jsonl").read_bytes().splitlines()]


def test_every_call_is_counted():
    """What summaries, tools and the program itself took is told beside the replies."""
    replies = [fact for entry in entries() for fact in entry.facts if isinstance(fact, Replied)]

    assert [(reply.alone, reply.tokens.input, reply.tokens.output) for reply in replies] == [
        (True, 500, 0),
        (False, 100, 20),
        (True, 40, 8),
        (True, 30, 6),
        (False, 130, 10),
        (True, 200, 12),
    ]
    assert [reply.model for reply in replies] == [
        "claude-haiku-4-5", "claude-sonnet-4-5", "", "claude-haiku-4-5", "claude-sonnet-4-5",
        "claude-sonnet-4-5",
    ]  # fmt: skip


def test_kinds_are_known():
    """Nothing in such a file is unknown."""
    assert [entry.kind for entry in entries() if not entry.known] == []


def test_system_prompt_in_sections():
    """A system prompt is put together from its sections; those that were removed are none."""
    assert entries()[2].facts == (Said("system", "You are a gardener.\n\n/srv/garden"),)


def test_replaced_for_the_model():
    """What an entry is replaced by for the model is text for people."""
    assert entries()[9].facts == (Noted(text="(shortened)"),)


def test_requests():
    """A call between a question and its reply leaves the question to the reply."""
    assembler = Assembler(
        "s",
        format_name="openclaw",
        origin="beside.jsonl",
        fallback=datetime(2026, 10, 2, tzinfo=UTC),
        claims=Claims(),
    )
    events = [event for entry in entries() for event in assembler.feed(entry)]
    events += assembler.finish()
    asked = {e.request_id: e for e in events if type_of(e) == "request_recorded"}
    replies = [e for e in events if type_of(e) == "response_recorded"]

    assert [asked[e.request_id].message_count if e.request_id in asked else 0 for e in replies] == [
        0, 2, 0, 0, 1, 0,
    ]  # fmt: skip
    assert asked[replies[1].request_id].request_text == "Which bed is dry?"
    assert len({e.request_id for e in replies}) == 6
    assert assembler.tally.input_tokens == 1000
    returned = [e for e in events if type_of(e) == "tool_call_recorded" and e.tool_output]
    assert [e.request_id for e in returned] == [replies[1].request_id]


@pytest.mark.parametrize("usage", [None, "x", [], {}, {"input": 0, "output": 0}])
def test_nothing_counted(usage):
    """An entry without counts is no call."""
    assert beside({"id": "a"}, usage) is None
    assert usage_facts({"id": "a", "usage": usage}) == []


def test_failed_call():
    """A call that failed says why."""
    entry = {"id": "a", "usage": USAGE, "stopReason": "error", "errorMessage": "overloaded"}
    (reply,) = usage_facts(entry)

    assert (reply.finish_reason, reply.error) == ("error", "overloaded")


def test_claims():
    """Copies are known by the two times, by id and time, or by an id that is long enough."""
    both = {"id": "a", "timestamp": "t"}
    assert claim_of(both, {"timestamp": 1, "model": "m"}, None) == "t/1/m/0/0"
    assert claim_of(both, {}, None) == "a@t"
    assert claim_of({"id": "a"}, {}, None) is None
    assert claim_of({"id": "a" * 16}, {}, None) == "a" * 16


def test_result_and_what_it_took():
    """The result of a tool is told before what the tool took, under another id."""
    result = {"role": "toolResult", "toolCallId": "c", "content": "x", "usage": USAGE}
    entry = {"type": "message", "id": "a", "timestamp": "2026-10-02T10:00:00Z", "message": result}
    returned, took = EntryReader().read(json.dumps(entry).encode()).facts

    assert isinstance(returned, Returned)
    assert (took.id, took.tokens.input, took.tokens.output) == ("a/tool", 13, 5)


def test_compaction_in_json_mode():
    """What `pi --mode json` prints of a compaction is one."""
    line = {
        "type": "compaction_end",
        "reason": "threshold",
        "result": {"summary": "Dry.", "tokensBefore": 9},
    }
    (summarised,) = EntryReader().read(json.dumps(line).encode()).facts

    assert (summarised.summary, summarised.trigger, summarised.tokens_before) == (
        "Dry.", "threshold", 9,
    )  # fmt: skip
