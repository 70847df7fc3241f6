"""What becomes of a turn when the process of Open WebUI ends: only the real one can show it."""

import signal
import time
from pathlib import Path

import pytest
from tests.owui.conftest import Probe, source_of

import steno
from steno.version import VERSION

pytestmark = pytest.mark.owui

LOGS = {"document": ["line"], "metadata": [{"source": "Logs"}], "source": {"name": "Logs"}}
PATIENCE_S = 60


@pytest.fixture
def own(start_open_webui):
    """Return what installs the probes in an Open WebUI of the test's own, which it may end."""
    begun = []

    def own(**settings):
        host = start_open_webui(**settings)
        begun.append(host)
        return Probe(host, host.folder / "notes.jsonl")

    yield own
    for each in begun:
        each.kill()


def test_import(open_webui):
    """A function imports steno, the one of this checkout."""
    open_webui.add_function("importing", source_of("import_pipe.py"))
    try:
        reply = open_webui.call("importing", "hello")
    finally:
        open_webui.delete_function("importing")

    version, file = reply["choices"][0]["message"]["content"].split(" ", 1)
    assert version == VERSION
    assert Path(file) == Path(steno.__file__)


def test_kill_and_restart(own):
    """SIGTERM in mid-turn runs no finally, SIGKILL neither; what the chat held is there again."""
    probe = own()
    turn, _ = probe.turn("hello")
    for signum, expected in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        probe.forget()
        cut = probe.host.start_turn("probe.stream", "hang")
        probe.until("stream", 5)
        code, took = probe.host.end(signum)
        time.sleep(0.5)

        assert code == expected
        assert took < 5
        assert not probe.notes("raised", "finally", "end", "outlet")
        probe.host.start()
        assert probe.host.message(turn)["sources"] == [LOGS]
        assert not probe.host.message(cut)["done"]
    probe.forget()
    assert probe.turn("hello")[1]["content"] == "one two"
    assert len(probe.notes("init")) == 1


def test_interrupt(own):
    """SIGINT, unlike SIGTERM, cancels the turn and runs its finally to the end."""
    probe = own()
    probe.host.start_turn("probe.stream", "hang")
    probe.until("stream", 5)
    probe.host.end(signal.SIGINT)

    assert probe.notes("raised")[0]["error"] == "CancelledError"
    assert {"slept", "emitted", "end"} <= set(probe.kinds())


def test_two_workers(own):
    """Two workers hold an instance each, turns of one chat land on both, Stop needs the right one."""
    probe = own(workers=2)
    turn, _ = probe.turn("hello")
    deadline = time.monotonic() + PATIENCE_S
    while len({note["pid"] for note in probe.notes("pipe")}) < 2:
        assert time.monotonic() < deadline
        assert probe.turn("hello", chat_id=turn.chat_id)[1]["content"] == "one two"
    pipes = probe.notes("pipe")

    assert {note["chat_id"] for note in pipes} == {turn.chat_id}
    assert len({note["module"] for note in pipes}) == 2
    hanging = probe.host.start_turn("probe.stream", "hang")
    probe.until("stream", 5)
    deadline = time.monotonic() + PATIENCE_S
    while not probe.host.stop(hanging):
        assert time.monotonic() < deadline
        time.sleep(0.1)
