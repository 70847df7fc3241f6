"""The writer of sealed transcripts."""

import errno
import os
from datetime import UTC, datetime

import pytest

import steno
from steno.errors import WriteError
from steno.events.codec import decode_line
from steno.events.header import Header, make_header
from steno.storage.lease import find_dead, is_alive
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_log import SealedLog
from steno.writers.base import Batch, Writer
from steno.writers.sealed import SealedWriter

KEYS = SealKeys.make("p", KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1))
HEADER = make_header("INC-1", datetime.now(UTC), session_key="agent:main:main")


def event(text, session="INC-1"):
    """Make an event."""
    return steno.ResponseRecorded(session, "r", datetime.now(UTC), response_text=text)


def batch(*texts, first=1, headers=None):
    """Make a batch of events."""
    events = [event(text) for text in texts]
    return Batch(
        events, range(first, first + len(events)), recorder="rec", headers=headers, number=first
    )


@pytest.fixture
def writer(tmp_path):
    """Make a writer, closed at the end."""
    writer = SealedWriter(tmp_path / "INC-1" / "transcript.sealed", KEYS, HEADER)
    yield writer
    writer.close()


def lines(path):
    """Read the lines of a sealed transcript."""
    return b"".join(SealedLog(path, KEYS).read()).splitlines()


def test_contract(writer):
    """It is a writer; it may be closed before anything was written, and twice."""
    assert isinstance(writer, Writer)
    writer.close()
    writer.close()
    assert not writer.path.exists()


def test_lines(writer):
    """The lines are those of any transcript, behind one header, and nothing of them is in clear."""
    writer.write(batch("secret one", "secret two"))
    writer.write(batch("secret three", first=3))

    header, *events = map(decode_line, lines(writer.path))
    assert isinstance(header, Header)
    assert (header.session_id, header.session_key) == ("INC-1", "agent:main:main")
    assert [(each.response_text, each.seq) for each in events] == [
        ("secret one", 1), ("secret two", 2), ("secret three", 3),
    ]  # fmt: skip
    for path in writer.path.parent.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()


def test_header_alone(writer):
    """A session without an event has a transcript; going on with it adds no second header."""
    header = {"INC-1": HEADER}
    writer.write(batch(headers=header))
    size = writer.path.stat().st_size
    writer.write(batch(headers=header))

    assert len(lines(writer.path)) == 1
    assert writer.path.stat().st_size == size


def test_lease(writer):
    """The recorder's lease lies in the session's folder as long as it lives, and says no secret."""
    writer.write(batch("x"))
    folder = writer.path.parent

    assert is_alive(folder, "rec")
    assert find_dead(folder) == []
    writer.close()
    assert not is_alive(folder, "rec")


def test_alterations(writer):
    """Values that could not be kept as they were given are counted."""
    now = datetime.now(UTC)
    odd = steno.RequestRecorded("INC-1", "r", now, request_json={"x": float("nan")})
    writer.write(Batch([odd], [1], recorder="rec"))

    assert [loss.reason for loss in writer.losses.take()] == ["altered"]


def test_torn(writer):
    """A frame that a killed process left unfinished is counted as a loss, once."""
    writer.write(batch("one"))
    writer.write(batch("two", first=2))
    writer.close()
    os.truncate(writer.path, writer.path.stat().st_size - 5)

    writer.write(batch("three", first=3))
    writer.write(batch("four", first=4))

    assert [loss.reason for loss in writer.losses.take()] == ["torn_line"]
    assert len(lines(writer.path)) == 4


def test_full_disk(writer, monkeypatch):
    """A write that fails in the middle leaves nothing behind, and is told to be worth waiting."""
    writer.write(batch("one"))
    whole = writer.path.read_bytes()
    write = os.write

    def fail(fd, data):
        write(fd, bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(WriteError) as caught:
            writer.write(batch("two", first=2))

    assert caught.value.transient
    assert writer.path.read_bytes() == whole
    writer.write(batch("two", first=2))
    assert len(lines(writer.path)) == 3


def test_damaged_header(writer):
    """Where the log can't be appended to, events wait for it; they go nowhere else."""
    writer.path.parent.mkdir(parents=True)
    writer.path.write_bytes(b"x" * 1000)

    with pytest.raises(WriteError) as caught:
        writer.write(batch("one"))

    assert caught.value.transient
    assert writer.path.read_bytes() == b"x" * 1000


def test_fork(writer):
    """A forked child goes on with files of its own."""
    writer.write(batch("one"))
    pid = os.fork()
    if not pid:
        code = 1
        try:
            writer.after_fork()
            child = Batch([event("child")], [1], recorder="child")
            writer.write(child)
            writer.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    writer.write(batch("two", first=2))

    assert [getattr(decode_line(line), "response_text", None) for line in lines(writer.path)] == [
        None, "one", "child", "two",
    ]  # fmt: skip
    assert is_alive(writer.path.parent, "rec")


def test_cut_off(writer):
    """A log that is shorter than it is known to have been is told, once something was written."""
    writer.write(batch("one"))
    writer.write(batch("two", first=2))
    writer.close()
    os.truncate(writer.path, 0)

    after = SealedWriter(writer.path, KEYS, HEADER)
    after.expect(writer.end)
    assert after.cut_off is None
    after.write(batch("three"))
    assert "cut off" in after.cut_off
    after.close()
