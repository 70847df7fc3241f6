"""The valves and what is made of them."""

import importlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from steno.integrations.open_webui import valves

SEED = {
    "SESSION_LOG_STORE_ENABLED": False,
    "SESSION_LOG_DIR": "session_logs",
    "SESSION_LOG_ZIP_PASSWORD": "",
    "SESSION_LOG_RETENTION_DAYS": 90,
    "SESSION_LOG_CLEANUP_INTERVAL_SECONDS": 3600,
    "SESSION_LOG_ZIP_COMPRESSION": "deflated",
    "SESSION_LOG_ZIP_COMPRESSLEVEL": None,
    "SESSION_LOG_MAX_LINES": 20_000,
    "SESSION_LOG_FORMAT": "both",
}


@pytest.fixture
def loaded(monkeypatch, home):
    """Return what loads the valves under an environment."""

    def load(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(valves)

    yield load
    monkeypatch.undo()
    importlib.reload(valves)


def test_defaults(loaded):
    """The eight valves of the specification, and the format, have the defaults that it names."""
    made = loaded().LogValves()

    assert {name: getattr(made, name) for name in SEED} == SEED
    assert made.LOG_LEVEL == "INHERIT"
    assert loaded().LogUserValves().LOG_LEVEL == "INHERIT"


def test_environment(loaded):
    """A variable of a valve's name is its default."""
    made = loaded(SESSION_LOG_DIR="/var/chats", SESSION_LOG_MAX_LINES="100").LogValves()

    assert made.SESSION_LOG_DIR == "/var/chats"
    assert made.SESSION_LOG_MAX_LINES == 100


def test_empty_environment(loaded):
    """A variable that is empty, as compose files write it, takes nothing away from the others."""
    made = loaded(SESSION_LOG_ZIP_PASSWORD="", SESSION_LOG_RETENTION_DAYS="7").LogValves()

    assert (made.SESSION_LOG_ZIP_PASSWORD, made.SESSION_LOG_RETENTION_DAYS) == ("", 7)


def test_wrong_environment(loaded, capsys):
    """A variable that says nothing sensible is said, and the host starts all the same."""
    made = loaded(SESSION_LOG_MAX_LINES="many", SESSION_LOG_DIR="/var/chats").LogValves()

    assert made.SESSION_LOG_MAX_LINES == 20_000
    assert made.SESSION_LOG_DIR == "/var/chats"
    assert "archive.max_lines is 'many'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "VERBOSE"),
        ("SESSION_LOG_RETENTION_DAYS", 0),
        ("SESSION_LOG_CLEANUP_INTERVAL_SECONDS", 59),
        ("SESSION_LOG_ZIP_COMPRESSION", "zip"),
        ("SESSION_LOG_ZIP_COMPRESSLEVEL", 10),
        ("SESSION_LOG_MAX_LINES", 99),
        ("SESSION_LOG_FORMAT", "xml"),
    ],
)
def test_bounds(name, value):
    """A valve takes only what the archives can do; the host shows the error."""
    with pytest.raises(ValidationError):
        valves.LogValves(**{name: value})


def test_settings():
    """The archive's settings are what the valves say."""
    made = valves.LogValves(
        SESSION_LOG_STORE_ENABLED=True,
        SESSION_LOG_DIR="/a",
        SESSION_LOG_ZIP_PASSWORD=" secret ",
        SESSION_LOG_RECIPIENTS="age1x, age1y,",
    )
    settings = valves.archive_settings(made)

    assert (settings.enabled, settings.directory, settings.password) == (True, Path("/a"), "secret")
    assert settings.recipients == ("age1x", "age1y")


@pytest.mark.parametrize("made", [None, object()])
def test_no_valves(made):
    """A function without these valves archives nothing."""
    assert not valves.archive_settings(made).enabled


LEFT = """
import sys
from pathlib import Path
from steno.archives.archivist import Archivist
from steno.archives.identifiers import ArchiveIds
from steno.archives.settings import ArchiveSettings
from steno.logs.lines import LogLine
import time, os, signal
archivist = Archivist(ArchiveSettings(enabled=True, directory=Path(sys.argv[1]), password="pw"))
spool = archivist.open(ArchiveIds("u1", "s1", "c1", "m1", "r1"))
spool.take(LogLine(time.time(), 10, "DEBUG", "l", "left behind"))
archivist.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_start(tmp_path):
    """What a killed worker left is sealed when the host makes the valves: no turn is needed."""
    subprocess.run([sys.executable, "-c", LEFT, str(tmp_path)], check=False, timeout=60)
    assert list((tmp_path / ".spool").iterdir())
    valves.LogValves(
        SESSION_LOG_STORE_ENABLED=True,
        SESSION_LOG_DIR=str(tmp_path),
        SESSION_LOG_ZIP_PASSWORD="pw",
        STENO_HOME=str(tmp_path / "home"),
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "u1" / "c1" / "m1.zip").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
