"""Requests are given back byte for byte."""

import hashlib
import json

import pytest

import steno
from steno import RequestRecorded
from steno.errors import IdentityError, TranscriptError
from steno.events.parts import Body
from steno.events.references import Expander
from steno.testing import FixedClock
from steno.transcripts.bodies import expand_event, read_request, read_requests
from steno.transcripts.finding import resolve_session
from steno.wire.exchange import Exchange
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

NOW = FixedClock().now
LONG = "something long enough to be referred to later on " * 5
HISTORY = [{"role": "user", "content": f"{number} {LONG}"} for number in range(6)]
BODIES = [
    json.dumps({"model": "m", "messages": HISTORY[:1]}).encode(),
    json.dumps({"model": "m", "messages": HISTORY[:3]}, separators=(",", ":")).encode(),
    b'{ "model":"m",\r\n "messages" : [] }',
    json.dumps({"model": "m", "messages": HISTORY, "steno.item": 1}).encode(),
    b"\xff\x00 no json at all",
    b"",
    json.dumps({"messages": HISTORY, "model": "m"}, ensure_ascii=False).encode() + b"\n",
]


@pytest.fixture
def path(home):
    """Record the bodies, one request each, and name the transcript."""
    sessions = Sessions()
    with steno.open(home) as recorder:

        class ToRecorder:
            record = staticmethod(recorder.record)

            def begin_session(self, identity, began):
                recorder.session(identity.session_id)

        for number, body in enumerate(BODIES):
            opening = Opening(
                request_id=f"r{number}", method="POST", target="/v1/chat/completions", headers={},
                begun=NOW, begun_s=1.0, session_id="s",
            )  # fmt: skip
            exchange = Exchange(opening, ToRecorder(), sessions)
            exchange.add_request(body)
            exchange.end(Outcome(kind="done"), 2.0)
    return resolve_session(home / "sessions", "s")


def test_every_body(path, home):
    """Whatever was sent, in whatever style, comes back as the same bytes."""
    for number, body in enumerate(BODIES):
        if body:
            assert read_request(path, f"r{number}", home) == body


def test_all_at_once(path, home):
    """All requests of a session come back in their order; an empty one was not recorded."""
    found = list(read_requests(path, home))

    assert [name for name, _ in found] == [f"r{number}" for number in range(len(BODIES))]
    assert [body for _, body in found if isinstance(body, bytes)] == [
        body for body in BODIES if body
    ]


def test_linear(path):
    """What the transcript holds already is not in it twice."""
    assert path.read_text().count(f"1 {LONG}") <= 3


@pytest.mark.parametrize("wanted", ["r9", "x", "r"])
def test_no_such_request(path, home, wanted):
    """A request that is not there, or is not one alone, is an error with a hint."""
    with pytest.raises(IdentityError):
        read_request(path, wanted, home)


def test_missing_part(path, home):
    """Where a part of the transcript was lost, the body that needs it is not made up."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b'"request_id":"r0"' not in line))

    with pytest.raises(TranscriptError, match="can't be given back"):
        read_request(path, "r1", home)


def test_edited_transcript(path, home):
    """A body that is not what was sent any more is not given out as such."""
    path.write_bytes(path.read_bytes().replace(b'"model":"m"', b'"model":"x"'))

    with pytest.raises(TranscriptError, match="not what was sent"):
        read_request(path, "r0", home)


def write_event(home, how, value=None):
    """Record one request with this account of its body; returns the transcript."""
    with steno.open(home) as recorder:
        recorder.record(RequestRecorded("t", "r1", NOW, request_body=how, request_json=value))
    return resolve_session(home / "sessions", "t")


def test_large_body(home):
    """A body in a file is read from there."""
    (home / "artefacts").mkdir(parents=True)
    (home / "artefacts" / "x").write_bytes(b"large")
    digest = hashlib.sha256(b"large").hexdigest()
    path = write_event(home, Body(encoding="file", path="artefacts/x", sha256=digest))

    assert read_request(path, "r1", home) == b"large"


@pytest.mark.parametrize("outside", ["../secret", "/etc/passwd"])
def test_path_out_of_the_home(home, outside):
    """A transcript can't have a file outside the home read."""
    (home.parent / "secret").write_text("x")
    path = write_event(home, Body(encoding="file", path=outside))

    with pytest.raises(TranscriptError, match="leads out"):
        read_request(path, "r1", home)


@pytest.mark.parametrize(
    ("how", "value"),
    [
        (None, {"a": 1}), (Body(encoding="lost"), None), (Body(encoding="base64"), "!!!"),
        (Body(encoding="json", style="newer"), {}), (Body(encoding="file", path="gone"), None),
    ],
)  # fmt: skip
def test_not_given_back(home, how, value):
    """What can't be given back is an error, never a guess."""
    path = write_event(home, how, value)

    with pytest.raises(TranscriptError):
        read_request(path, "r1", home)


def test_reference_to_nothing():
    """An event whose references lead nowhere is shown as it stands."""
    event = RequestRecorded("s", "r", NOW, request_json={"messages": [{"steno.item": "00"}]})

    assert expand_event(event, Expander()) == event
