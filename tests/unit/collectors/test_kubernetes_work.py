"""Several pods at a time, and how they are summed up."""

import pytest
from tests.kube.double import Double, Fault

from steno.collectors import kubernetes_work
from steno.collectors.kubernetes_wanted import Wanted
from steno.collectors.kubernetes_work import Work
from steno.errors import CollectError


@pytest.fixture
def double(tmp_path, monkeypatch):
    """Begin a double of the API server, and name its kubeconfig."""
    cluster = Double()
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path / "k", namespace="default")))
    yield cluster
    cluster.stop()


def collect(**wanted):
    """Do it, and wait for it."""
    work = Work(Wanted(**wanted), session=None, progress=None, cancel=None, client=None)
    return work.begin().result(60)


def test_failures(double):
    """Some pods that fail are counted, and the first one's words are given."""
    for name in "abc":
        double.add_pod(name, labels={"x": "1"})["app"].write(name, at=1)
    double.faults.append(Fault("/b/log", 9, status=403, message="no"))

    collection = collect(selector="x=1")

    assert collection.reason.startswith("error: 1 of 3 pods: ")
    assert (collection.count, collection.complete) == (2, False)
    assert [pod["count"] for pod in collection.metadata["pods"]] == [1, 0, 1]
    assert len(collection.metadata["warnings"]) == 1


def test_all_fail(double):
    """Where nothing came from anywhere, the failure is raised."""
    for name in "ab":
        double.add_pod(name, labels={"x": "1"})
    double.faults.append(Fault("/log", 9, status=403, message="no"))

    with pytest.raises(CollectError, match="403"):
        collect(selector="x=1")


def test_some_have_it(double):
    """Of many pods, those that have the container are read."""
    double.add_pod("a", ("app", "side"), labels={"x": "1"})["side"].write("one", at=1)
    double.add_pod("b", labels={"x": "1"})

    assert collect(selector="x=1", container="side").count == 1


def test_too_many(double, monkeypatch):
    """More pods than can be followed at once are refused."""
    monkeypatch.setattr(kubernetes_work, "MOST_FOLLOWED", 1)
    for name in "ab":
        double.add_pod(name, labels={"x": "1"})

    with pytest.raises(CollectError, match="too many") as caught:
        collect(selector="x=1", follow=True)

    assert caught.value.reason == "limit"


def test_many_pods(double):
    """More pods than are read at a time come all the same, in the order of their names."""
    for number in range(11):
        double.add_pod(f"pod-{number:02}", labels={"x": "1"})["app"].write(str(number), at=1)

    collection = collect(selector="x=1")

    assert [entry["message"] for entry in collection.entries] == [str(each) for each in range(11)]


def test_server(double, tmp_path):
    """The server is named without the password that may stand in its address."""
    path = tmp_path / "k"
    double.kubeconfig(path, url="http://user:secret@127.0.0.1:1")

    with pytest.raises(CollectError, match=r"http://127.0.0.1:1 ") as caught:
        collect(pod="web", retries=0)

    assert "secret" not in caught.value.message


def test_server_named(double):
    """Where a collection comes from stands in its metadata."""
    double.add_pod("web")["app"].write("one", at=1)

    assert collect(pod="web").metadata["server"] == double.url
