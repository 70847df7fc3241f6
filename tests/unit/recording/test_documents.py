"""What was collected as JSON: the known form, a line for each entry, whatever the entries hold."""

import asyncio
import dataclasses
import io
import json
import math
from collections import deque

import msgspec
import pytest

from steno.errors import StenoError
from steno.recording.documents import Document, plain_copy


def written(data, metadata=None, source="kubernetes"):
    """Write a document; returns it, its text and what the text says."""
    document = Document(source, metadata or {}, data)
    text = b"".join(document.blocks())
    return document, text.decode(), json.loads(text)


def test_form():
    """A document has source, metadata with the count, and data, in this order."""
    document, _, told = written([{"line": 1}, {"line": 2}], {"pod": "payments"})

    assert list(told) == ["source", "metadata", "data"]
    assert told == {
        "source": "kubernetes",
        "metadata": {"pod": "payments", "count": 2},
        "data": [{"line": 1}, {"line": 2}],
    }
    assert (document.count, document.incomplete) == (2, None)


def test_lines():
    """Each entry has a line of its own, also where its text has line ends."""
    _, text, _ = written([{"message": "one\ntwo"}, {"message": "three"}])

    assert '\n{"message":"one\\ntwo"},\n{"message":"three"}\n]' in text


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 5000, 100_000])
@pytest.mark.parametrize("make", [list, tuple, iter, deque])
def test_any_number(count, make):
    """Lists and iterators of any length are written whole, and their count is told."""
    document, _, told = written(make([{"n": number} for number in range(count)]))

    assert told["data"] == [{"n": number} for number in range(count)]
    assert told["metadata"]["count"] == document.count == document.metadata["count"] == count


def test_iterators():
    """What is only iterated over tells its metadata at the end, when the count is known."""
    _, _, told = written({"n": number} for number in range(3))

    assert list(told) == ["source", "data", "metadata"]
    assert told["metadata"] == {"count": 3}


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\n\ntwo", ["one", "", "two"]),
        ("", []),
        (b"caf\xc3\xa9\n\xff", ["café", "\\xff"]),
        ([b"caf\xc3\xa9", bytearray(b"\xff"), "x"], ["café", "\\xff", "x"]),
        (io.BytesIO(b"one\r\n\ntwo"), ["one", "", "two"]),
        (io.StringIO("one\ntwo\n"), ["one", "two"]),
        ({"status": "success"}, [{"status": "success"}]),
        ({}, [{}]),
        (range(3), [0, 1, 2]),
        (["a", 1, None, True, 1.5, ["b"]], ["a", 1, None, True, 1.5, ["b"]]),
    ],
)
def test_what_entries_are(data, entries):
    """A text or a file is a line an entry, a mapping is one, everything else is iterated over."""
    document, _, told = written(data)

    assert told["data"] == entries
    assert document.count == len(entries)


def test_not_iterable():
    """What can't be iterated over is an error."""
    with pytest.raises(TypeError, match="not iterable"):
        written(5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 20, 999])
def test_not_finite(value, at):
    """A float that JSON has no word for is kept as text and noted; its neighbours stay as they are."""
    entries = [{"value": 1.5, "none": None} for _ in range(1000)]
    entries[at] = {"value": value, "none": None}
    document, text, told = written(entries)

    assert "NaN" not in text
    assert "Infinity" not in text
    assert told["data"][at] == {"value": str(value), "none": None}
    assert told["data"][at - 1] == {"value": 1.5, "none": None}
    assert told["altered"] == [{"path": f"/data/{at}/value", "reason": "not_finite"}]
    assert told["amended"] == {"count": 1000, "altered": 1}
    assert document.metadata["altered"] == 1


def test_not_finite_deep():
    """Inside of lists and mappings it is found as well."""
    _, _, told = written(iter([{"a": [{"b": [math.nan]}]}]))

    assert told["data"] == [{"a": [{"b": ["nan"]}]}]
    assert told["metadata"]["altered"] == 1


def test_null_is_null():
    """Nothing, and texts that look like it, stay what they are."""
    entries = [{"a": None, "b": "null", "c": b"\xcb\x7f\xf8" * 3}] * 3
    _, _, told = written(entries)

    assert [(each["a"], each["b"]) for each in told["data"]] == [(None, "null")] * 3
    assert "altered" not in told


@dataclasses.dataclass
class Point:
    """A value of somebody's own."""

    x: int


class Line(msgspec.Struct):
    """A struct of somebody's own."""

    text: str


class Hostile:
    """A value that raises whatever is done with it."""

    def __repr__(self):
        """Raise."""
        raise RuntimeError("no")


def test_values_of_any_kind():
    """What JSON can't carry is kept in the best form possible, and never fails the others."""
    cycle = {}
    cycle["self"] = cycle
    document, _, told = written(
        [Point(1), Line("x"), {"s": "\ud800"}, object(), Hostile(), cycle, {(1, 2): 3}, {1: 2},
         10**40, {"ok": 1}]
    )  # fmt: skip

    data = told["data"]
    assert data[:3] == [{"x": 1}, {"text": "x"}, {"s": "\\ud800"}]
    assert data[3].startswith("<object object")
    assert "Hostile" in data[4]
    assert "refers to a value that holds it" in data[5]["self"]
    assert data[6:] == [{"(1, 2)": 3}, {"1": 2}, 10**40, {"ok": 1}]
    assert document.count == 10
    assert {each["path"] for each in told["altered"]} >= {"/data/2/s", "/data/3"}


def test_notes_are_few():
    """Of very many alterations fifty are listed, and all are counted."""
    document, _, told = written([{"v": math.nan}] * 1000)

    assert len(told["altered"]) == 50
    assert document.metadata["altered"] == 1000


@pytest.mark.parametrize("before", [0, 1, 1000])
def test_an_iterator_that_fails(before):
    """What came before an iterator failed is kept, and marked with the reason."""

    def entries():
        for number in range(before):
            yield {"n": number}
        raise ConnectionError("the server went away")

    document, _, told = written(entries())

    assert len(told["data"]) == before
    assert told["metadata"] == {
        "count": before,
        "complete": False,
        "incomplete": "error: ConnectionError: the server went away",
    }
    assert document.incomplete == told["metadata"]["incomplete"]
    assert document.interruption is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError])
def test_cancelled(kind):
    """What came before a cancellation is kept and marked, and the cancellation is not forgotten."""

    def entries():
        yield {"n": 1}
        raise kind

    document, _, told = written(entries())

    assert told["data"] == [{"n": 1}]
    assert told["metadata"]["incomplete"] == "cancelled"
    assert isinstance(document.interruption, kind)


def test_entries_that_know_why():
    """Entries that end with an error of steno's say themselves why they are not all."""

    def entries():
        yield 1
        raise StenoError("limit")

    document = Document("k", {"complete": True}, entries())
    told = json.loads(b"".join(document.blocks()))

    assert (told["metadata"]["complete"], document.incomplete) == (False, "limit")


class Shrinking(list):
    """A list that loses its end while it is read."""

    def __getitem__(self, at):
        """Give a piece, then lose the rest."""
        piece = super().__getitem__(at)
        del self[50:]
        return piece


def test_a_list_that_changes():
    """A list that becomes shorter while it is saved is marked, and the count is right."""
    document, _, told = written(Shrinking([{"n": 1}] * 100))

    assert document.count == len(told["data"]) == told["amended"]["count"] == 50
    assert told["amended"]["complete"] is False


def test_metadata_of_any_kind():
    """Metadata that JSON can't carry never fails the document."""
    _, _, told = written([], {1: math.nan, "o": object(), "s": "\ud800"}, source="a\ud800")

    assert told["metadata"]["1"] == "nan"
    assert told["metadata"]["s"] == "\\ud800"
    assert told["source"] == "a\\ud800"


def test_large_entries_in_small_blocks():
    """Blocks stay small also where entries are large, so that memory does not grow with them."""
    document = Document("s", {}, ({"text": "x" * 100_000} for _ in range(200)))
    sizes = [len(block) for block in document.blocks()]

    assert max(sizes) < 2_000_000
    assert max(sizes[5:]) < 500_000


def test_entries_are_taken_when_they_are_wanted():
    """No more is taken of an iterator than is handed on."""
    taken = []

    def entries():
        for number in range(1000):
            taken.append(number)
            yield {"n": number}

    blocks = Document("s", {}, entries()).blocks()
    assert not taken
    for _ in range(3):
        next(blocks)
    assert len(taken) <= 64


def test_copy():
    """A copy does not change with what it was made of."""
    value = {"a": [1, {"b": math.nan}], "c": {2}}
    copy = plain_copy(value)
    value["a"].append(2)

    assert copy == {"a": [1, {"b": "nan"}], "c": [2]}


@pytest.mark.parametrize("make", [list, iter])
def test_encoded_before(make):
    """An entry that holds JSON with line ends of its own is one entry, on one line."""
    raw = msgspec.Raw(b'{"a":\n[1,\n2]\n}')
    _, text, told = written(make([{"m": raw}, {"m": 3}, raw]))

    assert told["data"] == [{"m": {"a": [1, 2]}}, {"m": 3}, {"a": [1, 2]}]
    assert text[text.index('"data"') :].splitlines()[4] in {"]", "],"}
