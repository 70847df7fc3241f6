"""Holds: what must not be let go."""

import json
import os
import threading

import pytest

from steno.errors import RetentionError
from steno.storage.holds import Hold, Holds


@pytest.fixture
def holds(tmp_path):
    """Name a folder of holds that does not exist yet."""
    return Holds(tmp_path / "holds")


def test_place_and_read(holds):
    """A hold is a private file that says in plain JSON what is held and why."""
    hold = Hold(session_id="s", user_id="u", chats={"c": ("m",)}, reason="case 1")
    assert holds.read() == []

    assert holds.place(hold)

    path = holds.folder / "session-s.json"
    assert path.stat().st_mode & 0o777 == 0o600
    said = json.loads(path.read_text())
    assert (said["type"], said["session_id"], said["reason"]) == ("hold", "s", "case 1")
    assert said["chats"] == {"c": ["m"]}
    assert holds.read() == [hold]
    assert not holds.place(hold)


def test_names():
    """Two different things never share a file, whatever their ids are; one thing always does."""
    things = [
        Hold(session_id="s"), Hold(session_id="../s"), Hold(session_id="x" * 170),
        Hold(session_id="x" * 171), Hold(user_id="u", chats={"c": ()}),
        Hold(user_id="u", chats={"c": ("m",)}), Hold(user_id="uc", chats={"": ()}),
    ]  # fmt: skip

    assert len({hold.name for hold in things}) == len(things)
    assert all("/" not in hold.name and len(hold.name) < 255 for hold in things)
    assert Hold(session_id="s", reason="a").name == Hold(session_id="s", reason="b").name


def test_release(holds):
    """A released hold is gone; to release it twice is no error."""
    holds.place(Hold(session_id="a"))
    holds.place(Hold(session_id="b"))

    for _ in range(2):
        holds.release([Hold(session_id="a")])

    assert [hold.session_id for hold in holds.read()] == ["b"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b'{"type":"hold","version":2,"session_id":"s"}', b'{"type":"hold"}',
        b'{"type":"hold","session_id":1}', b"\xff\xfe", b'{"type":"other","session_id":"s"}',
    ],
)  # fmt: skip
def test_unreadable(holds, data):
    """A hold that can't be understood is an error that names it: it might cover anything."""
    holds.place(Hold(session_id="s"))
    (holds.folder / "x.json").write_bytes(data)

    with pytest.raises(RetentionError, match=r"x\.json") as caught:
        holds.read()
    assert "nothing is deleted" in caught.value.hint


def test_strange_files(holds, tmp_path):
    """A link is not followed, and no folder taken for a hold; what is no hold by name is ignored."""
    holds.place(Hold(session_id="s"))
    (holds.folder / ".s.json.tmp").write_text("half")
    (holds.folder / "README").write_text("about holds")
    assert len(holds.read()) == 1

    (tmp_path / "real.json").write_text('{"type":"hold","session_id":"x"}')
    (holds.folder / "link.json").symlink_to(tmp_path / "real.json")
    with pytest.raises(RetentionError):
        holds.read()
    (holds.folder / "link.json").unlink()
    (holds.folder / "folder.json").mkdir()
    with pytest.raises(RetentionError):
        holds.read()


def test_by_hand(holds):
    """A hold that somebody wrote by hand is read, with what it leaves out."""
    holds.folder.mkdir()
    (holds.folder / "mine.json").write_text(
        '{"type":"hold","session_id":"s","held_at":"2026-11-20T12:00:00"}'
    )

    (hold,) = holds.read()

    assert (hold.session_id, hold.chats, hold.held_at.utcoffset().total_seconds()) == ("s", {}, 0)
    assert hold.describe() == "session s"


def test_by_hand_without_a_time(holds):
    """A hold by hand that says no time is held since it was written, and not since it was read."""
    holds.folder.mkdir()
    path = holds.folder / "mine.json"
    path.write_text('{"type":"hold","session_id":"s"}')
    os.utime(path, (1e9, 1e9))

    assert [hold.held_at.timestamp() for hold in holds.read()] == [1e9]


def test_release_by_hand(holds):
    """A hold by hand is released whatever its file is called."""
    holds.place(Hold(session_id="a"))
    (holds.folder / "case 4711.json").write_text('{"type":"hold","session_id":"s"}')

    holds.release([Hold(session_id="s")])

    assert [hold.session_id for hold in holds.read()] == ["a"]


def test_change_of_what_was_read(holds):
    """A hold that has not changed is read once; one that was edited in its place, anew."""
    holds.folder.mkdir()
    path = holds.folder / "mine.json"
    path.write_text('{"type":"hold","session_id":"s"}')
    os.utime(path, (1e9, 1e9))

    for _ in range(2):
        assert [hold.session_id for hold in holds.read()] == ["s"]
    path.write_text('{"type":"hold","session_id":"t"}')  # of the same length, and the same time
    os.utime(path, (1e9, 1e9))
    assert [hold.session_id for hold in holds.read()] == ["t"]
    path.write_text("{")
    with pytest.raises(RetentionError):
        holds.read()


def test_many(holds, monkeypatch):
    """Holds that have settled are not opened for each file that goes."""
    from steno.storage import holds as module

    for number in range(20):
        holds.place(Hold(session_id=f"s{number}"))
    monkeypatch.setattr(module, "_SETTLED_S", -1)
    before = holds.read()

    def refuse(*_, **__):
        raise AssertionError("it was opened again")

    monkeypatch.setattr(os, "open", refuse)
    assert holds.read() == before


def test_placing_waits(holds):
    """A hold is placed after what goes at this moment has gone, and nothing goes meanwhile."""
    order = []
    with holds.steady(), holds.steady():
        placing = threading.Thread(
            target=lambda: (holds.place(Hold(session_id="s")), order.append("placed"))
        )
        placing.start()
        placing.join(0.2)
        order.append("gone")
    placing.join(10)

    assert order == ["gone", "placed"]


def test_full_disk(holds, monkeypatch):
    """A hold that can't be written is an error: nobody believes that something is held."""
    from steno.storage import holds as module

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replace_file", refuse)

    with pytest.raises(RetentionError, match="No space"):
        holds.place(Hold(session_id="s"))


def test_a_file_in_the_place(tmp_path):
    """Where the folder is none, nothing can be held and nothing goes."""
    (tmp_path / "holds").write_text("")
    holds = Holds(tmp_path / "holds")

    with pytest.raises(RetentionError):
        holds.read()
    with pytest.raises(RetentionError):
        holds.place(Hold(session_id="s"))


def test_describe():
    """A hold says in words what it covers."""
    assert Hold(user_id="u", chats={"c": ("m", "n")}).describe() == (
        "archives of user u, chat c, message m, message n"
    )
    assert os.sep not in Hold(user_id="u", chats={"c/d": ()}).name
