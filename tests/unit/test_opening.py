"""Opening a recorder."""

import pytest

import steno


def write(home, text):
    """Write the configuration of a home."""
    home.mkdir(exist_ok=True)
    (home / "steno.yaml").write_text(text)


def record_one(recorder):
    """Record one request."""
    with recorder, recorder.session("s") as session, session.request(model="m"):
        pass


@pytest.mark.parametrize("jsonl", [True, False])
@pytest.mark.parametrize("sqlite", [True, False])
def test_all_combinations_of_writers(home, jsonl, sqlite, capsys):
    """Each combination of writers writes what it should, and nothing else."""
    write(
        home, f"session_recording: {{jsonl: {{enabled: {jsonl}}}, sqlite: {{enabled: {sqlite}}}}}"
    )

    recorder = steno.from_config(home=home)
    record_one(recorder)

    assert recorder.enabled == (jsonl or sqlite)
    assert bool(list(home.glob("sessions/*/s.jsonl"))) == jsonl
    assert (home / "sessions.db").exists() == sqlite
    assert ("can't be rebuilt" in capsys.readouterr().err) == (sqlite and not jsonl)


def test_master_switch(home):
    """With the master switch off nothing is recorded, whatever the writers say."""
    write(home, "session_recording: {enabled: false}")

    record_one(steno.from_config(home=home))

    assert [path.name for path in home.iterdir()] == ["steno.yaml"]


def test_the_configuration_is_honoured(tmp_path, monkeypatch):
    """Paths and sizes of the file are those that are used."""
    path = tmp_path / "my.yaml"
    path.write_text(
        "session_recording:\n  jsonl: {directory: t, durability: fsync}\n  sqlite: {path: i.db}\n"
        "  worker: {batch_size: 3, batch_timeout_ms: 7, channel_buffer_size: 50, overflow: block}\n"
    )

    recorder = steno.from_config(path)
    record_one(recorder)

    settings = recorder._settings
    assert (settings.batch_size, settings.batch_timeout_ms, settings.overflow) == (3, 7, "block")
    assert recorder._engine.buffer.capacity == 50
    assert list(tmp_path.glob("t/*/s.jsonl"))
    assert (tmp_path / "i.db").exists()


def test_a_configuration_that_was_loaded(home):
    """A configuration can be handed over as a value."""
    from steno.config import load_config

    record_one(steno.from_config(load_config(home=home, environ={})))

    assert list(home.glob("sessions/*/s.jsonl"))


def test_mistakes_are_errors(home):
    """A mistake in the file is an error, never a silent default."""
    write(home, "session_recording: {wurker: {}}")

    with pytest.raises(steno.ConfigError):
        steno.from_config(home=home)


def test_open_uses_the_environment(monkeypatch, home):
    """Without an argument the home is STENO_HOME."""
    monkeypatch.setenv("STENO_HOME", str(home))

    record_one(steno.open())

    assert list(home.glob("sessions/*/s.jsonl"))
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_newer_index_is_refused(home):
    """An index of a newer version is refused when the recorder is opened."""
    import sqlite3

    record_one(steno.open(home))
    connection = sqlite3.connect(home / "sessions.db", isolation_level=None)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.close()

    with pytest.raises(steno.SchemaVersionError, match="Unsupported schema version: 99"):
        steno.open(home)


def test_letting_go_costs_nothing_unasked(home):
    """Where nothing is to be let go, nothing of it is even imported."""
    import subprocess
    import sys

    code = (
        "import sys, steno\nrecorder = steno.from_config(home=sys.argv[1])\nrecorder.close()\n"
        "print([name for name in sys.modules if name.startswith('steno.retention')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_letting_go_in_the_background(home):
    """Where something is to be let go, the recorder has somebody who does it, and closes him."""
    home.mkdir()
    write(home, "session_recording: {jsonl: {retention: {max_total_size_gb: 1}}}")

    with steno.from_config(home=home) as recorder:
        (sweeper,) = recorder.sources
        assert sweeper._thread.is_alive()
    assert not sweeper._thread.is_alive()


def test_archivist(tmp_path):
    """An archivist takes its settings from the file, and begins at once; without them, it does not."""
    (tmp_path / "steno.yaml").write_text("archive: {enabled: true, password: pw}\n")
    archivist = steno.open_archivist(home=tmp_path)
    idle = steno.open_archivist(home=tmp_path / "other")

    assert archivist.settings.directory == tmp_path / "archives"
    assert archivist.is_running
    assert not idle.is_running
    assert archivist.close()
