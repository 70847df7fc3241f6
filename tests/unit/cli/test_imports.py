"""``steno import``."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLAUDE = Path(__file__).parents[2] / "data" / "imports" / "claude-code"


@pytest.fixture
def projects(tmp_path, monkeypatch):
    """The folder in which Claude Code keeps its transcripts, with some in it."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_HOME",
                 "LLM_USER_PATH", "XDG_DATA_HOME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".claude" / "projects" / "-home-me-app"
    shutil.copytree(CLAUDE / "counts", folder)
    return folder


def test_folder(projects, home, run):
    """A folder is imported, and a table says what was found in each file."""
    code, out, err = run("import", projects, "--home", home)

    assert (code, err) == (0, "")
    assert "claude-code" in out
    assert "43,894" in out
    assert "into 1 sessions" in out


def test_sessions_are_there(projects, home, run):
    """What was imported is listed, shown and exported like any other session."""
    run("import", projects, "--home", home)
    (row,) = [json.loads(line) for line in run("ls", "--json", "--home", home)[1].splitlines()]

    assert row["output_tokens"] == 43_894
    code, out, _ = run("show", row["session_id"], "--home", home)
    assert code == 0
    assert "tokens in" in out
    assert run("export", row["session_id"], "--home", home)[0] == 0


def test_usual_places(projects, home, run):
    """Without a path the folders of the known programs are taken."""
    code, out, _ = run("import", "--home", home, "--json")
    (report,) = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert Path(report["path"]).is_relative_to(projects)


def test_no_usual_places(tmp_path, home, run, monkeypatch):
    """Where no known program has left anything, it is said how to go on."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    code, _, err = run("import", "--home", home, "--from", "claude-code")

    assert code == 2
    assert "name a file or folder" in err


def test_json(projects, home, run):
    """Machines get one object for each file, also for those that were left alone."""
    (projects / "photo.png").write_bytes(b"\x89PNG\r\n")
    first = [
        json.loads(line)
        for line in run("import", projects, "--home", home, "--json")[1].splitlines()
    ]
    again = [
        json.loads(line)
        for line in run("import", projects, "--home", home, "--json")[1].splitlines()
    ]

    assert sorted(each["status"] for each in first) == ["imported", "skipped"]
    assert sorted(each["status"] for each in again) == ["skipped", "unchanged"]
    assert next(each for each in first if each["new"])["output_tokens"] == 43_894


def test_dry_run(projects, home, run):
    """A dry run says what would be imported, and imports nothing."""
    code, out, _ = run("import", projects, "--home", home, "--dry-run")

    assert code == 0
    assert "would be imported" in out
    assert not home.exists() or list(home.iterdir()) == []


def test_missing_path(home, run):
    """A path that is not there is wrong use."""
    code, _, err = run("import", "/no/such/place", "--home", home)

    assert code == 2
    assert "/no/such/place" in err


def test_wrong_format(projects, home, run):
    """A file that has not the format that was named keeps every entry, as unknown."""
    code, out, _ = run("import", projects, "--from", "codex", "--home", home, "--json")
    (report,) = [json.loads(line) for line in out.splitlines()]

    assert code == 0
    assert sum(report["unknown"].values()) == report["entries"] > 0


def test_transcripts_are_off(projects, home, run):
    """Without transcripts there is no place to import to."""
    home.mkdir()
    (home / "steno.yaml").write_text("session_recording: {jsonl: {enabled: false}}\n")
    code, _, err = run("import", projects, "--home", home)

    assert code == 1
    assert "jsonl.enabled" in err


def test_hostile_name(projects, home, run):
    """A file name with terminal escapes is shown without them."""
    (path,) = projects.iterdir()
    path.rename(projects / "\x1b[31mred.jsonl")
    _, out, _ = run("import", projects, "--home", home)

    assert "\x1b" not in out
    assert "red.jsonl" in out


def test_watch_and_dry_run(projects, home, run):
    """To watch and to write nothing contradict each other."""
    assert run("import", projects, "--home", home, "--watch", "--dry-run")[0] == 2


def test_watch(projects, home, tmp_path):
    """Watching imports what comes until it is stopped, and ends well."""
    (source,) = projects.iterdir()
    watched = tmp_path / "watched"
    process = subprocess.Popen(
        [sys.executable, "-m", "steno", "import", "--watch", "--json", watched],
        env={**os.environ, "STENO_HOME": str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        time.sleep(0.5)
        watched.mkdir()
        shutil.copy(source, watched)
        report = json.loads(process.stdout.readline())
        assert report["output_tokens"] == 43_894
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
