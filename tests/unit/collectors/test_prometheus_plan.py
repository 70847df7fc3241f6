"""What is asked of Prometheus, and how its answers become series."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.collectors.http import Answer
from steno.collectors.prometheus_plan import POINTS_PER_PAGE, MetricsPlan, choose_step
from steno.collectors.windows import Window
from steno.errors import CollectError

START = datetime(2026, 11, 20, 14, tzinfo=UTC)


def plan_over(length, step=None):
    """Plan a query over a window that begins at START."""
    return MetricsPlan.over("up", Window(START, START + length), step, 30)


def reply(result, kind="matrix", **more):
    """Write an answer as Prometheus does."""
    body = {"status": "success", "data": {"resultType": kind, "result": result}, **more}
    return Answer(200, json.dumps(body).encode())


def serve(plan, answer=lambda ask: reply([])):
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
    """Read entries as whoever opens the artefact does."""
    return json.loads(msgspec.json.encode(entries))


def grid(ask):
    """List the points, in milliseconds, that a question asks for."""
    params = dict(ask.params)
    first, last, step = (round(float(params[name]) * 1000) for name in ("start", "end", "step"))
    return list(range(first, last + 1, step))


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(0), "15s"), (timedelta(hours=4), "15s"), (timedelta(hours=5), "30s"),
        (timedelta(days=1), "2m"), (timedelta(days=7), "15m"), (timedelta(days=30), "1h"),
        (timedelta(days=365), "12h"), (timedelta(days=3650), "96h"),
    ],
)  # fmt: skip
def test_steps(length, step):
    """The step is a round one that makes at most 1,000 points of the window."""
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[step[-1]]

    assert choose_step(length) == timedelta(**{unit: int(step[:-1])})


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100_000)))
def test_steps_suffice(length):
    """No window is too long for a step."""
    assert length / choose_step(length) <= 1000


@given(
    st.integers(0, 10**7),
    st.integers(1, 10**5),
    st.integers(-(10**6), 10**6),
)
def test_pages(length, step, offset):
    """The pages together ask for every point of the grid, each one once."""
    start = START + timedelta(milliseconds=offset)
    window = Window(start, start + timedelta(milliseconds=min(length, step * 5 * POINTS_PER_PAGE)))
    plan = MetricsPlan.over("up", window, timedelta(milliseconds=step), 30)

    asked = serve(plan)

    first = round(start.timestamp() * 1000)
    last = round(window.end.timestamp() * 1000)
    assert [point for ask in asked for point in grid(ask)] == list(range(first, last + 1, step))
    assert all(len(grid(ask)) <= POINTS_PER_PAGE for ask in asked)


def test_instant():
    """Without a window there is one question, for an instant."""
    (ask,) = serve(MetricsPlan("up", Window(START, START), None, 5))

    assert ask.path == "/api/v1/query"
    assert ask.params == (("query", "up"), ("time", "1795183200.000"), ("timeout", "4.5"))
    assert not ask.by_post


def test_before_the_epoch():
    """Instants before 1970 are written as they are."""
    moment = datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)
    (ask,) = serve(MetricsPlan("up", Window(moment, moment), None, 30))

    assert dict(ask.params)["time"] == "-0.500"


def test_long_queries():
    """A query that is too long for an address is sent as a form."""
    (ask,) = serve(MetricsPlan("up or " * 1000 + "up", Window(START, START), None, 30))

    assert ask.by_post


def test_joined():
    """Pages of one series become one entry, in their order; a series may be missing in a page."""

    def answer(ask):
        points = [[at / 1000, "1"] for at in grid(ask)]
        one = {"metric": {"a": "1", "b": "2"}, "values": points}
        # The order of labels does not make another series.
        other = {"metric": {"b": "2", "a": "1"}, "values": points}
        late = {"metric": {"late": "1"}, "values": points[:1]}
        return reply([one] if not plan.answers else [late, other])

    plan = plan_over(timedelta(seconds=POINTS_PER_PAGE * 2 - 1), timedelta(seconds=1))
    serve(plan, answer)

    one, late = plain(plan.entries())
    times = [at for at, _ in one["values"]]
    assert times == [START.timestamp() + at for at in range(POINTS_PER_PAGE * 2)]
    assert late == {"metric": {"late": "1"}, "values": [[START.timestamp() + 2000, "1"]]}
    assert plan.facts() == {
        "result_type": "matrix", "samples": 4001, "answers": 2, "step_s": 1.0,
    }  # fmt: skip


def test_values_as_they_are():
    """NaN, infinities and the server's own digits are kept as it wrote them."""
    body = (
        b'{"status":"success","data":{"resultType":"vector","result":['
        b'{"metric":{},"value":[1795183200.100,"NaN"]},'
        b'{"metric":{"x":"\\u00e4"},"value":[ 1795183200,"+Inf" ]}]}}'
    )
    plan = MetricsPlan("x", Window(START, START), None, 30)
    serve(plan, lambda ask: Answer(200, body))

    assert msgspec.json.encode(plan.entries()) == (
        b'[{"metric":{},"value":[1795183200.100,"NaN"]},'
        + '{"metric":{"x":"ä"},"value":[ 1795183200,"+Inf" ]}]'.encode()
    )


def test_native_histograms():
    """Native histograms are kept beside samples, and joined as they are."""
    histogram = {"count": "3", "sum": "4.5", "buckets": [[0, "0.5", "1", "3"]]}

    def answer(ask):
        at = grid(ask)[0] / 1000
        return reply([{"metric": {}, "values": [[at, "1"]], "histograms": [[at, histogram]]}])

    plan = plan_over(timedelta(seconds=POINTS_PER_PAGE), timedelta(seconds=1))
    serve(plan, answer)

    (entry,) = plain(plan.entries())
    assert [value for _, value in entry["histograms"]] == [histogram, histogram]
    assert len(entry["values"]) == 2
    assert plan.facts()["samples"] == 4

    plan = MetricsPlan("x", Window(START, START), None, 30)
    serve(plan, lambda ask: reply([{"metric": {}, "histogram": [1, histogram]}], "vector"))
    assert plain(plan.entries()) == [{"metric": {}, "histogram": [1, histogram]}]


@pytest.mark.parametrize("kind", ["scalar", "string"])
def test_scalars(kind):
    """A scalar or a string is an entry without labels."""
    plan = MetricsPlan("1", Window(START, START), None, 30)
    serve(plan, lambda ask: reply([1795183200, "1"], kind))

    assert plain(plan.entries()) == [{"metric": {}, "value": [1795183200, "1"]}]
    assert plan.facts()["result_type"] == kind


def test_notes():
    """Warnings and infos are kept, each once, and not without end."""
    plan = plan_over(timedelta(seconds=POINTS_PER_PAGE), timedelta(seconds=1))
    serve(plan, lambda ask: reply([], warnings=["w", "w"], infos=[str(at) for at in range(500)]))

    assert plan.facts()["warnings"] == ["w"]
    assert len(plan.facts()["infos"]) == 100


def test_partial():
    """A server that says that its answer is partial is believed."""
    plan = MetricsPlan("up", Window(START, START), None, 30)
    serve(plan, lambda ask: reply([], "vector", isPartial=True))

    assert plan.facts()["warnings"] == ["the server says that its answer is partial"]


def test_progress():
    """Whoever waits hears how many samples came."""
    heard = []
    plan = MetricsPlan("up", Window(START, START), None, 30, heard.append)
    serve(plan, lambda ask: reply([{"metric": {}, "value": [1, "1"]}] * 3, "vector"))

    assert heard == [3]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, "bad_data", "query"), (422, "execution", "query"), (503, "timeout", "timeout"),
        (503, "canceled", "timeout"), (500, "internal", "other"), (404, "not_found", "other"),
    ],
)  # fmt: skip
def test_errors(status, kind, reason):
    """An error has the server's words, and says which kind it is."""
    body = json.dumps({"status": "error", "errorType": kind, "error": "its words"}).encode()
    plan = plan_over(timedelta(hours=1))

    with pytest.raises(CollectError, match=f"Prometheus says {kind}: its words") as caught:
        serve(plan, lambda ask: Answer(status, body))

    assert caught.value.reason == reason
    (ask,) = [next(plan_over(timedelta(hours=1)).questions())]
    assert ask.final(Answer(status, body)) == (reason != "other")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>login</html>", "unreachable"), (404, b"not here", "missing"),
        (401, b"", "denied"), (403, b"{}", "denied"), (200, b"{}", "unreachable"),
        (200, b'{"status":"success"}', "unreachable"), (200, b"[]", "unreachable"),
        (200, b'{"status":"success","data":{"resultType":"matrix","result":{}}}', "unreachable"),
        (200, b'{"status":"success","data":{"resultType":"matrix","result":[{"values":1}]}}',
         "unreachable"),
        (500, b"\xff\xfe", "unreachable"),
    ],
)  # fmt: skip
def test_no_prometheus(status, body, reason):
    """What is no answer of Prometheus is refused, with the beginning of it."""
    with pytest.raises(CollectError) as caught:
        serve(plan_over(timedelta(hours=1)), lambda ask: Answer(status, body))

    assert caught.value.reason == reason
    assert caught.value.hint
    assert not next(plan_over(timedelta(hours=1)).questions()).final(Answer(status, body))


def test_too_fine():
    """A step that Prometheus can't tell apart is refused."""
    with pytest.raises(CollectError, match="millisecond"):
        plan_over(timedelta(hours=1), timedelta(microseconds=10))
