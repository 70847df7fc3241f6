"""One invocation: what it takes from the host, and that it never fails the host."""

import logging

import pytest

from steno.integrations.open_webui import turn as module
from steno.integrations.open_webui.turn import Host, begin_turn
from steno.integrations.open_webui.valves import LogUserValves, LogValves

TURN = {"chat_id": "c1", "message_id": "m1", "session_id": "s1"}


async def emit(event):
    """Stand for the host's emitter."""


@pytest.fixture
def valves(tmp_path):
    """Valves that record below the test's folder."""
    return LogValves(STENO_HOME=str(tmp_path), SESSION_LOG_DIR=str(tmp_path / "archives"))


def host(**more):
    """What the host passes in a turn."""
    return Host(**{"user": {"id": "u1"}, "metadata": TURN, "emitter": emit, **more})


def test_scope(valves):
    """A turn's lines carry the host's session and user, and a request id of its own."""
    turn = begin_turn(valves, host(), {"model": "m"}, listener="pipe")

    assert (turn.scope.session_id, turn.scope.user_id) == ("s1", "u1")
    assert turn.scope.request_id == turn.call.ids.request_id
    assert turn.scope.level == logging.INFO


@pytest.mark.parametrize(
    ("user", "level"),
    [
        ({"id": "u1", "valves": LogUserValves(LOG_LEVEL="DEBUG")}, logging.DEBUG),
        ({"id": "u1", "valves": {"LOG_LEVEL": "ERROR"}}, logging.ERROR),
        ({"id": "u1", "valves": None}, logging.WARNING),
        ({"id": "u1", "valves": {"LOG_LEVEL": "LOUD"}}, logging.INFO),
    ],
    ids=["model", "mapping", "none", "unknown"],
)
def test_level(valves, user, level):
    """The user's valve goes first; one that names no level is said, and INFO is shown."""
    valves.LOG_LEVEL = "WARNING"

    assert begin_turn(valves, host(user=user), {}, listener="pipe").scope.level == level


@pytest.mark.parametrize(
    ("more", "cited"),
    [({}, True), ({"emitter": None}, False), ({"task": "title_generation"}, False)],
)
def test_citation(valves, more, cited):
    """The lines are shown where there is a message beside which they can stand."""
    turn = begin_turn(valves, host(**more), {}, listener="pipe")

    assert (turn.scope.callback is not None) == cited


def test_temporary(valves):
    """Nothing is transcribed of a chat that the user did not want to keep."""
    metadata = {**TURN, "chat_id": "local:1"}

    assert begin_turn(valves, host(metadata=metadata), {}, listener="pipe").exchange is None


def test_not_recorded(valves):
    """An operator may switch transcripts off."""
    valves.STENO_RECORD = False

    assert begin_turn(valves, host(), {}, listener="pipe").exchange is None


@pytest.mark.parametrize("broken", ["find_archivist", "find_recording", "read_call"])
def test_never_fails(valves, monkeypatch, capsys, broken):
    """Whatever breaks in the recording, the turn begins, and the break is said."""

    def fail(*args, **more):
        raise RuntimeError("broken")

    monkeypatch.setattr(module, broken, fail)
    turn = begin_turn(valves, host(), {}, listener="pipe")

    with turn.scope:
        pass
    assert "RuntimeError: broken" in capsys.readouterr().err
