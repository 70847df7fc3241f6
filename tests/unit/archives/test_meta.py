"""What an archive says of itself."""

import pytest

from steno.archives.identifiers import ArchiveIds
from steno.archives.meta import (
    Member,
    add_request,
    decode_meta,
    describe_request,
    encode_meta,
    make_meta,
)
from steno.errors import ArchiveError

IDS = ArchiveIds("u/\n", "s", "c", "m", "r1")


def entry(request="r1", status="ok", begin=1.0, end=2.0, records=1, dropped=0, **fields):
    """Build the entry of a request."""
    fields = {"task": None, "reason": "", "spool": f"{request}-{begin}", **fields}
    ids = ArchiveIds("u", "s", "c", "m", request)
    return describe_request(
        ids, status=status, begin=begin, end=end, records=records, dropped=dropped, **fields
    )


def meta_of(*entries):
    """Put the entries of requests together."""
    requests = ()
    for each in entries:
        requests = add_request(requests, each)
    return make_meta(IDS, requests, {"logs.txt": Member("00", 1)}, log_format="text", now=3.0)


def test_round_trip():
    """All of it comes back, with the ids as they were given."""
    meta = meta_of(entry())

    assert decode_meta(encode_meta(meta)) == meta
    assert meta.ids == {"user_id": "u/\n", "session_id": "s", "chat_id": "c", "message_id": "m"}
    assert (meta.begin, meta.end) == ("1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.000Z")


def test_the_last_request_tells_the_status():
    """The message is as its last request left it; a task beside it does not count."""
    meta = meta_of(
        entry("r1", "error"), entry("r2", "ok", 3, 4), entry("r3", "error", 5, 6, task="title")
    )

    assert (meta.status, meta.request_id, meta.records) == ("ok", "r2", 3)
    assert meta.request_ids == ("r1", "r2", "r3")
    assert [each.task for each in meta.requests] == [None, None, "title"]


@pytest.mark.parametrize("swap", [False, True])
def test_parts_of_one_request(swap):
    """A part that was interrupted says less than how another part of the request ended."""
    parts = [entry(status="interrupted", begin=1, end=9, dropped=1), entry(begin=2, end=3)]
    meta = meta_of(*(parts[::-1] if swap else parts))

    (request,) = meta.requests
    assert (request.status, request.records, request.dropped) == ("ok", 2, 1)
    assert len(meta.spools) == 2
    assert not meta.complete


def test_complete():
    """An archive is complete when all requests ended by themselves and nothing was dropped."""
    assert meta_of(entry()).complete
    assert not meta_of(entry(dropped=1)).complete
    assert not meta_of(entry(status="interrupted")).complete


def test_surrogates():
    """An id that has no form in UTF-8 is kept as an escape."""
    meta = make_meta(ArchiveIds("\ud800", "s", "c", "m"), (entry(),), {}, log_format="text", now=3)

    assert b"\\ud800" in encode_meta(meta)


def test_newer_and_damaged():
    """A newer format, and what is no meta.json, are told apart."""
    data = encode_meta(meta_of(entry()))

    with pytest.raises(ArchiveError, match="format 9"):
        decode_meta(data.replace(b'"format_version": 1', b'"format_version": 9'))
    with pytest.raises(ArchiveError) as caught:
        decode_meta(b"{}")
    assert caught.value.reason == "tampered"
