"""Writing an incident in plain text."""

import json
import os

import pytest

from steno.errors import IdentityError
from steno.recording.incidents.extracting import extract_incident
from steno.recording.incidents.files import open_files
from steno.storage.home import Home


@pytest.fixture
def extract(closed, home, password):
    """Extract the incident to a folder."""

    def extract(target):
        files = open_files(closed.session_id, password, home=home)
        return extract_incident(files, Home(home), target)

    return extract


def test_extract(extract, closed, tmp_path):
    """Transcript, scratchpad, state and artefacts are there, under readable names, for the owner."""
    target = tmp_path / "new" / "plain"

    written, failed = extract(target)

    assert failed == []
    assert {path for path in target.rglob("*") if path.is_file()} == set(written)
    names = {str(path.relative_to(target)) for path in written}
    assert {f"{closed.session_id}.jsonl", "scratchpad.md", "scratchpad.json", "state.json",
            "files/note.txt"} < names  # fmt: skip
    assert b"because" in (target / f"{closed.session_id}.jsonl").read_bytes()
    assert json.loads((target / "scratchpad.json").read_text())["FINAL_DIAGNOSIS"] == "the pool"
    (logs,) = target.glob("logs/kubernetes_web-0_shop_*.json")
    assert json.loads(logs.read_text())["data"] == [{"m": 1}, {"m": 2}]
    assert {os.stat(path).st_mode & 0o777 for path in written} == {0o600}
    assert os.stat(target).st_mode & 0o777 == 0o700


def test_not_over_others(extract, tmp_path):
    """A folder that is not empty is left as it is; an empty one is taken."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    (tmp_path / "empty").mkdir()

    with pytest.raises(IdentityError, match="not empty"):
        extract(tmp_path / "full")
    assert os.listdir(tmp_path / "full") == ["precious"]
    assert extract(tmp_path / "empty")[0]


def test_damage(extract, closed, tmp_path):
    """What can't be read is told, and the rest is written."""
    logs, metrics, _ = closed.artefacts()
    os.unlink(logs.path)
    with open(metrics.path, "r+b") as file:
        file.truncate(20)

    written, failed = extract(tmp_path / "plain")

    assert any(logs.path in told for told in failed)
    assert any(path.name == "note.txt" for path in written)


def test_hostile_names(create, home, tmp_path):
    """A name that leads somewhere else, kept inside a sealed file, writes nothing outside."""
    incident = create("p")
    envelope = incident.files.envelope
    folder = incident.data_dir / "files"
    folder.mkdir()
    for name in ("../../../evil", "/tmp/evil", "..", "a/b"):
        with open(folder / envelope.disk_name(name), "wb") as file:
            wrapped = envelope.wrap(file, name)
            wrapped.write(b"evil")
            wrapped.close()
    incident.close()
    target = tmp_path / "a" / "b" / "plain"

    files = open_files(incident.session_id, "p", home=home)
    written, failed = extract_incident(files, Home(home), target)

    assert failed == []
    assert len([path for path in written if path.parent.name == "files"]) == 4
    assert all(path.resolve().is_relative_to(target.resolve()) for path in written)
    assert [path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(target)] == []


def test_not_where_one_stands(extract, tmp_path, monkeypatch):
    """The folder in which somebody stands is not replaced under their feet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")

    for target in (".", "", tmp_path / "new"):
        with pytest.raises(IdentityError, match="the folder that you are in"):
            extract(target)
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize("name", ["scratchpad", "state"])
def test_what_can_be_rescued(create, home, tmp_path, name):
    """Where scratchpad or state can't be opened any more, all else is written, and it is told."""
    incident = create("p")
    with incident, incident.request(model="m", text="why?") as request:
        request.response(text="because")
        incident.save_logs([1], pod="web")
    incident.close()
    path = incident.data_dir / f"{name}.sealed"
    path.write_bytes(b"\0" * 200)

    files = open_files(incident.session_id, "p", home=home)
    written, failed = extract_incident(files, Home(home), tmp_path / "plain")

    assert [str(path) in told for told in failed] == [True]
    (transcript,) = [each for each in written if each.suffix == ".jsonl"]
    assert b"because" in transcript.read_bytes()
    (logs,) = [each for each in written if each.parent.name == "logs"]
    assert json.loads(logs.read_text())["data"] == [1]
