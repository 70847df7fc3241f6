"""What of a head goes on, what stays, and what may be noted."""

from steno.proxy.heads import (
    read_headers,
    recorded_headers,
    reply_headers,
    sent_headers,
)


def test_read():
    """Names are in lower case, values without blanks around them; those of one name are joined."""
    fields = [
        (b"X-A", b" 1\t"),
        (b"x-a", b"2"),
        (b"X-Old", b"\xe9"),
        (b"X-New", "gr\u00fcn".encode()),
    ]

    assert read_headers(fields) == {"x-a": "1, 2", "x-old": "\u00e9", "x-new": "gr\u00fcn"}


def test_sent():
    """Fields go on as they came, but for those of the connection and those for steno alone."""
    kept = [(b"X-Custom", b"a,  b"), (b"x-lower", b"\xe9"), (b"Authorization", b"Bearer x")]
    left = [
        (b"Host", b"h"), (b"Connection", b"close, X-Private"), (b"X-Private", b"1"), (b"TE", b"x"),
        (b"Content-Length", b"5"), (b"X-Steno-Session", b"s"), (b"x-steno-token", b"t"),
        (b"Proxy-Authorization", b"p"), (b"Transfer-Encoding", b"chunked"), (b"Expect", b"100"),
    ]  # fmt: skip
    fields = [*left[:5], *kept, *left[5:]]

    assert sent_headers(fields, read_headers(fields)) == kept
    assert sent_headers(kept, read_headers(kept)) == kept


def test_relayed():
    """A reply has the upstream's fields, twice where they came twice, and none of the connection's."""
    kept = [
        (b"X-A", b"1"), (b"x-a", b"2"), (b"Trailer", b"X-T"), (b"X-Name", "gr\u00fcn".encode()),
        (b"X-Old", b"\xe9"), (b"Content-Length", b"5"),
    ]  # fmt: skip
    left = [(b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1"), (b"Keep-Alive", b"5")]

    assert reply_headers([*left, *kept])[0] == kept
    assert reply_headers(kept)[0] == kept


def test_noted():
    """Of a reply's head is noted what must be known to read its body."""
    fields = [(b"Set-Cookie", b"a=b"), (b"Content-Type", b"x"), (b"X-A", b"1")]

    assert reply_headers(fields) == (fields, {"content-type": "x"})


def test_recorded():
    """Secrets of a request are not recorded; its program is, in 255 characters."""
    fields = [
        (b"User-Agent", b"x" * 300), (b"X-Api-Key", b"k"), (b"X-A", b"1"), (b"Accept", b"*/*"),
        (b"x-b", b"Bearer hidden"), (b"X-A", b"2"),
    ]  # fmt: skip

    assert recorded_headers(fields, read_headers(fields)) == {
        "x-a": "1, 2", "x-b": "[secret]", "user-agent": "x" * 255,
    }  # fmt: skip
