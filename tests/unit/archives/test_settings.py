"""The settings as the archivist uses them."""

from pathlib import Path

import pytest

from steno.archives.settings import ArchiveSettings
from steno.config import load_config


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_is_none(blank):
    """A folder, password or recipient that was left empty is the same as none."""
    settings = ArchiveSettings(directory=Path(blank), password=blank, recipients=(blank,))

    assert (settings.directory, settings.password, settings.recipients) == (None, None, ())


def test_password_is_stripped():
    """A newline at the end of a pasted password is no part of it."""
    assert ArchiveSettings(password=" pass word \n").password == "pass word"


def test_from_config(tmp_path):
    """All valves of the configuration arrive."""
    environ = {
        "SESSION_LOG_STORE_ENABLED": "true", "SESSION_LOG_DIR": str(tmp_path),
        "SESSION_LOG_ZIP_PASSWORD": "pw", "SESSION_LOG_RETENTION_DAYS": "7",
        "SESSION_LOG_CLEANUP_INTERVAL_SECONDS": "61", "SESSION_LOG_ZIP_COMPRESSION": "bzip2",
        "SESSION_LOG_ZIP_COMPRESSLEVEL": "3", "SESSION_LOG_MAX_LINES": "123",
        "SESSION_LOG_FORMAT": "jsonl",
    }  # fmt: skip
    settings = ArchiveSettings.from_config(load_config(home=tmp_path, environ=environ).archive)

    assert settings == ArchiveSettings(
        enabled=True, directory=tmp_path, password="pw", retention_days=7,
        cleanup_interval_seconds=61, compression="bzip2", compresslevel=3, max_lines=123,
        format="jsonl",
    )  # fmt: skip
