"""The log between the traffic and its recorder."""

import os
import tracemalloc

import pytest

from steno.capture import log as module
from steno.capture.log import (
    ENDED,
    GATHERED,
    OPENED,
    REPLY,
    REQUEST,
    SENT,
    STATUS,
    LogReader,
    LogWriter,
    compact_segment,
    frame,
    frame_json,
    gather,
    list_segments,
    read_frames,
)
from steno.testing import FixedClock
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome


def read_all(reader):
    """Read what there is."""
    found = []
    while frames := reader.read():
        found += frames
    return found


@pytest.mark.parametrize("size", [1, 7, 16, 17, 18, 100])
def test_cut_anywhere(tmp_path, monkeypatch, size):
    """Frames come back whole wherever reads cut them, and over the ends of segments."""
    monkeypatch.setattr(module, "_READ", size)
    monkeypatch.setattr(module, "SEGMENT_BYTES", 60)
    writer, reader = LogWriter(tmp_path), LogReader(tmp_path)
    for number in range(9):
        writer.append([frame(REPLY, number, 1.5, b"x" * number * 7)])
    found = read_all(reader)
    writer.close()
    reader.close()

    assert found == [(REPLY, number, 1.5, b"x" * number * 7) for number in range(9)]
    assert len(list_segments(tmp_path)) > 2


def test_whole_frames():
    """Frames that are whole can be read without a file."""
    frames = frame(REPLY, 7, 1.5, b"data") + frame(ENDED, 7, 2.5)

    assert read_frames(frames) == [(REPLY, 7, 1.5, b"data"), (ENDED, 7, 2.5, b"")]


def test_gathered(tmp_path):
    """What was gathered comes back as the frames that would have stood there, byte for byte."""
    opening = Opening(
        request_id="r", method="POST", target="/v1/\u00fc", headers={"x-a": "1"}, raw=True,
        begun=FixedClock().now, begun_s=1.5, session_id="s", identity=Identity(tags=("a", "b")),
    )  # fmt: skip
    done = Outcome(kind="done"), 0.25
    whole = gather(7, [
        OPENED, 1.5, opening, REQUEST, 2.5, b"\0\xff", SENT, 2.5, None,
        STATUS, 3.5, (200, {"content-type": "x"}), REPLY, 4.5, b"", ENDED, 5.5, done,
    ])  # fmt: skip
    writer, reader = LogWriter(tmp_path), LogReader(tmp_path)
    writer.append([frame(REPLY, 1, 1.0), *whole, frame(REPLY, 2, 6.0)])
    writer.close()
    apart = (
        frame(REPLY, 1, 1.0)
        + frame_json(OPENED, 7, 1.5, opening) + frame(REQUEST, 7, 2.5, b"\0\xff")
        + frame(SENT, 7, 2.5) + frame_json(STATUS, 7, 3.5, (200, {"content-type": "x"}))
        + frame(REPLY, 7, 4.5) + frame_json(ENDED, 7, 5.5, done) + frame(REPLY, 2, 6.0)
    )  # fmt: skip

    assert read_all(reader) == read_frames(apart)
    reader.close()


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", b"\x92\x01\x02", b"\x93\x01\x02\xc0\0"])
def test_gathered_garbage(data):
    """What can't be spread stays one frame, and what follows is read."""
    found = read_frames(frame(GATHERED, 1, 1.0, data) + frame(ENDED, 1, 2.0))

    assert found == [(GATHERED, 1, 1.0, data), (ENDED, 1, 2.0, b"")]


def test_gathering_fails():
    """What is no Unicode is an error, as in any frame of JSON."""
    with pytest.raises(UnicodeEncodeError):
        gather(1, [STATUS, 1.0, (200, {"x": "\udcff"})])


def test_gathered_is_compacted(tmp_path):
    """What was gathered of an exchange stays or goes with it."""
    path = tmp_path / "00000001.log"
    kept = b"".join(gather(2, [SENT, 1.0, None]))
    path.write_bytes(b"".join(gather(1, [SENT, 1.0, None])) + kept)
    compact_segment(path, {2})

    assert path.read_bytes() == kept


def test_reader_follows(tmp_path):
    """A reader sees what is appended while it reads, and nothing before."""
    reader = LogReader(tmp_path)
    assert reader.read() == []
    writer = LogWriter(tmp_path)
    for number in range(3):
        writer.append([frame_json(OPENED, number, 1.0, "a")])
        assert [each.number for each in reader.read()] == [number]
        assert reader.read() == []
    writer.close()
    reader.close()


@pytest.mark.parametrize("cut", range(1, 20))
def test_torn(tmp_path, cut):
    """A torn last frame is passed over, and the next segment is read."""
    path = tmp_path / "00000001.log"
    path.write_bytes((frame(REPLY, 1, 1.0, b"whole") + frame(REPLY, 1, 2.0, b"torn"))[:-cut])
    (tmp_path / "00000002.log").write_bytes(frame(ENDED, 1, 3.0))
    reader = LogReader(tmp_path)

    assert [each.at_s for each in read_all(reader)] == [1.0, 3.0]
    reader.close()


@pytest.mark.parametrize("begun", [0, 1])
def test_refused_write_is_taken_back(tmp_path, monkeypatch, begun):
    """What a failed write left is taken back, also under a reader that has read it already."""
    writer, reader = LogWriter(tmp_path), LogReader(tmp_path)
    if begun:
        writer.append([frame(REPLY, 1, 1.0, b"before")])
    write = os.write

    def fail(fd, data):
        if len(data) == 20:
            raise OSError(28, "No space left on device")
        done = write(fd, data[:20])
        read_all(reader)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            writer.append([frame(REPLY, 2, 1.0, b"x" * 23)])
    writer.append([frame(REPLY, 3, 1.0, b"after")])
    late = LogReader(tmp_path)

    assert [each.number for each in read_all(reader)] == [3]
    assert [each.number for each in read_all(late)] == [1] * begun + [3]
    for each in (writer, reader, late):
        each.close()


def test_segment_that_cannot_be_begun(tmp_path, monkeypatch):
    """Where no next segment can be begun, nothing of the last one is lost."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10)
    writer = LogWriter(tmp_path)
    writer.append([frame(REPLY, 1, 1.0)])
    (tmp_path / "00000002.log").mkdir()
    with pytest.raises(OSError, match="exists"):
        writer.append([frame(REPLY, 2, 1.0)])
    (tmp_path / "00000002.log").rmdir()
    writer.append([frame(REPLY, 3, 1.0)])
    writer.close()
    reader = LogReader(tmp_path)

    assert [each.number for each in read_all(reader)] == [1, 3]
    reader.close()


@pytest.mark.parametrize("garbage", [b"\xff" * 1000, b"\0" * 1000])
def test_garbage(tmp_path, garbage):
    """Garbage is passed over to the segment's end, without memory for what it claims."""
    path = tmp_path / "00000001.log"
    path.write_bytes(frame(REPLY, 1, 1.0) + garbage)
    reader = LogReader(tmp_path)
    tracemalloc.start()
    found = [each.number for each in read_all(reader)]
    with path.open("ab") as file:
        file.write(frame(REPLY, 2, 1.0))
    found += [each.number for each in read_all(reader)]
    compact_segment(path, {1})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.close()

    assert found == [1]
    assert peak < 10_000_000
    assert path.read_bytes() == frame(REPLY, 1, 1.0)
