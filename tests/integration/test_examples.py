"""The examples run as they are, and the demo shows what was recorded."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, environ):
    """Run an example in an environment."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name)], env=environ, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def environ():
    """Give an environment without keys."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


def test_demo(environ):
    """Without a key the demo says so, records four requests with a tool call, and shows them."""
    done = run("demo.py", environ)

    assert done.returncode == 0, done.stderr
    assert "No key is set" in done.stdout
    assert re.search(r"^gpt-5-mini +4 ", done.stderr, re.MULTILINE)
    assert "agent:demo:main" in done.stdout
    assert "output of what_day\n    Friday" in done.stdout
    assert "first token after" in done.stdout


def test_recording(environ):
    """The example of the library records threads, tasks and a failure."""
    done = run("recording.py", environ)

    assert done.returncode == 0, done.stderr
    assert "0 dropped, 0 failed" in done.stdout
    assert "failed: ConnectionResetError: the provider hung up" in done.stdout
    assert "words-1-thinking" in done.stdout


def test_claude(environ, served):
    """The example for Anthropic speaks the protocol."""
    done = run(
        "claude_app.py", {**environ, "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": served.url}
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("echo: ") == 2
