"""The recorded program runs as if steno were not there."""

import asyncio
import os
import signal
import sys

import pytest

from steno.proxy.child import CommandError, run_child


def run(code, variables=None):
    """Run Python code as a child; returns its exit code."""
    return asyncio.run(run_child([sys.executable, "-c", code], variables or {}))


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exit_code(code):
    """The exit code is the program's."""
    assert run(f"raise SystemExit({code})") == code


def test_killed():
    """A program that a signal ended has a shell's code for it."""
    assert run("import os; os.kill(os.getpid(), 9)") == 137


def test_variables(capfd):
    """Variables are added to the environment, which is otherwise this one's."""
    run("import os; print(os.environ['GIVEN'], 'PATH' in os.environ)", {"GIVEN": "x"})

    assert capfd.readouterr().out == "x True\n"


def test_no_command():
    """A command that is not there has a shell's code for it."""
    with pytest.raises(CommandError) as caught:
        asyncio.run(run_child(["no-such-command-here"], {}))

    assert caught.value.exit_code == 127


def test_not_executable(tmp_path):
    """A file that can't be executed has a shell's code for it."""
    (tmp_path / "x").write_text("no program")
    with pytest.raises(CommandError) as caught:
        asyncio.run(run_child([str(tmp_path / "x")], {}))

    assert caught.value.exit_code == 126


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals(tmp_path, number):
    """A signal that is sent to steno reaches the program."""
    ready = tmp_path / "ready"
    code = (
        "import signal, sys, time, pathlib\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(33))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(30)"
    )

    async def main():
        task = asyncio.ensure_future(run_child([sys.executable, "-c", code], {}))
        while not ready.exists():  # noqa: ASYNC110 - another process creates it
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), number)
        return await task

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 33
