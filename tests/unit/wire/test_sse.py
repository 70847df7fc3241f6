"""Server-sent events out of bytes, by the rules of the standard."""

import time

import pytest

from steno.wire.sse import EventSplitter, ServerEvent


def split(data, size=None, **settings):
    """Feed a body, in pieces of a size, and return its events."""
    splitter = EventSplitter(**settings)
    step = size or max(1, len(data))
    events = []
    for begin in range(0, len(data), step):
        events += splitter.feed(data[begin : begin + step])
    return events + splitter.close()


@pytest.mark.parametrize("size", [None, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\n", [("", "a")]),
        (b"data:a\n\ndata:  b\n\n", [("", "a"), ("", " b")]),
        (b"event: x\ndata: 1\n\nevent:y\ndata: 2\n\n", [("x", "1"), ("y", "2")]),
        (b"data: 1\nevent: late\n\n", [("late", "1")]),
        (b"data: 1\ndata: 2\ndata\n\n", [("", "1\n2\n")]),
        (b"data\n\ndata\ndata\n\ndata:", [("", ""), ("", "\n"), ("", "")]),
        (b": comment\n\n:\ndata: a\n: more\nid: 7\nretry: 10\nnonsense\n\n", [("", "a")]),
        (b"event: lonely\n\ndata: a\n\n", [("", "a")]),
        (b"event: x\nevent\ndata: a\n\n", [("", "a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")]),
        (b"data: a\r\rdata: b\r\r", [("", "a"), ("", "b")]),
        (b"data: a\r\ndata: b\n\r\ndata: c\r\n\n", [("", "a\nb"), ("", "c")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [("", "a")]),
        (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [("", "a"), ("", "b")]),
        ("data: é👋\u2028\x85\x0b\n\n".encode(), [("", "é👋\u2028\x85\x0b")]),
        (b"data: \xf0\x9f\n\ndata: \xff\n\n", [("", "\ufffd"), ("", "\ufffd")]),
        (b'data: {"a": 1', [("", '{"a": 1')]),
        (b"data: a\ndata: b\r", [("", "a\nb")]),
        (b"data: a\n\nevent: cut", [("", "a")]),
        (b"", []),
        (b"\xef\xbb", []),
    ],
)
def test_rules(body, expected, size):
    """Line ends, comments, marks and cut characters are read as the standard says."""
    assert split(body, size) == [ServerEvent(*event) for event in expected]


def test_at_once():
    """An event is there as soon as its blank line is, also when the line is a lone CR."""
    splitter = EventSplitter()

    assert splitter.feed(b"data: a\n") == []
    assert splitter.feed(b"\ndata: b\r") == [("", "a")]
    assert splitter.feed(b"\r") == [("", "b")]
    assert splitter.feed(b"\ndata: c\r\n\r\n") == [("", "c")]
    assert splitter.close() == []


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_too_long(size, end):
    """An event over the limit is dropped and counted; those at the limit and behind it are kept."""
    lines = [b"data: 1", b"", b"data: 4567", b"", b"data: 45678", b"", b"data: 2", b"", b""]
    splitter = EventSplitter(max_event_bytes=10)
    body = end.join(lines)
    events = []
    for begin in range(0, len(body), size or len(body)):
        events += splitter.feed(body[begin : begin + (size or len(body))])

    assert [event.data for event in events + splitter.close()] == ["1", "4567", "2"]
    assert splitter.dropped == 1


def test_too_long_at_the_end():
    """A last event that is too long is dropped even though nothing ends it."""
    splitter = EventSplitter(max_event_bytes=10)
    for _ in range(5):
        splitter.feed(b"data: 1234567890\ndata: x\n")

    assert splitter.close() == []
    assert splitter.dropped == 1


def test_linear():
    """A line four times as long takes four times as long, not sixteen, in small chunks."""

    def measure(size):
        splitter = EventSplitter()
        begin = time.process_time()
        splitter.feed(b"data: ")
        for _ in range(size // 64):
            splitter.feed(b"x" * 64)
        assert len(splitter.feed(b"\n\n")[0].data) == size // 64 * 64
        return time.process_time() - begin

    small = min(measure(2**20) for _ in range(3))
    large = min(measure(2**22) for _ in range(3))

    assert large < 10 * small


def test_used_again():
    """After its end a splitter begins anew, and takes a mark at the start again."""
    splitter = EventSplitter()
    splitter.feed(b"data: a\r")

    assert splitter.close() == [("", "a")]
    assert splitter.feed(b"\xef\xbb\xbfdata: b\n\n") == [("", "b")]
