"""Asking an API server: what is sent, what is tried again, and what is said of failures."""

import asyncio
import ssl
import threading
import time

import pytest
from tests.kube.double import Double, Fault
from tests.kube.kubelet import Kubelet

from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi, Patience, RefusedError
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


def test_patience():
    """Patience ends after so many tries in a row, and begins anew when something went on."""
    error = RefusedError("away", status=503, retry_after=0.0)

    async def main():
        patience = Patience(1)
        await patience.wait(error)
        patience.renew()
        await patience.wait(error)
        with pytest.raises(RefusedError):
            await patience.wait(error)

    asyncio.run(main())
