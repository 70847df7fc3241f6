"""The group of all commands."""

import os
import subprocess
import sys

import pytest

from steno.cli.main import _COMMANDS
from steno.version import VERSION


def test_version(run):
    """The version is printed."""
    assert run("--version") == (0, f"steno {VERSION}\n", "")


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_has_help_with_examples(command, run):
    """Every command explains itself, with examples."""
    words = [command, "show"] if command == "config" else [command]

    code, out, _ = run(*words, "--help")

    assert code == 0
    assert "Examples:" in out
    assert f"steno {words[0]}" in out


def test_help_lists_all_commands(run):
    """The help of the group names every command."""
    _, out, _ = run("--help")

    assert all(command in out for command in _COMMANDS)


def test_a_mistyped_command(run):
    """A mistyped command is wrong use, with a suggestion."""
    code, _, err = run("lss")

    assert code == 2
    assert "Did you mean 'ls'?" in err


def test_debug_shows_the_traceback(home):
    """With --debug an error keeps its traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "steno", "--debug", "show", "x", "--home", str(home)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away(recorded):
    """When the reader of the output goes away, there is no traceback."""
    done = subprocess.run(
        f"{sys.executable} -m steno sql 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        f"FROM n LIMIT 100000) SELECT i FROM n' --json --home {recorded} | head -1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout == '{"i":1}\n'
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_version_loads_nothing_heavy():
    """`steno --version` loads no database driver, no YAML and no tables."""
    script = (
        "import sys\nfrom steno.cli.main import main\nsys.argv = ['steno', '--version']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(', '.join({'sqlite3', 'yaml', 'rich', 'asyncio'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_full_disk(recorded):
    """Output that can't be written is an error in one line."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "steno", "ls", "--home", str(recorded)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines() == ["steno: error: [Errno 28] No space left on device"]


def test_a_terminal_without_the_characters(recorded):
    """What a terminal's encoding can't show is escaped; JSON is UTF-8 everywhere."""
    query = "SELECT '\U0001f600' AS x"

    def ask(*options):
        return subprocess.run(
            [sys.executable, "-m", "steno", "sql", query, "--home", str(recorded), *options],
            capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        ).stdout  # fmt: skip

    assert ask() == b"x\n\\U0001f600\n"
    assert ask("--csv") == b"x\r\n\\U0001f600\r\n"
    assert ask("--json") == '{"x":"\U0001f600"}\n'.encode()


def test_a_defect_is_one_line(run, monkeypatch):
    """An error that nobody foresaw is one line, with the way to its traceback."""

    def fail(*_, **__):
        raise RuntimeError("it \x1b[2J broke")

    monkeypatch.setattr("steno.cli.main.group.main", fail)

    code, _, err = run("ls")
    assert code == 1
    assert "steno: error: RuntimeError: it \\u001b[2J broke" in err
    assert "--debug" in err
