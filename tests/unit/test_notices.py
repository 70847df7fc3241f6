"""Lines on stderr, at a rate."""

import sys

from steno import notices


def test_rate(capsys):
    """One cause is spoken of once per interval, and what was held back is told."""
    assert notices.say("a", "first")
    assert not notices.say("a", "second")
    assert notices.say("b", "other")
    assert notices.say("a", "third", interval_s=0)

    assert capsys.readouterr().err.splitlines() == [
        "steno: first",
        "steno: other",
        "steno: third (and 1 more like this)",
    ]


def test_hostile_text(capsys):
    """A hostile id can't forge a line or move the cursor."""
    notices.say("a", "id 'x\nsteno: forged \x1b[2J \ud800 é'")

    assert capsys.readouterr().err.count("\n") == 1


def test_broken_stderr(monkeypatch):
    """A closed or missing stderr is no reason to fail."""
    monkeypatch.setattr(sys, "stderr", None)

    assert notices.say("a", "x")


def test_causes_are_bounded():
    """Causes without end don't fill the memory."""
    for at in range(5000):
        notices.say(f"cause-{at}", "x")

    assert len(notices._said) <= 1024
