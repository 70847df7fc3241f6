"""Sealed logs."""

import os
import stat
import threading

import pytest

from steno.errors import SealError, WrongPasswordError
from steno.storage.sealed_header import HEADER_BYTES
from steno.storage.sealed_keys import KdfRecord, SealKeys
from steno.storage.sealed_log import DAMAGED, TORN, SealedLog


def make(password="p", salt=None):
    """Make keys that cost next to nothing."""
    kdf = KdfRecord(salt=salt or os.urandom(16), memory_kib=64, iterations=1, lanes=1)
    return SealKeys.make(password, kdf)


KEYS = make()


@pytest.fixture
def path(tmp_path):
    """Name a log."""
    return tmp_path / "below" / "transcript.sealed"


def read(path, keys=KEYS):
    """Read a log from its beginning: its frames, and the damage."""
    log = SealedLog(path, keys)
    return list(log.read()), [(each.offset, each.length, each.reason) for each in log.damage]


def frames(path, *texts):
    """Write frames, and return the offsets at which they end."""
    log = SealedLog(path, KEYS)
    ends = []
    for text in texts:
        log.append(text)
        ends.append(path.stat().st_size)
    log.close()
    return ends


def test_append_and_read(path):
    """Frames are read in their order; the first may carry more; nothing of them is in clear."""
    log = SealedLog(path, KEYS, fsync=True)
    log.append(b"secret one", b"head ")
    log.append(b"secret two", b"head ")
    log.append(b"")

    assert read(path) == ([b"head secret one", b"secret two"], [])
    assert b"secret" not in path.read_bytes()
    assert log.end.frames == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_writers(path):
    """Two that write to one log by turns make one log."""
    one, two = SealedLog(path, KEYS), SealedLog(path, KEYS)
    for number in range(10):
        (one if number % 3 else two).append(b"%d" % number)

    assert read(path) == ([b"%d" % number for number in range(10)], [])


def test_threads(path):
    """Frames of many threads are all there."""

    def write(name):
        log = SealedLog(path, KEYS)
        for number in range(30):
            log.append(b"%d-%d" % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    found, damage = read(path)
    assert sorted(found) == sorted(b"%d-%d" % (a, b) for a in range(8) for b in range(30))
    assert damage == []


def test_torn(path):
    """A frame that a killed process left unfinished is told; what comes behind it is read."""
    ends = frames(path, b"one", b"two" * 100)
    os.truncate(path, ends[1] - 50)

    assert read(path) == ([b"one"], [(ends[0], ends[1] - 50 - ends[0], TORN)])
    log = SealedLog(path, KEYS)
    assert log.append(b"three") == ends[1] - 50 - ends[0]
    assert log.append(b"four") == 0
    found, damage = read(path)
    assert found == [b"one", b"three", b"four"]
    assert damage == [(ends[0], ends[1] - 50 - ends[0], TORN)]


@pytest.mark.parametrize("size", range(0, HEADER_BYTES, 7))
def test_torn_header(path, size):
    """A log whose very header was not finished is begun anew."""
    frames(path, b"one")
    os.truncate(path, size)

    SealedLog(path, KEYS).append(b"two", b"head ")

    assert read(path) == ([b"head two"], [])


def test_damaged_frame(path):
    """A flipped bit costs its frame, which is told with its place; the others are read."""
    ends = frames(path, b"one", b"two", b"three")
    data = bytearray(path.read_bytes())
    data[ends[1] - 18] ^= 1
    path.write_bytes(bytes(data))

    found, damage = read(path)

    assert found == [b"one", b"three"]
    assert damage == [(ends[0], ends[1] - ends[0], DAMAGED)]


def test_damaged_end(path):
    """Damage to the last frame is no torn frame, whether or not somebody appended behind it."""
    ends = frames(path, b"one", b"two")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))

    assert read(path) == ([b"one"], [(ends[0], ends[1] - ends[0], DAMAGED)])
    SealedLog(path, KEYS).append(b"three")
    assert read(path) == ([b"one", b"three"], [(ends[0], ends[1] - ends[0], DAMAGED)])


def test_missing_frame(path):
    """A frame that was taken out is missed, though all that are left are whole."""
    ends = frames(path, b"one", b"two", b"three")
    data = path.read_bytes()
    path.write_bytes(data[: ends[0]] + data[ends[1] :])

    found, damage = read(path)

    assert found == [b"one", b"three"]
    assert damage == [(ends[0], 0, "frames 1 to 1 are missing")]


def test_exchanged_and_repeated(path):
    """Frames that stand in another order, or twice, are told."""
    ends = frames(path, b"one", b"two", b"three")
    data = path.read_bytes()
    two, three = data[ends[0] : ends[1]], data[ends[1] :]

    path.write_bytes(data[: ends[0]] + three + two)
    assert read(path)[1]
    path.write_bytes(data + three)
    assert "stands where" in read(path)[1][0][2]


def test_put_in_between(path):
    """Bytes that somebody puts between two frames are told."""
    ends = frames(path, b"one", b"two")
    data = path.read_bytes()
    path.write_bytes(data[: ends[0]] + b"junk" + data[ends[0] :])

    found, damage = read(path)

    assert found == [b"one", b"two"]
    assert damage == [(ends[0], 4, "bytes that are no frame were put in between")]


def test_two_branches(path):
    """A frame that was written in the place of another one does not pass for what came first."""
    ends = frames(path, b"one", b"two", b"three")
    whole = path.read_bytes()
    os.truncate(path, ends[0])
    frames(path, b"TWO")
    other = path.read_bytes()[ends[0] :]
    path.write_bytes(whole[: ends[0]] + other + whole[ends[1] :])

    assert read(path)[1] != []


def test_passwords(path):
    """Another password, or another session's, is told; nothing is appended with it."""
    frames(path, b"one")
    size = path.stat().st_size

    for keys, error in ((make("q", KEYS.kdf.salt), WrongPasswordError), (make(), SealError)):
        with pytest.raises(error):
            read(path, keys)
        with pytest.raises(error):
            SealedLog(path, keys).append(b"two")
    assert path.stat().st_size == size


def test_damaged_header(path):
    """A log whose header is damaged is neither read nor appended to."""
    frames(path, b"one")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(SealError, match="header"):
        read(path)
    with pytest.raises(SealError, match="header"):
        SealedLog(path, KEYS).append(b"two")
    assert path.read_bytes() == bytes(data)


def test_cut_off_meanwhile(path):
    """A log that somebody cut off under an open writer goes on where it ends now."""
    log = SealedLog(path, KEYS)
    log.append(b"one")
    end = path.stat().st_size
    log.append(b"two")
    os.truncate(path, end)

    log.append(b"three")

    assert read(path) == ([b"one", b"three"], [])


def test_no_file(tmp_path):
    """Links and pipes are not written to."""
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")

    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=name):
            SealedLog(tmp_path / name, KEYS).append(b"one")
    assert not (tmp_path / "elsewhere").exists()


def test_no_log(path):
    """A log that is not there has no frames."""
    assert read(path) == ([], [])


def test_written_on_after_a_cut(path):
    """A log that was cut off and written on is told from one that is whole, and stays so."""
    ends = frames(path, b"one", b"two", b"three")
    whole = SealedLog(path, KEYS)
    list(whole.read())
    os.truncate(path, ends[1])

    log = SealedLog(path, KEYS)
    log.expect(whole.end)
    log.append(b"four")
    assert "before frame 3" in log.cut_off
    log.append(b"five")
    assert "before frame 3" in log.cut_off

    log = SealedLog(path, KEYS)
    log.expect(whole.end)
    assert list(log.read()) == [b"one", b"two", b"four", b"five"]
    assert "before frame 3" in log.cut_off
    log.expect(SealedLog(path, KEYS).end)
    assert log.cut_off is None


def test_cut_off_while_it_is_open(path):
    """Who has a log open notices that it was cut off, or emptied, and writes on behind the rest."""
    log = SealedLog(path, KEYS)
    for text in (b"one", b"two"):
        log.append(text)
    assert log.cut_off is None
    os.truncate(path, path.stat().st_size - 1)
    log.append(b"three")
    assert "before frame 2" in log.cut_off
    assert read(path)[0] == [b"one", b"three"]

    log = SealedLog(path, KEYS)
    for text in (b"four", b"five"):
        log.append(text)
    os.truncate(path, 0)
    log.append(b"six")
    assert "it had 4 frames, and ends after 1" in log.cut_off
    assert read(path)[0] == [b"six"]


def test_removed_while_it_is_open(path):
    """What is appended goes to the file of that name, not to one that was removed or exchanged."""
    log = SealedLog(path, KEYS)
    log.append(b"one")
    os.unlink(path)
    log.append(b"two", b"head ")

    assert read(path) == ([b"head two"], [])
    assert "before frame 1" in log.cut_off  # as many frames as there were, but not that one
