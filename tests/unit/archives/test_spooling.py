"""What waits is written into spools."""

import errno

import pytest

from steno.archives import spools
from steno.archives.intake import Ended, Intake, Waiting
from steno.archives.orphans import SpoolReader
from steno.archives.settings import ArchiveSettings
from steno.archives.spooling import Spooler


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def desk(base):
    """Begin an intake and what drains it, by hand."""

    class Desk:
        def __init__(self, **settings):
            self.intake = Intake()
            self.clock = Clock()
            self.done = []
            settings = ArchiveSettings(enabled=True, directory=base, password="pw", **settings)
            self.spooler = Spooler(settings, self.intake, self.done.append, self.clock)

    desks = []

    def begin(**settings):
        desks.append(Desk(**settings))
        return desks[-1]

    yield begin
    for each in desks:
        each.spooler.abandon()
        for waiting in each.done:
            waiting.writer.abandon()


def read(waiting):
    """Read what is in the spool of a request."""
    reader = SpoolReader(waiting.writer.fds(), waiting.writer.cipher)
    return b"".join(reader.blocks()), reader


def test_lines_reach_the_disk(desk, ids, make_line):
    """After one round every line is in the spool, scrubbed, in the order of time."""
    one = desk()
    waiting = Waiting(ids, None, 1.0)
    for number in range(300):
        one.intake.put(waiting, make_line(f"{number} Authorization: Bearer abcdef", 300.0 - number))
    one.spooler.work()
    data, reader = read(waiting)

    assert reader.records == 300
    assert b"abcdef" not in data
    assert one.spooler.is_idle


def test_the_end_is_handed_over_once(desk, ids, make_line):
    """A request whose spool is complete is handed over, with a scrubbed reason."""
    one = desk()
    waiting = Waiting(ids, None, 1.0)
    one.intake.put(waiting, make_line("a"))
    one.intake.end(waiting, Ended("error", "x-api-key: hunter2", 2.0))
    one.spooler.work()
    one.spooler.work()

    assert one.done == [waiting]
    assert read(waiting)[1].reason == "x-api-key: [secret]"
    assert not one.spooler.open


def test_a_full_disk(desk, ids, make_line, monkeypatch, capsys):
    """Lines that can't be written wait, are tried again, and none is lost or doubled."""
    one = desk()
    waiting = Waiting(ids, None, 1.0)
    real = spools.write_all

    def full(fd, data):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spools, "write_all", full)
    one.intake.put(waiting, make_line("a"))
    one.spooler.work()
    one.intake.put(waiting, make_line("b"))
    one.intake.end(waiting, Ended("ok", "", 2.0))
    one.spooler.work()
    assert not one.spooler.is_idle
    assert capsys.readouterr().err.count("wait in memory") == 1
    monkeypatch.setattr(spools, "write_all", real)
    one.spooler._retry_at = 0.0
    one.spooler.work()
    one.spooler.work()

    assert one.done == [waiting]
    assert read(waiting)[0].count(b"\n") == 2
    assert one.spooler.is_idle


def test_silence(desk, ids, make_line):
    """A request that was silent for the stale time is ended as interrupted."""
    one = desk(stale_seconds=300)
    waiting = Waiting(ids, None, 1000.0)
    one.intake.put(waiting, make_line("a", 1000.0))
    one.spooler.work()
    one.clock.now = 1301.0
    one.spooler.work()
    one.spooler.work()

    assert one.done == [waiting]
    assert read(waiting)[1].status == "interrupted"


@pytest.mark.parametrize("created", [-5.0, float("nan"), 1e300, None, "x"])
def test_silence_is_told_by_the_clock(desk, ids, make_line, created):
    """What a record says of its own time neither ends a request nor keeps it open."""
    import msgspec

    one = desk(stale_seconds=300)
    waiting = Waiting(ids, None, 1000.0)
    one.clock.now = 1000.0
    one.intake.put(waiting, msgspec.structs.replace(make_line("a"), created=created))
    one.spooler.work()
    one.spooler.work()
    assert not one.done
    one.clock.now = 1301.0
    one.spooler.work()
    one.spooler.work()

    assert one.done == [waiting]


def test_one_request_stops_no_other(desk, ids, make_line, monkeypatch):
    """Whatever goes wrong with one request, the others are written, and it is tried again."""
    one = desk()
    bad, good = Waiting(ids, None, 1.0), Waiting(ids, None, 1.0)
    for waiting in (bad, good):
        one.intake.put(waiting, make_line("a"))
        one.intake.end(waiting, Ended("ok", "", 2.0))
    flush = one.spooler._flush

    def fail(waiting, dropped):
        if waiting is bad:
            raise ZeroDivisionError
        flush(waiting, dropped)

    monkeypatch.setattr(one.spooler, "_flush", fail)
    one.spooler.work()
    assert one.done == [good]
    assert not one.spooler.is_idle
    monkeypatch.setattr(one.spooler, "_flush", flush)
    one.spooler._retry_at = 0.0
    one.spooler.work()

    assert one.done == [good, bad]


def test_a_line_that_is_too_large(desk, ids, make_line):
    """A line larger than half of what a request may hold is dropped and counted."""
    one = desk(max_bytes=10_000)
    waiting = Waiting(ids, None, 1.0)
    one.intake.put(waiting, make_line("x " * 4000))
    one.intake.put(waiting, make_line("small"))
    one.spooler.work()
    data, reader = read(waiting)

    assert (data.count(b"\n"), reader.dropped) == (1, 1)


def test_a_line_that_is_none(desk, ids, make_line, capsys):
    """A line that can't be encoded is counted, and the others are kept."""
    one = desk()
    waiting = Waiting(ids, None, 1.0)
    one.intake.put(waiting, make_line("a"))
    one.intake.put(waiting, make_line(b"b"))
    one.intake.put(waiting, make_line("c"))
    one.spooler.work()
    one.intake.end(waiting, Ended("ok", "", 2.0))
    one.spooler.work()
    data, reader = read(waiting)

    assert (data.count(b"\n"), reader.dropped) == (2, 1)
    assert one.spooler.is_idle
    assert "can't be archived" in capsys.readouterr().err
