"""Beginning a transcript, and appending to it."""

import os
from datetime import UTC, datetime

import pytest

from steno.storage.transcript import TranscriptFolder

NOW = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
HEADER = b'{"type":"session","id":"s"}'


@pytest.fixture
def folder(tmp_path):
    """Open a folder of transcripts."""
    folder = TranscriptFolder(tmp_path, open_files=2)
    yield folder
    folder.close()


def append(folder, relative, lines=b'{"a":1}\n', **more):
    """Append with the usual header."""
    return folder.append(relative, lines, lambda: HEADER, **more)


def test_begin_and_append(folder, tmp_path):
    """The first append begins the file with a header; later ones add lines."""
    relative = folder.locate("s", NOW)

    first, second = append(folder, relative), append(folder, relative)

    assert relative == "2026-11-20/s.jsonl"
    assert (first.began, second.began) == (True, False)
    assert (first.start, first.end, second.start) == (0, len(HEADER) + 9, first.end)
    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"a":1}\n{"a":1}\n'
    assert (tmp_path / relative).stat().st_mode & 0o777 == 0o600


def test_midnight(folder):
    """A session keeps its file, whatever day it is when it goes on."""
    append(folder, folder.locate("s", NOW))

    later = TranscriptFolder(folder.path)

    assert later.locate("s", NOW.replace(day=25)) == "2026-11-20/s.jsonl"
    assert later.locate("other", NOW.replace(day=25)) == "2026-11-25/other.jsonl"


@pytest.mark.parametrize("passing", [False, True])
@pytest.mark.parametrize("tail", [b'{"torn', b"\x00" * 100, b"x" * 200_000])
def test_torn_tail(folder, tmp_path, tail, passing):
    """A torn tail is closed with a newline before anything is appended."""
    relative = folder.locate("s", NOW)
    append(folder, relative)
    folder.close()
    before = (tmp_path / relative).read_bytes() + tail
    (tmp_path / relative).write_bytes(before)

    appended = append(folder, relative, passing=passing)

    assert appended.torn == min(len(tail), 65_536)
    assert appended.start == len(before) + 1
    assert (tmp_path / relative).read_bytes() == before + b'\n{"a":1}\n'


def test_torn_tail_between_two_appends(folder, tmp_path):
    """Another process's torn line is noticed also while the file is open here."""
    relative = folder.locate("s", NOW)
    append(folder, relative)
    with (tmp_path / relative).open("ab") as other:
        other.write(b'{"torn')

    assert append(folder, relative).torn == 6


@pytest.mark.parametrize("rest", [b"", HEADER[:5], HEADER])
def test_torn_header(folder, tmp_path, rest):
    """A file that holds a piece of a header alone is begun anew."""
    relative = folder.locate("s", NOW)
    (tmp_path / "2026-11-20").mkdir()
    (tmp_path / relative).write_bytes(rest)

    appended = append(folder, relative)

    assert appended.began
    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"a":1}\n'


def test_deleted_while_open(folder, tmp_path):
    """A transcript that somebody deletes begins anew, with its header."""
    relative = folder.locate("s", NOW)
    append(folder, relative)
    (tmp_path / relative).unlink()

    assert append(folder, relative).began


def test_links_and_folders_are_refused(folder, tmp_path):
    """No link is followed, and nothing but a regular file is written to."""
    (tmp_path / "2026-11-20").mkdir()
    (tmp_path / "target").write_text("")
    (tmp_path / "2026-11-20" / "link.jsonl").symlink_to(tmp_path / "target")
    (tmp_path / "2026-11-20" / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "2026-11-20" / "pipe.jsonl")

    for name in ("link", "folder", "pipe"):
        with pytest.raises(OSError, match=r".*"):
            append(folder, f"2026-11-20/{name}.jsonl")
    assert (tmp_path / "target").read_text() == ""


def test_open_files_are_bounded(folder, tmp_path):
    """No more files are kept open than was said, and evicted ones are whole."""
    for number in range(10):
        append(folder, folder.locate(f"s{number}", NOW))
        append(folder, folder.locate("s0", NOW), passing=True)

    assert len(folder._open) <= 2
    assert (tmp_path / "2026-11-20" / "s0.jsonl").read_bytes().count(b"\n") == 12


def test_fsync(tmp_path):
    """With fsync on, everything works the same."""
    folder = TranscriptFolder(tmp_path, fsync=True)

    append(folder, folder.locate("s", NOW))
    append(folder, folder.locate("s", NOW))

    assert (tmp_path / "2026-11-20" / "s.jsonl").read_bytes().count(b"\n") == 3
    folder.close()


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("passing", [True, False])
def test_goes_on_after_compression(folder, tmp_path, known, passing):
    """A session whose transcript was compressed goes on in it: it is put back, and has no second."""
    relative = folder.locate("s", NOW)
    append(folder, relative)
    packed = pack_away(tmp_path / relative)
    other = folder if known else TranscriptFolder(tmp_path)

    assert other.locate("s", datetime(2026, 12, 24, tzinfo=UTC)) == relative
    appended = append(other, relative, b'{"b":2}\n', passing=passing)

    assert not appended.began
    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"a":1}\n{"b":2}\n'
    assert appended.start == len(HEADER) + 9
    assert not packed.exists()
    other.close()


def test_removed_while_waiting(folder, tmp_path):
    """A transcript that goes while a recorder waits for its lock begins anew; no line is lost."""
    import fcntl
    import threading

    relative = folder.locate("s", NOW)
    append(folder, relative)
    with (tmp_path / relative).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=append, args=(folder, relative, b'{"late":1}\n'))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        (tmp_path / relative).unlink()
    waiting.join(10)

    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"late":1}\n'


def test_no_links_counted(folder, tmp_path, monkeypatch):
    """On a file system that counts no links, a transcript that is there is appended to."""
    relative = folder.locate("s", NOW)
    real = os.fstat

    def uncounted(fd):
        status = list(real(fd))
        status[3] = 0
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", uncounted)
    append(folder, relative)
    append(folder, relative)

    assert (tmp_path / relative).read_bytes().count(b'{"a":1}') == 2


@pytest.mark.parametrize("passing", [True, False])
def test_another_link(folder, tmp_path, passing):
    """A transcript of which a backup has made another link begins anew when it goes meanwhile."""
    import fcntl
    import threading

    relative = folder.locate("s", NOW)
    append(folder, relative)
    other = TranscriptFolder(tmp_path)
    os.link(tmp_path / relative, tmp_path / "backup")
    before = (tmp_path / "backup").read_bytes()
    with (tmp_path / relative).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(
            target=append, args=(other, relative, b'{"late":1}\n'), kwargs={"passing": passing}
        )
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        (tmp_path / relative).unlink()
    waiting.join(10)
    other.close()

    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"late":1}\n'
    assert (tmp_path / "backup").read_bytes() == before


def test_folder_goes_meanwhile(folder, tmp_path, monkeypatch):
    """Should the empty folder of the day go right before a transcript begins in it, it is made."""
    from steno.storage import transcript

    real, calls = transcript.make_folder, []

    def make_folder(path):
        real(path)
        if not calls:
            os.rmdir(path)
        calls.append(path)

    monkeypatch.setattr(transcript, "make_folder", make_folder)

    assert append(folder, "2026-11-20/s.jsonl").began
    assert len(calls) == 2


def test_folder_goes_while_waiting(folder, tmp_path):
    """The same where a compressed transcript was the last in it, and went before it was put back."""
    import fcntl
    import threading

    relative = folder.locate("s", NOW)
    append(folder, relative)
    folder.close()
    packed = pack_away(tmp_path / relative)
    with packed.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=append, args=(folder, relative))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        packed.unlink()
        packed.parent.rmdir()
    waiting.join(10)

    assert (tmp_path / relative).read_bytes() == HEADER + b'\n{"a":1}\n'


def test_found_while_put_back(folder, tmp_path, monkeypatch):
    """A transcript that another recorder puts back at this moment is found, and has no second."""
    from steno.storage.compressed import unpack

    relative = folder.locate("s", NOW)
    append(folder, relative)
    pack_away(tmp_path / relative)
    real = os.path.exists

    def exists(path):
        found = real(path)
        unpack(str(tmp_path / relative))
        return found

    monkeypatch.setattr(os.path, "exists", exists)

    assert folder.locate("s", datetime(2026, 12, 24, tzinfo=UTC)) == relative


NAMED = HEADER[:-1] + b',"sessionKey":"agent:main:main"}'
LINE = b'{"a":"' + b"x" * 90 + b'"}\n'


def grow(folder, size, piece=LINE):
    """Append pieces until a transcript is as long; returns its path and the appends."""
    relative = folder.locate("s", NOW)
    appended = []
    while not appended or appended[-1].end < size:
        appended.append(folder.append(relative, piece, lambda: NAMED))
    return folder.path / relative, appended


@pytest.mark.parametrize("piece", [LINE, LINE * 7])
def test_the_header_is_repeated(folder, piece):
    """The header stands again behind 4 KiB, 64 KiB and 1 MiB, and nowhere else; no line is lost."""
    path, appended = grow(folder, 1_200_000, piece)

    data = path.read_bytes()
    lines = data.splitlines()
    at = [data.find(NAMED, begin) for begin in (0, 1, 5000, 70_000)]
    assert lines.count(NAMED) == data.count(NAMED) == 4
    assert at[0] == 0
    for place, size in zip(at[1:], (4096, 65_536, 1_048_576), strict=True):
        assert size - len(piece) <= place <= size + len(piece)
    assert set(lines) == {NAMED, LINE[:-1]}
    assert lines[-1] != NAMED
    assert len(lines) == 4 + len(appended) * piece.count(b"\n")


def test_appends_lie_end_to_end(folder):
    """What an append says of where it went covers the header that it repeated."""
    path, appended = grow(folder, 70_000)

    assert [each.start for each in appended[1:]] == [each.end for each in appended[:-1]]
    assert appended[-1].end == path.stat().st_size


def test_a_long_beginning(folder):
    """A first write of more than a block repeats the header behind the block."""
    for lines in (
        LINE * 60,
        b'{"a":"' + b"x" * 9000 + b'"}\n',
        LINE + b'{"a":"' + b"x" * 9000 + b'"}\n',
    ):
        relative = folder.locate(f"s{len(lines)}", NOW)

        appended = folder.append(relative, lines, lambda: NAMED)

        data = (folder.path / relative).read_bytes()
        assert appended.end == len(data) == len(lines) + 2 * (len(NAMED) + 1)
        assert data.startswith(NAMED + b"\n")
        assert data.rfind(NAMED + b"\n") >= 4096
        assert data.replace(NAMED + b"\n", b"") == lines


@pytest.mark.parametrize(
    "head", [b"no header", b"\x00" * 200, b'{"type":"session","tags":"' + b"x" * 70_000]
)
def test_what_is_no_header_is_not_repeated(folder, head):
    """A first line that is torn, too long or another program's is left where it is."""
    relative = folder.locate("s", NOW)
    append(folder, relative)
    (folder.path / relative).write_bytes(head + b'"}\n')

    for _ in range(900):
        append(folder, relative, LINE)

    assert (folder.path / relative).read_bytes() == head + b'"}\n' + LINE * 900


def test_another_hand_goes_on(folder):
    """Who goes on with a transcript of another process repeats the header too."""
    path, _ = grow(folder, 4000)
    begun = path.read_bytes()
    other = TranscriptFolder(folder.path)

    append(other, other.locate("s", NOW), LINE * 3, passing=True)

    assert path.read_bytes() == begun + LINE * 2 + NAMED + b"\n" + LINE
