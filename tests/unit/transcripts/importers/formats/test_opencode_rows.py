"""Tests of what a row of opencode 2 tells."""

from __future__ import annotations

from typing import Any

import pytest

from steno.events.parts import Tokens
from steno.transcripts.importers.formats.opencode_rows import created, role_of, row_facts
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)


def test_what_is_said() -> None:
    """Rows of the user, of the system and those that are put in for the user are said."""
    assert row_facts("e", "user", {"text": "Hi"}).facts == (Said("user", "Hi"),)
    assert row_facts("e", "synthetic", {"text": "Hi"}).facts == (Said("user", "Hi"),)
    assert row_facts("e", "system", {"text": "Hi"}).facts == (Said("system", "Hi"),)
    assert row_facts("e", "user", {"text": 7}).facts == ()


def test_a_reply_with_its_tools() -> None:
    """A row of the model's is a whole reply: text, thinking, calls, counts that do not overlap."""
    tool = {
        "type": "tool", "id": "c1", "name": "bash", "time": {"ran": 10, "completed": 30},
        "state": {
            "status": "completed", "input": {"command": "ls"},
            "content": [{"type": "text", "text": "a"}, {"type": "file"}],
            "structured": {"exit": 0},
        },
    }  # fmt: skip
    data = {
        "time": {"created": 1000, "completed": 1900},
        "model": {"id": "glow", "providerID": "lumen"},
        "content": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "Yes."}, tool],
        "tokens": {"input": 10, "output": 5, "reasoning": 2, "cache": {"read": 3, "write": 1}},
        "finish": "tool-calls",
        "cost": 0.25,
    }
    reply, returned = row_facts("evt_1", "assistant", data).facts

    assert isinstance(reply, Replied)
    assert (reply.id, reply.model, reply.provider) == ("evt_1", "glow", "lumen")
    assert (reply.text, reply.thinking, reply.finish_reason) == ("Yes.", "Hm.", "tool-calls")
    assert reply.calls == (Call(name="bash", id="c1", arguments='{"command":"ls"}'),)
    assert reply.tokens == Tokens(
        input=14,
        output=7,
        reasoning=2,
        cache_read=3,
        cache_creation=1,
        thinking_percentage=28.57,
        source="provider_final",
    )
    assert (reply.cost_usd, reply.duration_ms) == (0.25, 900)
    assert returned == Returned(call_id="c1", name="bash", output="a", success=True, duration_ms=20)


def test_how_tools_end() -> None:
    """A tool fails by its status or by a command's exit; one that runs has not returned."""

    def returned(state: dict[str, object]) -> Returned | None:
        content = [{"type": "tool", "id": "c", "name": "t", "state": state}]
        facts = row_facts("e", "assistant", {"content": content}).facts
        return next((fact for fact in facts if isinstance(fact, Returned)), None)

    failed = returned({"status": "error", "error": {"type": "x", "message": "y"}})
    assert failed is not None
    assert (failed.success, failed.output) == (False, "x: y")
    code = returned({"status": "completed", "structured": {"exit": 1}})
    assert code is not None
    assert (code.success, code.output) == (False, {"exit": 1})
    assert returned({"status": "running"}) is None


def test_an_abort_and_an_error() -> None:
    """An aborted step ends its request; another error is the reply's."""
    reply, aborted = row_facts("e", "assistant", {"error": {"type": "aborted"}}).facts
    assert isinstance(reply, Replied)
    assert reply.error is None
    assert aborted == Aborted(error="cancelled: aborted", request="e")
    (reply,) = row_facts("e", "assistant", {"error": {"type": "api", "message": "no"}}).facts
    assert isinstance(reply, Replied)
    assert reply.error == "api: no"


def test_what_else_there_is() -> None:
    """A shell's output is for people, a compaction replaces; switches tell nothing."""
    assert row_facts("e", "shell", {"command": "ls", "output": "a"}).facts == (
        Noted(text="ls\na", role="user"),
    )
    assert row_facts("e", "compaction", {"summary": "So far.", "reason": "auto"}).facts == (
        Summarised(summary="So far.", trigger="auto"),
    )
    assert row_facts("e", "model-switched", {}).known
    assert not row_facts("e", "telepathy", {}).known
    assert not row_facts("e", "", {}).known


def test_what_copies_are_known_by() -> None:
    """Messages have a time in milliseconds, and two of the types have a role."""
    assert created({"time": {"created": 1000}}) == 1000
    assert created({"time": 7}) is None
    assert (role_of("user"), role_of("assistant"), role_of("shell")) == ("user", "assistant", None)


@pytest.mark.parametrize("value", [None, 7, [], {}, [[]], [{}], {"a": []}, "x", True])
def test_no_field_raises(value: Any) -> None:
    """A row whose every field holds the same odd value is read."""
    names = ("time", "model", "content", "tokens", "error", "text", "summary", "reason", "cost")
    data = dict.fromkeys(names, value)
    state = dict.fromkeys(("status", "input", "content", "structured", "error"), value)
    tool = {"type": "tool", "id": value, "name": value, "state": state, "time": value}
    for kind in ("user", "assistant", "shell", "compaction", ""):
        row_facts("e", kind, data)
        row_facts("", kind, {**data, "content": [value, tool, {"type": value}]})
