"""What belongs to a session."""

import os

import pytest

import steno
from steno.bundles.gathering import gather, read_session_file
from steno.errors import BundleError, IdentityError, TranscriptError
from steno.retention.plan import Rules
from steno.retention.rounds import Places, run_round
from steno.storage.home import find_home


def names(gathered):
    """Name the members."""
    return [source.name for source in gathered.sources]


def text(gathered):
    """Read the transcript."""
    return b"".join(gathered.sources[0].blocks())


def test_everything(full):
    """Transcript, artefacts and the archives of the messages that it names belong to a session."""
    full.archive("u1/c1/m2.zip")
    full.archive("u1/other/m1.zip")
    (full.places.archives / "u1" / "c1" / "m1.foreign.zip").write_bytes(b"not steno's")

    gathered = gather("s", full.places, set())

    assert names(gathered) == [
        "sessions/s/transcript.jsonl",
        "sessions/s/artefacts/logs/k.json",
        "sessions/s/artefacts/metrics/gr%C3%B6%C3%9Fe.json.zst",
        "archives/u1/c1/m1.zip",
    ]
    assert [source.packed for source in gathered.sources] == [True, True, False, False]
    assert gathered.session.archives == ("archives/u1/c1/m1.zip",)
    assert gathered.session.user_id == "u1"
    assert not gathered.left_out


def test_parts_that_are_not_wanted(full):
    """Artefacts and archives can be left out."""
    gathered = gather("s", full.places, set(), artefacts=False, archives=False)

    assert names(gathered) == ["sessions/s/transcript.jsonl"]


def test_what_is_no_artefact(full, tmp_path):
    """Links, pipes and unfinished files are left out, and said to be."""
    folder = full.places.artefacts / "s" / "logs"
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    (folder / ".unfinished").write_text("x")

    gathered = gather("s", full.places, set())

    assert len(gathered.left_out) == 3
    assert not any("link" in name or "pipe" in name for name in names(gathered))


def test_a_session_that_is_being_written(other):
    """Of a transcript that somebody writes to, the last whole line is the end."""
    with steno.open(other.path) as recorder, recorder.session("s") as session:
        with session.request(model="m") as request:
            request.response(text="x")
        assert recorder.flush()
        path = next(other.places.sessions.glob("*/s.jsonl"))
        whole = path.read_bytes()
        with path.open("ab") as file:
            file.write(b'{"type":"comple')

        assert text(gather("s", other.places, set())) == whole


def test_a_torn_tail_of_the_past(other):
    """What a dead recorder left behind the last line is carried along byte for byte."""
    path = other.record()
    with path.open("ab") as file:
        file.write(b'{"type":"comple')

    assert text(gather("s", other.places, set())) == path.read_bytes()


def test_a_compressed_transcript(other):
    """A compressed transcript is carried as the text that it holds; a damaged one is refused."""
    path = other.record()
    whole = path.read_bytes()
    os.utime(path, (0, 0))
    home = find_home(other.path)
    run_round(
        Places(home=home, sessions=home.sessions, index=home.index, archives=other.places.archives),
        Rules(compress_after_days=7),
    )
    packed = path.with_name("s.jsonl.zst")

    gathered = gather("s", other.places, set())

    assert text(gathered) == whole
    data = bytearray(packed.read_bytes())
    data[-3] ^= 0xFF
    packed.write_bytes(data)
    with pytest.raises((BundleError, TranscriptError)):
        text(gather("s", other.places, set()))


def test_a_sealed_session(other):
    """Of a sealed session the files are taken as they are, found by its id."""
    other.seal("INC-7F3K")

    gathered = gather("INC-7F3K", other.places, set())

    assert gathered.session.sealed
    assert names(gathered) == [
        "sessions/INC-7F3K/artefacts/logs/0123456789abcdef.sealed",
        "sessions/INC-7F3K/artefacts/session.json",
        "sessions/INC-7F3K/artefacts/transcript.sealed",
    ]


def test_sessions_that_can_not_be_carried(other):
    """Nobody's session, one without a header, and a sealed one of another id are refused."""
    with pytest.raises(IdentityError):
        gather("nobody", other.places, set())
    folder = other.places.sessions / "2026-11-20"
    folder.mkdir(parents=True)
    (folder / "bare.jsonl").write_text('{"a":1}\n')
    with pytest.raises(IdentityError, match="no header"):
        gather("bare", other.places, set())
    other.seal("INC-7F3K")
    os.rename(other.places.artefacts / "INC-7F3K", other.places.artefacts / "INC-0000")
    with pytest.raises(BundleError, match="does not belong"):
        gather("INC-0000", other.places, set())


def test_session_files(tmp_path):
    """A file that says whose folder it is is read, may be missing, and must be one."""
    path = tmp_path / "session.json"
    assert read_session_file(path) is None
    path.write_text('{"id":"a","sealed":true,"kdf":{"name":"argon2id"}}')
    assert read_session_file(path).sealed
    path.write_text("[]")
    with pytest.raises(BundleError):
        read_session_file(path)


def test_marks_of_those_who_work(other):
    """Locks and leases of an incident mean nothing elsewhere, and are left without a word."""
    other.seal("INC-7F3K")
    folder = other.places.artefacts / "INC-7F3K"
    (folder / ".lock").write_text("")
    (folder / ".recorders").mkdir()

    gathered = gather("INC-7F3K", other.places, set())

    assert len(gathered.sources) == 3
    assert not gathered.left_out
