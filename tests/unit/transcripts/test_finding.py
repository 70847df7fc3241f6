"""Which transcripts there are."""

import os

import pytest

from steno.errors import IdentityError
from steno.transcripts.finding import find_transcripts, resolve_session


@pytest.fixture
def folder(tmp_path):
    """Make a folder of transcripts, with other things beside them."""
    for name in ("2026-11-19/abc-1.jsonl", "2026-11-20/abc-2.jsonl", "2026-11-20/xyz.jsonl",
                 "2026-11-20/.hidden.jsonl", "2026-11-20/notes.txt", "other/abc-9.jsonl",
                 ".recorders/r.lease"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    os.utime(tmp_path / "2026-11-19" / "abc-1.jsonl", (4e9, 4e9))
    return tmp_path


def test_newest_day_first(folder):
    """All transcripts are found, those of the newest day first, and nothing else."""
    assert [path.name for path in find_transcripts(folder)] == [
        "abc-2.jsonl",
        "xyz.jsonl",
        "abc-1.jsonl",
    ]


@pytest.mark.parametrize(
    ("wanted", "name"), [("abc-1", "abc-1"), ("x", "xyz"), ("latest", "abc-1"), ("abc-2", "abc-2")]
)
def test_resolve(folder, wanted, name):
    """A session is meant by its id, the beginning of one, or as the latest."""
    assert resolve_session(folder, wanted).stem == name


def test_resolve_path(folder):
    """A transcript is meant by its path."""
    path = folder / "other" / "abc-9.jsonl"

    assert resolve_session(folder, str(path)) == path


@pytest.mark.parametrize(
    ("wanted", "hint"), [("abc", "abc-1"), ("nobody", "steno ls"), ("", "steno ls")]
)
def test_none_or_several(folder, wanted, hint):
    """When none or several are meant, the error says which there are."""
    with pytest.raises(IdentityError) as caught:
        resolve_session(folder, wanted)

    assert hint in caught.value.hint


def test_no_folder(tmp_path):
    """A folder that doesn't exist holds no transcripts."""
    assert list(find_transcripts(tmp_path / "nowhere")) == []


def test_the_beginning_of_a_hostile_id(recorded):
    """An id that is no file name is found by its beginning too."""
    assert resolve_session(recorded / "sessions", "../hos").stem.startswith("_hostile_")


def test_one_session_on_two_days(folder):
    """Two transcripts of one session are told apart by their paths."""
    (folder / "2026-11-19" / "xyz.jsonl").write_text("")

    with pytest.raises(IdentityError) as caught:
        resolve_session(folder, "xyz")
    assert "2026-11-19" in caught.value.hint


def test_a_pipe_is_no_transcript(folder):
    """A pipe, or a folder, of a transcript's name is left alone: to open it could wait for ever."""
    os.mkfifo(folder / "2026-11-20" / "pipe.jsonl")
    (folder / "2026-11-20" / "folder.jsonl").mkdir()

    assert {path.stem for path in find_transcripts(folder)} == {"abc-1", "abc-2", "xyz"}


def pack_away(path):
    """Compress a transcript as retention does."""
    from steno.storage.compressed import pack

    packed = path.with_name(f"{path.name}.zst")
    with path.open("rb") as source, packed.open("wb") as target:
        pack(source.fileno(), target.fileno(), stopped=lambda: False)
    path.unlink()
    return packed


def test_compressed(folder):
    """Compressed transcripts are found and meant as others are; in both forms the plain one is."""
    from steno.transcripts.finding import name_of

    packed = pack_away(folder / "2026-11-20" / "xyz.jsonl")
    other = folder / "2026-11-20" / "abc-2.jsonl"
    other.with_name("abc-2.jsonl.zst").write_bytes(packed.read_bytes())

    assert {path.name for path in find_transcripts(folder)} == {
        "abc-1.jsonl", "abc-2.jsonl", "xyz.jsonl.zst",
    }  # fmt: skip
    for wanted in ("xyz", "x", str(packed), str(packed).removesuffix(".zst")):
        assert resolve_session(folder, wanted) == packed
    assert name_of(packed) == "xyz"
    with pytest.raises(IdentityError) as caught:
        resolve_session(folder, "abc")
    assert "abc-1, abc-2" in caught.value.hint.replace("abc-2, abc-1", "abc-1, abc-2")


def test_a_compressed_hostile_id(recorded):
    """The header of a compressed transcript is read for its id too."""
    (path,) = recorded.glob("sessions/*/_hostile*.jsonl")
    packed = pack_away(path)

    assert resolve_session(recorded / "sessions", "../hos") == packed
