"""Requests go out byte for byte, connections are kept where that is safe, and nothing leaks."""

import asyncio
import base64
import contextlib
import os
import shutil
import ssl
import subprocess

import pytest

from steno.proxy import upstream_client
from steno.proxy.origins import parse_origin
from steno.proxy.upstream_client import UpstreamClient
from steno.proxy.upstream_connection import UpstreamError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    """Begin without proxies in the environment, and without what was read before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    parse_origin.cache_clear()
    yield
    parse_origin.cache_clear()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for this machine, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have openssl")
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    names = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out", names[0], "-keyout", names[1],
        ],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return names


class Upstream:
    """A server that plays one reply to each request.

    Attributes:
        port: Where it listens.
        connections: How many came.
        heads: The heads of the requests.
    """

    def __init__(self, play, certificate=None):
        self._play = play
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(*certificate)
        self.connections = 0
        self.heads = []
        self._serving = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.scheme = "https" if self.context else "http"
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        await self.settle()

    async def settle(self):
        """Wait until all connections have ended."""
        if self._serving:
            _, left = await asyncio.wait(self._serving, timeout=5)
            assert not left

    async def _serve(self, reader, writer):
        self.connections += 1
        self._serving.append(asyncio.current_task())
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if await self._play(reader, writer, self) is False:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


def plays(*replies):
    """Answer by these replies in turn; the last one stays."""
    left = list(replies)

    async def play(reader, writer, upstream):
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return play


async def ask(client, url, *, method="POST", target=b"/p?q=1", headers=(), body=None, length=None):
    """Send a request; returns status and body."""
    async with asyncio.timeout(20):
        async with client.request(
            parse_origin(url), method, target, headers, body, length=length
        ) as reply:
            got = b""
            while data := await reply.read():
                got += data
            return reply.status, got


@contextlib.contextmanager
def speaking(timeout_s=5.0):
    """Give a client, and end it."""
    client = UpstreamClient(timeout_s)
    try:
        yield client
    finally:
        client.close()


def exchange(play, *, times=1, path="", user="", **request):
    """Ask an upstream that plays this, several times; returns it and the last answer."""

    async def run():
        async with Upstream(play) as upstream:
            with speaking() as client:
                url = upstream.url.replace("//", f"//{user}") + path
                for _ in range(times):
                    answer = await ask(client, url, **request)
        return upstream, answer

    return asyncio.run(run())


async def _two():
    yield b"ab"
    yield b"c"


@pytest.mark.parametrize(
    ("body", "length", "framing"),
    [
        (None, None, b""),
        (b"", 0, b"Content-Length: 0\r\n"),
        (b"abc", 3, b"Content-Length: 3\r\n"),
        (_two, 3, b"Content-Length: 3\r\n"),
        (_two, None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_head_on_wire(body, length, framing):
    """A head holds Host first, the fields as they came, and what frames the body; no more."""
    wire = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" if length is None else b"abc"
    bodies = []

    async def play(reader, writer, upstream):
        bodies.append(await reader.readexactly(len(wire) if body else 0))
        writer.write(OK)

    headers = [(b"X-B", b"\xe9  2"), (b"x-a", b"1"), (b"X-B", b"3")]
    upstream, answer = exchange(
        play, path="/v1/", headers=headers, body=body() if body is _two else body, length=length
    )

    assert answer == (200, b"ok")
    assert upstream.heads == [
        b"POST /v1/p?q=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"X-B: \xe9  2\r\nx-a: 1\r\nX-B: 3\r\n%b\r\n" % (upstream.port, framing)
    ]
    assert bodies == [wire if body else b""]


@pytest.mark.parametrize("given", [False, True])
def test_authorization(given):
    """Who asks is taken from the URL only where the client says nothing of it."""
    headers = [(b"aUTHORIZATION", b"Bearer x")] if given else []
    upstream, _ = exchange(plays(OK), user="u:p@", headers=headers)

    assert (b"aUTHORIZATION: Bearer x\r\n" in upstream.heads[0]) == given
    basic = b"Authorization: Basic " + base64.b64encode(b"u:p") + b"\r\n"
    assert (basic in upstream.heads[0]) != given
    assert b"u:p" not in upstream.heads[0]


@pytest.mark.parametrize(
    ("reply", "method", "connections"),
    [
        (OK, "POST", 1),
        (b"HTTP/1.1 204 No\r\n\r\n", "POST", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", "GET", 1),
        (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), "POST", 3),
        (OK + OK, "POST", 3),
    ],
)  # fmt: skip
def test_kept(reply, method, connections):
    """A connection carries the next request too, unless its state is not known."""
    upstream, _ = exchange(plays(reply), times=3, method=method)

    assert upstream.connections == connections
    assert len(upstream.heads) == 3


def test_stale():
    """A connection that the upstream closed, or that rested too long, is not used again."""

    async def play(reader, writer, upstream):
        writer.write(OK)
        return upstream.connections > 1

    async def run():
        async with Upstream(play) as upstream:
            with speaking() as client:
                await ask(client, upstream.url)
                await upstream.settle()
                await asyncio.sleep(0.05)
                await ask(client, upstream.url)
                assert upstream.connections == 2
                (kept,) = client._idle.values()
                kept[0].idle_since_s -= 1000
                await ask(client, upstream.url)
                assert upstream.connections == 3

    asyncio.run(run())


def test_oldest_end():
    """Connections that rest while newer ones are used do not rest forever."""

    async def run():
        async with Upstream(plays(OK)) as upstream:
            with speaking() as client:
                await asyncio.gather(*[ask(client, upstream.url) for _ in range(4)])
                assert upstream.connections == 4
                (kept,) = client._idle.values()
                for connection in kept[:3]:
                    connection.idle_since_s -= 1000
                await ask(client, upstream.url)
                assert len(kept) == 1
                assert upstream.connections == 4

    asyncio.run(run())


def test_unread():
    """A reply that is not read to its end takes its connection with it."""

    async def run():
        async with Upstream(plays(OK)) as upstream:
            with speaking() as client:
                for _ in range(2):
                    async with client.request(
                        parse_origin(upstream.url), "GET", b"/", [], None, length=None
                    ) as reply:
                        assert reply.status == 200
                await upstream.settle()
                assert upstream.connections == 2

    asyncio.run(run())


def test_early_answer():
    """A connection whose request was cut short by its answer is not used again."""

    async def play(reader, writer, upstream):
        writer.write(OK)

    async def endless():
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    async def run():
        async with Upstream(play) as upstream:
            with speaking() as client:
                assert await ask(client, upstream.url, body=endless()) == (200, b"ok")
                assert await ask(client, upstream.url) == (200, b"ok")
        assert upstream.connections == 2

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["head", "body", "request"])
@pytest.mark.parametrize("secure", [False, True])
def test_cancelled(monkeypatch, certificate, moment, secure):
    """An exchange that is cancelled ends its connection, wherever it stood."""
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])

    async def play(reader, writer, upstream):
        if moment == "request":
            await asyncio.sleep(0.5)
        if moment == "body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await reader.readexactly(10**9)

    async def endless():
        while True:
            yield b"x" * 1_000_000

    async def run():
        async with Upstream(play, certificate if secure else None) as upstream:
            with speaking() as client:
                body = endless() if moment == "request" else None
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await ask(client, upstream.url, body=body)
                await upstream.settle()
                assert upstream.connections == 1
                assert not any(client._idle.values())

    asyncio.run(run())


def test_closed_client():
    """An exchange that outlives its client leaves no connection behind."""

    async def run():
        async with Upstream(plays(OK)) as upstream:
            client = UpstreamClient(5)
            async with client.request(
                parse_origin(upstream.url), "GET", b"/", [], None, length=None
            ) as reply:
                client.close()
                while await reply.read():
                    pass
            await upstream.settle()

    asyncio.run(run())


def test_trailers():
    """A reply tells its trailers after its body."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n"

    async def run():
        async with Upstream(plays(reply)) as upstream:
            with speaking() as client:
                async with client.request(
                    parse_origin(upstream.url), "GET", b"/", [], None, length=None
                ) as got:
                    while await got.read():
                        pass
                    assert got.trailers == [b"X: y"]

    asyncio.run(run())


def fails(url, message):
    """Ask, and see it fail by this."""

    async def run():
        with speaking() as client:
            with pytest.raises(UpstreamError, match=message):
                await ask(client, url)

    asyncio.run(run())


def test_nobody_there(unused_port):
    """Where nobody listens, that is said, and the URL's secrets are not."""
    fails(f"http://u:secret@127.0.0.1:{unused_port}", r"^cannot connect: (?!.*secret)")


@pytest.fixture
def unused_port():
    """Name a port where nobody listens."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_connect_timeout(monkeypatch, certificate):
    """A server that does not say a word of TLS is given up in time."""
    monkeypatch.setattr(upstream_client, "_CONNECT_S", 0.2)

    async def run():
        async with Upstream(plays(OK)) as upstream:
            with speaking() as client:
                with pytest.raises(UpstreamError, match=r"cannot connect within 0\.2 s"):
                    await ask(client, upstream.url.replace("http:", "https:"))

    asyncio.run(run())


def test_no_tls():
    """A server that answers TLS by something else is told of as such."""

    async def serve(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with speaking() as client:
            with pytest.raises(UpstreamError, match="TLS failed"):
                await ask(client, f"https://127.0.0.1:{port}")
        server.close()
        await asyncio.sleep(0.05)

    asyncio.run(run())


@pytest.mark.parametrize("trusted", [False, True])
def test_tls(monkeypatch, certificate, trusted):
    """A certificate must be trusted; SSL_CERT_FILE says which ones are."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    async def run():
        async with Upstream(plays(OK), certificate) as upstream:
            with speaking() as client:
                if trusted:
                    assert await ask(client, upstream.url) == (200, b"ok")
                    assert await ask(client, upstream.url) == (200, b"ok")
                    assert upstream.connections == 1
                else:
                    with pytest.raises(UpstreamError, match="its certificate is not trusted"):
                        await ask(client, upstream.url)

    asyncio.run(run())


PROXY_AUTHORIZATION = b"Proxy-Authorization: Basic " + base64.b64encode(b"u:p")


@pytest.mark.parametrize("excepted", [False, True])
def test_plain_proxy(monkeypatch, excepted):
    """A plain upstream is reached by the environment's proxy, which gets the whole URL."""

    async def run():
        async with Upstream(plays(OK)) as proxy, Upstream(plays(OK)) as upstream:
            monkeypatch.setenv("http_proxy", f"http://u:p@127.0.0.1:{proxy.port}")
            monkeypatch.setenv("no_proxy", "127.0.0.1" if excepted else "")
            with speaking() as client:
                for _ in range(2):
                    assert await ask(client, upstream.url + "/v1") == (200, b"ok")
        return proxy, upstream

    proxy, upstream = asyncio.run(run())
    place = b"127.0.0.1:%d" % upstream.port
    if excepted:
        assert proxy.heads == []
        assert upstream.heads == [b"POST /v1/p?q=1 HTTP/1.1\r\nHost: %b\r\n\r\n" % place] * 2
        return
    assert upstream.heads == []
    assert proxy.connections == 1
    assert (
        proxy.heads
        == [
            b"POST http://%b/v1/p?q=1 HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n"
            % (place, place, PROXY_AUTHORIZATION)
        ]
        * 2
    )


async def _tunnel(reader, writer, proxy):
    """Play a proxy that connects."""
    host, _, port = proxy.heads[-1].split()[1].decode().rpartition(":")
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def carry(source, sink):
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
    return False


@pytest.mark.parametrize("trusted", [False, True])
def test_tunnel(monkeypatch, certificate, trusted):
    """A TLS upstream is reached through a tunnel, whose proxy sees no word of the request."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])

    async def run():
        async with Upstream(_tunnel) as proxy, Upstream(plays(OK), certificate) as upstream:
            monkeypatch.setenv("https_proxy", f"http://u:p@127.0.0.1:{proxy.port}")
            with speaking() as client:
                if trusted:
                    for _ in range(2):
                        assert await ask(client, upstream.url) == (200, b"ok")
                else:
                    with pytest.raises(UpstreamError, match="its certificate is not trusted"):
                        await ask(client, upstream.url)
        return proxy, upstream

    proxy, upstream = asyncio.run(run())
    place = b"127.0.0.1:%d" % upstream.port
    assert proxy.heads == [
        b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n" % (place, place, PROXY_AUTHORIZATION)
    ]
    if trusted:
        assert upstream.heads == [b"POST /p?q=1 HTTP/1.1\r\nHost: %b\r\n\r\n" % place] * 2


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nwhy?", "environment refused: 407"),
        (b"garbage\r\n\r\n", "no HTTP"),
        (b"", "cannot connect within"),
    ],
)
def test_tunnel_refused(monkeypatch, reply, message):
    """A proxy that does not connect fails the request, and its connection is ended."""
    monkeypatch.setattr(upstream_client, "_CONNECT_S", 0.3)

    async def run():
        async with Upstream(plays(reply)) as proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
            with speaking() as client:
                with pytest.raises(UpstreamError, match=message):
                    await ask(client, "https://[::1]:9")
                await proxy.settle()
        assert proxy.heads[0].startswith(b"CONNECT [::1]:9 HTTP/1.1\r\nHost: [::1]:9\r\n")

    asyncio.run(run())
