"""What the messages of a Gemini CLI conversation tell."""

import pytest

from steno.transcripts.importers.formats.gemini_messages import FOLDED, INJECTED, SUMMARY, Messages
from steno.transcripts.importers.model import Call, Noted, Replied, Returned, Said, Summarised

UUID = "aaaaaaaa-0000-4000-8000-000000000001"


def take(record):
    """Read one message."""
    return Messages("s").take({"id": UUID, **record})


def tokens(**told):
    """Read counts, and what was concluded of them."""
    (reply,), guessed = take({"type": "gemini", "content": "", "tokens": told})
    return reply.tokens, guessed


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        ([{"text": "a"}, {"text": "b"}], "ab"),
        ({"text": "a"}, "a"),
        (["a", 7, {"inlineData": {}}], "a"),
        (None, ""),
    ],
)
def test_user(content, text):
    """What a user says is its text in all forms of content; one without any is a message too."""
    assert take({"type": "user", "content": content}) == ([Said("user", text)], None)


def test_injected():
    """What the program says in the user's name is a developer's word."""
    text = "<session_context>\nToday is Sunday.\n</session_context>"

    assert take({"type": "user", "content": text}) == ([Said("developer", text)], INJECTED)


def test_snapshot():
    """The snapshot that a compression leaves is a summary, and said to be concluded."""
    text = "<state_snapshot>\nSo far.\n</state_snapshot>"

    assert take({"type": "user", "content": text}) == ([Summarised(summary=text)], SUMMARY)


@pytest.mark.parametrize("kind", ["info", "error", "warning"])
def test_notices(kind):
    """What the program shows to the user is noted."""
    assert take({"type": kind, "content": "quota"}) == ([Noted(text="quota")], None)


@pytest.mark.parametrize("kind", ["holiday", None, 7])
def test_unknown(kind):
    """A message of a kind that nobody knows tells nothing."""
    assert take({"type": kind, "content": "quota"}) == ([], None)


def test_counts():
    """Thoughts come on top of the output, tool results on top of the input, cached ones inside."""
    found, guessed = tokens(
        input=15_300, output=20, cached=11_500, thoughts=900, tool=7, total=16_227
    )

    assert (found.input, found.output, found.total) == (15_307, 920, 16_227)
    assert (found.thinking, found.cache_read, found.source) == (900, 11_500, "provider_final")
    assert guessed is None


@pytest.mark.parametrize(
    ("told", "found", "guessed"),
    [
        ({"input": 100, "output": 30, "thoughts": 10, "total": 130}, (100, 30), FOLDED),
        ({"input": 100, "output": 30, "thoughts": 10, "tool": 5, "total": 140}, (100, 40), FOLDED),
        ({"input": 100, "output": 30, "thoughts": 10, "total": 999}, (100, 40), None),
        ({"input": 100, "output": 30, "thoughts": 10}, (100, 40), None),
        ({"input": 100}, (100, 0), None),
    ],
)
def test_totals(told, found, guessed):
    """The total says which counts are parts of others; one that fits nothing changes nothing."""
    counts, why = tokens(**told)

    assert (counts.input, counts.output) == found
    assert why == guessed


@pytest.mark.parametrize("told", [None, 7, {}, {"input": -1, "output": "9"}, {"total": 5}])
def test_no_counts(told):
    """Counts that can't be counts are none."""
    (reply,), _guessed = take({"type": "gemini", "content": "", "tokens": told})

    assert reply.tokens is None


def test_reply():
    """A reply is its text, its thoughts, its calls and its counts, with a claim by its id."""
    record = {
        "type": "gemini", "model": "gemini-3-pro", "content": "I will look.",
        "thoughts": [{"subject": "Boats", "description": "Counting."}, {"subject": "Two"}, 7],
        "toolCalls": [{"id": "c", "name": "ls", "args": {"p": 1}, "status": "executing"}],
    }  # fmt: skip
    (reply,), _guessed = take(record)

    assert reply == Replied(
        id=UUID,
        model="gemini-3-pro",
        provider="google",
        text="I will look.",
        thinking="Boats\nCounting.\n\nTwo",
        calls=(Call("ls", "c", '{"p":1}'),),
        claim=f"gemini:{UUID}",
    )


def test_parts():
    """Thoughts and calls that stand in the content are no text."""
    content = [
        {"text": "hm", "thought": True},
        {"text": "Yes."},
        {"functionCall": {"id": "c", "name": "ls", "args": {}}},
    ]
    (reply,), _guessed = take({"type": "gemini", "content": content})

    assert (reply.text, reply.thinking) == ("Yes.", "hm")
    assert reply.calls == (Call("ls", "c", "{}"),)


@pytest.mark.parametrize(
    ("asked", "run", "calls"),
    [
        ([("a", "ls")], [("a", "ls")], ["a"]),
        ([("a", "ls")], [("ls_1", "ls")], ["ls_1"]),
        ([("a", "ls"), ("b", "ls")], [("ls_1", "ls")], ["ls_1", "b"]),
        ([("a", "ls"), ("b", "cat")], [("b", "cat")], ["b", "a"]),
        ([("", "ls")], [("ls_1", "ls")], ["ls_1"]),
        ([("a", "ls")], [], ["a"]),
    ],
)
def test_calls_once(asked, run, calls):
    """A call that stands in the content and beside it is one, also where its id was changed."""
    content = [{"functionCall": {"id": named, "name": name}} for named, name in asked]
    tools = [{"id": named, "name": name} for named, name in run]
    (reply, *_), _guessed = take({"type": "gemini", "content": content, "toolCalls": tools})

    assert [call.id for call in reply.calls] == calls


def test_claims():
    """An id that is unique is a claim by itself, any other one within its conversation."""
    facts, _guessed = Messages("s").take({"id": "m1", "type": "gemini"})
    assert facts[0].claim == "gemini:s:m1"

    facts, _guessed = Messages("s").take({"type": "gemini"})
    assert (facts[0].id, facts[0].claim) == (None, None)


def test_written_again():
    """A reply that is written again is a whole one; a user's message is said once."""
    messages = Messages("s")
    user, reply = {"id": "u", "type": "user", "content": "a"}, {"id": "g", "type": "gemini"}

    assert len(messages.take(user)[0]) == 1
    assert messages.take(user) == ([], None)
    assert [messages.take(reply)[0][0].whole for _time in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("status", "result", "told"),
    [
        ("success", [{"functionResponse": {"response": {"output": "a"}}}], ("a", True)),
        ("error", [{"functionResponse": {"response": {"error": "b"}}}], ("b", False)),
        ("success", [{"functionResponse": {"response": {"x": 1}}}], ({"x": 1}, True)),
        ("cancelled", None, ("shown", False)),
        ("success", [{"text": "t"}], ("t", True)),
        ("success", "plain", ("plain", True)),
        ("odd", [{"text": "a"}, {"text": "b"}], ([{"text": "a"}, {"text": "b"}], None)),
    ],
)
def test_returned(status, result, told):
    """A tool's answer is its text where it has one, else all of it; its status says how it went."""
    tool = {"id": "c", "name": "ls", "status": status, "result": result, "resultDisplay": "shown"}
    (_reply, returned), _guessed = take({"type": "gemini", "toolCalls": [tool]})

    assert (returned.call_id, returned.name) == ("c", "ls")
    assert (returned.output, returned.success) == told


def test_returned_once():
    """A tool returns once, though its answer is written again, or told in the history."""
    messages = Messages("s")
    response = {"functionResponse": {"id": "c", "name": "ls", "response": {"output": "a"}}}
    tool = {"id": "c", "name": "ls", "status": "success", "result": [response]}
    record = {"id": "g", "type": "gemini", "toolCalls": [tool]}

    assert isinstance(messages.take(record)[0][-1], Returned)
    assert [type(fact) for fact in messages.take(record)[0]] == [Replied]
    assert messages.take({"id": "h", "type": "user", "content": [response]}) == ([], None)


@pytest.mark.parametrize(
    ("record", "new"),
    [
        ({"id": "g", "content": "masked"}, False),
        ({"id": "x", "type": "user", "content": "a"}, False),
        ({"id": "x", "type": "user", "content": "b"}, True),
        ({"id": "x", "content": [{"functionCall": {"id": "c"}}]}, False),
        ({"id": "x", "content": [{"functionCall": {"id": "d"}}]}, True),
        ({"id": "x", "content": [{"functionResponse": {"id": "c"}}]}, False),
        ({"id": "x", "content": [{"functionResponse": {"id": "d"}}]}, True),
        ({"id": "x", "content": "a", "tokens": {"input": 1}}, True),
        ({"id": "x", "content": ""}, True),
    ],
)
def test_history(record, new):
    """The program's own history repeats what was told, under other ids: only the rest is new."""
    messages = Messages("s")
    tool = {"id": "c", "name": "ls", "status": "success", "result": "r"}
    messages.take({"id": "u", "type": "user", "content": "a"})
    messages.take({"id": "g", "type": "gemini", "content": "t", "toolCalls": [tool]})

    assert messages.is_new(record) is new
