"""``steno hold``."""

import json
from pathlib import Path

import pytest

import steno
from steno.storage.holds import Holds


def test_session(recorded, run):
    """A session is held, with the archives of what it names, and the file says why."""
    code, out, _ = run("hold", "we", "--reason", "case 1", "--home", recorded)

    assert code == 0
    assert "held: session well" in out
    assert "names no chat" in out
    said = json.loads((recorded / "holds" / "session-well.json").read_text())
    assert (said["session_id"], said["user_id"], said["reason"]) == ("well", "u1", "case 1")
    assert "held already" in run("hold", "well", "--home", recorded)[1]


def test_chats(home, run):
    """What a session names of its user's chats is written into the hold."""
    with steno.open(home) as recorder:
        with recorder.session("s", user_id="u", chat_id="c", message_id="m"):
            pass

    code, out, _ = run("hold", "s", "--json", "--home", home)

    assert code == 0
    assert json.loads(out)["chats"] == {"c": ["m"]}


def test_archives(home, run):
    """Archives of a chat, or of one message, are held by their ids."""
    assert run("hold", "--user", "u", "--chat", "c", "--home", home)[0] == 0
    assert run("hold", "--user", "u", "--chat", "c", "--message", "m", "--home", home)[0] == 0

    _, out, _ = run("hold", "--list", "--home", home)

    assert "archives of user u, chat c\n" in out
    assert "archives of user u, chat c, message m\n" in out
    rows = [
        json.loads(line) for line in run("hold", "--list", "--json", "--home", home)[1].splitlines()
    ]
    assert [row["chats"] for row in rows] == [{"c": []}, {"c": ["m"]}]


def test_nothing_held(home, run):
    """A list of no holds says so."""
    assert run("hold", "--list", "--home", home)[2] == "nothing is held\n"


def test_wrong_use(recorded, run):
    """What names neither a session nor archives, or both, is refused."""
    assert run("hold", "--home", recorded)[0] == 2
    assert run("hold", "--user", "u", "--home", recorded)[0] == 2
    assert run("hold", "well", "--chat", "c", "--home", recorded)[0] == 2
    assert run("hold", "nobody", "--home", recorded)[0] == 1
    assert not (recorded / "holds").exists()


def test_headless(recorded, run):
    """A transcript without a header names no session that could be held."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])

    code, _, err = run("hold", "well", "--home", recorded)

    assert (code, "no header" in err) == (1, True)


@pytest.mark.parametrize("by_path", [False, True])
def test_went_meanwhile(recorded, run, monkeypatch, by_path):
    """A transcript that goes while it is being held is not said to be held."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    real = Holds.place

    def place(holds, hold):
        path.unlink()
        return real(holds, hold)

    monkeypatch.setattr(Holds, "place", place)

    code, out, err = run("hold", path if by_path else "well", "--home", recorded)

    assert (code, out, "went while" in err) == (1, "", True)
    assert Holds(recorded / "holds").read() == []


def test_held_in_vain(run, home, monkeypatch):
    """Whoever holds archives that are not there is told so: an id that was cut holds nothing."""
    from steno.archives.archivist import Archivist
    from steno.archives.identifiers import ArchiveIds
    from steno.archives.settings import ArchiveSettings

    archives = Path(home) / "archives"
    archivist = Archivist(ArchiveSettings(enabled=True, directory=archives, password="pw"))
    archivist.open(ArchiveIds("user-1", "s", "chat-1", "message-1", "r")).end("ok")
    archivist.close()

    def said(*arguments):
        code, _, err = run("hold", *arguments, "--home", home)
        assert code == 0
        return "no such archive" in err

    assert not said("--user", "user-1", "--chat", "chat-1")
    assert not said("--user", "user-1", "--chat", "chat-1", "--message", "message-1")
    assert said("--user", "user", "--chat", "chat-1")
    assert said("--user", "user-1", "--chat", "chat-1", "--message", "message")
