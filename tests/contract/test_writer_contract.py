"""What every writer promises, shown for each implementation."""

import contextlib
import json
import os
import sqlite3
from datetime import UTC, datetime

import pytest

import steno
from steno.events.header import make_header
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_log import SealedLog
from steno.testing import MemoryWriter
from steno.writers.base import Batch, Writer
from steno.writers.sealed import SealedWriter

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Memory:
    """The writer of `steno.testing`."""

    def open(self, folder):
        self.writer = MemoryWriter()
        return self.writer

    def stored(self, folder):
        return sorted(event.request_id for event in self.writer.events)


class Jsonl:
    """The transcripts."""

    def open(self, folder):
        return steno.JsonlWriter(folder)

    def stored(self, folder):
        lines = [
            line for path in folder.glob("*/*.jsonl") for line in path.read_bytes().splitlines()
        ]
        events = {
            (e.get("recorder"), e.get("seq")): e for e in map(json.loads, lines) if "seq" in e
        }
        return sorted(event["request_id"] for event in events.values())


class Sqlite:
    """The index."""

    def open(self, folder):
        return steno.SqliteWriter(folder / "sessions.db")

    def stored(self, folder):
        with contextlib.closing(sqlite3.connect(folder / "sessions.db")) as connection:
            rows = connection.execute("SELECT request_id FROM session_stats").fetchall()
        return sorted(request for (request,) in rows)


class Sealed:
    """The transcript of a sealed session."""

    keys = SealKeys.make("p", KdfRecord(salt=bytes(16), memory_kib=64, iterations=1, lanes=1))

    def open(self, folder):
        return SealedWriter(folder / "transcript.sealed", self.keys, make_header("s", NOW))

    def stored(self, folder):
        text = b"".join(SealedLog(folder / "transcript.sealed", self.keys).read())
        events = {
            (e.get("recorder"), e.get("seq")): e
            for e in map(json.loads, text.splitlines())
            if "seq" in e
        }
        return sorted(event["request_id"] for event in events.values())


KINDS = {"memory": Memory, "jsonl": Jsonl, "sqlite": Sqlite, "sealed": Sealed}
WANTED = os.environ.get("STENO_TEST_WRITERS", ",".join(KINDS)).split(",")


@pytest.fixture(params=WANTED)
def kind(request):
    """Name an implementation; one that is asked for and does not exist is an error."""
    return KINDS[request.param]()


def batch(*requests, first=1, recorder="rec"):
    """Make a batch with one event for each request."""
    events = [steno.Completed("s", each, NOW, success=True) for each in requests]
    return Batch(events, range(first, first + len(events)), recorder=recorder)


def test_it_is_a_writer(kind, tmp_path):
    """It has a name, write and close."""
    writer = kind.open(tmp_path)

    assert isinstance(writer, Writer)
    assert writer.name
    writer.close()


def test_what_is_written_is_stored(kind, tmp_path):
    """All events of all batches are stored."""
    writer = kind.open(tmp_path)
    writer.write(batch("a", "b"))
    writer.write(batch("c", first=3))
    writer.close()

    assert kind.stored(tmp_path) == ["a", "b", "c"]


def test_a_batch_may_come_again(kind, tmp_path):
    """The same batch written again leaves one copy of each event."""
    writer = kind.open(tmp_path)
    writer.write(batch("a", "b"))
    writer.write(batch("a", "b"))
    writer.close()

    assert kind.stored(tmp_path) == ["a", "b"]


def test_an_empty_batch(kind, tmp_path):
    """A batch without events is no error."""
    writer = kind.open(tmp_path)
    writer.write(batch())
    writer.write(batch("a"))
    writer.close()

    assert kind.stored(tmp_path) == ["a"]


def test_close_at_any_time(kind, tmp_path):
    """Close may come before any write, and twice."""
    writer = kind.open(tmp_path)
    writer.close()
    writer.close()


def test_recorders_do_not_mix(kind, tmp_path):
    """Events of two recorders with the same numbers are all stored."""
    writer = kind.open(tmp_path)
    writer.write(batch("a", recorder="one"))
    writer.write(batch("b", recorder="two"))
    writer.close()

    assert kind.stored(tmp_path) == ["a", "b"]
