"""``steno release``."""

import json
import os

import pytest

import steno


@pytest.mark.parametrize("wanted", ["well", "we"])
def test_session(recorded, run, wanted):
    """A hold on a session goes by its id, or the beginning of one."""
    run("hold", "well", "--home", recorded)

    code, out, _ = run("release", wanted, "--home", recorded)

    assert (code, out) == (0, "released: session well\n")
    assert run("hold", "--list", "--home", recorded)[1] == ""


def test_transcript_gone(recorded, run):
    """A hold can be released when its transcript is gone; by a path, while it is there."""
    run("hold", "well", "--home", recorded)
    (path,) = recorded.glob("sessions/*/well.jsonl")
    assert run("release", path, "--home", recorded)[0] == 0
    run("hold", "well", "--home", recorded)
    path.unlink()

    assert run("release", "well", "--home", recorded)[0] == 0


def test_archives(home, run):
    """A hold on archives goes by the same ids, and no other one goes with it."""
    for more in ((), ("--message", "m")):
        run("hold", "--user", "u", "--chat", "c", *more, "--home", home)

    code, out, _ = run("release", "--user", "u", "--chat", "c", "--json", "--home", home)

    assert (code, json.loads(out)["chats"]) == (0, {"c": []})
    assert "message m" in run("hold", "--list", "--home", home)[1]
    assert run("release", "--user", "u", "--chat", "c", "--message", "m", "--home", home)[0] == 0


def test_wrong_use(recorded, run):
    """What names no hold, or several, is refused."""
    assert run("release", "--home", recorded)[0] == 2
    assert run("release", "well", "--home", recorded)[0] == 1
    assert run("release", "nobody", "--home", recorded)[0] == 1
    assert "0" not in run("release", "--user", "u", "--chat", "c", "--home", recorded)[1]
    run("hold", "well", "--home", recorded)
    # A variable that is not set names nothing.
    assert run("release", "", "--home", recorded)[0] == 1
    empty = ("release", "--user", "u", "--chat", "c", "--message", "")
    assert run(*empty, "--home", recorded)[0] == 2
    assert "well" in run("hold", "--list", "--home", recorded)[1]


def test_several(home, run):
    """A beginning that several holds have is refused, and none goes."""
    with steno.open(home) as recorder:
        for name in ("s1", "s2"):
            with recorder.session(name):
                pass
    for name in ("s1", "s2"):
        run("hold", name, "--home", home)

    code, _, err = run("release", "s", "--home", home)

    assert (code, "2 hold(s)" in err) == (1, True)


def test_never_another_session(home, run):
    """A session that is not held is never taken for the beginning of one that is."""
    with steno.open(home) as recorder:
        for name in ("chat-10", "chat-1", "latest-news", "other"):
            with recorder.session(name):
                pass
    for name in ("chat-10", "latest-news"):
        run("hold", name, "--home", home)
    (path,) = home.glob("sessions/*/other.jsonl")
    os.utime(path, (4e9, 4e9))  # the latest

    assert run("release", "chat-1", "--home", home)[0] == 1
    assert run("release", "latest", "--home", home)[0] == 1

    said = run("hold", "--list", "--home", home)[1]
    assert "chat-10" in said
    assert "latest-news" in said


def test_written_by_hand(recorded, run):
    """A hold that somebody wrote by hand is released under whatever name its file has."""
    run("hold", "well", "--home", recorded)
    (recorded / "holds" / "case.json").write_text('{"type":"hold","session_id":"well"}')

    assert run("release", "well", "--home", recorded)[0] == 0
    assert run("hold", "--list", "--home", recorded)[2] == "nothing is held\n"
