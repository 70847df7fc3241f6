"""What of an event can be found."""

from datetime import UTC, datetime

import pytest

import steno
from steno.query.texts import MAX_TEXT, PARTS, rejoin, separate, texts_of

IDS = ("s", "r", datetime(2026, 11, 20, tzinfo=UTC))
USER = {"role": "user", "content": "first question"}
REPLY = {"role": "assistant", "content": [{"type": "text", "text": "an answer"}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
                                       "content": "what the tool said"}]}  # fmt: skip


def said(body, text=""):
    """List what is found of a request."""
    return dict(texts_of(steno.RequestRecorded(*IDS, request_text=text, request_json=body)))


def test_only_what_is_new_in_a_request():
    """Of a history that is sent each time, what follows the last reply is found."""
    first = said({"model": "m", "system": "be kind", "messages": [USER]})
    later = said({"model": "m", "system": "be kind", "messages": [USER, REPLY, RESULT]})

    assert first == {"request": "first question\nbe kind"}
    assert later == {"request": "what the tool said"}


def test_references_say_nothing():
    """What the transcript holds already is found where it stands first."""
    mark = {"steno.prefix": "00", "steno.count": 2}
    body = {"system": "be kind", "messages": [mark, {"steno.item": "00"}, USER]}

    assert said(body, "first question") == {"request": "first question"}


def test_responses_of_other_protocols():
    """The items of the Responses API and Gemini's contents are told apart as messages are."""
    items = [{"type": "message", "role": "user", "content": "old"}, {"type": "function_call",
             "call_id": "c", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c",
             "output": "fresh"}]  # fmt: skip
    gemini = {"contents": [{"role": "model", "parts": [{"text": "old"}]},
                           {"role": "user", "parts": [{"text": "fresh"}]}]}  # fmt: skip

    assert said({"input": items}) == {"request": "fresh"}
    assert said({"input": "a text"}) == {"request": "a text"}
    assert said(gemini) == {"request": "fresh"}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (steno.ResponseRecorded(*IDS, response_text="hello", response_json={"content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hello"}]}),
         {"reply": "hello", "thinking": "hm"}),
        (steno.ResponseRecorded(*IDS, response_json={"id": "x", "output": [{"text": "alone"}]}),
         {"reply": "alone"}),
        (steno.ToolCallRecorded(*IDS, tool_name="bash", tool_arguments='{"cmd":"ls\\nfoo","n":5}',
                                tool_output={"content": "a file"}),
         {"tool": "bash\nls\nfoo\n5", "output": "a file"}),
        (steno.ToolCallRecorded(*IDS, tool_name="bash", tool_arguments="{torn"),
         {"tool": "bash\n{torn"}),
        (steno.LogRecorded(*IDS, level="ERROR", logger="l", message="it broke", exception="E: x"),
         {"log": "it broke\nE: x"}),
        (steno.Completed(*IDS, success=False, error="reset by peer"), {"error": "reset by peer"}),
        (steno.Started(*IDS, model_requested="m", provider="p", listener="l"), {}),
    ],
)  # fmt: skip
def test_parts(event, found):
    """Replies, tools, log lines and errors are each found as what they are."""
    assert dict(texts_of(event)) == found
    assert set(found) <= set(PARTS)


def test_told_entries_are_not_found_twice():
    """An imported entry that other events tell is found by those."""
    entry = {"format": "f", "kind": "k", "entry_key": "e", "text": "a note"}

    assert dict(texts_of(steno.EntryImported(*IDS, **entry))) == {"entry": "a note"}
    assert texts_of(steno.EntryImported(*IDS, **entry, told=True)) == []


def test_bounded():
    """A gigantic text is searched up to a bound, and an image not at all."""
    (piece,) = texts_of(steno.LogRecorded(*IDS, level="I", logger="l", message="a " * MAX_TEXT))

    assert len(piece.text) == MAX_TEXT
    assert said({"messages": [{"role": "user", "content": [{"b64": "A" * 5000}]}]}) == {}


def test_scripts_without_blanks():
    """Each character of a script without blanks is a word, and the text can be had back."""
    text = "see \u65e5\u672c\u8a9e, \u0e44\u0e17\u0e22"

    assert len(separate(text).split("\u200b")) > 6
    assert rejoin(separate(text)) == text
    assert separate("plain") == "plain"
