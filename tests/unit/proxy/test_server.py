"""Listeners, what the proxy tells of itself, and sessions of connections."""

import contextlib
import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from steno import Completed, ResponseRecorded, Started
from steno.errors import ConfigError
from steno.testing.provider import Script

CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]})


def ask(connection, path, headers=None, *, body=BODY, method="POST"):
    """Ask on an open connection; returns status and body."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


@pytest.fixture
def connect():
    """Open connections, and close them in the end."""
    with contextlib.ExitStack() as stack:

        def connect(url):
            place = urlsplit(url)
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
            stack.callback(connection.close)
            return connection

        yield connect


def test_health(served, start_proxy, connect):
    """/healthz tells that it lives, whether it records, and how the recorder is."""
    proxy = start_proxy(served.url)
    status, body = ask(connect(proxy.url), "/healthz", method="GET")
    state = json.loads(body)

    assert (status, state["status"], state["recording"]) == (200, "ok", True)
    assert state["recorder"]["dropped"] == 0


def test_metrics(served, start_proxy, connect):
    """/metrics counts what passed."""
    proxy = start_proxy(served.url)
    connection = connect(proxy.url)
    ask(connection, "/openai" + CHAT)
    status, body = ask(connection, "/metrics", method="GET")

    assert status == 200
    assert b'steno_proxy_requests_total{outcome="done",provider="openai",status="200"} 1.0' in body


def test_foreign_host(served, start_proxy, connect):
    """A name that points to loopback from outside is refused, and nothing goes to the upstream."""
    proxy = start_proxy(served.url)
    status, body = ask(connect(proxy.url), "/openai" + CHAT, {"Host": "evil.example"})

    assert status == 403
    assert "loopback" in json.loads(body)["error"]["message"]
    assert served.requests == []


def test_token(served, start_proxy, connect):
    """A listener off loopback wants the token, which goes no further."""
    proxy = start_proxy(
        served.url, addresses=("0.0.0.0:0",), overrides={"proxy.token": "the-token"}
    )
    url = proxy.url.replace("0.0.0.0", "127.0.0.1")

    assert ask(connect(url), "/openai" + CHAT)[0] == 403
    assert ask(connect(url), "/healthz", method="GET")[0] == 403
    assert ask(connect(url), "/~the-token/openai" + CHAT)[0] == 200
    assert ask(connect(url), "/openai" + CHAT, {"x-steno-token": "the-token"})[0] == 200
    assert "the-token" not in str([(each.path, each.headers) for each in served.requests])
    proxy.stop()
    stored = b"".join(path.read_bytes() for path in proxy.home.rglob("*") if path.is_file())
    assert b"the-token" not in stored


def test_no_token(start_proxy):
    """A listener off loopback does not begin without a token."""
    with pytest.raises(ConfigError, match="no token"):
        start_proxy("http://127.0.0.1:9", addresses=("0.0.0.0:0",))


def test_address_in_use(start_proxy):
    """An address that is taken is an error that names it, and nothing stays behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=address):
            start_proxy("http://127.0.0.1:9", addresses=(address,))


def test_several_listeners(served, start_proxy, home, connect):
    """Each listener has its name in events, and may have an upstream of its own."""
    home.mkdir()
    (home / "steno.yaml").write_text(
        "proxy:\n  listeners:\n    all: {address: '127.0.0.1:0'}\n"
        "    claude: {address: '127.0.0.1:0', upstream: local}\n"
        f"  upstreams:\n    local: {{url: '{served.url}', provider: anthropic}}\n"
    )
    proxy = start_proxy(served.url, addresses=())
    first, second = proxy.urls
    ask(connect(first), "/local" + CHAT)
    ask(connect(second), CHAT)
    started = [event for event in proxy.events() if isinstance(event, Started)]

    assert {event.listener for event in started} == {"all", "claude"}
    assert {event.provider for event in started} == {"anthropic"}


def test_session_of_a_connection(served, start_proxy, connect):
    """Requests of one connection are one session, where they name none themselves."""
    proxy = start_proxy(served.url)
    first, second = connect(proxy.url), connect(proxy.url)
    for connection in (first, first, second):
        ask(connection, "/openai" + CHAT)
    sessions = [event.session_id for event in proxy.events() if isinstance(event, Started)]

    assert len(set(sessions)) == 2
    assert sorted(map(sessions.count, set(sessions))) == [1, 2]


def test_session_of_a_run(served, start_proxy, connect):
    """A run has one session, over all connections."""
    proxy = start_proxy(served.url, session_id="run")
    for _ in range(3):
        ask(connect(proxy.url), "/openai" + CHAT)

    assert {event.session_id for event in proxy.events()} == {"run"}


def test_upgrade(served, start_proxy, connect):
    """A WebSocket is refused in words."""
    proxy = start_proxy(served.url)
    status, body = ask(
        connect(proxy.url), "/openai/v1/responses",
        {"Upgrade": "websocket", "Connection": "Upgrade"}, method="GET", body=None,
    )  # fmt: skip

    assert status == 426
    assert "WebSocket" in json.loads(body)["error"]["message"]


def test_recording_off(served, start_proxy, connect):
    """With recording off it passes requests and writes nothing."""
    proxy = start_proxy(served.url, overrides={"enabled": False})
    status, _ = ask(connect(proxy.url), "/openai" + CHAT)
    proxy.stop()

    assert status == 200
    assert not proxy.home.exists()


def test_concurrent_streams(served, start_proxy, connect):
    """Streams side by side are neither lost nor mixed up."""
    served.script(Script(path=CHAT, chunk_delay_ms=5))
    proxy = start_proxy(served.url)

    def stream(number):
        body = {
            "model": "m",
            "stream": True,
            "messages": [{"role": "user", "content": f"n{number} " * 20}],
        }
        ask(
            connect(proxy.url),
            "/openai" + CHAT,
            {"x-steno-session": f"s{number}"},
            body=json.dumps(body),
        )

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = proxy.events()
    replies = {
        e.session_id: e.response_text.strip() for e in events if isinstance(e, ResponseRecorded)
    }

    assert replies == {f"s{n}": f"echo: {f'n{n} ' * 20}".strip() for n in range(40)}
    assert sum(isinstance(event, Completed) and event.success for event in events) == 40
