"""Lines of Claude Code to entries: what each kind of line tells."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steno.transcripts.importers.formats.claude_code_entries import Reading, agent_conversation
from steno.transcripts.importers.formats.claude_code_lines import LineReader
from steno.transcripts.importers.model import (
    Aborted,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.source import Source
from steno.transcripts.values import Value

DATA = Path(__file__).parents[4] / "data" / "imports" / "claude-code"


def read(folder, number):
    """Read the entries of a fixture."""
    name = f"c1a0de00-0000-4000-8000-{number:012d}"
    reading = Reading(name, LineReader())
    return [reading.entry(value) for value in Source(DATA / folder / f"{name}.jsonl").values()]


def one(*lines):
    """Read lines; return the entry of the last."""
    reading = Reading("s", LineReader())
    return [reading.entry(Value(7, json.dumps(line).encode())) for line in lines][-1]


def facts(entries, kind):
    """Collect the facts of a kind."""
    return [fact for entry in entries for fact in entry.facts if isinstance(fact, kind)]


def user(content, **fields):
    """Make a line of the user's."""
    return {"type": "user", "message": {"role": "user", "content": content}, **fields}


def test_entry():
    """An entry has its line's own id, time and place, and stands there word for word."""
    line = {"type": "mode", "uuid": "u1", "timestamp": "2026-02-03T10:00:00.5+02:00", "mode": "x"}
    entry = one(line)

    assert (entry.id, entry.offset, entry.kind, entry.known) == ("u1", 7, "mode", True)
    assert entry.at == datetime(2026, 2, 3, 8, 0, 0, 500_000, tzinfo=UTC)
    assert json.loads(entry.raw) == line
    assert (entry.facts, entry.guessed, entry.replayed_from) == ((), None, None)


def test_conversation():
    """What was said, replied and returned is told in its order, counts as far as they were known."""
    found = read("blocks", 1)
    replies = facts(found, Replied)

    assert [(each.id, each.tokens.output, each.tokens.source) for each in replies] == [
        ("msg_01A", 2, "partial"), ("msg_01A", 2, "partial"), ("msg_01A", 4, "partial"),
        ("msg_01A", 4, "partial"), ("msg_01A", 187, "provider_final"),
        ("msg_01B", 9, "provider_final"), ("msg_01B", 61, "provider_final"),
        ("msg_01C", 33, "provider_final"),
    ]  # fmt: skip
    assert [call.id for each in replies for call in each.calls] == [
        "toolu_01A", "toolu_01B", "toolu_01C",
    ]  # fmt: skip
    assert facts(found, Said) == [Said("user", "Why does the last line get lost?")]
    assert facts(found, Returned) == [
        Returned(call_id="toolu_01A", success=True,
                 output="     1\tdef write(line):\n     2\t    buffer.append(line)"),
        Returned(call_id="toolu_01B", output='{"id":"ST-7"}', success=True),
        Returned(call_id="toolu_01C", success=False,
                 output="<tool_use_error>make: no rule</tool_use_error>"),
    ]  # fmt: skip
    assert [entry.kind for entry in found if not entry.facts] == [
        "progress/hook_progress", "file-history-snapshot", "progress/mcp_progress",
        "system/turn_duration",
    ]  # fmt: skip
    assert all(entry.known for entry in found)


def test_result_and_text_in_one_line():
    """A line may hold results and words; results go first."""
    entry = one(
        user([
            {"type": "text", "text": "Look:"},
            {"type": "tool_result", "tool_use_id": "t", "content": None, "is_error": None},
            {"type": "text", "text": "and go on."},
        ])
    )  # fmt: skip

    assert entry.facts == (
        Returned(call_id="t", output=None, success=True),
        Said("user", "Look:\nand go on."),
    )


def test_images():
    """Images are no text, but who shows only one has said something; results keep them."""
    found = read("server-tools", 11)

    assert facts(found, Said) == [Said("user", "What is this?"), Said("user", "")]
    assert facts(found, Returned)[-1].output[0]["type"] == "image"
    assert facts(found, Replied)[2].text == "It is a PNG."


def test_roles():
    """Who speaks is told by the role; one that nobody has is the user's."""
    roles = ("system", "user", "narrator", None)

    assert [one({"type": "user", "message": {"role": role, "content": "x"}}).facts for role in roles] == [
        (Said("system", "x"),), (Said("user", "x"),), (Said("user", "x"),), (Said("user", "x"),),
    ]  # fmt: skip


def test_sidechains_count():
    """A sub-agent's lines in the main file of version 1 count as the others; so do their costs."""
    found = read("version-1", 5)
    replies = facts(found, Replied)

    assert [each.tokens.output for each in replies] == [90, 30, 40]
    assert [each.cost_usd for each in replies] == [0.0125, 0.002, 0.01]
    assert [each.duration_ms for each in replies] == [2310, 900, 1500]
    assert facts(found, Noted) == []


def test_progress_of_subagents_is_a_copy():
    """A sub-agent's messages in its parent's file are copies of what its own file holds."""
    found = [entry for entry in read("subagents", 3) if entry.kind == "progress/agent_progress"]
    agent = "c1a0de00-0000-4000-8000-000000000003-agent-a1b2c3"

    assert [entry.replayed_from for entry in found] == [agent] * 3
    assert [(each.id, each.claim) for each in facts(found, Replied)] == [
        ("msg_03B", "msg_03B/req_03B"), ("msg_03C", "msg_03C/req_03C"),
    ]  # fmt: skip
    assert agent_conversation("s", "a") == "s-agent-a"


def test_progress_without_agent():
    """A copy that does not name its sub-agent still does not count here; that is a guess."""
    message = {"type": "assistant", "message": {"id": "m", "content": []}}
    entry = one({"type": "progress", "sessionId": "p", "data": {"message": message}})

    assert (entry.kind, entry.known, entry.replayed_from) == ("progress", True, "p-agent-unknown")
    assert entry.guessed is not None


def test_compaction():
    """A boundary and the summary behind it are one compaction; each may lack the other."""
    found = read("compaction", 9)
    summary = "This session is being continued from a previous conversation. Summary: a long story."

    assert facts(found, Summarised) == [
        Summarised(summary=summary, trigger="auto", tokens_before=155_025, tokens_after=8473),
        Summarised(trigger="manual", tokens_before=90_000),
        Summarised(summary="Older versions wrote a summary without a boundary."),
    ]
    assert [entry.kind for entry in found if facts([entry], Summarised)] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    assert facts(found, Noted) == [Noted(text="Context microcompacted")]
    assert Said("user", "Caveat: the messages below were generated by local commands.") in facts(
        found, Said
    )


def test_errors():
    """Errors, retries and interruptions are told as such, and are no replies with counts."""
    found = read("errors", 10)

    assert facts(found, Noted) == [
        Noted(text="API error 529: Overloaded (attempt 1 of 10)"),
        Noted(text="API error: FailedToOpenSocket (attempt 2 of 10)"),
        Noted(text="No response requested.", role="assistant"),
        Noted(text="[Request interrupted by user for tool use]", role="user"),
    ]
    assert [each.error for each in facts(found, Replied) if each.error] == [
        "server_error: API Error: 529 Overloaded"
    ]
    assert facts(found, Aborted) == [Aborted(error="cancelled: interrupted by the user")]
    assert [each.refused for each in facts(found, Replied)][-1]
    assert [each.success for each in facts(found, Returned)] == [False]


def test_interruption_as_plain_text():
    """Version 1 wrote an interruption without blocks."""
    entry = one(user("[Request interrupted by user]"))

    assert entry.facts == (Aborted(error="cancelled: interrupted by the user"),)


def test_interruption_of_a_tool():
    """Where a tool was interrupted the reply was whole, and nobody waits for another one."""
    text = "[Request interrupted by user for tool use]"

    for content in (text, [{"type": "text", "text": text}]):
        assert one(user(content)).facts == (Noted(text=text, role="user"),)


@pytest.mark.parametrize(
    "text",
    [
        "<command-name>/exit</command-name>\n  <command-message>exit</command-message>",
        "<command-message>model</command-message>\n<command-name>/model</command-name>",
        "<local-command-stdout>See you!</local-command-stdout>",
        "<local-command-caveat>Caveat: what follows was typed.</local-command-caveat>",
        "Caveat: The messages below were generated by the user while running local commands.",
        "<bash-input>ls</bash-input>",
        "<bash-stdout>notes.txt</bash-stdout><bash-stderr></bash-stderr>",
        "<user-memory-input>tabs, never spaces</user-memory-input>",
    ],
)
def test_local_commands_ask_for_nothing(text):
    """What was done in the terminal is for people; a session that ends with it is not cut short."""
    for content in (text, [{"type": "text", "text": text}]):
        assert one(user(content)).facts == (Noted(text=text, role="user"),)


@pytest.mark.parametrize(
    "text",
    [
        "<command-message>plan is running</command-message>\n<command-name>/my-plan</command-name>",
        "<command-name>/init</command-name>",
        "what does <command-name>/exit</command-name> do?",
        "<task-notification>\n<status>completed</status>\n</task-notification>",
    ],
)
def test_commands_that_are_prompts(text):
    """A command that is a prompt, of the user's own or not, is said to the model."""
    assert one(user(text)).facts == (Said("user", text),)


def test_side_lines():
    """Titles, notices and the queue are for people; settings tell nothing; all of them are known."""
    found = read("side-lines", 12)

    assert facts(found, Noted) == [
        Noted(text="and tell me when", role="user"),
        Noted(text="<local-command-stdout>dialog dismissed</local-command-stdout>"),
        Noted(text="Remote control disconnected"),
        Noted(text="You asked for the time."),
        Noted(text="PreToolUse:Bash [guard] completed successfully"),
        Noted(text="From a later version"),
        Noted(text="Telling the time"),
        Noted(text="Tell the time"),
        Noted(text="The time"),
        Noted(text="clock"),
        Noted(text="https://example.org/pull/7"),
    ]
    assert [entry.kind for entry in found if not entry.known] == [
        "attachment/crystal_ball", "system/quantum_leap", "telepathy",
    ]  # fmt: skip


def test_requests():
    """What the present version writes of its requests is known, and said once, by the messages."""
    found = read("requests", 17)

    assert [entry.kind for entry in found if not entry.known] == []
    assert facts(found, Said) == [Said("user", "What time is it?"), Said("user", "And now?")]
    assert [(each.text, each.error) for each in facts(found, Replied)] == [
        ("", None), ("I look. ", None), ("", None), ("Nine.", None),
        ("", "http 400: invalid_request_error: API Error: 400 no such clock"),
    ]  # fmt: skip
    assert sum(entry.kind == "api-request" for entry in found) == 4


def test_words_while_the_model_works():
    """What the user says while the model works reaches it as an attachment, and counts once."""
    found = read("side-lines", 12)

    assert facts(found, Said) == [Said("user", "Work."), Said("user", "and tell me when")]


def test_summary_of_another_session():
    """A summary that does not name the line before it may be another session's."""
    summary = {"type": "summary", "summary": "A title", "leafUuid": "u1"}

    assert one(summary).facts == ()
    assert one(user("x", uuid="u1"), summary).facts == (Noted(text="A title"),)
    assert one(user("x", uuid="u1"), user("x", uuid="u2"), summary).facts == ()


def test_odd_lines():
    """Lines with fields of wrong types are kept, told as far as they go, and what is guessed is said."""
    found = read("odd", 16)
    replies = facts(found, Replied)

    assert len(found) == 14
    assert [(each.id, each.text) for each in replies] == [
        ("msg_16A", "bare text"), (None, "text without a list"), ("msg_16B", ""),
    ]  # fmt: skip
    assert [entry.kind for entry in found if entry.guessed] == ["assistant"]
    assert [entry.kind for entry in found if not entry.known] == [
        "progress", "attachment", "?", "?", "?", "?", "?", "?",
    ]  # fmt: skip
    assert [entry.id for entry in found][:5] == ["o1", "o2", "o3", None, "o4"]


@pytest.mark.parametrize("timestamp", ["yesterday", "", "0001-01-01T00:00:00+14:00", "9" * 99])
def test_no_time(timestamp):
    """A time that is none is left out."""
    assert one({"type": "user", "timestamp": timestamp}).at is None


def test_long_kind():
    """A kind of any length is cut off."""
    entry = one({"type": "k" * 9999})

    assert (entry.known, len(entry.kind)) == (False, 80)
