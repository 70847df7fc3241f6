"""Values out of fragments."""

import time

from steno.wire.providers.deltas import Fragments, Growing


def grown(*deltas):
    """Put deltas together."""
    growing = Growing()
    for delta in deltas:
        growing.add(delta)
    return growing.whole()


def test_texts():
    """Texts are appended; those that are sent whole are replaced; null changes nothing."""
    assert grown(
        {"role": "assistant", "content": "a", "refusal": None},
        {"role": "assistant", "content": "b", "id": "1"},
        {"content": None, "id": "", "refusal": "no"},
    ) == {"role": "assistant", "content": "ab", "refusal": "no", "id": "1"}


def test_half_characters():
    """Two halves of a character in two fragments are one character."""
    text = Fragments("\ud83d")
    text.add("\udc4b")

    assert text.whole() == "👋"
    assert Fragments("\ud83d").whole() == "\ud83d"


def test_calls_without_numbers():
    """Tool calls are told apart by their ids, where all have the same index or none."""
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    second = {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{"}}
    more = {"index": 0, "function": {"arguments": "}"}}
    expected = [
        {"id": "a", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "function": {"name": "g", "arguments": "{}"}},
    ]

    assert grown({"tool_calls": [first]}, {"tool_calls": [second, more]})["tool_calls"] == expected
    for piece in (first, second, more):
        del piece["index"]
    assert grown({"tool_calls": [first, second]}, {"tool_calls": [more]})["tool_calls"] == expected


def test_repeated_names():
    """A name or an id that comes with each fragment is no longer for it."""
    piece = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "1"}}

    assert grown({"tool_calls": [piece]}, {"tool_calls": [piece]})["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "11"}}
    ]


def test_types_under_one_index():
    """Objects of another type are other objects, though their index is the same."""
    summary = {"type": "reasoning.summary", "summary": "s", "index": 0}
    secret = {"type": "reasoning.encrypted", "data": "d", "index": 0}

    assert grown(
        {"reasoning_details": [summary]},
        {"reasoning_details": [summary]},
        {"reasoning_details": [secret]},
    )["reasoning_details"] == [{**summary, "summary": "ss"}, secret]


def test_arrays():
    """Arrays without numbers grow by their items; a text in between becomes a part."""
    assert grown({"annotations": [1]}, {"annotations": [2]}) == {"annotations": [1, 2]}
    assert grown({"content": "a"}, {"content": [{"type": "x"}]}, {"content": "b"})["content"] == [
        {"type": "text", "text": "a"},
        {"type": "x"},
        {"type": "text", "text": "b"},
    ]


def test_depth():
    """What lies too deep is replaced, so that hostile depth costs no stack."""
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}

    value = grown(deep, deep)
    for _ in range(3000):
        value = value["a"]
    assert value


def test_snapshot():
    """A whole that was handed out does not change when more comes."""
    growing = Growing()
    growing.add({"content": "a", "list": [1]})
    before = growing.whole()
    growing.add({"content": "b", "list": [2]})

    assert before == {"content": "a", "list": [1]}
    assert growing.whole() == {"content": "ab", "list": [1, 2]}


def test_linear():
    """Four times the fragments take four times as long, not sixteen."""

    def measure(pieces):
        growing = Growing()
        begin = time.process_time()
        for _ in range(pieces):
            growing.add({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 50}}]})
        growing.whole()
        return time.process_time() - begin

    small = min(measure(5000) for _ in range(3))

    assert min(measure(20_000) for _ in range(3)) < 10 * small
