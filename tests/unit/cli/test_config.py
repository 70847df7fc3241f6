"""``steno config show``."""

import json


def test_every_value_and_its_source(home, run, monkeypatch):
    """Every value in force is shown with its source."""
    home.mkdir()
    (home / "steno.yaml").write_text("session_recording:\n  worker:\n    batch_size: 7\n")
    monkeypatch.setenv("STENO_WORKER_OVERFLOW", "block")

    _, out, _ = run("config", "show", "--home", home, "--json")

    rows = {row["key"]: row for row in map(json.loads, out.splitlines())}
    assert rows["session_recording.worker.batch_size"]["value"] == 7
    assert rows["session_recording.worker.batch_size"]["source"] == "steno.yaml:3"
    assert (
        rows["session_recording.worker.overflow"]["source"] == "environment STENO_WORKER_OVERFLOW"
    )
    assert rows["session_recording.enabled"]["source"] == "default"
    assert "batch_timeout_ms" in run("config", "show", "--home", home)[1]


def test_an_error_names_the_line(home, run):
    """A mistake in the file is an error that names the line and what is allowed."""
    home.mkdir()
    (home / "steno.yaml").write_text("session_recording:\n  wurker: {}\n")

    code, _, err = run("ls", "--home", home)

    assert code == 1
    assert "unknown key 'wurker' (steno.yaml:2)" in err
    assert "did you mean 'worker'?" in err
