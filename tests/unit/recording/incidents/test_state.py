"""What of an incident may change."""

import os
import threading

import pytest

from steno.errors import SealError, StenoError
from steno.recording.incidents.folder import IncidentFolder
from steno.recording.incidents.state import State, check_status
from steno.storage.sealed_keys import KdfRecord, SealKeys

KEYS = SealKeys.make("p", KdfRecord(salt=os.urandom(16), memory_kib=64, iterations=1, lanes=1))


@pytest.fixture(params=[None, KEYS], ids=["plain", "sealed"])
def state(request, tmp_path):
    """Name the state of a plain and of a sealed incident."""
    return State(IncidentFolder(tmp_path / "INC-1"), request.param)


def test_change(state):
    """A change leaves alone what it does not mean, also what only a later version knows."""
    assert state.read() == {}
    state.change(lambda facts: facts.update(name="secret", later={"x": 1}))
    state.change(lambda facts: facts.update(status="active"))

    facts = state.read()
    assert facts.pop("updated").endswith("Z")
    assert facts == {"name": "secret", "later": {"x": 1}, "status": "active"}
    sealed = os.fspath(state).endswith(".sealed")
    with open(state, "rb") as file:
        assert (b"secret" in file.read()) != sealed


def test_threads(state):
    """Changes of many threads are all there."""

    def add(facts):
        facts["count"] = facts.get("count", 0) + 1

    threads = [
        threading.Thread(target=lambda: [state.change(add) for _ in range(5)]) for _ in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert state.read()["count"] == 30


@pytest.mark.parametrize("at", [0, 10, 30, -2])
def test_damage(state, at):
    """Damage is told, with the name of the file, and not written over."""
    state.change(lambda facts: facts.update(name="x"))
    path = os.fspath(state)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[at] ^= 0xFF
    with open(path, "wb") as file:
        file.write(data)

    with pytest.raises(SealError, match="state"):
        state.change(lambda facts: facts.update(name="y"))
    with open(path, "rb") as file:
        assert file.read() == bytes(data)


def test_statuses():
    """There are three statuses."""
    for status in ("active", "completed", "failed"):
        check_status(status)
    with pytest.raises(StenoError, match="no status") as caught:
        check_status("done")
    assert "completed" in caught.value.hint
