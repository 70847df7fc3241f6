"""What of a head goes on, what stays, and what may be noted."""

from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from steno.proxy.heads import RelayedResponse, noted_headers, recorded_headers, sent_headers


def request(*fields, method="POST"):
    """Stand in for a request with these fields."""
    text = [(name.decode(), value.decode("latin-1")) for name, value in fields]
    return SimpleNamespace(raw_headers=fields, headers=CIMultiDict(text), method=method)


def reply(*fields, status=200, reason="OK"):
    """Stand in for a reply with these fields."""
    return SimpleNamespace(status=status, reason=reason, headers=list(fields))


def test_sent():
    """Fields go on as they came, but for those of the connection and those for steno alone."""
    kept = [(b"X-Custom", b"a,  b"), (b"x-lower", b"\xe9"), (b"Authorization", b"Bearer x")]
    left = [
        (b"Host", b"h"), (b"Connection", b"close, X-Private"), (b"X-Private", b"1"), (b"TE", b"x"),
        (b"Content-Length", b"5"), (b"X-Steno-Session", b"s"), (b"x-steno-token", b"t"),
        (b"Proxy-Authorization", b"p"), (b"Transfer-Encoding", b"chunked"), (b"Expect", b"100"),
    ]  # fmt: skip

    assert sent_headers(request(*left[:5], *kept, *left[5:])) == kept


def test_noted():
    """Secrets of a reply are not noted."""
    assert noted_headers([(b"Set-Cookie", b"a=b"), (b"Content-Type", b"x")]) == {
        "content-type": "x"
    }


def test_recorded():
    """Secrets of a request are not recorded; its program is, in 255 characters."""
    headers = {"User-Agent": "x" * 300, "X-Api-Key": "k", "X-A": "1", "Accept": "*/*"}

    assert recorded_headers(headers) == {"x-a": "1", "user-agent": "x" * 255}


def test_relayed():
    """A reply has the upstream's fields, twice where they came twice, and none of the connection's."""
    fields = [
        (b"X-A", b"1"), (b"x-a", b"2"), (b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1"),
        (b"Keep-Alive", b"5"), (b"Trailer", b"X-T"), (b"X-Name", "grün".encode()), (b"X-Old", b"\xe9"),
    ]  # fmt: skip
    answer = RelayedResponse(reply(*fields, status=418, reason="teapot"), request())

    assert (answer.status, answer.reason) == (418, "teapot")
    assert list(answer.headers.items()) == [
        ("X-A", "1"), ("x-a", "2"), ("Trailer", "X-T"), ("X-Name", "grün"), ("X-Old", "é"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "method", "at_once"),
    [
        ([(b"Content-Length", b"5")], 200, "POST", False), ([], 200, "POST", True),
        ([(b"Content-Length", b"5")], 200, "HEAD", True), ([(b"Content-Length", b"0")], 204, "GET", True),
    ],
)  # fmt: skip
def test_when_the_head_goes(fields, status, method, at_once):
    """The head of a stream goes at once; one whose body is there goes with it."""
    answer = RelayedResponse(reply(*fields, status=status), request(method=method))

    assert answer._send_headers_immediately is at_once
