"""What an incident has collected."""

import os

import pytest

from steno.errors import StenoError
from steno.recording.incidents.register import relative_path


def test_list(incident, password):
    """Artefacts are listed under readable names, with kind, source, path, size and count."""
    found = incident.artefacts()

    assert [(each.kind, each.source, each.count, each.status) for each in found] == [
        ("logs", "kubernetes", 2, "ok"), ("metrics", "prometheus", 1, "ok"),
        ("files", "person", None, "ok"),
    ]  # fmt: skip
    assert found[0].name.startswith("kubernetes_web-0_shop_")
    assert found[2].name == "note.txt"
    for each in found:
        assert each.size_bytes == os.stat(each.path).st_size
        assert (os.path.basename(each.path) == each.name) == (password is None)


def test_missing_and_unnoted(incident, password):
    """One that is gone is listed as missing, and one that nobody noted as what it is."""
    first, second, third = incident.artefacts()
    os.unlink(first.path)
    hidden = incident.data_dir / "logs" / ".unfinished.part"
    hidden.touch()
    written = incident.artefact_folder.write_document("traces", "found_later", [b"{}"])

    listed = incident.artefacts()

    assert [(each.relative, each.status) for each in listed] == [
        (first.relative, "missing"), (second.relative, "ok"), (third.relative, "ok"),
        (f"traces/{written.path.name}", "unnoted"),
    ]  # fmt: skip
    assert listed[-1].name == "found_later.json"


def test_unreadable(incident, password):
    """A file that nobody noted and nobody can read is told to be unreadable."""
    (incident.data_dir / "logs" / "0123456789abcdef.sealed").write_bytes(b"junk")

    assert incident.artefacts()[-1].status == "unreadable"


def test_paths(tmp_path):
    """A path is one within the folder, of one of the four kinds, and nothing else."""
    assert relative_path(tmp_path, "logs/a.json") == "logs/a.json"
    assert relative_path(tmp_path, tmp_path / "files" / "a") == "files/a"
    for path in ("", "a", "logs", "logs/", "logs/..", "logs/../state.json", "../logs/a", "/logs/a",
                 "logs/a/b", tmp_path, tmp_path / "state.json"):  # fmt: skip
        with pytest.raises(StenoError, match="no artefact"):
            relative_path(tmp_path, path)
