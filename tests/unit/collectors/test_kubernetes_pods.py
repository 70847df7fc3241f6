"""What is taken from a pod as the API gives it."""

import asyncio

import pytest
from tests.kube.double import Double

from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_pods import Selection, choose_containers, read_pod
from steno.errors import CollectError


def pod(state, *, policy="Always", phase="Running", group="containers"):
    """Return a pod of one container."""
    statuses = {"containers": "containerStatuses", "initContainers": "initContainerStatuses",
                "ephemeralContainers": "ephemeralContainerStatuses"}  # fmt: skip
    return {
        "metadata": {"name": "web", "namespace": "n", "uid": "u"},
        "spec": {"nodeName": "node", "restartPolicy": policy, group: [{"name": "app"}]},
        "status": {"phase": phase, statuses[group]: [
            {"name": "app", "restartCount": 3, "state": state},
        ]},
    }  # fmt: skip


def test_read():
    """Names, place, state and restarts are taken."""
    read = read_pod(pod({"waiting": {"reason": "CrashLoopBackOff"}}))
    (container,) = read.containers

    assert (read.name, read.namespace, read.uid, read.node) == ("web", "n", "u", "node")
    assert (container.state, container.why, container.restarts) == (
        "waiting",
        "CrashLoopBackOff",
        3,
    )


@pytest.mark.parametrize(
    "raw",
    [{}, {"metadata": None, "spec": [], "status": 3}, {"spec": {"containers": [None, {}]}},
     {"status": {"containerStatuses": "x"}}],
)  # fmt: skip
def test_poor(raw):
    """What is missing or of another kind is not there; nothing fails by it."""
    assert read_pod(raw, "n").namespace == "n"


@pytest.mark.parametrize(
    ("code", "options", "again"),
    [
        (0, {}, True),
        (0, {"policy": "OnFailure"}, False),
        (1, {"policy": "OnFailure"}, True),
        (1, {"policy": "Never"}, False),
        (1, {"phase": "Failed"}, False),
        (0, {"group": "initContainers"}, False),
        (1, {"group": "initContainers"}, True),
        (1, {"group": "ephemeralContainers"}, False),
    ],
)
def test_again(code, options, again):
    """Whether an ended container runs once more follows from its pod's rule and its kind."""
    read = read_pod(pod({"terminated": {"exitCode": code}}, **options))

    assert read.containers[0].again is again


def test_path():
    """A name from outside stays one step of the path."""
    read = read_pod({"metadata": {"name": "../../nodes", "namespace": "a/b"}})

    assert read.path == "api/v1/namespaces/a%2Fb/pods/..%2F..%2Fnodes"


def test_choose():
    """A container that is not there is an error that names those that are."""
    read = read_pod(pod({"running": {}}))

    assert choose_containers(read, None) == choose_containers(read, "app") == read.containers
    with pytest.raises(CollectError) as caught:
        choose_containers(read, "x")
    assert caught.value.hint == "it has: app"


def test_selection(tmp_path):
    """Pods that are there are named at once, those that come later as they come."""
    double = Double()
    path = double.kubeconfig(tmp_path / "k")

    async def main():
        found = []
        selection = Selection("default", "x", None)
        access = find_access(environ={"KUBECONFIG": str(path)})
        async with KubernetesApi(access, timeout_s=5.0, retries=0) as api:
            found += [pod.name for pod in await selection.existing(api)]
            double.add_pod("c", labels={"x": "1"})
            async for pod in selection.later(api):
                found.append(pod.name)
                if pod.name == "c":  # the server forgets what comes next, and so all come again
                    double.add_pod("d", labels={"x": "1"})
                    double.forget()
                    double.end_watches()
                if pod.name == "d":
                    return found
        raise AssertionError

    try:
        for name in "ba":
            double.add_pod(name, labels={"x": "1"})
        found = asyncio.run(main())
    finally:
        double.stop()

    assert found[:3] == ["a", "b", "c"]
    assert set(found) == {"a", "b", "c", "d"}
