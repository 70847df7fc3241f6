"""What is asked of Jaeger, and how its answers become traces."""

import json
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steno.collectors.http import Answer
from steno.collectors.jaeger_plan import TRACES_PER_PAGE, TraceQuery, TracesPlan
from steno.collectors.windows import Window, microseconds
from steno.errors import CollectError

END = datetime(2026, 11, 20, 16, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=1), END)
LAST = microseconds(END)


def trace(number, *starts, service="payments"):
    """Write a trace as Jaeger does, with a span of the service at each time."""
    return {
        "traceID": f"{number:032x}",
        "spans": [
            {"traceID": f"{number:032x}", "spanID": f"{at:016x}", "startTime": start,
             "duration": 5, "processID": "p1"}
            for at, start in enumerate(starts)
        ],
        "processes": {"p1": {"serviceName": service, "tags": []}},
    }  # fmt: skip


class Store:
    """A store that finds traces in any order it likes, as Jaeger's stores do."""

    def __init__(self, traces, seed=0, cap=10**9):
        self.traces, self.cap = traces, cap
        self.random = random.Random(seed)
        self.asked = []

    def answer(self, ask):
        self.asked.append(ask)
        params = dict(ask.params)
        if ask.path != "/api/traces":
            return reply([])
        first, last = int(params["start"]), int(params["end"])
        found = [
            each
            for each in self.traces
            if any(first <= span["startTime"] <= last for span in each["spans"])
        ]
        self.random.shuffle(found)
        return reply(found[: int(params["limit"])])


def reply(data, status=200, errors=None):
    body = {"data": data, "total": 0, "limit": 0, "offset": 0, "errors": errors}
    return Answer(status, json.dumps(body).encode())


def serve(plan, answer):
    """Carry a plan out without a server; returns what was asked."""
    asked, questions = [], plan.questions()
    try:
        ask = next(questions)
        while True:
            asked.append(ask)
            ask = questions.send(answer(ask))
    except StopIteration:
        return asked


def plain(entries):
    return json.loads(msgspec.json.encode(entries))


def test_question():
    """A search says all that is wanted, times in microseconds, tags as a map."""
    wanted = TraceQuery("pay ments", "GET /", {"error": "true"}, 20, "1500us", "2s")
    plan = TracesPlan(wanted, WINDOW)

    ask = serve(plan, Store([trace(1, LAST)]).answer)[0]

    assert ask.path == "/api/traces"
    assert dict(ask.params) == {
        "service": "pay ments", "operation": "GET /", "tags": '{"error":"true"}',
        "start": str(LAST - 3_600_000_000), "end": str(LAST), "limit": "21",
        "minDuration": "1500us", "maxDuration": "2s",
    }  # fmt: skip
    assert plan.query == {
        "service": "pay ments", "operation": "GET /", "tags": {"error": "true"}, "limit": 20,
        "min_duration": "1500us", "max_duration": "2s",
    }  # fmt: skip


def test_all():
    """What is found is kept as it came, the newest first, and is all there is."""
    traces = [trace(1, LAST - 10), trace(2, LAST - 5, LAST - 20)]
    plan = TracesPlan(TraceQuery("payments"), WINDOW)

    assert len(serve(plan, Store(traces).answer)) == 1
    assert plain(plan.entries()) == [traces[1], traces[0]]
    assert not plan.limited
    assert plan.facts() == {"service": "payments", "limit": 100, "spans": 3, "answers": 1}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3_600_000_000), max_size=700),
    st.integers(1, 800),
    st.integers(0, 2**32),
)
def test_newest_of_any_order(ages, limit, seed):
    """Whatever order a store finds traces in, the newest are collected, each once."""
    traces = [trace(at, LAST - age) for at, age in enumerate(ages)]
    plan = TracesPlan(TraceQuery("payments", limit=limit), WINDOW)

    serve(plan, Store(traces, seed).answer)

    got = [each["spans"][0]["startTime"] for each in plain(plan.entries())]
    assert got == sorted((LAST - age for age in ages), reverse=True)[:limit]
    assert plan.limited == (len(ages) > limit)


@pytest.mark.parametrize("limit", [1, 199, 200, 201, 1000, 2000, 5000])
def test_many_of_any_order(limit):
    """So it is with more traces than an answer has, clustered as traffic is."""
    chance = random.Random(limit)
    ages = [int(chance.expovariate(1 / 30_000_000)) % 3_600_000_000 for _ in range(2000)]
    traces = [trace(at, LAST - age) for at, age in enumerate(ages)]
    plan = TracesPlan(TraceQuery("payments", limit=limit), WINDOW)

    asked = serve(plan, Store(traces, limit).answer)

    got = [each["spans"][0]["startTime"] for each in plain(plan.entries())]
    assert got == sorted((LAST - age for age in ages), reverse=True)[:limit]
    assert plan.limited == (len(ages) > limit)
    assert len(asked) < 60


def test_long_traces():
    """A trace that is found in many windows counts once."""
    traces = [trace(at, *range(LAST - 3000 + at, LAST, 500)) for at in range(450)]
    plan = TracesPlan(TraceQuery("payments", limit=1000), WINDOW)

    asked = serve(plan, Store(traces).answer)

    assert len(asked) < 40
    ids = [each["traceID"] for each in plain(plan.entries())]
    assert len(ids) == len(set(ids)) == 450
    assert not plan.limited


def test_one_instant():
    """More traces than a page at one instant, which no window can cut, are all collected."""
    traces = [trace(at, LAST - 7) for at in range(TRACES_PER_PAGE * 3)]
    plan = TracesPlan(TraceQuery("payments", limit=5000), WINDOW)

    serve(plan, Store(traces).answer)

    assert len(plan.entries()) == TRACES_PER_PAGE * 3
    assert not plan.limited


def test_few_questions():
    """The newest few of many are found without asking for the rest."""
    traces = [trace(at, LAST - at * 1000) for at in range(3000)]
    plan = TracesPlan(TraceQuery("payments", limit=20), WINDOW)

    asked = serve(plan, Store(traces).answer)

    assert len(asked) < 25
    assert len(plan.entries()) == 20


def test_one_trace():
    """A trace is fetched by its id, whatever characters somebody gave."""
    plan = TracesPlan(TraceQuery(trace_id="../a/b?c"), Window(None, None))

    (ask,) = serve(plan, lambda ask: reply([trace(1, LAST)]))

    assert (ask.path, ask.params) == ("/api/traces/..%2Fa%2Fb%3Fc", ())
    assert plan.query == {"trace_id": "../a/b?c"}
    assert len(plan.entries()) == 1


@pytest.mark.parametrize("answer", [reply(None, 404, [{"code": 404, "msg": "no"}]), reply([])])
def test_no_trace(answer):
    """A trace that is not there is an error of its own kind."""
    plan = TracesPlan(TraceQuery(trace_id="abc"), Window(None, None))

    with pytest.raises(CollectError, match="no trace 'abc'") as caught:
        serve(plan, lambda ask: answer)

    assert caught.value.reason == "missing"


def test_unknown_service():
    """Where nothing is found, a service that Jaeger does not know is told from one at rest."""

    def answer(ask):
        return reply(["orders", "payments"] if ask.path == "/api/services" else [])

    with pytest.raises(CollectError, match="no service 'payment'") as caught:
        serve(TracesPlan(TraceQuery("payment"), WINDOW), answer)

    assert caught.value.hint == "it knows orders, payments"
    assert len(serve(TracesPlan(TraceQuery("payments"), WINDOW), answer)) == 2


def test_unknown_operation():
    """So is an operation."""
    names = {"/api/services": ["a/b"], "/api/services/a%2Fb/operations": ["GET", "PUT"]}

    def answer(ask):
        return reply(names.get(ask.path, []))

    with pytest.raises(CollectError, match="no operation 'POST' of a/b") as caught:
        serve(TracesPlan(TraceQuery("a/b", "POST"), WINDOW), answer)

    assert "GET, PUT" in caught.value.hint
    plan = TracesPlan(TraceQuery("a/b", "GET"), WINDOW)
    serve(plan, answer)
    assert plan.entries() == []


def test_notes():
    """What Jaeger says beside traces is kept."""
    plan = TracesPlan(TraceQuery("payments"), WINDOW)
    serve(plan, lambda ask: reply([trace(1, LAST)], errors=[{"msg": "partial", "traceID": "1"}]))

    assert plan.facts()["warnings"] == ["partial"]


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "query"), (500, "unreachable"), (501, "unreachable")]
)
def test_errors(status, reason):
    """An error has the server's words, and says which kind it is."""
    plan = TracesPlan(TraceQuery("payments"), WINDOW)

    with pytest.raises(CollectError, match=r"Jaeger says .*: its words") as caught:
        serve(plan, lambda ask: reply(None, status, [{"code": status, "msg": "its words"}]))

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>the UI</html>", "unreachable"), (404, b"not here", "missing"),
        (401, b"", "denied"), (403, b'{"errors":[{"msg":"x"}]}', "denied"), (502, b"{}", "unreachable"),
        (200, b'{"data":{}}', "unreachable"), (200, b'{"data":[{"spans":[]}]}', "unreachable"),
        (200, b'{"data":[{"traceID":"a","spans":[{"startTime":"x"}]}]}', "unreachable"),
    ],
)  # fmt: skip
def test_no_jaeger(status, body, reason):
    """What is no answer of Jaeger is refused."""
    with pytest.raises(CollectError) as caught:
        serve(TracesPlan(TraceQuery("payments"), WINDOW), lambda ask: Answer(status, body))

    assert caught.value.reason == reason
