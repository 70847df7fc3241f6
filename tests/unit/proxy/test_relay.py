"""The client sees the upstream's bytes, whatever happens, and the exchange is recorded as it was."""

import gzip
import http.client
import itertools
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from steno import Completed, RequestRecorded, ResponseRecorded, Started
from steno.testing.provider import Script, rate_limited

CHAT = "/v1/chat/completions"
BODY = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}


def send(url, path, body=b"", headers=None, method="POST"):
    """Send a request without a library that changes anything; returns status, headers, body."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(
            method, path, data, {"content-type": "application/json", **(headers or {})}
        )
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def raw(url, data, *, until=b"", timeout=10):
    """Send bytes over a socket, and read until the end or a mark."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout) as sock:
        sock.sendall(data)
        got = b""
        while piece := sock.recv(65536):
            got += piece
            if until and until in got:
                break
        return got


def post(path, body, extra=""):
    """Write a request as it stands on the wire."""
    data = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {len(data)}\r\n\r\n"
    ).encode() + data


def of(events, kind):
    """Return the events of one type."""
    return [event for event in events if isinstance(event, kind)]


def lower(headers):
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in headers}


def without(headers, *names):
    """Return headers without those that differ between two answers."""
    return sorted((k.lower(), v) for k, v in headers if k.lower() not in names)


PART = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":"half a "}}]}\n\n'
"""The beginning of a stream."""

CHANGING = ("date", "connection", "x-request-id", "request-id", "openai-processing-ms")


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "streamed"])
@pytest.mark.parametrize("encoding", [None, "gzip", "br", "zstd", "deflate"])
def test_same_bytes(served, start_proxy, body, encoding):
    """Status, headers and body are the upstream's, byte for byte, compressed or not."""
    served.script(Script(path=CHAT, encoding=encoding))
    proxy = start_proxy(served.url)
    direct = send(served.url, CHAT, body)
    passed = send(proxy.url, "/openai" + CHAT, body)
    events = proxy.events()

    assert passed[0] == direct[0]
    assert without(passed[1], *CHANGING) == without(direct[1], *CHANGING)
    assert passed[2] == direct[2]
    assert of(events, ResponseRecorded)[0].response_text == "echo: hello"
    assert of(events, Completed)[0].success


def test_request_as_it_was(served, start_proxy):
    """The upstream gets the client's request: its bytes, its headers in their case and order."""
    proxy = start_proxy(served.url)
    headers = {
        "X-Custom": "a,  b",
        "x-lower": "1",
        "Authorization": "Bearer sk-secret-123456789012",
    }
    body = b'{ "model" : "gpt-5",\n "messages":[] }'
    send(proxy.url, "/openai" + CHAT + "?a=%2F&b", body, headers)
    got = served.requests[0]

    assert got.path == CHAT + "?a=%2F&b"
    assert got.body == body
    sent = [(k, v) for k, v in got.headers if k.lower() in {"x-custom", "x-lower", "authorization"}]
    assert sent == list(headers.items())
    assert {k.lower() for k, _ in got.headers} == {
        "host", "accept-encoding", "content-length", "content-type", "x-custom", "x-lower",
        "authorization",
    }  # fmt: skip
    assert got.header("host") == urlsplit(served.url).netloc


def test_no_secret_on_disk(served, start_proxy, capfd):
    """Keys in headers, cookies and queries reach the upstream, and no file and no line of ours."""
    proxy = start_proxy(served.url)
    secrets = {
        "Authorization": "Bearer sk-hidden-authorization", "x-api-key": "hidden-api-key",
        "Cookie": "session=hidden-cookie", "X-Custom": "Bearer hidden-bearer-value",
        "Proxy-Authorization": "Basic hidden-proxy",
    }  # fmt: skip
    served.script(
        Script(path=CHAT, headers={"set-cookie": "a=hidden-set-cookie"}, chunk_delay_ms=60)
    )
    send(proxy.url, f"/openai{CHAT}?api_key=hidden-query", STREAM, secrets)
    proxy.stop()
    received = served.requests[0]
    stored = b"".join(path.read_bytes() for path in proxy.home.rglob("*") if path.is_file())

    assert "hidden-query" in received.path
    assert received.header("authorization") == secrets["Authorization"]
    assert received.header("cookie") == secrets["Cookie"]
    assert b"gpt-5" in stored
    assert b"hidden" not in stored
    assert "hidden" not in "".join(capfd.readouterr())


def test_rate_limit(served, start_proxy):
    """A refusal passes with its headers, and is recorded as what it was."""
    served.script(rate_limited(CHAT, retry_after="7"))
    proxy = start_proxy(served.url)
    status, headers, body = send(proxy.url, "/openai" + CHAT, BODY)
    end = of(proxy.events(), Completed)[0]

    assert (status, lower(headers)["retry-after"]) == (429, "7")
    assert "error" in json.loads(body)
    assert end.error.startswith("http 429: ")


def test_chunks_are_not_held_back(served, start_proxy):
    """Each piece is with the client before the next one is sent."""
    served.script(Script(path=CHAT, chunk_delay_ms=150))
    proxy = start_proxy(served.url)
    place = urlsplit(proxy.url)
    times = []
    with socket.create_connection((place.hostname, place.port), 30) as sock:
        sock.sendall(post("/openai" + CHAT, STREAM))
        while piece := sock.recv(65536):
            times.append(time.monotonic())
            if piece.endswith(b"0\r\n\r\n"):
                break

    assert len(times) >= 5
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0


def test_trailers(served, start_proxy):
    """Trailers behind a chunked body reach the client."""
    served.script(Script(path=CHAT, framing="chunked", trailers={"X-Checksum": "abc"}))
    proxy = start_proxy(served.url)
    got = raw(proxy.url, post("/openai" + CHAT, BODY, "Connection: close\r\n"))

    assert got.endswith(b"0\r\nX-Checksum: abc\r\n\r\n")


def test_framing_of_length(served, start_proxy):
    """A body with a length stays one with a length."""
    served.script(Script(path=CHAT, framing="length"))
    proxy = start_proxy(served.url)
    got = raw(proxy.url, post("/openai" + CHAT, BODY, "Connection: close\r\n"))
    head, _, body = got.partition(b"\r\n\r\n")

    assert b"transfer-encoding" not in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()


def test_body_until_close(served, start_proxy):
    """A body that ends with its connection passes whole."""
    served.script(Script(path=CHAT, framing="close"))
    proxy = start_proxy(served.url)

    assert json.loads(send(proxy.url, "/openai" + CHAT, BODY)[2])["choices"]


def test_very_long_line(served, start_proxy):
    """A line of five megabytes passes and is recorded."""
    text = "x" * 5_000_000
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    served.script(Script(path=CHAT, stream=f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"))
    proxy = start_proxy(served.url)
    body = send(proxy.url, "/openai" + CHAT, STREAM)[2]

    assert len(body) > 5_000_000
    assert of(proxy.events(), ResponseRecorded)[0].response_text == text


@pytest.mark.parametrize("reset", [False, True])
def test_upstream_breaks_off(served, start_proxy, reset):
    """A stream that breaks off breaks off for the client too, and is recorded so, with its part."""
    served.script(Script(path=CHAT, break_after=400, reset=reset, framing="chunked"))
    proxy = start_proxy(served.url)
    got = raw(proxy.url, post("/openai" + CHAT, STREAM))
    end = of(proxy.events(), Completed)[0]

    assert b"data: " in got
    assert not got.endswith(b"0\r\n\r\n")
    assert end.error.startswith("upstream_failed: ")


@pytest.mark.parametrize("path", ["/openai" + CHAT, "/anthropic/v1/messages"])
def test_upstream_down(start_proxy, path):
    """Where nobody listens the client gets a 502 in its provider's shape that says who and why."""
    proxy = start_proxy("http://127.0.0.1:9")
    status, headers, body = send(proxy.url, path, BODY)
    error = json.loads(body)["error"]
    end = of(proxy.events(), Completed)[0]

    assert status == 502
    assert "127.0.0.1: cannot connect" in error["message"]
    assert lower(headers)["x-steno-error"] == "upstream_failed"
    assert ("code" in error) is ("openai" in path)
    assert end.error.startswith("upstream_failed: cannot connect")


def test_upstream_silent(served, start_proxy):
    """An upstream that says nothing in time is a 504."""
    served.script(Script(path=CHAT, delay_ms=3000))
    proxy = start_proxy(served.url, overrides={"proxy.upstream_timeout_s": 1})
    status, _, body = send(proxy.url, "/openai" + CHAT, BODY)

    assert status == 504
    assert "in time" in json.loads(body)["error"]["message"]
    assert of(proxy.events(), Completed)[0].error.startswith("upstream_timeout")


def test_upstream_stalls_in_a_stream(served, start_proxy):
    """An upstream that falls silent in the middle of its reply is a timeout, with the part."""
    served.script(Script(path=CHAT, stream=PART, hold=True))
    proxy = start_proxy(served.url, overrides={"proxy.upstream_timeout_s": 1})
    raw(proxy.url, post("/openai" + CHAT, STREAM))
    events = proxy.events()

    assert of(events, Completed)[0].error.startswith("upstream_timeout")
    assert of(events, ResponseRecorded)[0].response_text


def test_garbage(served, start_proxy):
    """An upstream that does not speak HTTP is a 502 that says so."""
    served.script(Script(path=CHAT, raw=b"\x00\x01 this is no HTTP\r\n\r\n"))
    proxy = start_proxy(served.url)
    status, _, body = send(proxy.url, "/openai" + CHAT, BODY)

    assert status == 502
    assert "no HTTP" in json.loads(body)["error"]["message"]


def test_tls_failure(served, start_proxy):
    """An upstream whose TLS fails is a 502 that says so."""
    proxy = start_proxy(served.url.replace("http://", "https://"))
    status, _, body = send(proxy.url, "/openai" + CHAT, BODY)

    assert status == 502
    assert "TLS" in json.loads(body)["error"]["message"]


def test_client_hangs_up(served, start_proxy):
    """A client that hangs up in mid-stream ends the exchange, and the upstream is let go."""
    served.script(Script(path=CHAT, stream=PART, hold=True))
    proxy = start_proxy(served.url)
    raw(proxy.url, post("/openai" + CHAT, STREAM), until=b"half")
    deadline = time.monotonic() + 10
    while not served.abandoned and time.monotonic() < deadline:
        time.sleep(0.01)
    events = proxy.events()

    assert served.abandoned == 1
    assert of(events, Completed)[0].error.startswith("client_disconnected")
    assert of(events, ResponseRecorded)[0].partial


def test_client_hangs_up_in_its_request(served, start_proxy):
    """A client that hangs up while it sends leaves what it sent."""
    proxy = start_proxy(served.url)
    place = urlsplit(proxy.url)
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(post("/openai" + CHAT, {"model": "gpt-5", "x": "y" * 1000})[:-20])
        time.sleep(0.3)
    time.sleep(0.3)

    assert of(proxy.events(), Completed)[0].error.startswith("client_disconnected")


def test_stopped_in_mid_stream(served, start_proxy):
    """A stream that steno's end cuts off says so."""
    served.script(Script(path=CHAT, stream=PART, hold=True))
    proxy = start_proxy(served.url)
    place = urlsplit(proxy.url)
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(post("/openai" + CHAT, STREAM))
        sock.recv(65536)
        time.sleep(0.2)
        proxy.stop(hurry=True)
        events = proxy.events()

    assert of(events, Completed)[0].error.startswith("stopped")
    assert of(events, ResponseRecorded)[0].partial


def test_open_streams_are_finished(served, start_proxy):
    """A stop lets an open stream come to its end."""
    served.script(Script(path=CHAT, chunk_delay_ms=100))
    proxy = start_proxy(served.url)
    place = urlsplit(proxy.url)
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(post("/openai" + CHAT, STREAM, "Connection: close\r\n"))
        got = sock.recv(65536)
        proxy.stop()
        while piece := sock.recv(65536):
            got += piece

    assert got.endswith(b"0\r\n\r\n")
    assert of(proxy.events(), Completed)[0].success


def test_large_request(served, start_proxy):
    """A request of 30 MB passes in pieces, and lies in a file with its digest."""
    body = json.dumps({"model": "gpt-5", "messages": [], "image": "x" * 30_000_000}).encode()
    proxy = start_proxy(served.url)
    status, _, _ = send(proxy.url, "/openai" + CHAT, body)
    events = proxy.events()
    how = of(events, RequestRecorded)[0].request_body

    assert status == 200
    assert served.requests[0].body == body
    assert (how.encoding, (proxy.home / how.path).read_bytes() == body) == ("file", True)
    assert of(events, Started)[0].model_requested == "gpt-5"


def test_chunked_and_compressed_request(served, start_proxy):
    """A request in chunks, compressed, passes as it is, and is read."""
    data = gzip.compress(json.dumps(BODY).encode())
    chunks = b"".join(
        f"{len(data[at : at + 20]):x}\r\n".encode() + data[at : at + 20] + b"\r\n"
        for at in range(0, len(data), 20)
    )
    head = (
        f"POST /openai{CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    proxy = start_proxy(served.url)
    raw(proxy.url, head + chunks + b"0\r\n\r\n")

    assert served.requests[0].body == data
    assert of(proxy.events(), RequestRecorded)[0].request_text == "hello"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_other_requests(served, start_proxy, method):
    """Requests of no known protocol pass, and are not recorded."""
    proxy = start_proxy(served.url)
    direct = send(served.url, "/v1/models", method=method)
    passed = send(proxy.url, "/openai/v1/models", method=method)

    assert (passed[0], passed[2]) == (direct[0], direct[2])
    assert proxy.events() == []


def test_other_requests_on_demand(served, start_proxy):
    """Requests of no known protocol are recorded as they are where that is asked for."""
    proxy = start_proxy(served.url, overrides={"proxy.record_other": True})
    send(proxy.url, "/anthropic/v1/messages/count_tokens", BODY)

    assert (
        of(proxy.events(), RequestRecorded)[0].request_json["target"] == "/v1/messages/count_tokens"
    )


def test_status_without_body(served, start_proxy):
    """A status that has no body passes without one."""
    served.script(Script(path="/v1/nothing", raw="HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"))
    proxy = start_proxy(served.url)
    status, headers, body = send(proxy.url, "/openai/v1/nothing", BODY)

    assert (status, body) == (204, b"")
    assert [name.lower() for name, _ in headers] == ["x-a"]


def test_redirect_is_the_clients(served, start_proxy):
    """A redirect goes to the client, which alone decides to follow it."""
    served.script(Script(path=CHAT, status=307, headers={"location": "/elsewhere"}, reply=""))
    proxy = start_proxy(served.url)
    status, headers, _ = send(proxy.url, "/openai" + CHAT, BODY)

    assert (status, lower(headers)["location"]) == (307, "/elsewhere")
    assert len(served.requests) == 1


def test_slow_client(served, start_proxy):
    """A client that reads slowly gets all of it, while others are served."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "x" * 100_000}}]}
    served.script(
        Script(path=CHAT, request=STREAM, stream=[f"data: {json.dumps(chunk)}\n\n"] * 100)
    )
    proxy = start_proxy(served.url)
    place = urlsplit(proxy.url)
    with socket.create_connection((place.hostname, place.port), 30) as sock:
        sock.sendall(post("/openai" + CHAT, STREAM, "Connection: close\r\n"))
        for _ in range(20):
            sock.recv(1)
            time.sleep(0.01)
        assert send(proxy.url, "/openai" + CHAT, BODY)[0] == 200
        size = 20
        while piece := sock.recv(1 << 20):
            size += len(piece)

    assert size > 10_000_000


IDENTITY = {
    "x-openwebui-user-id": "u1",
    "x-openwebui-chat-id": "c1",
    "x-openwebui-message-id": "m1",
}


def test_identifiers_for_openrouter(served, start_proxy):
    """With the options on, OpenRouter gets the known identity in the place of the client's word."""
    proxy = start_proxy(
        served.url, overrides={"proxy.send_end_user_id": True, "proxy.send_chat_id": True}
    )
    body = {**BODY, "user": "admin", "metadata": {"user_id": "admin", "mine": "1"}}
    send(proxy.url, "/openrouter/api/v1/chat/completions", body, IDENTITY)
    send(proxy.url, "/openai" + CHAT, body, IDENTITY)
    changed, untouched = (json.loads(request.body) for request in served.requests)

    assert changed["user"] == "u1"
    assert changed["metadata"] == {"user_id": "u1", "chat_id": "c1", "mine": "1"}
    assert untouched == body


def test_headers_for_steno_stay_here(served, start_proxy):
    """What is said to steno alone does not reach the upstream; it sets the session."""
    proxy = start_proxy(served.url)
    send(proxy.url, "/openai" + CHAT, BODY, {"x-steno-session": "mine; key=agent:a:main"})

    assert served.requests[0].header("x-steno-session") is None
    assert of(proxy.events(), Started)[0].session_id == "mine"


CHUNKED = f"POST /openai{CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_badly_framed_request(served, start_proxy):
    """A request that is badly framed is a 400, never reaches the upstream whole, and is told."""
    proxy = start_proxy(served.url)
    got = raw(proxy.url, CHUNKED.encode() + b"5\r\nabcdeX" + post("/openai" + CHAT, BODY))
    end = of(proxy.events(), Completed)[0]

    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.1") == 1
    assert served.requests == []
    assert end.error.startswith("client_disconnected: in the middle of its request")


def test_request_that_waits_for_a_word(served, start_proxy):
    """A client that waits before it sends its body is told to go on."""
    proxy = start_proxy(served.url)
    data = post("/openai" + CHAT, BODY, "Expect: 100-continue\r\nConnection: close\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    place = urlsplit(proxy.url)
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(head + blank)
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        got = b"".join(iter(lambda: sock.recv(65536), b""))

    assert got.startswith(b"HTTP/1.1 200 ")
    assert served.requests[0].header("expect") is None


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_old_client(served, start_proxy, framing):
    """A client of HTTP/1.0 gets a stream without chunks, to the connection's end."""
    served.script(Script(path=CHAT, framing=framing))
    proxy = start_proxy(served.url)
    got = raw(proxy.url, post("/openai" + CHAT, BODY).replace(b"HTTP/1.1", b"HTTP/1.0"))
    head, _, body = got.partition(b"\r\n\r\n")

    assert b"chunked" not in head.lower()
    assert json.loads(body)["choices"]


def test_requests_before_their_turn(served, start_proxy):
    """Requests that come one behind the other are answered in their order."""
    served.script(Script(path=CHAT, delay_ms=100, times=1))
    proxy = start_proxy(served.url)
    first = {**BODY, "messages": [{"role": "user", "content": "first"}]}
    second = {**BODY, "messages": [{"role": "user", "content": "second"}]}
    got = raw(
        proxy.url,
        post("/openai" + CHAT, first) + post("/openai" + CHAT, second, "Connection: close\r\n"),
    )

    assert 0 < got.index(b"echo: first") < got.index(b"echo: second")
    assert sum(end.success for end in of(proxy.events(), Completed)) == 2


def test_offer_of_another_protocol(served, start_proxy):
    """A client that offers HTTP/2 with its request is answered in HTTP/1.1, with its body read."""
    proxy = start_proxy(served.url)
    extra = "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
    got = raw(proxy.url, post("/openai" + CHAT, BODY, extra))

    assert got.startswith(b"HTTP/1.1 200 ")
    assert json.loads(served.requests[0].body) == BODY
    assert served.requests[0].header("upgrade") is None
