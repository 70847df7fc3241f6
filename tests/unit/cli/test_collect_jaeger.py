"""``steno collect jaeger``: the options reach the search."""

import json

import pytest


def answer(asked):
    spans = [{"traceID": "abc", "spanID": "1", "startTime": 1795183200000000, "processID": "p1"}]
    processes = {"p1": {"serviceName": "payments"}}
    return 200, {"data": [{"traceID": "abc", "spans": spans, "processes": processes}]}


def test_options(scripted, run, home):
    """Service, operation, tags, durations, window and limit are those of the options."""
    scripted.answer = answer

    code, out, _ = run(
        "collect", "jaeger", "--service", "payments", "--operation", "GET /", "--tag", "a=b=c",
        "--tag", "error=true", "--limit", "5", "--since", "1795183200", "--until", "1795186800",
        "--min-duration", "1ms", "--max-duration", "2s", "--url", scripted.url, "--home", home,
        "--json",
    )  # fmt: skip

    assert code == 0
    assert json.loads(out)["count"] == 1
    assert scripted.asked[0].params == {
        "service": "payments", "operation": "GET /", "tags": '{"a":"b=c","error":"true"}',
        "limit": "6", "start": "1795183200000000", "end": "1795186800000000",
        "minDuration": "1000us", "maxDuration": "2000000us",
    }  # fmt: skip


def test_one_trace(scripted, run, home):
    """A trace is fetched by its id."""
    scripted.answer = answer

    assert (
        run("collect", "jaeger", "--trace-id", "abc", "--url", scripted.url, "--home", home)[0] == 0
    )
    assert scripted.asked[0].path == "/api/traces/abc"


def test_more_than_the_limit(scripted, run, home):
    """That there is more than the limit that was asked for is said, and is no failure."""

    def two(asked):
        _, body = answer(asked)
        second = json.loads(json.dumps(body["data"][0]).replace("abc", "abd"))
        return 200, {"data": [*body["data"], second]}

    scripted.answer = two

    code, out, err = run(
        "collect", "jaeger", "--service", "payments", "--limit", "1", "--since", "1795183200",
        "--until", "1795183200", "--url", scripted.url, "--home", home,
    )  # fmt: skip

    assert (code, err) == (0, "there is more than the limit\n")
    assert out.startswith("1 entry ")


@pytest.mark.parametrize("tag", ["error", "=true", ""])
def test_wrong_tags(run, home, tag):
    """A tag is a name and a value."""
    assert run("collect", "jaeger", "--service", "a", "--tag", tag, "--home", home)[0] == 2
