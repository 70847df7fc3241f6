"""Where things lie."""

from pathlib import Path

from steno.storage.home import find_home


def test_argument_then_environment_then_default(monkeypatch, tmp_path):
    """The argument goes before STENO_HOME, which goes before ~/.steno."""
    monkeypatch.setenv("STENO_HOME", str(tmp_path / "env"))
    assert find_home(tmp_path / "arg").path == tmp_path / "arg"
    assert find_home().path == tmp_path / "env"

    monkeypatch.delenv("STENO_HOME")
    assert find_home().path == Path("~/.steno").expanduser()


def test_places(tmp_path):
    """Everything lies under the home."""
    home = find_home(tmp_path)

    assert home.sessions == tmp_path / "sessions"
    assert home.index == tmp_path / "sessions.db"
    assert home.configuration == tmp_path / "steno.yaml"
    assert home.dead_letters == tmp_path / "dead-letters"
