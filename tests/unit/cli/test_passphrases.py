"""Where a bundle's passphrase comes from."""

import click
import pytest

from steno.cli.passphrases import ask_if_needed, given_passphrase
from steno.errors import BundleError, StenoError


def test_sources(tmp_path, monkeypatch):
    """A file goes before the environment, and without either there is none."""
    (tmp_path / "p").write_text("from a file\nmore\n")
    assert given_passphrase(None, ask=False, twice=False) is None
    monkeypatch.setenv("STENO_PASSPHRASE", "from the environment")

    assert given_passphrase(None, ask=False, twice=False) == "from the environment"
    assert given_passphrase(str(tmp_path / "p"), ask=False, twice=False) == "from a file"


def test_refusals(tmp_path, monkeypatch):
    """An empty passphrase, a file that is not there, and two sources at once are refused."""
    monkeypatch.setenv("STENO_PASSPHRASE", " ")
    with pytest.raises(BundleError, match="empty"):
        given_passphrase(None, ask=False, twice=False)
    with pytest.raises(StenoError, match="no file"):
        given_passphrase(str(tmp_path / "missing"), ask=False, twice=False)
    with pytest.raises(click.UsageError):
        given_passphrase("file", ask=True, twice=False)


def test_nobody_to_ask(monkeypatch):
    """Where there is no terminal, nobody is asked."""
    assert ask_if_needed(None, ask=False)() is None


def test_sealed_by_the_environment(recorded, run, tmp_path, monkeypatch):
    """A passphrase in the environment seals on the way out and opens on the way in."""
    monkeypatch.setenv("STENO_PASSPHRASE", "secret")
    code, _, err = run("export", "well", "--home", recorded, "-o", tmp_path / "w.steno")
    assert code == 0
    assert "sealed with a passphrase" in err

    assert run("import", tmp_path / "w.steno", "--home", tmp_path / "new")[0] == 0
    monkeypatch.setenv("STENO_PASSPHRASE", "other")
    code, _, err = run("import", tmp_path / "w.steno", "--home", tmp_path / "third")
    assert code == 1
    assert "not the one" in err
