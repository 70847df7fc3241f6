"""One request and its reply, as events."""

import json

import pytest

from steno import (
    Completed,
    RequestRecorded,
    ResponseRecorded,
    Started,
    StreamStarted,
    ToolCallRecorded,
)
from steno.testing import FixedClock
from steno.wire import bodies, replies
from steno.wire.exchange import Exchange
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome
from steno.wire.sessions import Sessions

NOW = FixedClock().now
CHAT = "/v1/chat/completions"
REPLY = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-2025-08-07",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}  # fmt: skip
CHUNKS = [
    {
        "id": "1",
        "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "delta": {"role": "assistant"}}],
    },
    {"id": "1", "model": "gpt-5-2025-08-07", "choices": [{"index": 0, "delta": {"content": "we"}}]},
    {"id": "1", "model": "gpt-5-2025-08-07", "choices": [{"index": 0, "delta": {"content": "ll"}}]},
    {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "1", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
]
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
DONE = Outcome(kind="done")


class ListRecording:
    """Keeps events; drops those of the types that it is told to."""

    def __init__(self):
        self.events = []
        self.sessions = []
        self.dropped = ()
        self.files = {}

    def begin_session(self, identity, began):
        self.sessions.append(identity)

    def record(self, event):
        if isinstance(event, self.dropped):
            return False
        self.events.append(event)
        return True

    def open_spool(self, session_id, name):
        recording = self

        class Spool:
            def write(self, data):
                recording.files[name] = recording.files.get(name, b"") + data

            def close(self):
                return name

        return Spool()

    def of(self, kind):
        """Return the events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def recording():
    """Record into a list."""
    return ListRecording()


@pytest.fixture
def sessions():
    """Remember nothing yet."""
    return Sessions()


@pytest.fixture
def begin(recording, sessions):
    """Begin an exchange whose request is whole, and on its way."""
    count = 0

    def begin(body, *, target=CHAT, send=True, **facts):
        nonlocal count
        count += 1
        opening = Opening(
            **{
                "request_id": f"r{count}", "method": "POST", "target": target, "headers": {},
                "begun": NOW, "begun_s": 100.0, "session_id": "run", "provider": "openai", **facts,
            }
        )  # fmt: skip
        exchange = Exchange(opening, recording, sessions)
        exchange.add_request(body if isinstance(body, bytes) else json.dumps(body).encode())
        if send:
            exchange.end_request(100.0)
            exchange.send(100.0)
        return exchange

    return begin


def stream(exchange, chunks, *, done=True, at_s=101.0):
    """Stream chunks, ten milliseconds apart."""
    exchange.begin_reply(200, SSE, at_s)
    for number, chunk in enumerate(chunks):
        exchange.add_reply(f"data: {json.dumps(chunk)}\n\n".encode(), at_s + number / 100)
    if done:
        exchange.add_reply(b"data: [DONE]\n\n", at_s + len(chunks) / 100)


def names(events):
    """Name the types of events."""
    return [type(event).__name__ for event in events]


def test_whole_reply(begin, recording):
    """A request and its reply are four events, with the provider's own counts."""
    exchange = begin({"model": "gpt-5", "messages": [{"role": "user", "content": "how are you?"}]})
    exchange.begin_reply(200, JSON, 100.4)
    exchange.add_reply(json.dumps(REPLY).encode(), 100.5)
    exchange.end(DONE, 100.5, overhead_s=0.001)
    started, request, response, completed = recording.events

    assert names(recording.events) == [
        "Started",
        "RequestRecorded",
        "ResponseRecorded",
        "Completed",
    ]
    assert (started.model_requested, started.provider, started.is_streaming) == (
        "gpt-5",
        "openai",
        False,
    )
    assert (request.request_text, request.message_count) == ("how are you?", 1)
    assert (response.response_text, response.model_used) == ("well", "gpt-5-2025-08-07")
    assert response.response_json == REPLY
    assert (response.tokens.input, response.tokens.output) == (10, 2)
    assert response.tokens.source == "provider_final"
    assert (completed.success, completed.finish_reason, completed.total_duration_ms) == (
        True,
        "stop",
        500,
    )
    assert completed.proxy_overhead_ms == 1.0
    assert completed.estimated_cost.total_cost_usd > 0


def test_streamed_reply(begin, recording):
    """A stream has its first token, its pace and its rebuilt reply."""
    exchange = begin({"model": "gpt-5", "stream": True, "messages": []})
    stream(exchange, CHUNKS)
    exchange.end(DONE, 101.05)

    assert names(recording.events) == [
        "Started", "RequestRecorded", "StreamStarted", "ResponseRecorded", "Completed",
    ]  # fmt: skip
    assert recording.of(StreamStarted)[0].time_to_first_token_ms == 1010
    response = recording.of(ResponseRecorded)[0]
    assert (response.response_text, response.is_streaming, response.chunk_count) == (
        "well",
        True,
        2,
    )
    assert response.response_json["object"] == "chat.completion"
    assert recording.of(Completed)[0].streaming_stats.max_chunk_latency_ms == 10


@pytest.mark.parametrize(
    "kind", ["client_disconnected", "upstream_failed", "upstream_timeout", "stopped", "interrupted"]
)
def test_cut_stream(begin, recording, kind):
    """Who cut a stream off is told apart, and what had come is kept as a part."""
    exchange = begin({"model": "gpt-5", "stream": True})
    stream(exchange, CHUNKS[:2], done=False)
    exchange.end(Outcome(kind=kind, detail="why"), 102.0)
    response, completed = recording.of(ResponseRecorded)[0], recording.of(Completed)[0]

    assert (response.response_text, response.partial) == ("we", True)
    assert response.tokens.source == "estimate"
    assert (completed.success, completed.error) == (False, f"{kind}: why")


def test_stream_without_end(begin, recording):
    """A stream whose end was not said has not succeeded, even where the connection ended well."""
    exchange = begin({"model": "gpt-5", "stream": True})
    stream(exchange, CHUNKS[:2], done=False)
    exchange.end(DONE, 102.0)

    assert recording.of(Completed)[0].error.startswith("incomplete")


def test_no_reply_at_all(begin, recording):
    """A request that nobody answered ends, without a reply."""
    begin({"model": "gpt-5"}).end(Outcome(kind="upstream_failed", detail="refused"), 101.0)

    assert names(recording.events) == ["Started", "RequestRecorded", "Completed"]


def test_request_cut_off(begin, recording):
    """A client that hangs up in the middle of its request leaves what it sent."""
    exchange = begin(b'{"model":"gpt', send=False)
    exchange.end(Outcome(kind="client_disconnected"), 101.0)

    assert recording.of(RequestRecorded)[0].request_json == '{"model":"gpt'
    assert recording.of(Completed)[0].error == "client_disconnected"


def test_error_of_the_provider(begin, recording):
    """An error status is no success, and says what the provider said."""
    exchange = begin({"model": "gpt-5"})
    exchange.begin_reply(429, JSON, 101.0)
    exchange.add_reply(b'{"error":{"message":"slow down","type":"rate_limit_error"}}', 101.0)
    exchange.end(DONE, 101.0)

    assert recording.of(ResponseRecorded)[0].http_status == 429
    assert recording.of(Completed)[0].error == "http 429: rate_limit_error: slow down"


def test_end_is_said_once(begin, recording):
    """An exchange ends once, whoever says it again."""
    exchange = begin({"model": "gpt-5"})
    exchange.end(DONE, 101.0)
    exchange.end(Outcome(kind="stopped"), 102.0)

    assert len(recording.of(Completed)) == 1


def test_damaged_compression(begin, recording):
    """A reply that can't be decompressed is kept as it came, and said to be unreadable."""
    exchange = begin({"model": "gpt-5"})
    exchange.begin_reply(200, {**JSON, "content-encoding": "gzip"}, 101.0)
    exchange.add_reply(b"\x1f\x8bnot gzip", 101.0)
    exchange.end(DONE, 101.0)

    assert recording.of(Completed)[0].error.startswith("unreadable_reply")
    assert recording.of(ResponseRecorded)[0].response_body.encoding == "base64"


def test_estimate_is_marked(begin, recording):
    """Counts that the provider did not give are estimates, say so, and have no price."""
    exchange = begin({"model": "gpt-5", "stream": True})
    stream(exchange, CHUNKS[:4])
    exchange.end(DONE, 102.0)
    response = recording.of(ResponseRecorded)[0]

    assert response.tokens.source == "estimate"
    assert response.tokens.output == 1
    assert recording.of(Completed)[0].estimated_cost is None


CALL = {
    "id": "chatcmpl-2", "object": "chat.completion", "model": "gpt-5",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"a":1}'}}
        ]}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}  # fmt: skip


def test_tool_result_is_one_fact(begin, recording):
    """A tool's result belongs to the request that called it, once, however often it is sent."""
    exchange = begin({"model": "gpt-5", "messages": [{"role": "user", "content": "go"}]})
    exchange.begin_reply(200, JSON, 101.0)
    exchange.add_reply(json.dumps(CALL).encode(), 101.0)
    exchange.end(DONE, 101.0)
    history = [
        {"role": "user", "content": "go"}, CALL["choices"][0]["message"],
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]  # fmt: skip
    for _ in range(3):
        begin({"model": "gpt-5", "messages": history}, begun_s=103.5).end(DONE, 104.0)
    call, result = recording.of(ToolCallRecorded)

    assert (call.request_id, call.tool_name, call.tool_arguments) == ("r1", "bash", '{"a":1}')
    assert (result.request_id, result.tool_call_id, result.tool_output) == ("r1", "c1", "done")
    assert result.execution_time_ms == 2500
    assert recording.of(Completed)[0].total_tool_calls == 1


def test_hostile_tool_result(begin, recording):
    """A tool's result that reads as if it held references costs its exchange nothing."""
    target = "/v1/messages"
    call = {
        "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "c1", "name": "read", "input": {}}],
    }  # fmt: skip
    exchange = begin({"model": "m", "messages": []}, target=target)
    exchange.begin_reply(200, JSON, 101.0)
    exchange.add_reply(json.dumps(call).encode(), 101.0)
    exchange.end(DONE, 101.0)
    output = [{"type": "text", "text": "x", "steno.text": "0" * 32}]
    result = {"type": "tool_result", "tool_use_id": "c1", "content": output}
    begin({"model": "m", "messages": [{"role": "user", "content": [result]}]}, target=target)
    outcome = recording.of(ToolCallRecorded)[-1]

    assert json.loads(outcome.tool_output) == output


def test_dropped_events_are_not_referred_to(begin, recording):
    """Where a request could not be recorded, the next one holds all of it again."""
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "x" * 500}]}
    recording.dropped = (RequestRecorded,)
    begin(body)
    recording.dropped = ()
    begin(body)
    begin(body)
    second, third = recording.of(RequestRecorded)

    assert second.request_text == "x" * 500
    assert "steno.prefix" not in second.request_json["messages"][0]
    assert third.request_text == ""
    assert "steno.prefix" in third.request_json["messages"][0]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"model": "m"}, {}, "run"),
        ({"model": "m"}, {"x-steno-session": "mine"}, "mine"),
        ({"model": "m", "session_id": "or-1"}, {}, "or-1"),
    ],
)
def test_session(begin, recording, body, headers, expected):
    """The request tells its session; else it is that of the run."""
    begin(body, headers=headers)

    assert recording.of(Started)[0].session_id == expected
    assert recording.sessions[0].session_id == expected


def test_operator_before_client(begin, recording):
    """What the operator's side knows of the speaker is believed before what the client says."""
    begin(
        {"user": "admin"},
        identity=Identity(user_id="u1", tags=("t",)),
        headers={"x-steno-user": "x"},
    )

    assert recording.sessions[0].user_id == "u1"
    assert recording.of(Started)[0].metadata.session_tags == ("t",)


def test_reply_that_is_continued(begin, recording):
    """A request that continues a reply belongs to the session of that reply."""
    target = "/v1/responses"
    first = begin({"model": "m"}, target=target, headers={"x-steno-session": "one"})
    first.begin_reply(200, JSON, 101.0)
    first.add_reply(b'{"id":"resp_1","object":"response","output":[],"status":"completed"}', 101.0)
    first.end(DONE, 101.0)
    begin({"model": "m", "previous_response_id": "resp_1"}, target=target)

    assert recording.of(Started)[1].session_id == "one"


def test_unknown_path(begin, recording):
    """A request of no known protocol is not recorded, unless it is asked for: then as it is."""
    begin(b"abc", target="/v1/files?x=1").end(DONE, 101.0)
    assert recording.events == []

    exchange = begin(b"abc", target="/v1/files?x=1", raw=True)
    exchange.begin_reply(200, {"content-type": "text/plain"}, 101.0)
    exchange.add_reply(b"\xffraw", 101.0)
    exchange.end(DONE, 101.0)

    assert recording.of(RequestRecorded)[0].request_json == {
        "method": "POST", "target": "/v1/files?x=1", "body": "abc",
    }  # fmt: skip
    assert recording.of(ResponseRecorded)[0].response_body.encoding == "base64"
    assert recording.of(Completed)[0].success


def test_large_bodies(begin, recording, monkeypatch):
    """Bodies too large for memory lie in files, with digest; counts at the end of one are kept."""
    monkeypatch.setattr(bodies, "MAX_BODY", 2000)
    monkeypatch.setattr(replies, "MAX_BODY", 2000)
    monkeypatch.setattr(replies, "_MAX_TAIL", 1000)
    body = json.dumps({"model": "gpt-5", "stream": True, "input": "x" * 5000}).encode()
    exchange = begin(body)
    chunks = [{"choices": [{"index": 0, "delta": {"content": f"word{n} "}}]} for n in range(200)]
    stream(exchange, chunks + CHUNKS[3:])
    exchange.end(DONE, 110.0)
    request, response = recording.of(RequestRecorded)[0], recording.of(ResponseRecorded)[0]

    assert recording.of(Started)[0].model_requested == "gpt-5"
    assert recording.files["r1.request"] == body
    assert (request.request_body.path, request.request_json) == ("r1.request", None)
    assert response.response_body.path == "r1.reply"
    assert response.response_text.startswith("word0 word1 ")
    assert len(response.response_text) < 2000
    assert (response.tokens.input, response.finish_reason) == (10, "stop")
    assert recording.of(Completed)[0].success


def test_hostile_bodies(begin, recording):
    """Bodies of the wrong shape are recorded, whatever they are."""
    for body in (b"", b"null", b"[[[", b'{"model":{},"messages":7,"tools":"x"}', b"\xff" * 50):
        exchange = begin(body)
        exchange.begin_reply(200, JSON, 101.0)
        exchange.add_reply(b'{"choices":"none","usage":[]}', 101.0)
        exchange.end(DONE, 101.0)

    assert len(recording.of(Completed)) == 5
