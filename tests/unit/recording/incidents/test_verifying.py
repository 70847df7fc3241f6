"""Verifying incidents."""

import os

import pytest

import steno
from steno.recording.incidents.files import open_files
from steno.recording.incidents.verifying import verify_incident
from steno.storage.home import Home
from steno.storage.sealed_header import HEADER_BYTES


@pytest.fixture
def verify(closed, home, password):
    """Verify the incident: the findings by the names of their files."""

    def verify():
        files = open_files(closed.session_id, password, home=home)
        return {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}

    return verify


def flip(path):
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_well(verify, closed):
    """Every file of an incident that is well is found to be so."""
    found = verify()

    assert {each.status for each in found.values()} == {"ok"}
    assert len(found) == 6
    names = {path.name for path in closed.data_dir.rglob("*") if path.is_file()}
    assert names - {"session.json", ".lock"} <= set(found)


def test_flipped(verify, closed, password):
    """A flipped bit in any file is found, and told with the file."""
    for path in [path for path in closed.data_dir.rglob("*") if path.is_file()]:
        if path.name in {".lock", "session.json"} or (
            password is None and path.name in {"state.json", "scratchpad.jsonl"}
        ):
            continue  # a plain file of notes holds whatever somebody writes to it
        whole = path.read_bytes()
        flip(path)
        bad = [each for each in verify().values() if each.status == "damaged"]
        assert path.name in {os.path.basename(each.path) for each in bad}
        assert all(each.reason for each in bad)
        path.write_bytes(whole)


def test_missing(verify, closed):
    """What was saved and is gone is missed."""
    artefact = closed.artefacts()[0]
    os.unlink(artefact.path)

    found = verify()[os.path.basename(artefact.path)]

    assert (found.status, found.name) == ("missing", artefact.name)


def test_exchanged(verify, closed):
    """Two files that were exchanged are found, also between kinds."""
    one, two, _ = closed.artefacts()
    os.rename(one.path, one.path + "-")
    os.rename(two.path, one.path)
    os.rename(one.path + "-", two.path)

    found = verify()

    assert found[os.path.basename(one.path)].status == "damaged"
    assert found[os.path.basename(two.path)].status == "damaged"


def test_cut_off_between_frames(create, home):
    """A sealed transcript that was cut off between two frames is found by what the state knows."""
    incident = create("p")
    path, sizes = incident.files.folder.transcript, []
    for number in range(3):
        incident.save_logs([number])
        incident.flush()
        sizes.append(path.stat().st_size)
    incident.close()
    os.truncate(path, sizes[-2])

    files = open_files(incident.session_id, "p", home=home)
    found = {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}
    assert found["transcript.sealed"].status == "damaged"
    assert "cut off" in found["transcript.sealed"].reason


def test_unnoted(verify, closed):
    """A file that nobody noted is told, and is no damage."""
    closed.artefact_folder.write_document("logs", "later", [b"[]"])

    assert sorted(each.status for each in verify().values()).count("unnoted") == 1


def test_lost_state(verify, closed):
    """A state that is gone is missed."""
    os.unlink(closed.files.state)

    assert "missing" in {each.status for each in verify().values()}


def test_torn(create, home):
    """What a killed process left unfinished is told apart from damage."""
    incident = create("p")
    incident.save_logs([1])
    incident.flush()
    path = incident.files.folder.transcript
    with open(path, "ab") as file:
        file.write(path.read_bytes()[HEADER_BYTES : HEADER_BYTES + 30])

    files = open_files(incident.session_id, "p", home=home)
    found = {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}

    assert found["transcript.sealed"].status == "torn"


@pytest.mark.parametrize("log", ["transcript", "scratchpad"])
def test_lost_log(create, home, log):
    """A sealed log that is gone is missed, and so is what is missing when it was written anew."""
    incident = create("p")
    with incident, incident.request(model="m", text="why?") as request:
        request.response(text="because")
        incident.save_logs([1])
    incident.close()
    path = incident.data_dir / f"{log}.sealed"
    os.unlink(path)

    def found():
        files = open_files(incident.session_id, "p", home=home)
        return {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}

    assert found()[path.name].status == "missing"
    again = steno.Session.resume(incident.session_id, "p", home=home)
    again.save_logs([2])
    again.close()
    assert found()[path.name].status == "damaged"


@pytest.mark.parametrize("log", ["transcript", "scratchpad"])
def test_written_on_after_a_cut(create, home, capfd, log):
    """A log that was cut off, resumed and closed is still found to lack something."""
    incident = create("p")
    path, sizes = incident.data_dir / f"{log}.sealed", []
    for number in range(4):
        incident.save_logs([number])
        incident.flush()
        sizes.append(path.stat().st_size)
    incident.close()
    os.truncate(path, sizes[1])
    for number in range(6):
        again = steno.Session.resume(incident.session_id, "p", home=home)
        again.save_logs([number])
        assert again.close()

    assert f"{path}: it was cut off" in capfd.readouterr().err
    files = open_files(incident.session_id, "p", home=home)
    found = {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}
    assert found[path.name].status == "damaged"
    assert "and written on" in found[path.name].reason


def test_two_programs_are_no_damage(create, home):
    """What one program wrote after another is no damage, in whatever order they end."""
    first = create("p")
    first.save_logs([1])
    first.flush()
    second = steno.Session.resume(first.session_id, "p", home=home)
    for number in range(3):
        second.save_logs([number])
    second.close()
    known = second.files.known_end("transcript")
    first.scratchpad.write_section("A", 1)
    first.close()

    assert first.files.known_end("transcript") == known
    files = open_files(first.session_id, "p", home=home)
    assert {each.status for each in verify_incident(files, Home(home))} == {"ok"}


def test_artefacts_without_a_scratchpad(create, home):
    """Where the scratchpad can't be opened, the artefacts are looked at all the same."""
    incident = create("p")
    saved = [incident.save_logs([number]) for number in range(2)]
    incident.close()
    (incident.data_dir / "scratchpad.sealed").write_bytes(b"\0" * 200)
    flip(saved[0].path)

    files = open_files(incident.session_id, "p", home=home)
    found = {os.path.basename(each.path): each for each in verify_incident(files, Home(home))}
    assert found["scratchpad.sealed"].status == "damaged"
    assert [found[each.path.name].status for each in saved] == ["damaged", "unnoted"]
