"""Tests of what a message of opencode 1 tells."""

from __future__ import annotations

from typing import Any

import pytest

from steno.transcripts.importers.formats.opencode_turns import GUESSED_OUTPUT, Turn, tokens_of, why
from steno.transcripts.importers.model import (
    Aborted,
    Fact,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)


def spoken(**info: Any) -> Turn:
    """Begin a message of the model's."""
    times = {"created": 1000, "completed": 1500}
    base = {"role": "assistant", "modelID": "glow", "providerID": "lumen", "time": times}
    return Turn("msg_1", {**base, **info})


def only(facts: tuple[Fact, ...]) -> Replied:
    """Return the one reply."""
    (fact,) = facts
    assert isinstance(fact, Replied)
    return fact


def test_what_the_user_says() -> None:
    """Text of the user's is said; what the model is not shown is noted; its system is said."""
    turn = Turn("msg_1", {"role": "user", "system": "Be brief."})

    assert turn.head().facts == (Said("system", "Be brief."),)
    assert turn.part({"type": "text", "text": "Hello"}).facts == (Said("user", "Hello"),)
    ignored = turn.part({"type": "text", "text": "psst", "ignored": True})
    assert ignored.facts == (Noted(text="psst", role="user"),)
    assert turn.part({"type": "subtask", "prompt": "Look"}).facts == (
        Noted(text="Look", role="user"),
    )


def test_each_step_is_a_reply_of_its_own() -> None:
    """The second step of a message has an id of its own, and each step its own counts."""
    turn = spoken(tokens={"input": 9, "output": 9})
    turn.part({"type": "step-start"})
    first = only(turn.part({"type": "text", "text": "One"}).facts)
    counted = only(turn.part({"type": "step-finish", "tokens": {"input": 5, "output": 2}}).facts)
    turn.part({"type": "step-start"})
    second = only(turn.part({"type": "text", "text": "Two"}).facts)
    last = only(turn.part({"type": "step-finish", "tokens": {"input": 9, "output": 9}}).facts)

    assert first.id == counted.id == "msg_1"
    assert second.id == last.id == "msg_1/2"
    assert counted.tokens is not None
    assert counted.tokens.output == 2
    assert first.claim is not None
    assert first.claim == counted.claim != second.claim
    assert only(turn.tail().facts).tokens is None


def test_counts_of_the_message_stand_in_for_steps_without() -> None:
    """Where no step has told counts, the message's own are taken, with its cost and duration."""
    turn = spoken(
        tokens={"input": 10, "output": 5, "reasoning": 0, "cache": {"read": 3, "write": 2}},
        cost=0.5,
        finish="stop",
    )
    reply = only(turn.tail().facts)

    assert reply.tokens is not None
    assert (reply.tokens.input, reply.tokens.output) == (15, 5)
    assert (reply.tokens.cache_read, reply.tokens.cache_creation) == (3, 2)
    assert (reply.cost_usd, reply.finish_reason, reply.duration_ms) == (0.5, "stop", 500)


@pytest.mark.parametrize(
    ("tokens", "output", "guessed"),
    [
        ({"total": 150, "input": 100, "output": 50, "reasoning": 20}, 50, None),
        ({"total": 170, "input": 100, "output": 50, "reasoning": 20}, 70, None),
        ({"total": 999, "input": 100, "output": 50, "reasoning": 20}, 70, GUESSED_OUTPUT),
        ({"input": 100, "output": 50, "reasoning": 20}, 50, GUESSED_OUTPUT),
        ({"input": 100, "output": 5, "reasoning": 20}, 25, GUESSED_OUTPUT),
        ({"input": 100, "output": 50}, 50, None),
    ],
)
def test_whether_output_includes_reasoning(
    tokens: dict[str, int], output: int, guessed: str | None
) -> None:
    """The total says whether output includes reasoning; without it, that is guessed and said."""
    counts, told = tokens_of(tokens, ended=True)

    assert counts is not None
    assert counts.output == output
    assert told == guessed


def test_what_is_not_done_has_no_copies() -> None:
    """Two messages of one millisecond are told apart while they go on, and by their counts."""
    claims = [
        only(Turn(name, {"role": "assistant", **info}).part({"type": "text", "text": "x"}).facts)
        for name, info in (
            ("msg_1", {"time": {"created": 1}}),
            ("msg_2", {"time": {"created": 1}}),
            ("msg_3", {"time": {"created": 1, "completed": 2}, "tokens": {"output": 3}}),
            ("msg_4", {"time": {"created": 1, "completed": 2}, "tokens": {"output": 4}}),
            ("msg_5", {"time": {"created": 1, "completed": 2}, "tokens": {"output": 4}}),
        )
    ]

    assert len({reply.claim for reply in claims}) == 4
    assert claims[3].claim == claims[4].claim


def test_zeros_are_no_counts() -> None:
    """Counts of nothing but zeros tell nothing, and unfinished ones are partial."""
    assert tokens_of({"input": 0, "output": 0}, ended=True) == (None, None)
    counts, _ = tokens_of({"input": 1, "output": 0}, ended=False)
    assert counts is not None
    assert counts.source == "partial"


def test_tools() -> None:
    """A tool's part tells the call and how it went: by its status, or a command's exit."""
    state = {
        "status": "completed", "input": {"command": "ls"}, "output": "no", "metadata": {"exit": 2},
        "time": {"start": 10, "end": 40},
    }  # fmt: skip
    part = {"type": "tool", "callID": "c1", "tool": "bash", "state": state}
    reply, returned = spoken().part(part).facts

    assert isinstance(reply, Replied)
    assert (reply.calls[0].name, reply.calls[0].id) == ("bash", "c1")
    assert reply.calls[0].arguments == '{"command":"ls"}'
    assert returned == Returned(
        call_id="c1", name="bash", output="no", success=False, duration_ms=30
    )
    failed = {"status": "error", "input": {}, "error": "denied"}
    _, returned = spoken().part({**part, "state": failed}).facts
    assert isinstance(returned, Returned)
    assert (returned.output, returned.success) == ("denied", False)
    assert len(spoken().part({**part, "state": {"status": "running"}}).facts) == 1


def test_a_tool_called_wrongly_has_failed() -> None:
    """The tool that stands in for a wrong call completes, and the call has failed all the same."""
    state = {"status": "completed", "input": {"tool": "weave", "error": "?"}, "output": "invalid"}
    part = {"type": "tool", "callID": "c1", "tool": "invalid", "state": state}
    reply, returned = spoken().part(part).facts

    assert isinstance(reply, Replied)
    assert reply.calls[0].name == "weave"
    assert isinstance(returned, Returned)
    assert returned.success is False


def test_an_abort_ends_the_request() -> None:
    """An aborted message is no reply with an error; it names its request if it has said a word."""
    error = {"name": "MessageAbortedError", "data": {"message": "stopped"}}
    silent = spoken(error=error, time={"created": 1000})
    assert silent.tail().facts == (
        Aborted(error="cancelled: MessageAbortedError: stopped", request=None),
    )
    turn = spoken(error=error)
    turn.part({"type": "text", "text": "Wh"})
    reply, aborted = turn.tail().facts
    assert isinstance(reply, Replied)
    assert reply.error is None
    assert isinstance(aborted, Aborted)
    assert aborted.request == "msg_1"


def test_other_errors_are_the_replys() -> None:
    """An error of the provider is told with the reply."""
    error = {"name": "APIError", "data": {"message": "Overloaded"}}
    assert only(spoken(error=error).tail().facts).error == "APIError: Overloaded"


def test_a_summary_is_a_compaction() -> None:
    """The text of a summary replaces what was said; the message before it says who asked."""
    asking = Turn("msg_0", {"role": "user"})
    asking.part({"type": "compaction", "auto": True})
    info = {"role": "assistant", "summary": True, "time": {"created": 1, "completed": 2}}
    turn = Turn("msg_1", info, trigger=asking.compacting)
    turn.part({"type": "text", "text": "All was well."})

    assert turn.tail().facts[-1] == Summarised(summary="All was well.", trigger="auto")


def test_what_is_known() -> None:
    """Parts that tell nothing are known; a type that nobody has heard of is not."""
    turn = spoken()
    for kind in ("snapshot", "patch", "file", "agent", "step-start"):
        told = turn.part({"type": kind})
        assert told.known
        assert told.facts == ()
    assert not turn.part({"type": "hologram"}).known
    assert not turn.part({}).known
    assert not Turn("msg_1", {}).head().known


def test_errors_in_one_line() -> None:
    """Errors are told by name and message, whatever of these there is."""
    assert why(None) is None
    assert why({}) is None
    assert why("broken") == "broken"
    assert why({"name": "A", "data": {"message": "b"}}) == "A: b"
    assert why({"type": "aborted"}) == "aborted"
    assert why([1]) is None


@pytest.mark.parametrize("value", [None, 7, [], {}, [[]], {"a": []}, "x", True])
def test_no_field_raises(value: Any) -> None:
    """A part whose every field holds the same odd value is read, and so is such a message."""
    names = ("text", "state", "callID", "tool", "tokens", "cost", "auto", "error", "prompt")
    for kind in ("text", "tool", "step-finish", "compaction", "retry", "subtask", value):
        part = dict.fromkeys(names, value) | {"type": kind}
        spoken().part(part)
        states = dict.fromkeys(("status", "input", "metadata", "time", "output"), value)
        spoken().part({**part, "state": states})
    info = dict.fromkeys(("time", "tokens", "error", "model", "modelID", "summary"), value)
    turn = Turn("msg_1", {**info, "role": "assistant"})
    turn.part({"type": "text", "text": "x"})
    turn.tail()
    Turn("msg_1", {**info, "role": value}).head()


def test_in_which_order_a_message_is_told() -> None:
    """The user's row comes before its parts, the model's behind them; parts come as given."""
    part = {"type": "text", "text": "Hello"}
    asked = Turn("msg_0", {"role": "user"})

    assert [(given, told.kind) for given, _held, told in asked.tell([("file", part)])] == [
        (None, "message/user"), ("file", "part/text"),
    ]  # fmt: skip
    assert [(given, told.kind) for given, _held, told in spoken().tell([("file", part)])] == [
        ("file", "part/text"), (None, "message/assistant"),
    ]  # fmt: skip


def test_what_asks_for_a_compaction_is_handed_on() -> None:
    """What the user's message asks for is there for the model's next one, and not for others."""
    asked = Turn("msg_0", {"role": "user"})
    list(asked.tell([("file", {"type": "compaction", "auto": True})]))
    between = Turn("msg_1", {"role": "user"}, trigger=asked.hands_on)

    assert (asked.hands_on, between.hands_on) == ("auto", "auto")
    assert Turn("msg_2", {"role": "assistant"}, trigger="auto").hands_on is None
