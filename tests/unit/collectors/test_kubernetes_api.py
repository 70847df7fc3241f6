"""Asking an API server: what is sent, what is tried again, and what is said of failures."""

import asyncio
import gzip
import ssl
import threading
import time

import pytest
from tests.kube.double import Double, Fault
from tests.kube.kubelet import Kubelet

from steno.collectors import kubernetes_api
from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_refusals import RefusedError
from steno.errors import StenoError


@pytest.fixture
def double():
    """Begin a double of the API server."""
    cluster = Double()
    yield cluster
    cluster.stop()


@pytest.fixture
def ask(double, tmp_path):
    """Ask it for a path, or let a function ask."""

    def ask(what, *, retries=2, **options):
        async def main():
            path = double.kubeconfig(tmp_path / "k", **options)
            access = find_access(environ={"KUBECONFIG": str(path)})
            async with KubernetesApi(access, timeout_s=5.0, retries=retries) as api:
                return await (api.get(what) if isinstance(what, str) else what(api))

        return asyncio.run(main())

    return ask


def test_get(double, ask):
    """An object is asked for and comes as it is."""
    double.add_pod("web")

    assert ask("api/v1/namespaces/default/pods/web")["metadata"]["name"] == "web"


def test_changes_are_refused(double, ask):
    """Nothing but GET can leave, whatever is written here later."""

    async def change(api):
        await api._client.request("DELETE", "api/v1/namespaces/default/pods/web")

    with pytest.raises(StenoError, match="DELETE is no reading"):
        ask(change)
    assert double.requests == []


def test_retry_after(double, ask):
    """The server says how long to wait, and that is waited."""
    double.add_pod("web")
    double.faults.append(Fault("web", status=429, headers={"Retry-After": "1"}))

    begun = time.monotonic()
    ask("api/v1/namespaces/default/pods/web")

    assert time.monotonic() - begun >= 1.0


def test_not_tried_again(double, ask):
    """What is refused for good is asked once."""
    with pytest.raises(RefusedError) as caught:
        ask("api/v1/namespaces/default/pods/none")

    assert (caught.value.status, caught.value.reason, caught.value.passes) == (
        404,
        "missing",
        False,
    )
    assert len(double.requests) == 1


def test_server_words(double, ask):
    """A failure carries the server's own words; a body that is none of the API's is cut short."""
    double.faults.append(Fault("x", status=500, message="etcd is away"))
    double.faults.append(Fault("y", status=502, body=b"<html>" + b"x" * 10_000_000))

    with pytest.raises(RefusedError, match="500 to x: etcd is away"):
        ask("x", retries=0)
    with pytest.raises(RefusedError) as caught:
        ask("y", retries=0)
    assert len(caught.value.message) < 400


def test_untrusted(tmp_path, ask, double):
    """A certificate that nobody vouches for is said to be the reason, and is not tried again."""
    server = Kubelet(tmp_path, {})
    try:
        with pytest.raises(RefusedError, match="certificate") as caught:
            ask("api", url=f"https://127.0.0.1:{server.port}")
    finally:
        server.stop()

    assert caught.value.reason == "configuration"
    assert isinstance(_deepest(caught.value), ssl.SSLCertVerificationError)


def _deepest(error):
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error


def test_timeout(double, tmp_path):
    """A server that accepts and says nothing is given up after the time that was given."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        path = double.kubeconfig(tmp_path / "k", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        access = find_access(environ={"KUBECONFIG": str(path)})

        async def main():
            async with KubernetesApi(access, timeout_s=0.2, retries=0) as api:
                await api.get("api")

        with pytest.raises(RefusedError, match="did not answer in time") as caught:
            asyncio.run(main())

    assert caught.value.reason == "timeout"


def test_no_token(double, tmp_path):
    """A program that should hand out a token and fails is said to be the reason."""
    config = double.kubeconfig(tmp_path / "k")
    config.write_text(config.read_text().replace(
        '{"token": "good-token"}',
        '{"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/none/login"}}',
    ))  # fmt: skip
    access = find_access(environ={"KUBECONFIG": str(config)})

    async def main():
        async with KubernetesApi(access, timeout_s=5.0, retries=0) as api:
            await api.get("api")

    with pytest.raises(RefusedError, match="/none/login") as caught:
        asyncio.run(main())

    assert caught.value.reason == "denied"


def test_stream(double, ask):
    """An answer is read as it comes: the first bytes are here before the last are written."""
    log = double.add_pod("web")["app"].end(ended=False).write("one", at=1)
    got = []

    async def follow(api):
        path = "api/v1/namespaces/default/pods/web/log"
        async with api.stream(path, {"follow": "true", "x": None}, patient=True) as pieces:
            async for piece in pieces:
                got.append(piece)
                threading.Thread(target=log.end).start()

    ask(follow)

    assert b"".join(got) == b"one\n"
    assert double.requests[-1][2] == {"follow": "true"}


def watch(ask, double, count, *, version="0", **options):
    """Return the names of the first pods that a watch gives."""

    async def first(api):
        names = []
        async for raw in api.watch("api/v1/pods", {"labelSelector": "x"}, version):
            names.append(raw["metadata"]["name"])
            if len(names) == count:
                return names
        raise AssertionError

    return ask(first, **options)


def watches(double):
    """Return the versions from which on it was watched."""
    return [params["resourceVersion"] for _, _, params in double.requests if "watch" in params]


def test_watch(double, ask):
    """What was added and changed since a version comes; what was removed does not."""
    for name in "abc":
        double.add_pod(name, labels={"x": "1"})
    double.set_state("b", "app", {"waiting": {}})
    double.remove_pod("c")
    double.add_pod("d", labels={"x": "1"})

    assert watch(ask, double, 4, version="1") == ["b", "c", "b", "d"]
    assert double.requests[0][2] == {
        "labelSelector": "x", "watch": "true", "allowWatchBookmarks": "true",
        "timeoutSeconds": "240", "resourceVersion": "1",
    }  # fmt: skip


def test_watch_goes_on(double, ask, monkeypatch):
    """When a watch ends, the next begins where it ended; bookmarks count, too."""
    monkeypatch.setattr(kubernetes_api, "_WATCH_S", 0.1)
    monkeypatch.setattr(kubernetes_api, "_BETWEEN_WATCHES_S", 0.01)
    double.add_pod("a", labels={"x": "1"})
    double.add_pod("other")

    def add():
        while len(double.requests) < 3:
            time.sleep(0.01)
        double.add_pod("b", labels={"x": "1"})

    thread = threading.Thread(target=add)
    thread.start()
    names = watch(ask, double, 2)
    thread.join()

    assert names == ["a", "b"]
    assert watches(double)[:2] == ["0", "2"]  # the other pod's change was never told of


@pytest.mark.parametrize("after", [0, 1, 700])
def test_watch_breaks(double, ask, after):
    """A watch that breaks is taken up behind the last change that came whole."""
    for name in "abc":
        double.add_pod(name, labels={"x": "1"})
    double.faults += [Fault("watch=true", 2, after=after), Fault("watch=true", status=503)]

    assert watch(ask, double, 3, retries=3) == ["a", "b", "c"]
    assert len(watches(double)) == 4


def test_watch_expired(double, ask):
    """Where the server has forgotten what was since then, that is told, and not tried again."""
    double.add_pod("a", labels={"x": "1"})
    double.forget()

    with pytest.raises(RefusedError, match="too old resource version") as caught:
        watch(ask, double, 1)

    assert caught.value.status == kubernetes_api.EXPIRED
    assert len(watches(double)) == 1


@pytest.mark.parametrize(
    "body",
    [b"<html>log in</html>\n", b"[]\n", b"{}\n", b'{"type": 3, "object": {}}\n', b"\xff\n",
     b'{"type": "ADDED", "object": null}\n', b"[" * 100_000 + b"\n"],
)  # fmt: skip
def test_watch_garbage(double, ask, body):
    """What is no event is an error, and not tried again."""
    double.faults.append(Fault("watch=true", 9, status=200, body=body))

    with pytest.raises(RefusedError, match="is no event"):
        watch(ask, double, 1)


@pytest.mark.parametrize("path", ["api/v1/pods/x", "watch"])
def test_too_large(double, ask, monkeypatch, path):
    """An answer that would fill the memory is given up, packed or not, a watch's event too."""
    monkeypatch.setattr(kubernetes_api, "_LARGEST", 1_000_000)
    packed = Fault("x", 9, status=200, headers={"Content-Encoding": "gzip"},
                   body=gzip.compress(b"x" * 10_000_000))  # fmt: skip
    double.faults.append(packed)

    with pytest.raises(RefusedError, match="more than 1000000 bytes") as caught:
        watch(ask, double, 1) if path == "watch" else ask(path)

    assert caught.value.reason == "limit"
    assert len(double.requests) == 1


def test_deep(double, ask):
    """JSON that nests without end is no answer."""
    double.faults.append(Fault("x", 9, status=200, body=b"[" * 1_000_000))

    with pytest.raises(RefusedError, match="no JSON object"):
        ask("x")
