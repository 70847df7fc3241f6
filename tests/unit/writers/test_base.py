"""Batches, and what followers learn."""

import threading
import time
from datetime import UTC, datetime

import steno
from steno.writers.base import Batch, Extent, Follower, Landings, Writer
from steno.writers.sqlite import SqliteWriter

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def batch(first, count, number, own=()):
    """Make a batch of events with numbers from ``first`` on."""
    events = [steno.Completed("s", str(first + at), NOW, success=True) for at in range(count)]
    return Batch(
        events, range(first, first + count), recorder="r", number=number, own=frozenset(own)
    )


def test_a_batch_is_a_sequence_of_events():
    """A writer can iterate over a batch, index it and ask for its length."""
    three = batch(1, 3, 1)

    assert [event.request_id for event in three] == ["1", "2", "3"]
    assert (len(three), three[0].request_id, three.recorded) == (3, "1", 3)


def test_parts():
    """Parts of a batch keep the numbers of their events; the recorder's own are not counted."""
    three = batch(1, 3, 7, own=[3])

    assert list(three.part(1, 3).seqs) == [2, 3]
    assert three.only([1, 3]).seqs == [1, 3]
    assert (three.recorded, three.part(2, 3).recorded, three.part(0, 0).recorded) == (2, 0, 0)
    assert three.part(0, 1).number == 7


def test_headers_can_be_asked_for():
    """Parts of a batch, and what it is joined with, find the headers that it finds."""
    whole = Batch([], [], recorder="r", find_header=str.upper)

    assert whole.part(0, 0).only([]).join([batch(1, 1, 1)]).find_header("x") == "X"
    assert batch(1, 1, 1).find_header("x") is None


def test_join():
    """Joined batches hold the events of all, and know the first and the last number."""
    joined = batch(1, 2, 5, own=[2]).join([batch(3, 2, 6), batch(5, 1, 7)])

    assert joined.seqs == [1, 2, 3, 4, 5]
    assert (joined.first_number, joined.number, joined.recorded) == (5, 7, 4)


def extent(path, start, end, number):
    """Make an extent."""
    return Extent(path, "s", start, end, number)


def test_landings_in_order():
    """Extents are taken in order, up to the number of a batch."""
    landings = Landings()
    landings.put([extent("a", 0, 5, 1)], 1)
    landings.put([extent("a", 5, 9, 2)], 2)

    assert landings.take(1) == ([extent("a", 0, 5, 1)], [])
    assert len(landings) == 1
    assert landings.take(9) == ([extent("a", 5, 9, 2)], [])


def test_landings_are_bounded():
    """For a follower that hangs, old extents of a transcript are merged into one."""
    landings = Landings(limit=3)
    for number in range(100):
        landings.put([extent("a", number, number + 1, number)], number)

    taken, merged = landings.take(100)

    assert [each.end for each in taken] == [98, 99, 100]
    assert [each.end for each in merged] == [97]


def test_waiting_for_the_transcripts():
    """A follower waits until a batch has landed; one that hangs is waited for once."""
    landings = Landings()
    landings.put([], 3)
    assert landings.wait(3, timeout_s=0)

    thread = threading.Thread(target=lambda: (time.sleep(0.05), landings.put([], 4)))
    thread.start()
    assert landings.wait(4, timeout_s=10)
    thread.join()

    assert not landings.wait(5, timeout_s=0.01)
    begun = time.monotonic()
    assert not landings.wait(5, timeout_s=10)
    assert time.monotonic() - begun < 5
    landings.put([], 5)
    assert landings.wait(5, timeout_s=0)


def test_protocols(tmp_path):
    """The writers of steno are what the protocols describe."""
    assert isinstance(steno.JsonlWriter(tmp_path), Writer)
    assert not isinstance(steno.JsonlWriter(tmp_path), Follower)
    assert isinstance(SqliteWriter(tmp_path / "db"), Follower)
