"""Traces from Jaeger: what may be asked for, and where it goes."""

import asyncio
import inspect
import json
from datetime import timedelta

import pytest

import steno
from steno.collectors.jaeger import collect_traces, collect_traces_async
from steno.errors import CollectError

TRACE = {
    "traceID": "abc",
    "spans": [{"traceID": "abc", "spanID": "1", "startTime": 5, "processID": "p1"}],
    "processes": {"p1": {"serviceName": "payments"}},
}


def one_trace(asked):
    """Answer as Jaeger does, with a trace."""
    return 200, {"data": [TRACE], "total": 0, "limit": 0, "offset": 0, "errors": None}


def test_search(scripted):
    """A search has the window's ends in microseconds and durations as Go reads them."""
    scripted.answer = one_trace

    collection = collect_traces(
        service="payments", operation="GET", tags={"error": True}, limit=7, start=10, end=20,
        min_duration="1.5ms", max_duration=timedelta(seconds=2), url=scripted.url,
    )  # fmt: skip

    assert collection.entries == [TRACE]
    assert collection.complete
    assert scripted.asked[0].params == {
        "service": "payments", "operation": "GET", "tags": '{"error":"true"}', "limit": "8",
        "start": "10000000", "end": "20000000", "minDuration": "1500us", "maxDuration": "2000000us",
    }  # fmt: skip


def test_default_window(scripted):
    """Without a window it is the last hour; with an end, the hour before it."""
    scripted.answer = one_trace

    collect_traces(service="payments", url=scripted.url)
    collect_traces(service="payments", until=7200, url=scripted.url)

    for asked in scripted.asked:
        assert int(asked.params["end"]) - int(asked.params["start"]) == 3_600_000_000
    assert scripted.asked[1].params["end"] == "7200000000"


def test_one_trace(scripted):
    """A trace is fetched by its id alone."""
    scripted.answer = one_trace

    collection = collect_traces(trace_id=" abc ", url=scripted.url)

    assert [asked.path for asked in scripted.asked] == ["/api/traces/abc"]
    assert (collection.query, collection.time_range) == ({"trace_id": "abc"}, (None, None))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "of a service"),
        ({"service": ""}, "of a service"),
        ({"trace_id": "a", "service": "b"}, "by its id alone"),
        ({"trace_id": "a", "since": "1h"}, "by its id alone"),
        ({"service": "b", "limit": 0}, "at least 1"),
        ({"service": "b", "since": "2999-01-01"}, "future"),
        ({"service": "b", "min_duration": "long"}, "no duration"),
        ({"service": "b", "retries": -1}, "retries"),
    ],
)
def test_wrong_use(scripted, options, told):
    """What contradicts itself is refused before anything is asked."""
    with pytest.raises(CollectError, match=told):
        collect_traces(url=scripted.url, **options)

    assert scripted.asked == []


def test_saved(scripted, home, monkeypatch):
    """With a session, the traces become its artefact, named by the service or the id."""
    scripted.answer = one_trace
    monkeypatch.setenv("JAEGER_QUERY_URL", scripted.url)
    monkeypatch.setenv("JAEGER_TOKEN", "secret")
    with steno.open(home) as recorder, recorder.session("s") as session:
        collection = collect_traces(service="payments", tags={"a": "b"}, session=session)
        one = asyncio.run(collect_traces_async(trace_id="abc", session=session))

    (saved,) = collection.saved
    assert saved.relative.startswith("traces/jaeger_payments_")
    assert one.saved[0].relative.startswith("traces/jaeger_abc_")
    document = json.loads(saved.path.read_text())
    assert (document["source"], document["data"]) == ("jaeger", [TRACE])
    metadata = document["metadata"]
    assert (metadata["service"], metadata["tags"], metadata["spans"]) == ("payments", {"a": "b"}, 1)
    assert metadata["time_range"] == list(collection.time_range)
    assert scripted.asked[0].headers["authorization"] == "Bearer secret"
    assert not any(b"secret" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_both_forms():
    """The form for event loops takes what the other takes."""
    assert (
        inspect.signature(collect_traces).parameters
        == inspect.signature(collect_traces_async).parameters
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"[" * 200_000, b'{"data":' + b"[" * 200_000,
     b'{"data":[{"traceID":"1","spans":[{"tags":["\xff"]}]}]}'],
)  # fmt: skip
def test_garbage(scripted, body):
    """What is no answer of Jaeger is an error that says so, whatever it is."""
    scripted.answer = lambda asked: (200, body)

    with pytest.raises(CollectError, match="no answer of Jaeger"):
        collect_traces(service="a", url=scripted.url, retries=0)


def test_printed_prettily(scripted, home):
    """An answer over many lines becomes a document with one entry to a line, and one that is JSON."""
    found = {"traceID": "1", "spans": [{"startTime": 1, "tags": [{"value": "a\nb"}]}]}
    scripted.answer = lambda asked: (200, json.dumps({"data": [found]}, indent=2).encode())
    with steno.open(home) as recorder:
        session = recorder.session("s")
        (saved,) = collect_traces(trace_id="1", url=scripted.url, session=session).saved

    assert json.loads(saved.path.read_text())["data"] == [found]
