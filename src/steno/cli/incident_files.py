"""Which incident is meant, and its password: never from an argument, which other users can see."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from steno.cli.options import PASSWORD_VARIABLE
from steno.errors import IdentityError, SealError, WrongPasswordError
from steno.recording.incidents.files import IncidentFiles
from steno.recording.incidents.folder import find_folder
from steno.recording.incidents.listing import list_incidents

if TYPE_CHECKING:
    from steno.storage.home import Home

LATEST = "latest"
_MAX_SHOWN = 8


def given_password(file: str | None) -> str | None:
    """Return the password that the option or the environment gives; None where there is none.

    Raises:
        ArchiveError: The file can't be read, or holds none.
        SealError: The variable is set to nothing.
    """
    if file is not None:
        from steno.archives.choosing import read_password  # plain incidents need none

        return read_password(file).rstrip("\r")
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is not None and not password.strip():
        # Somebody meant to give one: what is created without it would lie in plain text.
        raise SealError(
            f"{PASSWORD_VARIABLE} is set to nothing",
            hint=f"give it a password, or `unset {PASSWORD_VARIABLE}` to go without one",
        )
    return password


def resolve_incident(home: Home, wanted: str) -> str:
    """Tell the id of the incident that somebody means.

    Args:
        home: The home.
        wanted: An id, the beginning of one in any case of letters, or ``latest``.

    Raises:
        IdentityError: No incident is meant, or several are.
    """
    with contextlib.suppress(IdentityError):
        return find_folder(home, wanted)[1].id
    known = list_incidents(home=home.path)
    if wanted == LATEST and known:
        return known[0].session_id
    ids = [info.session_id for info in known]
    matches = [each for each in ids if wanted and each.upper().startswith(wanted.upper())]
    exact = [each for each in matches if len(each) == len(wanted)]
    matches = exact or matches
    if len(matches) > 1:
        names = ", ".join(matches[:_MAX_SHOWN])
        more = ", ..." if len(matches) > _MAX_SHOWN else ""
        raise IdentityError(
            f"{len(matches)} incidents begin with {wanted!r}", hint=f"give more of: {names}{more}"
        )
    if not matches:
        raise IdentityError(
            f"no incident {wanted!r} in {home.artefacts}",
            hint="`steno incident list` lists them; --home chooses another home",
        )
    return matches[0]


def open_incident(home: Home, wanted: str, password_file: str | None) -> IncidentFiles:
    """Open the files of an incident; a person is asked for its password where nothing gives it.

    Raises:
        IdentityError: No incident is meant, or several are.
        WrongPasswordError: The password is another one, or there is none.
        SealError: Something of it is damaged, or it is plain and the option gives a password.
    """
    folder, facts = find_folder(home, resolve_incident(home, wanted))
    # The variable may be meant for another incident, the option is meant for this one.
    asked = facts.sealed or password_file is not None
    password = given_password(password_file) if asked else None
    if facts.sealed and password is None:
        if not sys.stdin.isatty():
            raise WrongPasswordError(
                f"{facts.id} is sealed, and no password is given",
                hint=f"give --password-file, or set {PASSWORD_VARIABLE}",
            )
        password = click.prompt("password", hide_input=True, err=True)
    return IncidentFiles(folder, facts, folder.unlock(facts, password))
