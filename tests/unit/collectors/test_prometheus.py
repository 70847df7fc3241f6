"""Metrics from Prometheus: what may be asked for, and where it goes."""

import asyncio
import inspect
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

import steno
from steno.collectors.prometheus import collect_metrics, collect_metrics_async
from steno.errors import CollectError


def one_series(asked):
    """Answer as Prometheus does, with a series of one sample."""
    ranged = asked.path.endswith("_range")
    series = {"metric": {"job": "a"}, **({"values": [[1, "1"]]} if ranged else {"value": [1, "1"]})}
    data = {"resultType": "matrix" if ranged else "vector", "result": [series]}
    return 200, {"status": "success", "data": data}


def test_instant(scripted):
    """Without a window, the query is asked at one instant: now, or when it is said."""
    scripted.answer = one_series
    before = datetime.now(UTC)

    collection = collect_metrics("up", url=scripted.url)
    past = collect_metrics("up", url=scripted.url, at="2026-11-20T14:00Z")

    assert collection.entries == [{"metric": {"job": "a"}, "value": [1, "1"]}]
    assert float(scripted.asked[0].params["time"]) >= int(before.timestamp())
    assert past.time_range == ("2026-11-20T14:00:00.000000Z",) * 2
    assert scripted.asked[1].params["time"] == "1795183200.000"


def test_window(scripted):
    """Over a window, the step fits it, and the end is now where none is given."""
    scripted.answer = one_series

    collection = collect_metrics("up", url=scripted.url, since="1d")
    collect_metrics("up", url=scripted.url, start=0, end=3600, step=timedelta(minutes=1))

    assert scripted.asked[0].params["step"] == "120.000"
    assert collection.query == {"query": "up", "step_s": 120.0}
    wanted = {"start": "0.000", "end": "3600.000", "step": "60.000"}
    assert wanted.items() <= scripted.asked[1].params.items()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"at": "1h", "since": "2h"}, "exclude"),
        ({"step": "1m"}, "needs a window"),
        ({"until": "1h"}, "no beginning"),
        ({"since": "2999-01-01"}, "future"),
        ({"since": "1h", "step": "0.1ms"}, "millisecond"),
        ({"since": "soon"}, "no time"),
        ({"retries": -1}, "retries"),
    ],
)
def test_wrong_use(scripted, options, told):
    """What contradicts itself is refused before anything is asked."""
    with pytest.raises(CollectError, match=told):
        collect_metrics("up", url=scripted.url, **options)

    assert scripted.asked == []


def test_empty_query():
    """An empty query is refused."""
    with pytest.raises(CollectError, match="empty"):
        collect_metrics("  ", url="http://127.0.0.1:9")


def test_saved(scripted, home, monkeypatch):
    """With a session, the answer becomes its artefact: named by the query, with what was asked."""
    scripted.answer = one_series
    monkeypatch.setenv("PROMETHEUS_URL", scripted.url.replace("://", "://u:secret@"))
    with steno.open(home) as recorder, recorder.session("s") as session:
        collection = collect_metrics("rate(up[5m])", since="1h", session=session)
        again = asyncio.run(collect_metrics_async("rate(up[5m])", since="1h", session=session))

    (saved,) = collection.saved
    assert saved.relative.startswith("metrics/prometheus_rate_up_5m_")
    document = json.loads(saved.path.read_text())
    assert document["source"] == "prometheus"
    assert document["data"] == [{"metric": {"job": "a"}, "values": [[1, "1"]]}]
    metadata = document["metadata"]
    assert metadata["query"] == "rate(up[5m])"
    assert metadata["time_range"] == list(collection.time_range)
    assert (metadata["count"], metadata["samples"], metadata["step_s"]) == (1, 1, 15.0)
    assert metadata["url"] == scripted.url
    assert again.saved[0].path != saved.path
    assert scripted.asked[0].headers["authorization"].startswith("Basic ")
    assert not any(b"secret" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_both_forms():
    """The form for event loops takes what the other takes."""
    assert (
        inspect.signature(collect_metrics).parameters
        == inspect.signature(collect_metrics_async).parameters
    )


def test_printed_prettily(scripted, home):
    """An answer over many lines becomes a document with one entry to a line, and one that is JSON."""
    pretty = json.dumps(one_series(SimpleNamespace(path="/api/v1/query"))[1], indent=2).encode()
    scripted.answer = lambda asked: (200, pretty)
    with steno.open(home) as recorder:
        (saved,) = collect_metrics("up", url=scripted.url, session=recorder.session("s")).saved
    text = saved.path.read_text()

    assert json.loads(text)["data"] == [{"metric": {"job": "a"}, "value": [1, "1"]}]
    assert '\n{"metric":{"job":"a"},"value":[1,"1"]}\n' in text


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"[" * 200_000, b'{"status":"success","data":' + b"[" * 200_000,
     b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"\xff"]}]}}'],
)  # fmt: skip
def test_garbage(scripted, body):
    """What is no answer of Prometheus is an error that says so, whatever it is."""
    scripted.answer = lambda asked: (200, body)

    with pytest.raises(CollectError, match="no answer of Prometheus"):
        collect_metrics("up", url=scripted.url, retries=0)
