"""A conversation that is one JSON document."""

import json

import pytest

from steno.transcripts.importers.formats.documents import (
    begins_spread,
    is_spread,
    read_document,
    split_document,
)
from steno.transcripts.importers.source import Source

WHOLE = {"id": "d1", "messages": [{"n": 1, "text": "é"}, {"n": 2}], "title": "two"}


def spread(value=WHOLE):
    """Write a document as programs write it for people."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def test_split():
    """A document is its messages, a line each with their places, and a header without them."""
    data, flaws = spread(), []

    header, items = split_document(data, "messages", flaws)

    assert header == b'{"id":"d1","title":"two"}'
    assert [item.data for item in items] == ['{"n":1,"text":"é"}'.encode(), b'{"n":2}']
    assert [data[item.offset : item.offset + 1] for item in items] == [b"{", b"{"]
    assert items[1].offset > items[0].offset
    assert flaws == []


def test_no_messages():
    """A document without messages is a header alone."""
    assert split_document(b'{"id": "d1"}', "messages", []) == (b'{"id":"d1"}', [])


def test_torn():
    """Of a document that was cut off, the header and all whole messages are read at every place."""
    data = spread({**WHOLE, "messages": [{"n": number} for number in range(5)]})
    for end in range(data.index(b"[") + 1, len(data)):
        flaws = []
        header, items = split_document(data[:end], "messages", flaws)

        whole = sum(data.index(b"}", data.index(b'"n": %d' % number)) < end for number in range(5))
        assert [json.loads(item.data)["n"] for item in items] == list(range(whole))
        assert json.loads(header) == {"id": "d1"}
        assert [flaw.kind for flaw in flaws] == ["torn"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"messages": 7}', b"[" * 9999]
)
def test_no_document(data):
    """What is no document has no messages, and the flaw says how much was lost."""
    flaws = []

    assert split_document(data, "messages", flaws) == (b"{}", [])
    assert [(flaw.kind, flaw.lost) for flaw in flaws] == [("syntax", len(data))]


def test_limit(tmp_path):
    """A document beyond the limit is refused, and counted as lost."""
    (tmp_path / "d.json").write_bytes(spread())
    source = Source(tmp_path / "d.json")

    assert read_document(source, "messages", limit=20).items == []
    assert source.flaws[0].lost == 21


@pytest.mark.parametrize(
    ("head", "spread_out"),
    [
        (b'{\n  "id": 1', True),
        (b'\xef\xbb\xbf\r\n { \r\n"id": 1', True),
        (b'{"id": 1}\n{"id": 2}\n', False),
        (b"{", False),
        (b"", False),
    ],
)
def test_spread(tmp_path, head, spread_out):
    """A document that is spread over lines is known by its first line."""
    (tmp_path / "d.json").write_bytes(head)

    assert is_spread(head) is spread_out
    assert begins_spread(Source(tmp_path / "d.json")) is spread_out
