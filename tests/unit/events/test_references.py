"""What a transcript already holds is referred to, and put back as it was."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno import RequestRecorded, ResponseRecorded, ToolCallRecorded
from steno.events.references import (
    MIN_TEXT,
    Expander,
    Holdings,
    MissingReferenceError,
    ReservedKeyError,
    echoes,
    find_style,
    is_reference,
    write_in_style,
)
from steno.testing import FixedClock

NOW = FixedClock().now
LONG = "a text that is long enough to be worth a reference " * 4
SYSTEM = {"role": "system", "content": LONG}


def turn(number):
    """Make a message of one turn, long enough to be chained."""
    return {"role": "user", "content": f"turn {number}: {LONG}{number}"}


def request(body, text=""):
    """Make the event that carries a body."""
    return RequestRecorded("s", "r", NOW, request_json=body, request_text=text)


def test_history_is_one_reference():
    """Messages that an earlier request sent become one mark at the head of the list."""
    holdings, expander = Holdings(), Expander()
    sizes = []
    for count in range(1, 30):
        body = {"model": "m", "messages": [SYSTEM, *map(turn, range(count))]}
        compact = holdings.compact(body)
        holdings.settle(accepted=True)
        expander.learn(request(compact))
        sizes.append(len(msgspec.json.encode(compact)))

        assert expander.expand(compact) == body

    assert max(sizes[1:]) < 500


def test_dropped_event_is_not_referred_to():
    """What was dropped is written again: nothing refers to what is not there."""
    holdings = Holdings()
    body = {"messages": [SYSTEM, turn(1)]}
    holdings.compact(body)
    holdings.settle(accepted=False)

    assert holdings.compact(body) == body


def test_texts_of_replies():
    """A reply's text that comes back in the history refers to where the model said it."""
    holdings, expander = Holdings(), Expander()
    holdings.add_text(LONG)
    holdings.settle(accepted=True)
    expander.learn(ResponseRecorded("s", "r", NOW, response_text=LONG))
    body = {"messages": [{"role": "assistant", "content": LONG}]}

    compact = holdings.compact(body)

    assert is_reference(compact["messages"][0]["content"])
    assert expander.expand(compact) == body


def test_arguments_as_objects():
    """A tool call's arguments that a protocol sends as an object refer to the call's own event."""
    holdings, expander = Holdings(), Expander()
    arguments = {"path": "a.py", "content": LONG[:90], "more": [1, 2.5, None]}
    text = json.dumps(arguments)
    holdings.add_arguments(text)
    holdings.settle(accepted=True)
    expander.learn(ToolCallRecorded("s", "r", NOW, tool_name="write", tool_arguments=text))
    body = {"messages": [{"content": [{"type": "tool_use", "input": arguments}]}]}

    compact = holdings.compact(body)

    assert is_reference(compact["messages"][0]["content"][0]["input"])
    assert expander.expand(compact) == body


def test_moved_element():
    """An element that stands in another place than before refers to itself alone."""
    holdings, expander = Holdings(), Expander()
    first = {"tools": [turn(1), turn(2), turn(3)]}
    expander.learn(request(holdings.compact(first)))
    holdings.settle(accepted=True)
    second = {"tools": [turn(3), turn(1), turn(4)]}

    compact = holdings.compact(second)

    assert [is_reference(item) for item in compact["tools"]] == [True, True, False]
    assert expander.expand(compact) == second


@pytest.mark.parametrize(
    "reply",
    [
        {"choices": [{"message": {"role": "assistant", "content": f"no {LONG[:60]}"}}], "id": "1"},
        {"role": "assistant", "content": [{"type": "text", "text": f"no {LONG[:60]}"}], "id": "1"},
    ],
)
def test_reply_that_is_sent_back(reply):
    """A reply's message that a client sends back is one reference, whatever surrounded it."""
    holdings, expander = Holdings(), Expander()
    expander.learn(ResponseRecorded("s", "r", NOW, response_json=holdings.compact(reply)))
    holdings.add_echoes(reply)
    holdings.settle(accepted=True)
    message = echoes(reply)[0]
    body = {"messages": [turn(1), message]}
    compact = holdings.compact(body)
    expander.learn(request(compact))

    assert is_reference(compact["messages"][1])
    assert expander.expand(compact) == body


def test_twice_in_one_list():
    """An element that stands twice in one list is written once."""
    holdings, expander = Holdings(), Expander()
    body = {"messages": [turn(1), turn(2), turn(1)]}
    compact = holdings.compact(body)
    expander.learn(request(compact))

    assert is_reference(compact["messages"][2])
    assert expander.expand(compact) == body


def test_body_with_marks_of_its_own():
    """A body that looks as if it held references is not written with references."""
    with pytest.raises(ReservedKeyError):
        Holdings().compact({"messages": [{"steno.text": "0" * 32}]})


def test_deep_body():
    """A body that is nested without end is refused, not followed."""
    body = {}
    for _ in range(5000):
        body = {"a": body}

    with pytest.raises(ReservedKeyError):
        Holdings().compact(body)


@pytest.mark.parametrize("mark", ["steno.text", "steno.item", "steno.json"])
def test_missing_reference(mark):
    """A reference to what was lost says so."""
    with pytest.raises(MissingReferenceError):
        Expander().expand({"messages": [{mark: "ab" * 16}]})


def test_missing_prefix():
    """A prefix of a list that was lost says so."""
    with pytest.raises(MissingReferenceError):
        Expander().expand({"messages": [{"steno.prefix": "ab" * 16, "steno.count": 2}]})


def test_short_texts_stay():
    """A text shorter than a reference is worth stays as it is."""
    holdings = Holdings()
    body = {"a": "x" * (MIN_TEXT - 1), "b": "x" * (MIN_TEXT - 1)}

    assert holdings.compact(body) == body


STYLED = {"model": "m", "text": 'grün <b> & \u2028 \U0001f600 "q" \\ \n', "n": [1, 2.5, True, None]}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("compact", json.dumps(STYLED, ensure_ascii=False, separators=(",", ":"))),
        ("spaced-ascii", json.dumps(STYLED)),
        ("compact-ascii", json.dumps(STYLED, separators=(",", ":"))),
        ("spaced", json.dumps(STYLED, ensure_ascii=False)),
    ],
)
def test_styles(name, body):
    """The ways in which common libraries write JSON are found, and written again."""
    data = body.encode()

    assert find_style(data, json.loads(data)) == name
    assert write_in_style(json.loads(data), name) == data


def test_go():
    """JSON as Go writes it, with characters of HTML escaped, is given back as it was."""
    data = '{"a":"x \\u003cb\\u003e \\u0026 \\u2028 grün"}'.encode()

    assert find_style(data, json.loads(data)) == "html-safe"


@pytest.mark.parametrize("data", [b'{"a": 1e5}', b'{"a":1,"a":2}', b'{ "a" : 1 }', b'{"a":"\\/"}'])
def test_no_style(data):
    """JSON that no style gives back byte for byte is said to have none."""
    assert find_style(data, json.loads(data)) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MESSAGES = st.lists(
    st.dictionaries(st.sampled_from(["role", "content", "input"]), VALUES), max_size=6
)


@settings(deadline=None)
@given(st.lists(st.tuples(MESSAGES, VALUES, st.booleans()), max_size=6))
def test_any_history(turns):
    """Whatever requests say, and whichever events are dropped, all of it comes back."""
    holdings, expander = Holdings(), Expander()
    history = []
    for messages, extra, accepted in turns:
        history = [*history, *messages]
        body = {"messages": history, "extra": extra}
        try:
            compact = holdings.compact(body)
        except ReservedKeyError:
            holdings.settle(accepted=False)
            continue
        holdings.settle(accepted=accepted)
        if accepted:
            written = msgspec.json.decode(msgspec.json.encode(compact))
            expander.learn(request(written))

            assert expander.expand(written) == body
