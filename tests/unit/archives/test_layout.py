"""Where archives lie, and how steno knows its own."""

import zipfile

from hypothesis import given
from hypothesis import strategies as st

from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import API_FOLDER, find_archives, folder_names, is_ours, stem_of, stems

texts = st.text(max_size=300)


@given(texts, texts, texts)
def test_names_stay_in_the_folder(user, chat, message):
    """Whatever the ids are, no part of the path is hidden, leads out, or is too long."""
    ids = ArchiveIds(user, "s", chat or "c", message or "m", "r")
    candidates = stems(ids, "0" * 26)

    for name in (*folder_names(ids), *(next(candidates) for _ in range(3))):
        assert name
        assert not name.startswith(".")
        assert "/" not in name
        assert "\0" not in name
        assert len(name) <= 230


@given(texts, texts)
def test_different_ids_differ(one, other):
    """Two chats, or two messages, never share a file."""
    if one != other and one and other:
        first, second = (ArchiveIds("u", "s", each, each, "r") for each in (one, other))
        assert folder_names(first) != folder_names(second)
        assert stem_of(first) != stem_of(second)


def test_collisions_of_the_known_implementation():
    """Ids that its sanitiser made the same have files of their own."""
    names = [stem_of(ArchiveIds("u", "s", "c", each)) for each in ("a/b", "a:b", "a_b", "..", "é")]

    assert len(set(names)) == len(names)


def test_a_chat_called_api():
    """A chat whose id is the folder's name does not share it with calls that have no message."""
    chat = folder_names(ArchiveIds("u", "s", "api", "m"))[1]

    assert folder_names(ArchiveIds("u", request_id="r"))[1] == API_FOLDER
    assert chat != API_FOLDER
    assert chat.startswith("api--")
    assert folder_names(ArchiveIds("u", "s", chat, "m"))[1] != chat


def test_is_ours(archive, tmp_path):
    """Our archive is known by its comment; other people's zip files, links and folders are not."""
    (path,) = archive("hello")
    foreign = tmp_path / "foreign.zip"
    with zipfile.ZipFile(foreign, "w") as file:
        file.writestr("logs.txt", "x")
        file.comment = b"about a steno archive 1"
    link = tmp_path / "link.zip"
    link.symlink_to(path)
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "x.steno.age").write_bytes(b"age-encryption.org/v1\n")
    (tmp_path / "y.steno.age").write_bytes(b"something else")

    assert is_ours(path)
    assert is_ours(str(path))
    assert is_ours(tmp_path / "x.steno.age")
    for other in (foreign, link, tmp_path / "folder.zip", tmp_path / "none.zip",
                  tmp_path / "y.steno.age"):  # fmt: skip
        assert not is_ours(other)


def test_find_archives(archive, base, tmp_path):
    """What is ours is found; foreign files, spools and what links lead to are not."""
    (path,) = archive("hello")
    (base / "user" / "foreign.zip").write_bytes(b"PK")
    (base / ".spool").mkdir(exist_ok=True)
    (base / ".spool" / "x.zip").write_bytes(path.read_bytes())
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.zip").write_bytes(path.read_bytes())
    (base / "user" / "link").symlink_to(outside)

    assert [(each, status.st_size) for each, status in find_archives(base)] == [
        (path, path.stat().st_size)
    ]
    assert list(find_archives(base / "none")) == []
