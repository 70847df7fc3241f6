"""What is kept of recorded turns when workers are several, or killed: only the real one shows it."""

import signal
import time

import pytest
from tests.owui.test_recorded import PATIENCE_S, Recorded, install_filter, messages

pytestmark = pytest.mark.owui


@pytest.fixture
def own(start_open_webui, tmp_path):
    """Return what starts an Open WebUI of the test's own, with the recorded pipe in it."""
    begun = []

    def own(**settings):
        host = start_open_webui(**settings)
        begun.append(host)
        prepared = Recorded(host, tmp_path)
        prepared.install()
        return prepared

    yield own
    for each in begun:
        each.kill()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_killed(own, signum):
    """A turn that a signal cut is archived and transcribed as interrupted after the next start."""
    rec = own()
    cut = rec.host.start_turn("rec.stream", "hang")
    time.sleep(3)
    rec.host.end(signum)
    assert not rec.path(cut).exists()
    rec.host.start()
    rec.host.models()  # as the page does when it is opened
    meta, records = rec.archive(cut)
    rec.turn("hello")
    deadline = time.monotonic() + PATIENCE_S
    while "ResponseRecorded" not in (
        events := {type(each).__name__: each for each in rec.events(cut.chat_id)}
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert meta["status"] == "interrupted"
    assert messages(records)[0].startswith("debug of hang")
    # The turn said so fifty times a second, until the batch that was not yet written.
    assert messages(records).count("still there") > 100
    assert events["Completed"].error.startswith("interrupted")
    assert events["ResponseRecorded"].partial
    assert events["ResponseRecorded"].response_text.startswith("one more more more")
    # What is left in the folder says that the new worker lives.
    left = [path for path in (rec.archives / ".spool").rglob("*") if path.is_file()]
    assert {path.suffix for path in left} <= {".owner"}


def test_two_workers(own):
    """Turns that land on two workers are archived as whole as those of one."""
    rec = own(workers=2)
    turns = [rec.host.start_turn("rec.stream", f"crowd-{number}-") for number in range(20)]
    seen = set()
    for number, turn in enumerate(turns):
        rec.host.wait(turn)
        meta, records = rec.archive(turn)
        seen.add(messages(records)[0].rpartition(" ")[2])
        assert meta["status"] == "ok"
        assert messages(records).count(f"token crowd-{number}-") == 20

    assert len(seen) == 2


def test_filter_killed(own):
    """A turn that a filter watched is archived as interrupted after SIGTERM and the next start."""
    rec = own()
    install_filter(rec)
    cut = rec.host.start_turn("plain.stream", "hang")
    time.sleep(3)
    rec.host.end(signal.SIGTERM)
    rec.host.start()
    rec.host.models()
    rec.turn("hello")
    meta, records = rec.archive(cut)

    assert meta["status"] == "interrupted"
    assert messages(records)[0].startswith("OpenWebUI request payload: ")
    assert sum('"content":"more "' in line for line in messages(records)) > 50


def test_filter_two_workers(own):
    """Turns on two workers, each with a filter of its own, are archived whole."""
    rec = own(workers=2)
    install_filter(rec)
    turns = [rec.host.start_turn("plain.stream", "hello") for _ in range(10)]
    for turn in turns:
        rec.host.wait(turn)
        meta, records = rec.archive(turn)
        assert meta["status"] == "ok"
        assert any('"content":"two"' in line for line in messages(records))
