"""The folder of an import, and those that nobody finished."""

import json
import os
import subprocess
import sys

import pytest

from steno.bundles import journal
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
    with pytest.raises(OSError, match="No space left"):
        other.take(bundle)

    assert len(calls) == 2
    assert other.look() == before


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
