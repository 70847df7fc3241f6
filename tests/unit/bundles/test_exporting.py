"""Sessions into a bundle, whole or not at all."""

import os
import resource
import stat

import pyrage
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


def test_what_is_no_file(full, tmp_path):
    """A device, a pipe or a folder is not replaced by a bundle."""
    os.mkfifo(tmp_path / "pipe.steno")
    (tmp_path / "folder.steno").mkdir()
    (tmp_path / "link.steno").symlink_to("/dev/null")

    for name in ("pipe.steno", "folder.steno", "link.steno"):
        before = os.lstat(tmp_path / name)
        with pytest.raises(BundleError, match="no regular file"):
            full.export(name=name)
        assert os.path.samestat(os.lstat(tmp_path / name), before)


def test_a_link(full, tmp_path):
    """A link, as /dev/stdout is one, is followed and stays."""
    (tmp_path / "there").write_text("old")
    (tmp_path / "link.steno").symlink_to(tmp_path / "there")

    full.export(name="link.steno")

    assert (tmp_path / "link.steno").is_symlink()
    assert (tmp_path / "there").read_bytes().startswith(b"PK")


@pytest.mark.parametrize("how", [{}, {"passphrase": "p"}, {"recipients": True}])
def test_a_file_that_must_not_grow(full, tmp_path, how):
    """Where the file can't be written whole, it is named, and what was there before still is."""
    full.collect("files/random", os.urandom(200_000))
    if "recipients" in how:
        how = {"recipients": [str(pyrage.x25519.Identity.generate().to_public())]}
    path = tmp_path / "b.steno"
    path.write_text("what was there")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(BundleError, match=r"cannot write .*b\.steno: File too large"):
            full.export(**how)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert path.read_text() == "what was there"
    assert sorted(os.listdir(tmp_path)) == ["b.steno", "full"]
