"""Entries are kept verbatim, in the order of their source."""

from datetime import UTC, datetime

from steno.transcripts.importers.keeping import Keeper, Read
from steno.transcripts.importers.model import Entry, Noted, Said
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
