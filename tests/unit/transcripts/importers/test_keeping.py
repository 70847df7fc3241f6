"""Entries are kept verbatim, in the order of their source."""

from datetime import UTC, datetime

from steno.transcripts.importers.keeping import Keeper, Read, is_aside, tells_several
from steno.transcripts.importers.model import Entry, Noted, Replied, Said
from steno.transcripts.importers.tallies import Tally

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(name, *facts, fresh=True):
    """Make an entry that was read."""
    return Read(Entry(raw=b"{}", kind="line", id=name, facts=facts), name, AT, fresh, "")


def keeper():
    """Make a keeper, and where its events go."""
    out = []
    return Keeper("s", "toy", "toy.jsonl", Tally(), out), out


def test_order():
    """What comes behind an entry that waits is kept behind it."""
    keeping, out = keeper()
    keeping.take(read("said", Said("user", "x")), None)
    keeping.take(read("beside", Noted(text="y")), None)
    assert out == []
    keeping.settle(None)

    assert [event.entry_id for event in out] == ["said", "beside"]


def test_copies():
    """Only what was said is a copy; what stands between it is the session's own."""
    keeping, out = keeper()
    keeping.take(read("said", Said("user", "x")), None)
    keeping.take(read("beside", Noted(text="y")), None)
    keeping.settle("other")

    assert [event.replayed_from for event in out] == ["other", None]
    assert [event.text for event in out] == ["x", "y"]


def test_instructions():
    """Instructions stand in no other event: their text is kept, and so are notices beside words."""
    keeping, out = keeper()
    keeping.take(read("asked", Said("user", "x")), None)
    keeping.take(read("instructions", Said("developer", "be brief")), None)
    keeping.take(read("both", Said("user", "y"), Noted(text="a title")), None)
    keeping.settle(None)

    assert [(event.told, event.role, event.text) for event in out] == [
        (True, "user", ""),
        (False, "developer", "be brief"),
        (False, None, "a title"),
    ]


def test_asides():
    """Notices and copies stand beside what was said; settings and words do not."""
    copied = Entry(raw=b"{}", kind="line", replayed_from="other", facts=(Said("user", "x"),))

    assert is_aside(read("notice", Noted(text="x")).entry)
    assert is_aside(copied)
    assert not is_aside(read("setting").entry)
    assert not is_aside(read("words", Noted(text="x"), Said("user", "y")).entry)


def test_several_requests():
    """An entry that goes on behind a reply is of several requests."""
    said, replied = Said("user", "x"), Replied(text="y")

    assert tells_several(read("replies", replied, replied).entry)
    assert tells_several(read("next", said, replied, said).entry)
    assert not tells_several(read("one", said, said, replied, Noted(text="z")).entry)
    assert not tells_several(read("words", said, said).entry)


def test_known_entries():
    """An entry that the transcript holds is not kept again."""
    keeping, out = keeper()
    keeping.take(read("old", fresh=False), None)

    assert out == []


def test_bound():
    """A question that is never answered holds back no more than some entries."""
    keeping, out = keeper()
    keeping.take(read("said", Said("user", "x")), None)
    for number in range(2_000):
        keeping.take(read(f"progress {number}"), None)

    assert len(out) == 2_001


def test_bytes_that_are_no_text():
    """An entry that is no UTF-8 is kept as text all the same; one that is stays as it is."""
    keeping, out = keeper()
    for raw in (b'{"a":"\xff\xfe"}', '{"a":"\u00fc"}'.encode()):
        entry = Entry(raw=raw, kind="line")
        keeping.take(Read(entry, "key", AT, fresh=True, known=""), None)

    assert [bytes(event.entry).decode() for event in out] == [
        '{"a":"\ufffd\ufffd"}',
        '{"a":"\u00fc"}',
    ]
