"""Where a bundle's passphrase comes from: never from an argument, which other users can see."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steno.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")

VARIABLE = "STENO_PASSPHRASE"


def passphrase_options(command: _F) -> _F:
    """Add ``--passphrase-file`` and ``--ask-passphrase``."""
    command = click.option(
        "--ask-passphrase", is_flag=True, help="Ask for the bundle's passphrase."
    )(command)
    return click.option(
        "--passphrase-file", metavar="FILE",
        help="A file whose first line is the bundle's passphrase; or STENO_PASSPHRASE has it.",
    )(command)  # fmt: skip


def given_passphrase(file: str | None, *, ask: bool, twice: bool) -> str | None:
    """Return the passphrase that the options or the environment give; None where there is none.

    Args:
        file: What ``--passphrase-file`` names.
        ask: Ask a person.
        twice: Ask once more, because a mistake would be found too late.

    Raises:
        ArchiveError: The file can't be read, or holds none.
        BundleError: The passphrase is empty.
    """
    if file is not None and ask:
        raise click.UsageError("either --passphrase-file or --ask-passphrase")
    if file is not None:
        from steno.archives.choosing import read_password  # most bundles need none

        return read_password(file, "--passphrase-file")
    found = os.environ.get(VARIABLE)
    if ask:
        found = click.prompt("passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    if found is not None and not found.strip():
        raise BundleError(f"the passphrase is empty; {VARIABLE} may be set to nothing")
    return found


def ask_if_needed(file: str | None, *, ask: bool) -> Callable[[], str | None]:
    """Give a function that finds the passphrase, and asks at a terminal where nothing gives it."""

    def find() -> str | None:
        found = given_passphrase(file, ask=ask, twice=False)
        if found is None and sys.stdin.isatty():
            found = given_passphrase(None, ask=True, twice=False)
        return found

    return find
