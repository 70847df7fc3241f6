"""What has ended, and what was left behind, is sealed."""

import errno
import os
import time

import pytest

from steno.archives.ciphers import PasswordKeys
from steno.archives.finishing import Finisher
from steno.archives.intake import Waiting
from steno.archives.records import encode_line
from steno.archives.settings import ArchiveSettings
from steno.archives.spools import SpoolWriter


@pytest.fixture
def waiting(base, ids, make_line):
    """Make a request whose spool is complete."""
    waiting = Waiting(ids, None, 1.0)
    waiting.writer = SpoolWriter(
        base, PasswordKeys("correct horse"), ids, task=None, begun=1.0, max_lines=10,
        max_bytes=1 << 20,
    )  # fmt: skip
    waiting.writer.append([encode_line(make_line("a"), ids)], 1.0, 1.0, 0)
    yield waiting
    waiting.writer.abandon()


def begin(base, password="correct horse"):
    """Begin a finisher."""
    return Finisher(
        ArchiveSettings(enabled=True, directory=base, password=password), lambda: 1000.0
    )


def test_a_full_disk_is_tried_again(base, waiting, monkeypatch, read_messages, capsys):
    """The spool stays until it could be sealed, and the failure is said once."""
    finisher = begin(base)
    real = os.fsync

    def full(fd):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    finisher.add(waiting)
    finisher.work()
    assert (finisher.failed, finisher.is_idle) == (1, False)
    assert len(list((base / ".spool").glob("[!.]*"))) == 1
    monkeypatch.setattr(os, "fsync", real)
    finisher.work()
    assert not waiting.sealed.is_set(), "not at once"
    real_clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real_clock() + 2)
    finisher.work()

    assert waiting.sealed.is_set()
    assert finisher.is_idle
    assert not list((base / ".spool").glob("[!.]*"))
    assert read_messages(base / "user" / "chat" / "message.zip") == ["a"]
    assert capsys.readouterr().err.count("stay") == 1


def test_orphans_are_sealed(base, waiting, read_meta):
    """What a dead process left is sealed as interrupted."""
    waiting.writer.abandon()
    finisher = begin(base)
    (path,) = finisher.recover()

    meta = read_meta(path)
    assert (meta.status, meta.complete, meta.records) == ("interrupted", False, 1)
    assert (finisher.sealed, finisher.recovered) == (1, 1)
    assert finisher.recover() == []


def test_the_living_are_left_alone(base, waiting):
    """A spool whose owner lives is not touched."""
    assert begin(base).recover() == []
    assert len(list((base / ".spool").glob("[!.]*"))) == 1


def test_another_password(base, waiting, capsys):
    """What another password sealed is left alone, and said once."""
    waiting.writer.abandon()
    finisher = begin(base, "rotated")

    assert finisher.recover() == []
    assert finisher.recover() == []
    assert len(list((base / ".spool").glob("[!.]*"))) == 1
    assert capsys.readouterr().err.count("another password") == 1
    assert len(begin(base).recover()) == 1


def test_a_spool_that_was_removed(base, waiting, capsys):
    """A spool that somebody removed is given up, and it is said."""
    finisher = begin(base)
    for path in base.glob(".spool/*.spool"):
        path.unlink()
    finisher.add(waiting)
    finisher.work()

    assert finisher.is_idle
    assert (finisher.failed, finisher.sealed) == (1, 0)
    assert "a spool was removed" in capsys.readouterr().err


def test_one_spool_stops_no_other(base, waiting, monkeypatch):
    """Whatever goes wrong with one spool, those after it are sealed, and it is kept."""
    waiting.writer.abandon()
    other = SpoolWriter(
        base, PasswordKeys("correct horse"), waiting.ids, task=None, begun=1.0, max_lines=10,
        max_bytes=1 << 20,
    )  # fmt: skip
    other.end("ok", "", 2.0, 0)
    other.abandon()
    finisher = begin(base)
    finish = finisher._finish

    def fail_once(reader):
        monkeypatch.setattr(finisher, "_finish", finish)
        raise ModuleNotFoundError

    monkeypatch.setattr(finisher, "_finish", fail_once)

    assert len(finisher.recover()) == 1
    assert len(list((base / ".spool").glob("*.spool"))) == 1
    assert len(finisher.recover()) == 1


def test_what_nobody_thought_of_is_tried_again(base, waiting, monkeypatch):
    """A request whose sealing fails for any reason is not forgotten."""
    finisher = begin(base)
    finish = finisher._finish
    monkeypatch.setattr(finisher, "_finish", lambda reader: 1 / 0)
    finisher.add(waiting)
    finisher.work()
    assert not finisher.is_idle
    monkeypatch.setattr(finisher, "_finish", finish)
    finisher._late = [(0.0, 1.0, each[2]) for each in finisher._late]
    finisher.work()

    assert finisher.is_idle
    assert waiting.sealed.is_set()
