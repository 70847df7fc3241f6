"""Plain logs of lines."""

import os
import stat
import threading

import pytest

from steno.storage.line_log import LineLog


def test_append_and_read(tmp_path):
    """Lines are read once, in their order; those that came later are read the next time."""
    log = LineLog(tmp_path / "below" / "x.jsonl", fsync=True)
    reader = LineLog(log.path)

    assert list(reader.read()) == []
    log.append(b"1\n2\n")
    assert list(reader.read()) == [b"1", b"2"]
    log.append(b"3\n")
    assert list(reader.read()) == [b"3"]
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_torn(tmp_path):
    """A torn line is not read, and becomes a line of its own with the next append."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"1\n{to")
    log = LineLog(path)

    assert list(log.read()) == [b"1"]
    log.append(b"2\n")
    assert list(log.read()) == [b"{to", b"2"]


def test_threads(tmp_path):
    """Lines of many threads are all there, each whole."""
    path = tmp_path / "x.jsonl"

    def write(name):
        log = LineLog(path)
        for number in range(50):
            log.append(b"%d-%d-%s\n" % (name, number, b"x" * 500))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    lines = list(LineLog(path).read())
    assert len(lines) == 400
    assert all(line.endswith(b"x" * 500) and line.count(b"-") == 2 for line in lines)


def test_no_file(tmp_path):
    """What is no regular file is not written to."""
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")

    with pytest.raises(OSError, match="pipe"):
        LineLog(tmp_path / "pipe").append(b"1\n")
    with pytest.raises(OSError, match="link"):
        LineLog(tmp_path / "link").append(b"1\n")
    assert not (tmp_path / "elsewhere").exists()
