"""Bytes become requests, wherever they are cut, and nothing that could be read in two ways does."""

import pytest

from steno.proxy import request_parser as module
from steno.proxy.request_parser import RequestParser

CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


class Source:
    """A connection that hears nothing."""

    remote = None
    session_id = ""

    def send_continue(self):
        pass

    def has_room(self):
        pass


def parse(data, size=None):
    """Parse bytes in pieces of a size; returns the parser."""
    parser = RequestParser(Source())
    for at in range(0, len(data), size or len(data)):
        parser.feed(data[at : at + (size or len(data))])
    return parser


def told(parser):
    """Tell the requests: method, target, body and whether they are whole."""
    return [
        (each.method, each.target, b"".join(each._pieces), each.is_whole) for each in parser.waiting
    ]


@pytest.mark.parametrize("size", [None, 1, 7])
def test_requests(size):
    """Requests one behind the other come out whole, in their order, wherever they are cut."""
    first = b"POST /a?b=%2F HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"
    second = CHUNKED + b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
    parser = parse(first + second + GET, size)

    assert told(parser) == [
        ("POST", "/a?b=%2F", b"abcde", True), ("POST", "/c", b"abcde", True),
        ("GET", "/next", b"", True),
    ]  # fmt: skip
    assert parser.fault is None
    assert [each.keeps_alive for each in parser.waiting] == [True] * 3


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"", b""), (b"Content-Length: 5\r\n", b"abcde"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n0\r\n\r\n"),
    ],
)  # fmt: skip
def test_offer_of_another_protocol(size, framing, body):
    """An upgrade that is merely offered changes nothing: the body is read, and what follows it."""
    head = b"POST /u HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + framing
    parser = parse(head + b"\r\n" + body + GET, size)

    assert told(parser) == [
        ("POST", "/u", b"abcde" if body else b"", True), ("GET", "/next", b"", True),
    ]  # fmt: skip


def test_many_offers_of_another_protocol():
    """However many offers come at once, each is passed over."""
    offer = b"GET /u HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    parser = parse(offer * 3000 + GET)

    assert (len(parser.waiting), parser.fault) == (3001, None)
    assert told(parser)[-1] == ("GET", "/next", b"", True)


@pytest.mark.parametrize("size", [None, 1])
def test_last(size):
    """Behind a request that is the last nothing is read, be it a request."""
    parser = parse(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET, size)

    assert len(parser.waiting) == 1
    assert (parser.is_last, parser.fault) == (True, None)


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    ("status", "head"),
    [
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"),
        (400, b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded: 1\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
        (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, b"GET /\r\n\r\n"),
    ],
)  # fmt: skip
def test_refused_heads(status, head, size):
    """A head that could be read in two ways is refused; what came before it is kept, nothing after."""
    parser = parse(GET + head + b"0\r\n\r\n" + GET, size)

    assert [each.target for each in parser.waiting] == ["/next"]
    assert parser.is_last
    assert parser.fault.status == status


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    "body",
    [
        b"5\nabcde\r\n0\r\n\r\n", b"5\r\nabcdeX\r\n0\r\n\r\n", b"-5\r\nabcde\r\n", b"5 \r\nabcde\r\n",
        b"0x5\r\nabcde\r\n", b"fffffffffffffffff\r\n", b"5\r\nabcde0\r\n\r\n", b"\r\n5\r\nabcde\r\n",
    ],
)  # fmt: skip
def test_refused_bodies(body, size):
    """A body that is badly chunked breaks off, and is the last of its connection."""
    parser = parse(CHUNKED + body + GET, size)

    assert len(parser.waiting) == 1
    assert not parser.coming.is_whole
    assert not parser.coming.keeps_alive
    assert parser.coming._error is not None
    assert parser.is_last


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 3_000_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 3_000_000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * (module.MAX_FIELDS + 1),
    ],
    ids=["target", "field", "fields"],
)  # fmt: skip
def test_large_heads(head):
    """A head that is too large is refused before it ends."""
    parser = parse(head, 65536)

    assert parser.fault.status == 431


def test_large_framing():
    """So is a body whose chunks say much and bring nothing, and one whose trailers do not end."""
    for rest in (b"5;" + b"x" * 3_000_000, b"0\r\nX: " + b"x" * 3_000_000):
        parser = parse(CHUNKED + rest, 65536)

        assert parser.coming._error is not None


def test_long_fields_pass():
    """A field of half a megabyte passes: the provider decides what is too long."""
    value = b"a" * 500_000
    parser = parse(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + value + b"\r\n\r\n", 65536)

    assert parser.waiting[0].fields[1] == (b"X", value)
