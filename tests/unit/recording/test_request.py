"""Requests as context managers."""

import asyncio

import pytest

import steno
from steno.testing import capture_events


def kinds(writer):
    """List the types of what was recorded."""
    return [type(event).__name__ for event in writer.events]


def test_a_streamed_request():
    """A streamed request leaves its begin, first token, reply and end, with measured figures."""
    with capture_events() as (recorder, writer):
        with recorder.session("s", key="agent:main:main", user_id="u", tags=("t",)) as session:
            with session.request(
                model="m", provider="p", json={"messages": [1, 2], "tools": [3], "system": "x"}
            ) as request:
                request.chunk("a")
                request.chunk("b")
                request.tool_call("search", arguments="{}", execution_time_ms=5, success=False)
                request.response(tokens=steno.Tokens(input=3, output=4), finish_reason="stop")
        recorder.flush()

    started, sent, first, tool, reply, end = writer.events
    assert kinds(writer) == ["Started", "RequestRecorded", "StreamStarted", "ToolCallRecorded",
                             "ResponseRecorded", "Completed"]  # fmt: skip
    assert (sent.message_count, sent.tool_count, sent.has_system_prompt) == (2, 1, True)
    assert (reply.response_text, reply.chunk_count, reply.is_streaming) == ("ab", 2, True)
    assert (end.success, end.finish_reason, end.grand_total, end.tool_error_count) == (
        True,
        "stop",
        7,
        1,
    )
    assert end.streaming_stats.total_chunks == 2
    assert {event.request_id for event in writer.events} == {request.request_id}
    header = writer.headers["s"]
    assert (header.session_key, header.agent_id, header.user_id, header.tags) == (
        "agent:main:main", "main", "u", ("t",),
    )  # fmt: skip
    assert first.time_to_first_token_ms >= 0
    assert tool.output_size_bytes is None
    assert started.model_requested == "m"


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("no"), "ValueError: no"), (KeyboardInterrupt(), "cancelled: KeyboardInterrupt"),
     (asyncio.CancelledError(), "cancelled: CancelledError"), (ValueError(), "ValueError")],
)  # fmt: skip
def test_a_request_always_ends(error, text):
    """An exception passes through, and the request ends with what went wrong."""
    with capture_events() as (recorder, writer):
        with pytest.raises(type(error)):
            with recorder.session() as session, session.request(model="m"):
                raise error
        recorder.flush()

    assert (writer.events[-1].success, writer.events[-1].error) == (False, text)


def test_a_broken_stream_keeps_what_had_come():
    """What had arrived of a stream that broke is recorded as a partial reply."""
    with capture_events() as (recorder, writer):
        with pytest.raises(ConnectionError):
            with recorder.session() as session, session.request(model="m") as request:
                request.chunk("half ")
                raise ConnectionError
        recorder.flush()

    reply = next(event for event in writer.events if isinstance(event, steno.ResponseRecorded))
    assert (reply.response_text, reply.partial) == ("half ", True)


def test_hostile_exceptions():
    """An exception that can't be turned into text doesn't get in the way."""

    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError

    with capture_events() as (recorder, writer):
        with pytest.raises(Hostile):
            with recorder.session() as session, session.request(model="m"):
                raise Hostile
        recorder.flush()

    assert writer.events[-1].error == "Hostile: (unreadable)"


def test_completing_twice():
    """A request ends once."""
    with capture_events() as (recorder, writer):
        with recorder.session() as session, session.request(model="m") as request:
            request.complete(finish_reason="length")
            request.complete(error="too late")
        recorder.flush()

    assert kinds(writer).count("Completed") == 1
    assert writer.events[-1].finish_reason == "length"
