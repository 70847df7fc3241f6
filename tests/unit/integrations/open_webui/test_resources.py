"""What the turns of a process share."""

import pytest

from steno.archives.settings import ArchiveSettings
from steno.integrations.open_webui import resources


def test_one_for_each_settings(tmp_path):
    """Turns with the same settings share an archivist; others have their own."""
    settings = ArchiveSettings(directory=tmp_path)

    assert resources.find_archivist(settings) is resources.find_archivist(
        ArchiveSettings(directory=tmp_path)
    )
    assert resources.find_archivist(settings) is not resources.find_archivist(
        ArchiveSettings(directory=tmp_path, password="x")
    )


def test_few_are_kept(tmp_path):
    """Only a few are kept, the one that was not asked for longest goes."""
    first = ArchiveSettings(directory=tmp_path / "0")
    kept = resources.find_archivist(first)
    for number in range(1, 8):
        resources.find_archivist(ArchiveSettings(directory=tmp_path / str(number)))
    assert resources.find_archivist(first) is kept
    resources.find_archivist(ArchiveSettings(directory=tmp_path / "8"))

    assert (first, "") in resources._keepings
    assert (ArchiveSettings(directory=tmp_path / "1"), "") not in resources._keepings
    assert len(resources._keepings) == 8


def test_recording(tmp_path, home):
    """Turns of one home are noted in one place."""
    assert resources.find_recording(str(tmp_path)) is resources.find_recording(str(tmp_path))


@pytest.mark.parametrize("enabled", [True, False])
def test_old_archives_go(tmp_path, home, enabled):
    """With an archivist comes who deletes old archives, unless nothing is archived."""
    settings = ArchiveSettings(enabled=enabled, directory=tmp_path)
    resources.find_archivist(settings)
    sweeper = resources._keepings[settings, ""].sweeper

    assert (sweeper._thread is not None) == enabled
    sweeper.stop()
