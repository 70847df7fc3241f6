"""A proxy in the background."""

import json
import os
import urllib.request

import pytest

from steno.errors import StenoError
from steno.proxy.background import find_background, start_background, stop_background


def test_life(home):
    """It is begun once, found again, answers, and ends."""
    first = start_background(home, [])
    try:
        second = start_background(home, [])
        with urllib.request.urlopen(f"{first.url}/healthz") as reply:
            state = json.load(reply)
    finally:
        stopped = stop_background(home)

    assert first == second
    assert state["status"] == "ok"
    assert stopped
    assert find_background(home) is None
    assert not stop_background(home)


def test_another_program_under_its_number(home):
    """What is written down is believed only if it answers: nobody else is stopped."""
    home.mkdir()
    (home / "proxy.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": os.getpid()}))

    assert find_background(home) is None
    assert not stop_background(home)


def test_damaged_note(home):
    """A damaged note is as none."""
    home.mkdir()
    (home / "proxy.json").write_text("{")

    assert find_background(home) is None


def test_it_does_not_begin(home):
    """Where it does not begin, the error says why."""
    home.mkdir()
    (home / "steno.yaml").write_text("proxy: {nonsense: 1}")
    with pytest.raises(StenoError) as caught:
        start_background(home, [])

    assert "nonsense" in caught.value.hint
