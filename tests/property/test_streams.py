"""However a stream is cut and whatever is in it: the same events, the same reply, no exception."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.wire.facts import Reply, RequestFacts
from steno.wire.providers import find_protocol
from steno.wire.sse import EventSplitter

DATA = Path(__file__).parents[1] / "data" / "providers"
EXCHANGES = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(DATA.rglob("*.json"))
}
STREAMS = sorted(name for name, exchange in EXCHANGES.items() if "stream" in exchange)
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings")
CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def body_of(name):
    """Return the bytes of a recorded stream."""
    return "".join(EXCHANGES[name]["stream"]).encode()


def split(body, cuts=()):
    """Feed a body, cut at these places, and return its events."""
    splitter = EventSplitter()
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    events = []
    for begin, end in pairwise(places):
        events += splitter.feed(body[begin:end])
    return events + splitter.close()


def read(name, events):
    """Feed events to the protocol of a recorded exchange."""
    reader = find_protocol("POST", EXCHANGES[name]["path"]).read_stream()
    for event in events:
        reader.feed(*event)
    return reader.reply()


def vary(body, end, comments, *, has_last_end):
    """Write a stream otherwise: other line ends, comments between lines, no blank line at last."""
    lines = body.split(b"\n")
    if not has_last_end:
        lines = lines[:-2]
    for at in comments:
        # Not behind the last line: it would end there.
        lines.insert(at % max(1, len(lines) - 2), b": keep-alive")
    return end.join(lines)


@pytest.mark.parametrize("name", STREAMS)
@settings(deadline=None, max_examples=15)
@given(cuts=CUTS)
def test_cuts(name, cuts):
    """Wherever the bytes are cut, a stream rebuilds to the recorded reply."""
    body = body_of(name)
    events = split(body, cuts)

    assert events == split(body)
    assert read(name, events).body == EXCHANGES[name]["reply"]


@pytest.mark.parametrize("name", STREAMS)
def test_every_byte_apart(name):
    """A stream that comes byte by byte rebuilds to the recorded reply."""
    body = body_of(name)

    assert read(name, split(body, range(len(body)))).body == EXCHANGES[name]["reply"]


@settings(deadline=None, max_examples=80)
@given(
    name=st.sampled_from(STREAMS),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    comments=st.lists(st.integers(0, 500), max_size=5),
    has_last_end=st.booleans(),
    cuts=CUTS,
)
def test_spellings(name, end, comments, has_last_end, cuts):
    """Other line ends, comments and a missing blank line at last change nothing."""
    body = vary(body_of(name), end, comments, has_last_end=has_last_end)

    assert split(body, cuts) == split(body_of(name))


def read_by_the_letter(text):
    """Read a stream line by line, as the standard has it; slow and plain."""
    events, name, data = [], "", None
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in [*lines, ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data is not None:
                events.append((name, "\n".join(data)))
            name, data = "", None
        elif field == "data":
            data = [*(data or []), value]
        elif field == "event":
            name = value
    return events


@settings(deadline=None, max_examples=300)
@given(
    pieces=st.lists(
        st.sampled_from(
            ["data", "event", ":", ": ", " ", "\n", "\n\n", "\r", "\r\n", "\ufeff", "x", "é", "👋",
             "data: a", "data:", "event: e", "id: 1", "\u2028", "\x00", "\x0b"]
        ),
        max_size=20,
    ),
    cuts=CUTS,
)  # fmt: skip
def test_by_the_letter(pieces, cuts):
    """Any text splits as the standard's own steps say, wherever it is cut."""
    text = "".join(pieces)

    assert split(text.encode(), cuts) == read_by_the_letter(text)


@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=60), cuts=CUTS)
def test_any_bytes(body, cuts):
    """Any bytes give the same events wherever they are cut, and the replacement of bad ones."""
    expected = read_by_the_letter(body.decode("utf-8", "replace"))

    assert split(body, cuts) == expected


@settings(deadline=None, max_examples=100)
@given(
    lines=st.lists(
        st.sampled_from([b"data: 1234", b"data: 12345678", b"", b":", b"data: 1"]), max_size=14
    ),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=CUTS,
)
def test_limit(lines, end, cuts):
    """Which events are too long, and how many, does not depend on where they are cut."""
    body = end.join([*lines, b"", b""])

    def limited(places):
        splitter = EventSplitter(max_event_bytes=12)
        events = []
        for begin, stop in zip([0, *places], [*places, len(body)], strict=True):
            events += splitter.feed(body[begin:stop])
        return events + splitter.close(), splitter.dropped

    assert limited(sorted(cut % (len(body) + 1) for cut in cuts)) == limited([])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def places_in(value):
    """List the places in a value: paths of keys and indexes."""
    found = [()]
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found += [(key, *rest) for rest in places_in(inner)]
    return found


def put(value, place, new):
    """Copy a value with something else at one place."""
    if not place:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = put(value[place[0]], place[1:], new)
    return copied


@st.composite
def spoiled(draw, value):
    """Draw a value in which a few places hold something else."""
    for _ in range(draw(st.integers(1, 3))):
        value = put(value, draw(st.sampled_from(places_in(value))), draw(JSON))
    return value


@settings(deadline=None, max_examples=150)
@given(draw=st.data())
def test_hostile_bodies(draw):
    """Requests and replies in which anything has the wrong type are read without an exception."""
    exchange = EXCHANGES[draw.draw(st.sampled_from(sorted(EXCHANGES)))]
    protocol = find_protocol("POST", draw.draw(st.sampled_from([exchange["path"], *PATHS])))

    assert isinstance(protocol.read_request(draw.draw(spoiled(exchange["request"]))), RequestFacts)
    assert isinstance(protocol.read_reply(draw.draw(spoiled(exchange["reply"]))), Reply)


@settings(deadline=None, max_examples=200)
@given(draw=st.data())
def test_hostile_events(draw):
    """Streams in which anything has the wrong type, is missing or comes twice raise nothing."""
    name = draw.draw(st.sampled_from(STREAMS))
    reader = find_protocol("POST", EXCHANGES[name]["path"]).read_stream()
    for event, data in split(body_of(name)):
        how = draw.draw(st.sampled_from(["keep", "keep", "spoil", "spoil", "drop", "twice", "cut"]))
        if how == "spoil" and data != "[DONE]":
            data = json.dumps(draw.draw(spoiled(json.loads(data))))
        if how == "cut":
            data = data[: len(data) // 2]
        for _ in range({"drop": 0, "twice": 2}.get(how, 1)):
            assert reader.feed(event, data) in {True, False}

    reply = reader.reply()
    assert isinstance(reply, Reply)
    for counts in [reply.tokens] if reply.tokens else []:
        assert 0 <= counts.input < 2**63
        assert 0 <= counts.output < 2**63


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(STREAMS), share=st.floats(0, 1))
def test_asked_early(name, share):
    """A reply that is asked for in between is not changed by what follows, nor changes it."""
    events = split(body_of(name))
    reader = find_protocol("POST", EXCHANGES[name]["path"]).read_stream()
    early = text = None
    for at, event in enumerate(events):
        if at == int(share * (len(events) - 1)):
            early = reader.reply()
            text = repr(early)
        reader.feed(*event)

    assert reader.reply().body == EXCHANGES[name]["reply"]
    assert repr(early) == text
