"""``steno release``."""

import json

import pytest


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
    for name in ("well", "failed"):
        run("hold", name, "--home", recorded)
    code, _, err = run("release", "", "--home", recorded)
    assert (code, "2 hold(s)" in err) == (1, True)
