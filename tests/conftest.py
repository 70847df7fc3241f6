"""Fixtures for all tests: a home of its own for each, and state put back afterwards."""

import contextlib
import os
from pathlib import Path

import pytest

import steno
from steno import notices
from steno.cli.main import main


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


@pytest.fixture
def recorded(home):
    """Record a home with three sessions: one well, one failed, one with hostile contents."""
    with steno.open(home) as recorder:
        with recorder.session("well", key="agent:main:main", user_id="u1") as session:
            with session.request(model="gpt-5", provider="openai", text="how are you?") as request:
                request.chunk("I am ")
                request.chunk("well")
                request.tool_call("search", call_id="c1", arguments='{"q":1}', success=True)
                request.response(
                    model_used="gpt-5-2026", tokens=steno.Tokens(input=10, output=20, reasoning=5)
                )
            with session.request(model="gpt-5", provider="openai") as request:
                request.response(model_used="gpt-5-2026", tokens=steno.Tokens(input=1, output=2))
        with contextlib.suppress(ValueError), recorder.session("failed", user_id="u2") as session:
            with session.request(model="claude") as request:
                raise ValueError("it broke")
        with recorder.session("../hostile\x1b[2J") as session:
            with session.request(model="\x1b]0;title\x07", text="\u202ereversed") as request:
                request.response(text="<script>alert(1)</script>\x1b[31m")
        assert recorder.flush()
    return home


@pytest.fixture
def run(capsys):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        return caught.value.code, done.out, done.err

    return run
