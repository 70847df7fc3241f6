"""Doing what a plan says, after one more look."""

import errno
import fcntl
import os

import pytest

from steno.errors import RetentionError
from steno.retention import applying
from steno.retention.applying import Hands
from steno.retention.listing import list_archives, list_transcripts
from steno.retention.plan import COMPRESS, DELETE, TIDY, Step
from steno.retention.removed import Entry, Removed
from steno.storage.compressed import open_text, pack, plain_name, unpack
from steno.storage.holds import Hold, Holds
from steno.storage.lease import Lease

DAY = 86_400


@pytest.fixture
def hands(old):
    """Take hands for a home."""
    return hands_of(old)


def hands_of(old, **more):
    """Take hands for a home."""
    removed = Removed(
        old.home.retention / "removed.jsonl",
        sessions=old.home.sessions, index=old.home.index, artefacts=old.home.artefacts,
        search=old.home.search,
    )  # fmt: skip
    hands = Hands(
        sessions=old.home.sessions, archives=old.places.archives, holds=Holds(old.home.holds),
        removed=removed, now=lambda: old.now, **more,
    )  # fmt: skip
    hands.removed = removed
    return hands


def step(old, action, name="s"):
    """Plan a step for a transcript as it is now."""
    (file,) = [
        file
        for file in list_transcripts(old.home.sessions, old.now)
        if plain_name(file.path).endswith(f"/{name}.jsonl")
    ]
    return Step(action, file, "a rule")


def take(hands, old, planned):
    """Take a step as a round does: what goes is written down first."""
    file = planned.file
    if planned.action == DELETE and file.session_id:
        hands.removed.note(
            [Entry(plain_name(file.path), file.session_id, file.inode, file.modified_ns, old.now)]
        )
    return hands.take(planned)


def test_delete(old, hands):
    """A transcript goes, and its artefacts with it; what was freed is counted."""
    path = old.transcript(days=9)
    size = path.stat().st_size
    old.artefact()

    done = take(hands, old, step(old, DELETE))

    assert (done.outcome, done.freed >= size + 5, done.trouble) == ("done", True, "")
    assert not path.exists()
    assert not (old.home.artefacts / "s").exists()


@pytest.mark.parametrize("action", [DELETE, COMPRESS])
@pytest.mark.parametrize(
    "how", ["grown", "replaced", "touched", "gone", "locked", "leased", "held"]
)
def test_second_look(old, hands, how, action):
    """What has changed, or is in use or held since the plan was made, stays as it is."""
    path = old.transcript(days=9)
    planned = step(old, action)
    lock = None
    if how == "grown":
        with path.open("ab") as file:
            file.write(b"{}\n")
        old.age(path, 9)
    elif how == "replaced":
        other = path.with_name("other")
        other.write_bytes(path.read_bytes())
        old.age(other, 9)
        os.replace(other, path)
    elif how == "touched":
        old.age(path, 8)
    elif how == "gone":
        path.unlink()
    elif how == "locked":
        lock = path.open("rb")
        fcntl.flock(lock, fcntl.LOCK_EX)
    elif how == "leased":
        lock = Lease(old.home.sessions, "r")
        lock.add(["2026-11-20/s.jsonl"])
    else:
        Holds(old.home.holds).place(Hold(session_id="s", reason="case"))
    before = path.read_bytes() if path.exists() else None

    done = take(hands, old, planned)

    assert done.outcome == "kept"
    assert (path.read_bytes() if path.exists() else None) == before
    assert [each.name for each in path.parent.iterdir()] == (["s.jsonl"] if before else [])
    if lock is not None:
        lock.release(settled=True) if how == "leased" else lock.close()


def test_unreadable_hold(old, hands):
    """A hold that becomes unreadable in mid-round ends it, before the next file goes."""
    path = old.transcript(days=9)
    planned = step(old, DELETE)
    old.home.holds.mkdir()
    (old.home.holds / "x.json").write_text("{")

    with pytest.raises(RetentionError):
        take(hands, old, planned)
    assert path.exists()


@pytest.mark.parametrize("size", [300, 3_000_000])
def test_compress(old, hands, size):
    """A transcript is compressed with its time and mode, and reads as before."""
    path = old.transcript(days=9, size=size)
    path.chmod(0o640)
    text, status = path.read_bytes(), path.stat()

    done = take(hands, old, step(old, COMPRESS))

    packed = path.with_name("s.jsonl.zst")
    assert done.outcome == "done"
    assert done.freed == len(text) - packed.stat().st_size
    assert (packed.stat().st_mtime_ns, packed.stat().st_mode) == (
        status.st_mtime_ns,
        status.st_mode,
    )
    with open_text(packed) as file:
        assert file.read() == text
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl.zst"]


def test_compress_with_the_tool(old, hands, tmp_path):
    """What we compress, zstd itself opens."""
    import shutil
    import subprocess

    if shutil.which("zstd") is None:
        pytest.skip("zstd is missing: apt-get install zstd")
    path = old.transcript(days=9, size=3_000_000)
    text = path.read_bytes()
    take(hands, old, step(old, COMPRESS))

    done = subprocess.run(["zstd", "-dc", f"{path}.zst"], capture_output=True, check=True)

    assert done.stdout == text


def test_compress_grows_meanwhile(old, hands, monkeypatch):
    """A session that goes on while its transcript is compressed loses no line: the work is dropped."""
    path = old.transcript(days=9)
    planned = step(old, COMPRESS)

    def pack_and_grow(*args, **kwargs):
        done = pack(*args, **kwargs)
        with path.open("ab") as file:
            file.write(b'{"new":1}\n')
        return done

    monkeypatch.setattr(applying, "pack", pack_and_grow)

    assert take(hands, old, planned).outcome == "kept"
    assert path.read_bytes().endswith(b'{"new":1}\n')
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]


def test_compress_goes_wrong(old, hands, monkeypatch):
    """If what is read back is something else, the transcript stays and the work is dropped."""
    path = old.transcript(days=9)

    def pack_badly(source, target, **kwargs):
        done = pack(source, target, **kwargs)
        os.pwrite(target, b"\x00\x00", 30)
        return done

    monkeypatch.setattr(applying, "pack", pack_badly)

    done = take(hands, old, step(old, COMPRESS))

    assert done.outcome == "failed"
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]


def test_full_disk(old, hands, monkeypatch):
    """On a full disk the transcript stays, nothing is left beside it, and the error is told."""
    path = old.transcript(days=9)

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(applying, "pack", refuse)

    done = take(hands, old, step(old, COMPRESS))

    assert (done.outcome, done.detail) == ("failed", "No space left on device")
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]


def test_stopped(old):
    """Compressing ends in the middle when somebody says so."""
    path = old.transcript(days=9)
    hands = hands_of(old, stopped=lambda: True)

    assert take(hands, old, step(old, COMPRESS)).outcome == "kept"
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]


def leave_copy(path, text):
    """Leave a compressed copy, as a process does that is killed between two steps."""
    source = path.with_name("source")
    source.write_bytes(text)
    with source.open("rb") as plain, path.with_name(f"{path.name}.zst").open("wb") as target:
        pack(plain.fileno(), target.fileno(), stopped=lambda: False)
    source.unlink()


@pytest.mark.parametrize("grown", [False, True])
def test_tidy(old, hands, grown):
    """A copy goes when the transcript beside it holds all of it; the transcript is as it was."""
    path = old.transcript(days=9, size=3000)
    text = path.read_bytes()
    leave_copy(path, text[:1500] if grown else text)

    done = take(hands, old, step(old, TIDY))

    assert (done.outcome, done.freed > 0) == ("done", True)
    assert [each.name for each in path.parent.iterdir()] == ["s.jsonl"]
    assert path.read_bytes() == text


def test_tidy_another(old, hands):
    """What is no copy of the transcript beside it stays, and so does the transcript."""
    path = old.transcript(days=9)
    leave_copy(path, b"something else\n")

    done = take(hands, old, step(old, TIDY))

    assert (done.outcome, "no copy" in done.detail) == ("failed", True)
    assert len(list(path.parent.iterdir())) == 2


def test_delete_both_forms(old, hands):
    """A transcript that stands there in both forms goes in both."""
    path = old.transcript(days=9)
    leave_copy(path, path.read_bytes())

    take(hands, old, step(old, DELETE))

    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("how", ["foreign", "folder", "link"])
def test_delete_beside_something_else(old, hands, how):
    """A transcript goes; what only has the name of its compressed form is not ours and stays."""
    path = old.transcript(days=9)
    other = path.with_name("s.jsonl.zst")
    if how == "foreign":
        leave_copy(path, b"something else\n")
    elif how == "folder":
        other.mkdir()
    else:
        other.symlink_to(old.path)

    done = take(hands, old, step(old, DELETE))

    assert done.outcome == "done"
    assert list(path.parent.iterdir()) == [other]


@pytest.mark.parametrize("action", [DELETE, COMPRESS])
def test_another_link(old, hands, action):
    """What a living recorder knows stays while it has another link: it could not tell it went."""
    path = old.transcript(days=9)
    os.link(path, old.path / "backup.jsonl")
    planned = step(old, action)
    lease = Lease(old.home.sessions, "r")
    lease.add(["2026-11-20/s.jsonl"])
    hands._now = lambda: old.now + 3 * DAY

    done = take(hands, old, planned)
    assert (done.outcome, "another link" in done.detail) == ("kept", True)
    lease.release(settled=True)
    done = take(hands, old, planned)
    assert done.outcome == "done"
    assert (old.path / "backup.jsonl").exists()
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner(old, hands):
    """What root compresses stays the user's, who could not put it back otherwise."""
    path = old.transcript(days=9)
    os.chown(path, 65534, 65534)
    old.age(path, 9)

    take(hands, old, step(old, COMPRESS))

    packed = path.with_name("s.jsonl.zst")
    assert (packed.stat().st_uid, packed.stat().st_gid) == (65534, 65534)
    unpack(str(path))
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_link_on_the_way(old, hands):
    """If the folder of the day becomes a link after the plan, nothing behind it goes."""
    path = old.transcript(days=9)
    planned = step(old, DELETE)
    outside = old.path / "outside"
    path.parent.rename(outside)
    path.parent.symlink_to(outside)

    done = take(hands, old, planned)

    assert done.outcome == "failed"
    assert (outside / "s.jsonl").exists()


def test_archive(old, hands):
    """An archive goes."""
    path = old.archive(days=99)
    (file,) = list_archives(old.places.archives)

    done = hands.take(Step(DELETE, file, "a rule"))

    assert (done.outcome, done.freed) == ("done", file.size)
    assert not path.exists()


@pytest.mark.parametrize("how", ["foreign", "changed", "gone", "held", "link", "sealing"])
def test_archive_second_look(old, hands, how):
    """An archive that is another file by now, or held, stays."""
    path = old.archive(days=99)
    (file,) = list_archives(old.places.archives)
    if how == "foreign":
        with path.open("r+b") as data:  # of the same size, inode and time
            data.seek(-3, os.SEEK_END)
            data.write(b"xyz")
        os.utime(path, ns=(file.modified_ns, file.modified_ns))
    elif how == "changed":
        old.age(path, 98)
    elif how == "gone":
        path.unlink()
    elif how == "held":
        Holds(old.home.holds).place(Hold(user_id="u", chats={"c": ("m",)}))
    elif how == "link":
        path.rename(old.path / "real.zip")
        path.symlink_to(old.path / "real.zip")
    folder = os.open(path.parent, os.O_RDONLY)
    if how == "sealing":
        fcntl.flock(folder, fcntl.LOCK_EX)

    assert hands.take(Step(DELETE, file, "a rule")).outcome == "kept"
    os.close(folder)
    assert path.exists() == (how != "gone")


def test_index_trouble(old, hands):
    """A transcript that went although the index could not forget it is told as trouble."""
    old.transcript(days=9)
    old.home.index.write_bytes(b"no database at all, but long enough to be looked at" * 100)

    done = take(hands, old, step(old, DELETE))

    assert (done.outcome, bool(done.trouble)) == ("done", True)
