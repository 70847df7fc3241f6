"""The recorded program: run as if steno were not there.

Its input, output, signals and exit code are its own. A terminal sends Ctrl-C to all programs in the
foreground, so the child has it already; a signal that was sent to steno alone is passed on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from steno.errors import StenoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for a command that can't be run."""

_SENT_BY_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT})
_PASSED_ON = (
    signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGWINCH, signal.SIGCONT,
)  # fmt: skip


class CommandError(StenoError):
    """The command can't be run.

    Attributes:
        exit_code: What a shell would return.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        """Take what is wrong, and the exit code that says so."""
        super().__init__(message, hint="check the command behind --")
        self.exit_code = exit_code


async def run_child(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        variables: What its environment has beside, or instead of, this one's.

    Returns:
        Its exit code; 128 and the signal's number if a signal ended it.

    Raises:
        CommandError: It can't be run.
    """
    loop = asyncio.get_running_loop()
    # A signal that comes before the child is there must not be lost.
    early: list[signal.Signals] = []
    child: asyncio.subprocess.Process | None = None

    def deliver(number: signal.Signals) -> None:
        if child is None:
            early.append(number)
        elif child.returncode is None and not (number in _SENT_BY_TERMINAL and _is_foreground()):
            child.send_signal(number)

    for number in _PASSED_ON:
        loop.add_signal_handler(number, deliver, number)
    try:
        try:
            child = await asyncio.create_subprocess_exec(*command, env={**os.environ, **variables})
        except FileNotFoundError as error:
            raise CommandError(f"there is no command {command[0]!r}", NOT_FOUND) from error
        except OSError as error:
            raise CommandError(
                f"cannot run {command[0]!r}: {error.strerror}", NOT_EXECUTABLE
            ) from error
        for number in early:
            deliver(number)
        code = await child.wait()
    finally:
        for number in _PASSED_ON:
            loop.remove_signal_handler(number)
    return code if code >= 0 else 128 - code


def _is_foreground() -> bool:
    """Tell whether the terminal sends its signals to this program and its child alike."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
