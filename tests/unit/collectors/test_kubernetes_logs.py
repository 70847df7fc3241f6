"""One container's log, against a double of the API server."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest
from tests.kube.double import Double, Fault

from steno.collectors import kubernetes_api, kubernetes_logs
from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_logs import ContainerLog, LogQuery, NoLogError
from steno.collectors.kubernetes_pods import fetch_pod
from steno.errors import CollectError

AT = 1_760_000_000_123_456_789


@pytest.fixture
def double():
    """Begin a double of the API server."""
    cluster = Double()
    yield cluster
    cluster.stop()


@pytest.fixture
def read(double, tmp_path):
    """Read the log of the pod ``web``; returns it and its messages."""

    def read(query=None, *, retries=2, timeout_s=5.0):
        async def main():
            access = find_access(environ={"KUBECONFIG": str(double.kubeconfig(tmp_path / "k"))})
            async with KubernetesApi(access, timeout_s=timeout_s, retries=retries) as api:
                pod = await fetch_pod(api, "default", "web")
                log = ContainerLog(api, pod, "app", query or LogQuery())
                return log, [line.message async for lines in log.batches() for line in lines]

        return asyncio.run(main())

    return read


def asked(double):
    """Return the parameters of the last question for a log."""
    return [params for _, path, params in double.requests if path.endswith("/log")][-1]


def test_parameters(double, read):
    """What the API can do is left to it; times are always asked for."""
    double.add_pod("web")["app"].write("old", at=AT).restart().write("new", at=AT)
    since = datetime(2025, 10, 9, 8, 53, 20, 100_000, UTC)

    _, messages = read(LogQuery(since=since, previous=True, tail=3, limit_bytes=1000))

    assert messages == ["old"]
    assert asked(double) == {
        "container": "app", "timestamps": "true", "previous": "true", "tailLines": "3",
        "sinceTime": "2025-10-09T08:53:20Z", "limitBytes": "1000",
    }  # fmt: skip


def test_until(double, read):
    """Reading stops a little behind the end: a line that is late by a moment still comes."""
    log = double.add_pod("web")["app"]
    for offset in (0, 3, 1, 9, 2):
        log.write(str(offset), at=AT + offset * 10**9)
    until = datetime.fromtimestamp(AT // 10**9 + 2, UTC)

    _, messages = read(LogQuery(until=until))

    assert messages == ["0", "1"]


@pytest.mark.parametrize("limit", [1, 30, 31, 79, 80, 81])
def test_limit_bytes(double, read, limit):
    """Bytes are limited, and the log says so, wherever the limit falls."""
    double.add_pod("web")["app"].write(*["x"] * 50, at=AT)

    log, _ = read(LogQuery(limit_bytes=limit))

    assert log.limited


def test_limit_not_reached(double, read):
    """A log that is shorter than its limits is whole."""
    double.add_pod("web")["app"].write("one", at=AT)

    log, messages = read(LogQuery(limit_bytes=10_000, limit_lines=1))

    assert (messages, log.limited) == (["one"], False)


def test_tail_taken_up(double, read):
    """The end of a log that breaks is taken up by time, and not cut to its end once more."""
    double.add_pod("web")["app"].write(*map(str, range(20)), at=AT)
    double.faults.append(Fault("/log", after=100))

    _, messages = read(LogQuery(tail=10))

    assert messages == [str(number) for number in range(10, 20)]
    assert "tailLines" not in asked(double)


@pytest.mark.parametrize(
    ("query", "waiting", "words"),
    [
        (LogQuery(), "ContainerCreating", "has not started yet"),
        (LogQuery(previous=True), None, "was not started again"),
    ],
)
def test_no_log(double, read, query, waiting, words):
    """A container without a log is told from a failure."""
    double.add_pod("web")["app"].waiting = waiting

    with pytest.raises(NoLogError, match=words):
        read(query)


def test_replaced(double, read):
    """A pod that was replaced by another of its name is not followed on."""
    log = double.add_pod("web")["app"].end(ended=False).write("one", at=AT)
    pod = double.pods["default", "web"]
    log.end()
    double.pods["default", "web"] = pod
    double.faults.append(_Replacing(double))

    _, messages = read(LogQuery(follow=True))

    assert messages == ["one"]


class _Replacing(Fault):
    """Replaces the pod when its log is asked for; nothing fails by it."""

    def __init__(self, double):
        super().__init__("/log", after=10_000)
        self._double = double
        self._times = 1

    @property
    def times(self):
        return self._times

    @times.setter
    def times(self, value):
        self._times = value
        if hasattr(self, "_double"):
            self._double.pods["default", "web"]["metadata"]["uid"] = "another"


def test_node_does_not_know_it_yet(double, read, monkeypatch):
    """A pod that is followed and that its node does not know of yet is waited for, from its start."""
    monkeypatch.setattr(kubernetes_logs, "_GLANCE_S", 0.02)
    log = double.add_pod("web", restart="Never")["app"].write("one", "two", "three", at=AT)
    double.set_state("web", "app", {"waiting": {"reason": "ContainerCreating"}})
    double.faults += [
        Fault("web/log", 2, status=404, message="the server could not find the requested resource"),
        Fault("web/log", status=400, message='container "app" in pod "web" is not available'),
    ]

    def ending():
        while len(double.paths("/log")) < 4:
            time.sleep(0.02)
        double.set_state("web", "app", {"terminated": {"exitCode": 0}})

    thread = threading.Thread(target=ending)
    thread.start()
    _, messages = read(LogQuery(follow=True, tail=1), retries=0)
    thread.join()

    assert messages == ["one", "two", "three"]
    assert log.ended
    assert "tailLines" not in asked(double)


def test_never_started(double, read, monkeypatch):
    """A pod that is followed and vanishes before it has started has no log, and nothing is wrong."""
    monkeypatch.setattr(kubernetes_logs, "_GLANCE_S", 0.02)
    double.add_pod("web")["app"].waiting = "ImagePullBackOff"

    def vanish():
        while len(double.paths("/log")) < 3:
            time.sleep(0.02)
        double.remove_pod("web")

    thread = threading.Thread(target=vanish)
    thread.start()
    _, messages = read(LogQuery(follow=True), retries=0)
    thread.join()

    assert messages == []


def test_silent(double, read, monkeypatch):
    """A log that is silent for long is taken up anew, as often as it takes; nothing comes twice."""
    monkeypatch.setattr(kubernetes_api, "_QUIET", 0.1)
    log = double.add_pod("web", restart="Never")["app"].end(ended=False).write("one", at=AT)

    def ending():
        while len(double.paths("/log")) < 4:
            time.sleep(0.02)
        log.write("two", at=AT + 1)
        double.set_state("web", "app", {"terminated": {"exitCode": 0}})
        log.end()

    thread = threading.Thread(target=ending)
    thread.start()
    _, messages = read(LogQuery(follow=True), retries=0, timeout_s=0.3)
    thread.join()

    assert messages == ["one", "two"]


def test_gives_up(double, read):
    """Who breaks off again and again without a new line is given up."""
    double.add_pod("web")["app"].write("one", at=AT)
    double.faults.append(Fault("/log", 99))

    with pytest.raises(CollectError, match="can't be reached"):
        read(retries=1)
