"""What there is, and what is known of it."""

import os

import pytest

from steno.retention.listing import find_unfinished, list_archives, list_transcripts, why_in_use
from steno.storage.compressed import pack
from steno.storage.lease import Lease


def listed(old):
    """List the transcripts of a home by name."""
    found = list_transcripts(old.places.sessions, old.now)
    return {os.path.basename(file.path): file for file in found}


def test_transcript(old):
    """Of a transcript, size, age, inode and session are known."""
    path = old.transcript("s", days=3, size=5000)

    (file,) = listed(old).values()

    status = path.stat()
    assert (file.path, file.session_id, file.ours, file.in_use) == (str(path), "s", True, "")
    assert (file.size, file.inode) == (status.st_size, status.st_ino)
    assert file.modified_ns == status.st_mtime_ns


def test_hostile_id(old):
    """A session whose id is no file name is known by its header."""
    old.transcript("../evil", days=3)

    assert [file.session_id for file in listed(old).values()] == ["../evil"]


@pytest.mark.parametrize("packed", [False, True])
def test_torn_head(old, packed):
    """A transcript that lost its first block is known by the copy of its header further on."""
    path = old.transcript("s", days=9, size=9000)
    header, newline, rest = path.read_bytes().partition(b"\n")
    lost = b"\0" * 4096 + (header + newline + rest)[4096:] + header + newline + rest
    path.write_bytes(lost)
    other = old.transcript("other", days=9)
    other.write_bytes(lost)
    if packed:
        target = path.with_name("s.jsonl.zst")
        with path.open("rb") as source, target.open("wb") as file:
            pack(source.fileno(), file.fileno(), stopped=lambda: False)
        path.unlink()

    files = listed(old)

    assert files[f"s.jsonl{'.zst' if packed else ''}"].session_id == "s"
    assert not files["other.jsonl"].ours  # its name is not the one of that session


def test_foreign(old):
    """What steno did not write is told from transcripts by its first line, whatever its name."""
    good = old.transcript("good", days=9)
    day = good.parent
    (day / "text.jsonl").write_text("just text\n")
    (day / "empty.jsonl").touch()
    (day / "event.jsonl").write_text('{"type":"started","session_id":"event"}\n')
    (day / "v1.jsonl").write_text(
        '{"type":"session","version":1,"id":"v1","timestamp":"2026-11-20T12:00:00Z","cwd":"/"}\n'
    )
    (day / "renamed.jsonl").write_bytes(good.read_bytes())
    (day / "noline.jsonl").write_bytes(good.read_bytes().split(b"\n")[0])
    (day / "bad.jsonl.zst").write_bytes(b"no zstd at all")
    (day / "huge.jsonl").write_bytes(b"x" * 2_000_000)

    ours = {name for name, file in listed(old).items() if file.ours}

    assert ours == {"good.jsonl"}
    assert len(listed(old)) == 9


def test_what_is_no_file(old):
    """Links, folders, pipes and other names are not even looked into."""
    good = old.transcript("good", days=9)
    outside = old.path / "outside"
    outside.mkdir()
    (outside / "x.jsonl").write_bytes(good.read_bytes())
    (good.parent / "link.jsonl").symlink_to(outside / "x.jsonl")
    (good.parent / "folder.jsonl").mkdir()
    os.mkfifo(good.parent / "pipe.jsonl")
    (good.parent / "notes.txt").touch()
    (good.parent / ".hidden.jsonl").touch()
    (old.home.sessions / "2026-11-21").symlink_to(outside)
    (old.home.sessions / "notaday").mkdir()

    assert list(listed(old)) == ["good.jsonl"]


def test_packed(old):
    """A compressed transcript is known as one; beside a plain one it is a copy of it."""
    for name in ("a", "b"):
        path = old.transcript(name, days=9)
        with path.open("rb") as source, path.with_name(f"{name}.jsonl.zst").open("wb") as target:
            pack(source.fileno(), target.fileno(), stopped=lambda: False)
    (old.home.sessions / "2026-11-20" / "a.jsonl").unlink()

    files = listed(old)

    assert sorted(files) == ["a.jsonl.zst", "b.jsonl"]
    assert (files["a.jsonl.zst"].packed, files["a.jsonl.zst"].session_id) == (True, "a")
    assert files["b.jsonl"].copy > 0
    assert files["b.jsonl"].bytes == files["b.jsonl"].size + files["b.jsonl"].copy


def test_leases(old):
    """A living recorder's transcripts are in use, a dead one's are awaited."""
    for name in ("living", "dead", "free"):
        old.transcript(name, days=2)
    living, dead = Lease(old.home.sessions, "r1"), Lease(old.home.sessions, "r2")
    living.add(["2026-11-20/living.jsonl"])
    dead.add(["2026-11-20/dead.jsonl"])
    dead.release(settled=False)

    files = listed(old)

    assert [bool(files[f"{name}.jsonl"].in_use) for name in ("living", "dead", "free")] == [
        True, False, False,
    ]  # fmt: skip
    assert [files[f"{name}.jsonl"].awaited for name in ("living", "dead", "free")] == [
        False, True, False,
    ]  # fmt: skip
    living.release(settled=True)


def test_in_use(tmp_path):
    """In use is what was touched within the hour, or within a day where a recorder has it."""
    path = tmp_path / "x"
    path.touch()
    now = path.stat().st_mtime

    def why(later, mtime=None, *, leased=False):
        if mtime is not None:
            os.utime(path, (now + mtime, now + mtime))
        return bool(why_in_use(path.stat(), now + later, leased=leased))

    assert why(3599)
    assert not why(3601)
    assert why(3601, leased=True)
    # To set the time of the file alone makes nobody let go of what a recorder has open.
    assert why(60, mtime=-40 * 86_400, leased=True)
    assert not why(60, leased=False)
    # A recorder that lives for months names all that it ever wrote.
    assert not why(86_460, leased=True)
    assert why(0, mtime=+500_000)


def test_stopped(old):
    """Listing ends when somebody says so."""
    old.transcript("s", days=9)

    assert list_transcripts(old.home.sessions, old.now, stopped=lambda: True) == []


def test_unreadable_lease(old):
    """Where a lease can't be read nobody knows what is in use, and that is an error."""
    old.transcript("s", days=9)
    (old.home.sessions / ".recorders").mkdir()
    (old.home.sessions / ".recorders" / "r.lease").symlink_to(old.path)

    with pytest.raises(OSError, match="symbolic"):
        list_transcripts(old.home.sessions, old.now)


def test_archives(old):
    """Archives of both kinds are found; foreign files and spools are not even listed."""
    ours = {old.archive(name="a.zip"), old.archive(name="b.steno.age"), old.archive(user="v")}
    old.archive(name="foreign.zip", comment=b"")
    spool = old.places.archives / ".spool"
    spool.mkdir()
    (spool / "x.zip").write_bytes(old.archive(name="a.zip").read_bytes())
    (old.places.archives / "link").symlink_to(spool)

    assert {file.path for file in list_archives(old.places.archives)} == {
        str(each) for each in ours
    }
    assert list_archives(old.path / "nowhere") == []


def test_unfinished(old, monkeypatch):
    """What a killed process has left unfinished is found an hour later; what is going on is not."""
    day = old.transcript("s").parent
    (day / ".s.jsonl.zst.12-ab.part").touch()
    (day / ".other").touch()
    (day / ".download.part").touch()  # another program's
    (day / ".s.jsonl.part").touch()
    (day / ".link.part").symlink_to("s.jsonl")

    assert list(find_unfinished(old.home.sessions, old.now)) == []
    assert list(find_unfinished(old.home.sessions, old.now + 4000)) == [
        ("2026-11-20", ".s.jsonl.zst.12-ab.part")
    ]
