"""However the bytes of a recorded stream are cut, the events are the same."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.testing import FixedClock
from steno.wire.exchange import Exchange
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

CASES = sorted((Path(__file__).parents[1] / "data" / "providers").rglob("*.json"))
STREAMS = [path for path in CASES if "stream" in json.loads(path.read_bytes())]


class Events(list):
    """Takes events as they come."""

    def begin_session(self, identity, began):
        pass

    def record(self, event):
        self.append(msgspec.to_builtins(event))
        return True


def play(case, pieces):
    """Pass a recorded stream through an exchange in these pieces."""
    events = Events()
    opening = Opening(
        request_id="r", method="POST", target=case["path"], headers={}, begun=FixedClock().now,
        begun_s=1.0, session_id="s",
    )  # fmt: skip
    exchange = Exchange(opening, events, Sessions())
    exchange.add_request(json.dumps(case["request"]).encode())
    exchange.end_request(1.0)
    exchange.send(1.0)
    exchange.begin_reply(200, {"content-type": "text/event-stream"}, 2.0)
    for piece in pieces:
        exchange.add_reply(piece, 2.0)
    exchange.end(Outcome(kind="done"), 3.0)
    return list(events)


def read(path):
    """Read a case, and the bytes of its stream."""
    case = json.loads(path.read_bytes())
    stream = case["stream"]
    return case, (stream if isinstance(stream, str) else "".join(stream)).encode()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_split(path, data):
    """Any split of any recorded stream gives the same events."""
    case, stream = read(path)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=40)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert play(case, pieces) == play(case, [stream])


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_byte_by_byte(path):
    """A stream that comes byte by byte gives the same events."""
    case, stream = read(path)

    assert play(case, [stream[at : at + 1] for at in range(len(stream))]) == play(case, [stream])
