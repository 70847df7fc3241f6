"""Tests of what the rows of llm's database say."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from steno.transcripts.importers.formats.llm_messages import (
    Chains,
    Message,
    finish_of,
    older_reply,
    tokens_of,
)
from steno.transcripts.importers.model import Noted, Replied, Returned, Said


@pytest.mark.parametrize(
    ("details", "counted", "cached"),
    [
        (None, (10, 5), None),
        ('{"prompt_tokens_details":{"cached_tokens":4}}', (10, 5), 4),
        ('{"input_tokens_details":{"cached_tokens":4}}', (10, 5), 4),
        ('{"cache_read_input_tokens":4,"cache_creation_input_tokens":2}', (16, 5), 4),
        ('{"candidatesTokenCount":3,"thoughtsTokenCount":2}', (10, 5), None),
        ("no json", (10, 5), None),
        ("[1]", (10, 5), None),
    ],
)
def test_counts(details: str | None, counted: tuple[int, int], cached: int | None) -> None:
    """Cached tokens lie within the input, but for Anthropic's, which come on top."""
    tokens = tokens_of({"input_tokens": 10, "output_tokens": 5, "token_details": details})

    assert tokens is not None
    assert (tokens.input, tokens.output) == counted
    assert tokens.cache_read == cached


def test_no_counts() -> None:
    """A response without counts has none."""
    assert tokens_of({"input_tokens": None, "output_tokens": None}) is None


def test_a_row_of_the_older_tables() -> None:
    """A response says its system, its prompt and its reply."""
    row = {
        "system": "S", "prompt": "P", "response": "R", "reasoning": "T", "model": "m",
        "resolved_model": "m-1", "duration_ms": 12, "response_json": '{"stop_reason":"end_turn"}',
    }  # fmt: skip
    system, user, reply = older_reply(row, "r1")

    assert (system, user) == (Said("system", "S"), Said("user", "P"))
    assert reply == Replied(
        id="r1", claim="llm:r1", model="m-1", text="R", thinking="T", duration_ms=12,
        finish_reason="end_turn",
    )  # fmt: skip
    assert len(older_reply({}, "r2")) == 1


def test_why_a_reply_ended() -> None:
    """The reason is read from what the provider sent, if that is JSON."""
    assert finish_of('{"finish_reason":"stop"}') == "stop"
    assert finish_of("") is None
    assert finish_of(7) is None


def test_messages_sent_and_got() -> None:
    """Parts are said, returned or replied; history is for people."""
    tool = {"type": "tool_result", "tool_call_id": "c", "name": "t", "output": "", "exception": "E"}
    message = Message("k", "tool", [tool], b"{}")

    (returned,) = message.sent(history=False)
    assert returned == Returned(call_id="c", name="t", output="E", success=False)
    assert message.sent(history=True) == ()
    assert Message("k", "assistant", [{"type": "text", "text": "A"}], b"{}").sent(history=True) == (
        Noted(text="A", role="assistant"),
    )
    call = {"type": "tool_call", "name": "t", "arguments": {"a": 1}, "tool_call_id": "c"}
    (reply,) = Message("k", "assistant", [call], b"{}").replied("turn", "m")
    assert isinstance(reply, Replied)
    assert (reply.id, reply.calls[0].arguments) == ("turn", '{"a":1}')


def test_a_chain_that_goes_round_ends() -> None:
    """A damaged chain, of which a message is its own ancestor, is read once round."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(
            "CREATE TABLE messages (hash, parent_hash, role, provider_metadata);"
            "CREATE TABLE parts (id, message_hash, position, type, tool_name, text, payload);"
            "INSERT INTO messages VALUES ('a', 'b', 'user', NULL), ('b', 'a', 'user', NULL);"
        )
        chains = Chains(connection)

        assert [each.key for each in chains.messages("a", ())] == ["b", "a"]
        assert [each.key for each in chains.messages("a", {"b"})] == ["a"]
        assert list(chains.messages("gone", ())) == []
        assert chains.fragment(1) == ""
