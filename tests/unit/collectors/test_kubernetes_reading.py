"""One pod's logs as entries to iterate over."""

import threading
import time

import pytest
from tests.kube.double import Double, Fault

from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_logs import LogQuery
from steno.collectors.kubernetes_pods import read_pod
from steno.collectors.kubernetes_reading import IncompleteError, PodReading, Task

AT = 1_760_000_000_123_456_789


@pytest.fixture
def double():
    """Begin a double of the API server."""
    cluster = Double()
    yield cluster
    cluster.stop()


@pytest.fixture
def reading(double, tmp_path):
    """Make a reading of the pod ``web``."""

    def reading(query=None, *, stopped=lambda: False, ends_at=None, came=lambda _: None):
        access = find_access(environ={"KUBECONFIG": str(double.kubeconfig(tmp_path / "k"))})
        task = Task(access, query or LogQuery(), True, 5.0, 1, ends_at, stopped, came)
        pod = read_pod(double.pods["default", "web"])
        return PodReading(pod, pod.containers, task)

    return reading


def test_entries(double, reading):
    """Containers come one after the other; their facts tell how many lines each had."""
    logs = double.add_pod("web", ("app", "side"))
    logs["app"].write("a", " b", "c", at=AT)
    logs["side"].write("d", at=AT)
    counts = []

    pod = reading(came=counts.append)
    entries = list(pod.entries())

    assert [(entry["container"], entry["message"]) for entry in entries] == [
        ("app", "a\n b"), ("app", "c"), ("side", "d"),
    ]  # fmt: skip
    assert entries[0]["lines"] == 2
    assert (pod.count, pod.reason, sum(counts)) == (3, None, 3)
    assert [facts["lines"] for facts in pod.containers.values()] == [3, 1]


def test_failure(double, reading):
    """A container that fails does not end the others; the last word is why it is not all."""
    logs = double.add_pod("web", ("app", "side"))
    logs["side"].write("d", at=AT)
    double.faults.append(Fault("/log", status=404, message="gone"))
    pod, entries = reading(), []

    with pytest.raises(IncompleteError, match="gone"):
        entries.extend(pod.entries())

    assert pod.reason.startswith("error: ")
    assert "gone" in pod.containers["app"]["error"]
    assert double.paths("/log") == ["/api/v1/namespaces/default/pods/web/log"] * 2


def test_without_log(double, reading):
    """A container that has not started is no failure."""
    double.add_pod("web")["app"].waiting = "ContainerCreating"
    pod = reading()

    assert list(pod.entries()) == []
    assert (pod.reason, len(pod.without_log)) == (None, 1)


def test_held_entry(double, reading):
    """While nothing comes, an entry that might go on is given after a moment all the same."""
    double.add_pod("web")["app"].end(ended=False).write("Traceback (most recent call last):", at=AT)

    entries = reading(LogQuery(follow=True)).entries()

    assert next(entries)["message"].startswith("Traceback")
    entries.close()


def test_stopped(double, reading):
    """When it is to stop, what is held comes yet, and then why it is not all."""
    double.add_pod("web")["app"].end(ended=False).write("one", "two", at=AT)
    stop = threading.Event()
    pod, entries = reading(LogQuery(follow=True), stopped=stop.is_set), []

    with pytest.raises(IncompleteError, match="cancelled"):
        for entry in pod.entries():
            entries.append(entry["message"])
            stop.set()

    assert entries == ["one", "two"]


def test_stopped_too_late(double, reading):
    """Who stops when all is there gets all, and is told so."""
    double.add_pod("web")["app"].write("one", at=AT)
    stop = threading.Event()
    pod = reading(stopped=stop.is_set, came=lambda _: stop.set())

    assert [entry["message"] for entry in pod.entries()] == ["one"]
    assert pod.reason is None


def test_stopped_between(double, reading):
    """Who stops between two containers gets the first, and is told that there is more."""
    logs = double.add_pod("web", ("app", "side"))
    logs["app"].write("one", at=AT)
    stop = threading.Event()
    pod, entries = reading(stopped=stop.is_set, came=lambda _: stop.set()), []

    with pytest.raises(IncompleteError, match="cancelled"):
        entries.extend(pod.entries())

    assert len(double.paths("/log")) == 1


def test_late(double, reading):
    """When its time is over, that is the end and nothing is missing."""
    double.add_pod("web")["app"].end(ended=False).write("one", at=AT)

    pod = reading(LogQuery(follow=True), ends_at=time.monotonic() + 0.5)

    assert [entry["message"] for entry in pod.entries()] == ["one"]
    assert pod.reason is None


def test_abandoned(double, reading):
    """Who stops iterating leaves no connection open."""
    double.add_pod("web")["app"].end(ended=False).write("one", "two", at=AT)
    before = threading.active_count()

    entries = reading(LogQuery(follow=True)).entries()
    next(entries)
    entries.close()
    double.pods.clear()
    double.logs["default", "web", "app"].end()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)

    assert threading.active_count() <= before
