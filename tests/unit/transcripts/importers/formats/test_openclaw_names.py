"""What the names of OpenClaw's and pi's files tell."""

from pathlib import Path

import pytest

from steno.transcripts.importers.formats.openclaw_names import (
    Name,
    agent_of,
    parent_by_folder,
    program_of,
    read_name,
    read_parent,
    why_no_transcript,
)

ID = "1f0c2a3e-0001-4a6b-8c1d-000000000001"
OTHER = "1f0c2a3e-0001-4a6b-8c1d-000000000002"
STAMP = "2026-05-31T10-05-37.662Z"


@pytest.mark.parametrize(
    ("name", "generation", "stamp"),
    [
        (f"{ID}.jsonl", "live", None),
        (f"{ID}.jsonl.reset.{STAMP}", "reset", STAMP),
        (f"{ID}.jsonl.deleted.2026-05-31T10-05-37Z", "deleted", "2026-05-31T10-05-37Z"),
        (f"{ID}.jsonl.bak.{STAMP}", "bak", STAMP),
        (f"{ID}.jsonl.bak-4711-1780221937662", "bak", None),
        (f"{ID}.jsonl.bak", "bak", None),
        (f"{ID}.checkpoint.{OTHER}.jsonl", "checkpoint", None),
        (f"{ID}.checkpoint.{OTHER}.jsonl.reset.{STAMP}", "reset", STAMP),
        (f"{ID}-jsonl-reset-{STAMP}.md", "reset", STAMP),
        (f"{ID}-topic-a%2Fb.jsonl", "live", None),
        (f"2026-02-16T10-20-30-123Z_{ID}.jsonl", "live", None),
    ],
)
def test_generations(name, generation, stamp):
    """All files of a session begin with its id, which is certain."""
    assert read_name(name) == Name(ID, is_certain=True, generation=generation, stamp=stamp)


@pytest.mark.parametrize("name", ["x", "x.jsonl", "a\nb.jsonl", "", ".jsonl", "x.json"])
def test_other_names(name):
    """A name that the program did not give is not certain."""
    assert not read_name(name).is_certain


@pytest.mark.parametrize(
    "given",
    [
        ID,
        f"/home/x/.pi/agent/sessions/--srv--/2026-02-16T10-20-30-123Z_{ID}.jsonl",
        f"C:\\Users\\x\\sessions\\{ID}.jsonl",
        f"{ID}.jsonl.reset.{STAMP}.zst",
    ],
)
def test_parents(given):
    """A parent is named by its id, or by a path on any machine."""
    assert read_parent(given) == ID


@pytest.mark.parametrize("given", ["", "/", ".", "\\", "x" * 100_000, ".jsonl" * 10_000])
def test_no_parent(given):
    """What names no parent does no harm."""
    assert read_parent(given) != ID


@pytest.mark.parametrize(
    "name",
    [
        "sessions.json", "sessions.json.bak.3", f"sessions.json.{ID}.tmp",
        "sessions.json.telegram-1.json", f"{ID}.trajectory.jsonl",
        f"{ID}.trajectory.jsonl.deleted.{STAMP}", f"{ID}.trajectory-path.json",
        f"{ID}.jsonl.lock", ".usage-cost-cache.json",
    ],
)  # fmt: skip
def test_neighbours(name):
    """What lies beside transcripts says why it is none."""
    assert why_no_transcript(name)


@pytest.mark.parametrize("name", [f"{ID}.jsonl", f"{ID}.jsonl.deleted.{STAMP}", "notes.jsonl"])
def test_transcripts(name):
    """What may be a transcript is no neighbour."""
    assert why_no_transcript(name) is None


def test_agent():
    """The agent is the folder's; the innermost one counts."""
    assert agent_of(Path("/x/agents/main/sessions/a.jsonl")) == "main"
    assert agent_of(Path("/agents/a/sessions/agents/b/sessions/cold/x")) == "b"
    assert agent_of(Path("/x/agents/main/agent/openclaw-agent.sqlite")) == "main"
    assert agent_of(Path("/x/sessions/a.jsonl")) is None


def test_program():
    """A folder of agents is OpenClaw's, wherever it lies."""
    assert program_of(Path("/backup/agents/main/sessions/a.jsonl")) == "openclaw"
    assert program_of(Path("/backup/a.jsonl")) is None


def test_parent_by_folder():
    """A folder that is named as a session holds that session's sub-agents."""
    assert parent_by_folder(Path(f"/s/2026-02-16T10-20-30-123Z_{ID}/Task.jsonl")) == ID
    assert parent_by_folder(Path("/s/2026-02-16T10-20-30-123Z_x/Task.jsonl")) is None
    assert parent_by_folder(Path("/s/Task.jsonl")) is None
