"""The files of a folder."""

import os
from pathlib import Path

import pytest

from steno.errors import TranscriptError
from steno.transcripts.recovery.folder import agent_of_folder, list_files


def test_files_below(sessions):
    """Files of the folder and of those in it are listed, by path."""
    sessions.write("b.jsonl", "x")
    sessions.write("a.jsonl", "xy", folder=sessions.path / "cold")

    listing = list_files(sessions.state)

    assert [found.relative for found in listing.files] == [
        "agents/main/sessions/b.jsonl", "agents/main/sessions/cold/a.jsonl",
    ]  # fmt: skip
    assert [found.size for found in listing.files] == [1, 2]
    assert listing.files[0].folder == str(sessions.path)


def test_what_only_looks_like_a_transcript(sessions, tmp_path):
    """Links, pipes and folders of such names are said, not followed and not opened."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_text("x")
    os.symlink(outside / "secret.jsonl", sessions.path / "link.jsonl")
    os.symlink(outside, sessions.path / "folder")
    os.mkfifo(sessions.path / "pipe.jsonl")
    (sessions.path / "dir.jsonl").mkdir()

    listing = list_files(sessions.path)

    assert listing.files == []
    assert {Path(note.path).name for note in listing.notes} == {
        "link.jsonl", "folder", "pipe.jsonl", "dir.jsonl",
    }  # fmt: skip


def test_the_log_of_a_scheduler_is_no_transcript(sessions):
    """Lines about a job's runs lie in files that are called like transcripts."""
    sessions.write("job.jsonl", "x", folder=sessions.state / "cron" / "runs")

    assert [found.name.kind for found in list_files(sessions.state).files] == ["other"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_is_closed(sessions):
    """A folder that can't be entered is noted, and the rest is listed."""
    sessions.write("a.jsonl", "x")
    closed = sessions.path / "closed"
    closed.mkdir(0)

    listing = list_files(sessions.path)

    closed.chmod(0o700)
    assert len(listing.files) == 1
    assert "can't be read" in listing.notes[0].reason


def test_no_folder(tmp_path):
    """A folder that is not there, or is a file, is an error with a hint."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(TranscriptError, match="cannot read the folder") as caught:
            list_files(path)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("folder", "agent"),
    [
        ("/home/u/.openclaw/agents/main/sessions", "main"),
        ("/x/agents/garden/sessions/cold", "garden"),
        ("/x/agents/a/sessions/agents/b/sessions", "b"),
        ("/x/sessions", None),
        ("/x/agents/main", None),
    ],
)
def test_agents(folder, agent):
    """The agent is the folder above ``sessions`` in ``agents``, and nothing else."""
    assert agent_of_folder(folder) == agent
