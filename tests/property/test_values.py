"""Whatever stands between values, the reader finds all that are whole, at their places."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steno.transcripts.values import read_values

FUZZER = Path(__file__).parents[1] / "soak" / "fuzz_values.py"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
objects = st.dictionaries(st.text(min_size=1), json_values, min_size=1, max_size=4)
encoded = objects.map(lambda each: json.dumps(each, ensure_ascii=False))
lines = encoded.filter(lambda text: "\\ud" not in text).map(
    lambda text: text.encode("utf-8", "ignore")
)
# Garbage on lines of its own; brackets could make a value of it together with its neighbours.
garbage = st.binary(max_size=40).filter(lambda data: not set(data) & set(b'\n{["0123456789tfnNI-'))


def read(text, start=0):
    """Return the values and flaws of a text."""
    flaws = []
    return list(read_values(io.BytesIO(text), flaws, start=start)), flaws


@given(st.lists(lines), st.sampled_from([b"\n", b"\r\n", b"", b" ", b"\r"]))
def test_all(values, between):
    """Values on lines of their own or glued to each other are all found at their places."""
    text = between.join(values)
    found, flaws = read(text)

    assert [value.data for value in found] == values
    assert all(text[v.offset : v.offset + len(v.data)] == v.data for v in found)
    assert not any(flaw.lost for flaw in flaws)


class Line(msgspec.Struct):
    """What a caller looks for in a line."""

    type: str | None = None
    count: int | None = None


typed = st.fixed_dictionaries(
    {"pad": st.integers(0, 3).map(lambda times: "é x" * 300 * times)},
    optional={"type": json_values, "count": json_values, "more": json_values},
).map(lambda each: json.dumps(each, ensure_ascii=False).encode("utf-8", "replace"))
damage = st.sampled_from([b"", b"\xff", b"\x00", b"}", b'"', b"\n", b"NaN", b"1e+999"])


@given(st.lists(st.tuples(typed, damage, st.integers(0, 5_000)), max_size=6))
def test_parser(parts):
    """Who has the values checked by a parser of its own gets the same values and flaws."""
    text = b"\n".join(
        data[: at % len(data)] + harm + data[at % len(data) :] for data, harm, at in parts
    )
    flaws = []
    found = list(read_values(io.BytesIO(text), flaws, parse=msgspec.json.Decoder(Line).decode))

    assert (found, flaws) == read(text)


@given(st.lists(st.tuples(lines, garbage), min_size=1))
def test_garbage(parts):
    """Garbage on lines between values costs none of them."""
    text = b"".join(value + b"\n" + junk + b"\n" for value, junk in parts)

    assert [value.data for value in read(text)[0]] == [value for value, _ in parts]


@given(st.lists(lines, min_size=1), st.data())
def test_torn(values, data):
    """A line that is torn anywhere costs none of the lines around it."""
    torn = data.draw(st.sampled_from(values))
    torn = torn[: data.draw(st.integers(1, len(torn) - 1))]
    at = data.draw(st.integers(0, len(values)))
    text = b"\n".join([*values[:at], torn, *values[at:]])
    found, flaws = read(text)

    assert [value.data for value in found] == values
    assert sum(flaw.lost for flaw in flaws) == len(torn.rstrip())


@given(st.lists(encoded), st.integers(1, 4))
def test_spread(values, indent):
    """Documents that go over many lines are found one by one, as they stand."""
    texts = [json.dumps(json.loads(value), indent=indent).encode() for value in values]
    texts = [text for text in texts if b"\\ud" not in text]

    assert [value.data for value in read(b"\n".join(texts))[0]] == texts


@settings(max_examples=500)
@given(
    st.binary(max_size=300)
    | st.text('{}[]":,\\ux1eE+-.ntfNI \n\r\x00é', max_size=100).map(str.encode)
)
def test_any(text):
    """Any bytes at all: values decode, stand in order, and every byte is given, lost or white."""
    found, flaws = read(text)
    places = [value.offset for value in found]

    assert places == sorted(set(places))
    for value in found:
        msgspec.json.decode(value.data)
    for flaw in flaws:
        assert 0 <= flaw.offset <= flaw.offset + flaw.length <= len(text) + 1
        assert 0 <= flaw.lost <= len(text)
    kept = bytearray(text)
    for flaw in flaws:
        if flaw.lost:
            kept[flaw.offset : flaw.offset + flaw.length] = b" " * flaw.length
    if not any(
        (flaw.kind == "syntax" and not flaw.lost) or flaw.kind in ("encoding", "nul")
        for flaw in flaws
    ):
        given = b"".join(value.data for value in found)
        rest = bytes(kept).replace(b"\xef\xbb\xbf", b"")
        assert b"".join(rest.split()) == b"".join(given.split())


@given(st.binary(max_size=300), st.data())
def test_start(text, data):
    """From any line on, the reader finds what it finds from the beginning, where lines are whole."""
    text = text.replace(b"{", b"x").replace(b"[", b"y")
    starts = [0, *(at + 1 for at, byte in enumerate(text) if byte == ord("\n"))]
    start = data.draw(st.sampled_from(starts))
    assume(not text.startswith(b"\xef\xbb\xbf"))

    assert read(text, start)[0] == [v for v in read(text)[0] if v.offset >= start]


def test_mutated():
    """A slice of what `make soak` does: no mutated line crashes or hangs the reader."""
    done = subprocess.run(
        [sys.executable, FUZZER, "40000", str(random.randrange(10**6))],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["values"] > report["lines"] / 4
    assert report["rise"] <= 64 * 1024 * 1024 + report["longest"]
