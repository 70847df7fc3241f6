"""Sessions into a bundle, whole or not at all."""

import os
import stat

import pytest

from steno.bundles.exporting import export_bundle
from steno.errors import BundleError, StenoError


def test_a_bundle(full, tmp_path):
    """A bundle is the owner's alone, and what is said of it is what is in it."""
    done = export_bundle(["s"], tmp_path / "b.steno", full.places)

    assert stat.S_IMODE((tmp_path / "b.steno").stat().st_mode) == 0o600
    assert done.size == (tmp_path / "b.steno").stat().st_size
    assert len(done.manifest.members) == 4
    assert done.facts()["sessions"][0]["session_id"] == "s"
    assert done.sealed is None


def test_several_sessions(full, other, tmp_path):
    """Several sessions are carried together, each once, with an archive that both name once."""
    ids = {"user_id": "u1", "chat_id": "c1", "message_id": "m1"}
    full.record("t", **ids)

    done = export_bundle(["s", "t", "s"], tmp_path / "b.steno", full.places)

    assert [each.session_id for each in done.manifest.sessions] == ["s", "t"]
    assert [each.archives for each in done.manifest.sessions] == [("archives/u1/c1/m1.zip",)] * 2
    assert other.take(tmp_path / "b.steno") == [("s", "imported"), ("t", "imported")]
    assert (other.places.archives / "u1" / "c1" / "m1.zip").exists()


def test_the_same_session_by_two_names(full, tmp_path):
    """A session that is named by its id and by a prefix is refused, not carried twice."""
    path = next(full.places.sessions.glob("*/s.jsonl"))

    with pytest.raises(BundleError, match="named twice"):
        export_bundle(["s", str(path)], tmp_path / "b.steno", full.places)


def test_what_goes_wrong_leaves_nothing(full, tmp_path):
    """Where something can't be read, there is no bundle and no part of one."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "b.steno").write_text("what was there")
    os.chmod(full.places.artefacts / "s" / "logs" / "k.json", 0)
    if os.geteuid() == 0:  # who may read everything: so it is damaged instead
        path = next(full.places.sessions.glob("*/s.jsonl"))
        path.with_name("s.jsonl.zst").write_bytes(b"no zstd")
        path.unlink()

    with pytest.raises(StenoError):
        export_bundle(["s"], folder / "b.steno", full.places)

    assert os.listdir(folder) == ["b.steno"]
    assert (folder / "b.steno").read_text() == "what was there"


def test_progress(full, tmp_path):
    """Whoever waits is told how far it has come."""
    told = []

    export_bundle(
        ["s"], tmp_path / "b.steno", full.places, progress=lambda *how_far: told.append(how_far)
    )

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
