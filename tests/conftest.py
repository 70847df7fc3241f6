"""Fixtures for all tests: a home of its own for each, and state put back afterwards."""

import os
from pathlib import Path

import pytest

from steno import notices


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep tests away from the user's home and settings."""
    for name in list(os.environ):
        if name.startswith("STENO_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("STENO_HOME", str(home / "steno"))


@pytest.fixture(autouse=True)
def _fresh_notices():
    """Let each test hear all notices."""
    notices.reset()


@pytest.fixture(scope="session")
def data():
    """Name the folder of golden files."""
    return Path(__file__).parent / "data"


@pytest.fixture
def home(tmp_path):
    """Name a home that does not exist yet."""
    return tmp_path / "home"
