"""What lies beside OpenClaw's transcripts and names them."""

import json

import pytest

from steno.transcripts.importers.formats.openclaw_index import Named, find_name, parse_index


def line(session_id="s1", key="agent:main:main"):
    """Return the first line of a recording of runs."""
    return json.dumps({"type": "session.started", "sessionId": session_id, "sessionKey": key})


def test_index(tmp_path):
    """The index names current and past generations, and the former win."""
    index = {
        "agent:main:main": {"sessionId": "s2", "usageFamilySessionIds": ["s1", "s2", 5]},
        "agent:main:other": {"sessionId": "s1", "label": "L", "spawnedBy": "agent:main:main"},
    }
    (tmp_path / "sessions.json").write_text(json.dumps(index))

    assert find_name(tmp_path / "s2.jsonl", "s2", "") == Named("agent:main:main", "sessions.json")
    assert find_name(tmp_path / "s1.jsonl", "s1", "") == Named(
        "agent:main:other", "sessions.json", "L", "agent:main:main"
    )


def test_changed_index(tmp_path):
    """An index that was written anew is read anew."""
    path = tmp_path / "sessions.json"
    for key in ("agent:main:a", "agent:main:longer"):
        path.write_text(json.dumps({key: {"sessionId": "s"}}))

        assert find_name(tmp_path / "s.jsonl", "s", "").key == key


def test_two_keys():
    """An id that two keys claim is nobody's."""
    index = {"a": {"sessionId": "s"}, "b": {"sessionId": "s"}}

    assert parse_index(json.dumps(index).encode()) == {}


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"[]", b"null", b'{"a":5,"b":[],"c":{"sessionId":{}}}', b"\xff", b"[" * 9999],
)
def test_no_index(data):
    """What is no index names nobody."""
    assert parse_index(data) == {}


def test_recording_of_runs(tmp_path):
    """The recording of runs is stronger than the index, which still tells the title."""
    (tmp_path / "s1.trajectory.jsonl").write_text(line())
    (tmp_path / "sessions.json").write_text(
        json.dumps({"agent:main:old": {"sessionId": "s1", "displayName": "T"}})
    )

    assert find_name(tmp_path / "s1.jsonl", "s1", "") == Named("agent:main:main", "trajectory", "T")


def test_recording_put_aside(tmp_path):
    """A recording is put aside under the same ending as its transcript."""
    (tmp_path / "s1.trajectory.jsonl.deleted.X").write_text(line())

    assert find_name(tmp_path / "s1.jsonl.deleted.X", "s1", ".deleted.X").source == "trajectory"
    assert find_name(tmp_path / "s1.jsonl", "s1", "") is None


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", line("other"), line(key=5), line(key="")])
def test_no_recording(tmp_path, text):
    """A recording of another session, or none at all, names nobody."""
    (tmp_path / "s1.trajectory.jsonl").write_text(text)

    assert find_name(tmp_path / "s1.jsonl", "s1", "") is None


@pytest.mark.parametrize("session_id", ["../s1", "a/b", "\0", "x" * 5000, ""])
def test_hostile_id(tmp_path, session_id):
    """An id chooses no path."""
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "s1.trajectory.jsonl").write_text(line("../s1"))

    assert find_name(folder / "x.jsonl", session_id, "") is None
