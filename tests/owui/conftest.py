"""What the tests of functions in Open WebUI share: the real one, the fake one, and a probe."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.owui.server import OpenWebUI, find_program

from steno.testing.open_webui import FakeOpenWebUI

# Read before a fixture takes HOME and STENO_* away.
FOLDER = Path(os.environ.get("STENO_OPEN_WEBUI") or Path.home() / ".cache/steno/open-webui")
FUNCTIONS = Path(__file__).parent / "functions"
NOTE_S = 20


class Probe:
    """A host in which the probe pipe and the probe filter are installed.

    Attributes:
        host: The host, real or fake.
        place: The file of notes.
    """

    def __init__(self, host, place):
        """Install both."""
        self.host = host
        self.place = place
        self._installed = []
        self.forget()
        self.install("probe", "probe_pipe.py")
        self.install("watch", "probe_filter.py")

    def install(self, function_id, name):
        """Install one of the functions beside these tests; it is deleted at the end."""
        self.host.add_function(function_id, source_of(name))
        self._installed.append(function_id)

    def uninstall(self):
        """Delete what was installed."""
        for function_id in self._installed:
            self.host.delete_function(function_id)

    def forget(self):
        """Empty the notes."""
        self.place.write_text("")
        Path(f"{self.place}.go").unlink(missing_ok=True)

    def go(self):
        """Let a turn that was told to wait go on."""
        Path(f"{self.place}.go").touch()

    def notes(self, *kinds):
        """Return what was noted, in order: everything, or what is of some kinds."""
        notes = [json.loads(line) for line in self.place.read_text().splitlines()]
        return [note for note in notes if not kinds or note["what"] in kinds]

    def kinds(self, *, but=("init", "stream", "speaking")):
        """Return the kinds of what was noted, in order."""
        return [note["what"] for note in self.notes() if note["what"] not in but]

    def until(self, kind, count=1):
        """Wait for notes of a kind; returns the last."""
        deadline = time.monotonic() + NOTE_S
        while len(found := self.notes(kind)) < count:
            assert time.monotonic() < deadline, f"no {kind}: {self.kinds()}"
            time.sleep(0.02)
        return found[-1]

    def turn(self, text, model="probe.stream", **more):
        """Take a turn to its end; returns it and its message."""
        turn = self.host.start_turn(model, text, **more)
        return turn, self.host.wait(turn)


def source_of(name):
    """Return the source of a function beside these tests."""
    return (FUNCTIONS / name).read_text()


@pytest.fixture(scope="session")
def start_open_webui(tmp_path_factory):
    """Return what starts a really installed Open WebUI; it ends with the session."""
    program, missing = find_program(FOLDER)
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    begun = []

    def start(*, workers=1, **variables):
        folder = tmp_path_factory.mktemp("open-webui")
        variables = {"PROBE_FILE": str(folder / "notes.jsonl"), **variables}
        begun.append(OpenWebUI(program, folder, workers=workers, **variables))
        return begun[-1].start()

    yield start
    for each in begun:
        each.kill()
        shutil.rmtree(each.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def open_webui(start_open_webui):
    """Serve a really installed Open WebUI with one worker, for tests that leave it running."""
    return start_open_webui()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.owui)])
def probe(request, tmp_path, monkeypatch):
    """Install the probes in a host: the fake one for `make test`, the real one for `make owui`."""
    if request.param == "real":
        host = request.getfixturevalue("open_webui")
        installed = Probe(host, host.folder / "notes.jsonl")
        yield installed
        installed.uninstall()
    else:
        monkeypatch.setenv("PROBE_FILE", str(tmp_path / "notes.jsonl"))
        with FakeOpenWebUI() as host:
            yield Probe(host, tmp_path / "notes.jsonl")
