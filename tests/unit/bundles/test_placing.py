"""The folder of an import, and those that nobody finished."""

import json
import os
import subprocess
import sys

import pytest

from steno.bundles import journal
from steno.bundles.importing import import_bundle
from steno.bundles.placing import Staging, lock_imports, recover_if_needed
from steno.errors import BundleError


def test_one_at_a_time(other):
    """While one imports, another one is refused; afterwards nothing is left, not even a home."""
    code = "import sys; from steno.bundles.placing import *; from steno.bundles.places import *\n"
    code += "from pathlib import Path; h = Path(sys.argv[1])\n"
    code += "places = Places(h, h, h, h, h)\nwith lock_imports(places): pass"
    with lock_imports(other.places):
        done = subprocess.run(
            [sys.executable, "-c", code, other.path], capture_output=True, text=True, check=False
        )
        assert "another process imports" in done.stderr
    assert not other.path.exists()


def test_what_was_not_decided_goes(other):
    """What somebody prepared and never decided is cleared away."""
    folder = other.places.importing / "1-abc"
    folder.mkdir(parents=True)
    (folder / "half").write_text("half")

    assert recover_if_needed(other.places, None) == []
    assert not other.places.importing.exists()
    assert recover_if_needed(other.places, None) == []


def test_what_was_decided_is_completed(full, other, monkeypatch):
    """An import that ended among its steps is completed by the next one, in the index too."""
    bundle = full.export()
    real = os.link

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.take(bundle)
    assert not (other.places.sessions).exists() or not list(
        other.places.sessions.glob("2*/s.jsonl")
    )
    monkeypatch.setattr(os, "link", real)

    told = recover_if_needed(other.places, other.index)

    assert told == ["completed an import that was interrupted"]
    assert other.take(bundle) == [("s", "there")]
    assert other.index.exists()


def test_a_step_that_fails_takes_all_back(full, other, monkeypatch):
    """Where the disk refuses a step, the home is as it was."""
    bundle = full.export()
    other.record("kept")
    before = other.look()
    real = os.link
    calls = []

    def refuse(source, target, **named):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", target)
        return real(source, target, **named)

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(BundleError, match="No space left"):
        other.take(bundle)

    assert len(calls) == 2
    assert other.look() == before


def test_a_disk_without_room_for_the_journal(full, other, monkeypatch):
    """Where not even the journal can be turned round, what was placed is taken back all the same."""
    bundle = full.export()
    other.record("kept")
    before = other.look()

    def refuse(*arguments, **named):
        raise OSError(28, "No space left on device")

    def fill(source, target, **named):
        monkeypatch.setattr(journal, "replace_file", refuse)
        refuse()

    monkeypatch.setattr(os, "link", fill)
    with pytest.raises(BundleError, match="No space left"):
        other.take(bundle)

    assert other.look() == before


def test_a_disk_that_is_full_in_the_end(full, other, monkeypatch):
    """Where only the end can't be written down, all is in its place, and the next one clears up."""
    bundle = full.export()
    real = journal.replace_file

    def write(path, data):
        if b'"done":true' in data:
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(journal, "replace_file", write)
    done = import_bundle(bundle, other.places, index=other.index)
    assert "all is in its place" in done.trouble
    assert other.places.importing.exists()
    monkeypatch.setattr(journal, "replace_file", real)

    assert other.take(bundle) == [("s", "there")]
    assert not other.places.importing.exists()


def test_without_hard_links(full, other, monkeypatch):
    """File systems without hard links do, too."""

    def refuse(source, target, **named):
        raise PermissionError(1, "Operation not permitted", source)

    monkeypatch.setattr(os, "link", refuse)

    assert other.take(full.export()) == [("s", "imported")]
    assert list(other.places.sessions.glob("2*/s.jsonl"))


def test_a_journal_that_nobody_can_read(full, other):
    """Where nobody knows what was decided, nothing is removed and nothing imported."""
    folder = other.places.importing / "1-abc"
    folder.mkdir(parents=True)
    (folder / journal.JOURNAL).write_text("{")

    with pytest.raises(BundleError, match="can't be read"):
        other.take(full.export())
    assert (folder / journal.JOURNAL).exists()


def test_asides(other):
    """What makes room lies on the same file system, each thing for itself."""
    with lock_imports(other.places):
        staging = Staging(other.places, "x")
        assert staging.aside(other.places.sessions) != staging.aside(other.places.sessions)
        staging.close()
    assert not other.path.exists()


def test_what_was_prepared_elsewhere(other, tmp_path):
    """What an import prepared on another file system goes with it, and nothing of others'."""
    folder = other.places.importing / "1-abc"
    folder.mkdir(parents=True)
    mine, theirs = (tmp_path / "disk" / ".importing" / name for name in ("1-abc", "2-def"))
    mine.mkdir(parents=True)
    theirs.mkdir()
    (folder / "elsewhere.json").write_text(json.dumps([str(mine), str(theirs), "/etc"]))

    recover_if_needed(other.places, None)

    assert not mine.exists()
    assert theirs.exists()
    assert not other.path.exists() or not other.places.importing.exists()


def test_what_went_on_after_a_kill(full, other, monkeypatch):
    """A session that was to be replaced, and went on after the import died, is kept."""
    bundle = full.export()
    other.record("s", text="what was here")
    real = os.rename

    def interrupted(source, target, **named):
        if str(source).endswith("s.jsonl"):
            raise KeyboardInterrupt
        real(source, target, **named)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.take(bundle, on_clash="replace")
    monkeypatch.setattr(os, "rename", real)
    path = other.record("s", text="and went on")

    assert recover_if_needed(other.places, other.index) == [
        "took back an import that was interrupted"
    ]
    assert b"and went on" in path.read_bytes()
    assert not (other.places.artefacts / "s").exists()
    assert not other.places.importing.exists()


def test_a_list_of_folders_that_nobody_can_read(other):
    """A list of other folders that is damaged is an error that says what to remove."""
    folder = other.places.importing / "1-abc"
    folder.mkdir(parents=True)
    (folder / "elsewhere.json").write_text("{")

    with pytest.raises(BundleError, match="can't be read") as caught:
        recover_if_needed(other.places, None)
    assert str(folder) in caught.value.hint


def test_a_link_in_the_place_of_the_folder(full, other, tmp_path):
    """A link called .importing is not followed, and what lies where it leads is let alone."""
    (tmp_path / "theirs" / "precious").mkdir(parents=True)
    other.path.mkdir()
    other.places.importing.symlink_to(tmp_path / "theirs")

    with pytest.raises(BundleError, match=r"\.importing"):
        other.take(full.export())
    assert (tmp_path / "theirs" / "precious").is_dir()


def test_many_at_once(full, other):
    """Of imports that run at once, each does all or is refused; none trips over another's end."""
    bundle = full.export()
    code = (
        "import sys; from pathlib import Path; from steno.bundles.importing import import_bundle\n"
        "from steno.bundles.places import Places; from steno.errors import BundleError\n"
        "h = Path(sys.argv[1])\n"
        "p = Places(h, h / 'sessions', h / 'artefacts', h / 'archives', h / 'holds')\n"
        "for _ in range(60):\n"
        "    try: import_bundle(Path(sys.argv[2]), p, index=None, dry_run=True)\n"
        "    except BundleError as error: assert 'another process' in error.message, error\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, other.path, bundle], stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    ends = [each.communicate()[1] for each in running]

    assert not any(ends), ends
    assert other.take(bundle) == [("s", "imported")]
