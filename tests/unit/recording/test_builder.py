"""Building a recorder."""

import steno
from steno.recording.builder import RecorderBuilder


def test_the_specifications_builder(tmp_path):
    """The builder of the specification builds a recorder that writes to both."""
    recorder = (
        RecorderBuilder()
        .add_writer(steno.JsonlWriter(tmp_path / "sessions"))
        .add_writer(steno.SqliteWriter(tmp_path / "sessions.db"))
        .batch_size(100)
        .batch_timeout_ms(100)
        .channel_buffer_size(10_000)
        .build()
    )
    with recorder, recorder.session("s") as session, session.request(model="m"):
        pass

    assert list((tmp_path / "sessions").glob("*/s.jsonl"))
    assert recorder.stats().writers.keys() == {"jsonl", "sqlite"}
    assert recorder.stats().writers["sqlite"].written == 2


def test_dead_letters_have_a_place(tmp_path):
    """Without a folder of one's own, dead letters lie beside the transcripts."""
    builder = RecorderBuilder().add_writer(steno.JsonlWriter(tmp_path))
    recorder = builder.build()
    recorder.close()

    assert recorder._settings.dead_letters == tmp_path / ".dead-letters"


def test_artefacts_have_a_place(tmp_path, monkeypatch):
    """The folder for artefacts stays where it is when the program goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    builder = RecorderBuilder().add_writer(steno.JsonlWriter(tmp_path / "t")).artefacts("kept")
    with builder.build() as recorder:
        monkeypatch.chdir("/")
        assert recorder.session("s").data_dir == tmp_path / "kept" / "s"
