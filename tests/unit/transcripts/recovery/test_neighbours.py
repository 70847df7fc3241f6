"""What lies beside transcripts."""

import contextlib
import json
import sqlite3

import pytest

from steno.errors import TranscriptError
from steno.transcripts.recovery.folder import list_files
from steno.transcripts.recovery.neighbours import Heard, hear_neighbours, hear_store

A = "aaaaaaaa-1111-4111-8111-111111111111"


def hear(sessions, root=None):
    """Hear all that lies in the folder."""
    heard = Heard()
    hear_neighbours(heard, list_files(root or sessions.path).files)
    return heard


def kinds(heard, folder=""):
    """List the kinds of what is said of the first session."""
    return sorted(each.kind for each in heard.claims.about(A, folder))


@pytest.mark.parametrize("name", [
    "sessions.json.bak.2", "sessions.json.0b0b0b0b-1111-4111-8111-111111111111.tmp", "sessions.json~",
    "sessions-old.json", "backup/sessions.json",
])  # fmt: skip
def test_copies_of_the_index(sessions, name):
    """Left-over copies of the index are heard, wherever they lie."""
    sessions.index({"agent:main:x": {"sessionId": A}}, name)

    assert kinds(hear(sessions)) in (["older_store"], ["store"])


def test_all_kinds_of_neighbours(sessions):
    """Index, sidecar, history, database and the log of runs are heard, each once."""
    sessions.live(A)
    said = {"sessionId": A, "sessionKey": "agent:main:x"}
    sessions.index({"agent:main:x": said})
    sessions.index({"version": 1, "agent:main:x": [said]}, "coclaw-chat-history.json")
    sessions.write(f"{A}.trajectory.jsonl", json.dumps(said) + "\n")
    sessions.write("job.jsonl", json.dumps(said) + "\n", folder=sessions.state / "cron" / "runs")
    place = sessions.path.parent / "agent" / "openclaw-agent.sqlite"
    place.parent.mkdir()
    with contextlib.closing(sqlite3.connect(place)) as connection:
        connection.execute("CREATE TABLE session_windows (session_id, session_key)")
        connection.execute("INSERT INTO session_windows VALUES (?, 'agent:main:x')", (A,))
        connection.commit()

    for root in (sessions.path, sessions.state):
        heard = hear(sessions, root)

        assert kinds(heard) == [
            "chat_history", "cron_run_log", "session_window", "store", "trajectory"
        ]  # fmt: skip
        assert len(heard.sources) == 5
        assert heard.notes == []


def test_neighbours_that_are_broken(sessions):
    """What can't be read is noted, and the rest is heard."""
    sessions.write("sessions.json", '{"agent:main:x": {"sess')
    sessions.write("openclaw-agent.sqlite", "no database")
    sessions.write(f"{A}.trajectory.jsonl.zst", "no zstd")
    sessions.index({"agent:main:x": {"sessionId": A}}, "sessions.json.bak.1")

    heard = hear(sessions)

    assert kinds(heard) == ["older_store"]
    assert len(heard.notes) >= 2


def test_a_store_that_is_named(sessions, tmp_path):
    """A store that was named speaks for all folders; one that can't be read is an error."""
    path = sessions.index({"agent:main:x": {"sessionId": "chat"}})
    heard = Heard()

    hear_store(heard, path)

    assert len(heard.claims.about("chat", "/anywhere")) == 1
    with pytest.raises(TranscriptError, match="cannot read the store"):
        hear_store(heard, tmp_path / "nowhere.json")


@pytest.mark.parametrize("text", ["", "[1]", "root:x:0:0", '{"a'])
def test_a_store_that_is_none(tmp_path, text):
    """A file that was named as the store, and of which nothing can be read, is refused."""
    path = tmp_path / "store.json"
    path.write_text(text)

    with pytest.raises(TranscriptError, match="is no store"):
        hear_store(Heard(), path)


def test_ids_that_are_no_uuids(sessions):
    """An index in another folder says nothing about an id that any folder may have."""
    sessions.index({"agent:main:x": {"sessionId": "chat"}}, "backup/sessions.json")

    assert hear(sessions).claims.about("chat", str(sessions.path)) == []
