"""Delete an incident: its folder, its transcript and what the index knows of it.

Strategy: nothing goes that is held, or that a living recorder writes to. First the folder gets a
hidden name, so that from this moment it is no incident any more; then the transcript goes, the
index forgets it, and the hidden folder is removed. Where a process dies in between, the next
deletion removes what is left under hidden names.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from steno.errors import IdentityError, RetentionError
from steno.identity import safe_name
from steno.recording.incidents.folder import find_folder
from steno.recording.incidents.transcripts import find_transcripts
from steno.storage.below import open_folder, remove_tree
from steno.storage.compressed import PACKED
from steno.storage.derived import remove_database
from steno.storage.files import sync_folder
from steno.storage.holds import Holds
from steno.storage.home import find_home
from steno.storage.lease import find_touched
from steno.writers.sqlite import SqliteWriter

if TYPE_CHECKING:
    from pathlib import Path

    from steno.recording.incidents.folder import Facts, IncidentFolder
    from steno.storage.home import Home

_HIDDEN = ".deleted-"


def delete_incident(session_id: str, *, home: str | os.PathLike[str] | None = None) -> list[Path]:
    """Delete an incident; see `steno.Session.delete`.

    Returns:
        What was removed.

    Raises:
        IdentityError: There is none of this id, or somebody records in it.
        RetentionError: It is held, or the holds can't be read.
        OSError: Something can't be removed; what is left goes with the next deletion.
        WriteError: The index could not forget it; the rest is gone, and `steno reindex` does it.
    """
    place = find_home(home)
    folder, facts = find_folder(place, session_id)
    transcripts = name_what_goes(place, folder, facts)[1:]
    _refuse_living(place, folder.path, session_id, transcripts)
    hidden = f"{_HIDDEN}{safe_name(session_id)}-{os.urandom(4).hex()}"
    holds = Holds(place.holds)
    with holds.steady():
        if any(hold.session_id == session_id for hold in holds.read()):
            raise RetentionError(
                f"{session_id} is held", hint=f"`steno release {session_id}` lets the hold go"
            )
        try:
            os.rename(folder.path, place.artefacts / hidden)
        except FileNotFoundError:
            raise IdentityError(f"somebody else has just deleted {session_id}") from None
        sync_folder(place.artefacts)
        for path in transcripts:
            for form in (os.fspath(path), os.fspath(path) + PACKED):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(form)
    with open_folder(place.artefacts) as above:
        for name in os.listdir(above):
            if name.startswith(_HIDDEN):
                remove_tree(above, name)
    _forget(place, session_id, transcripts)
    return [folder.path, *transcripts]


def name_what_goes(home: Home, folder: IncidentFolder, facts: Facts) -> list[Path]:
    """List what goes with an incident: its folder, and its transcripts by their plain names.

    Raises:
        OSError: The folder of transcripts can't be read.
    """
    transcripts = [] if facts.sealed else find_transcripts(home.sessions, facts.id)
    return [folder.path, *transcripts]


def _refuse_living(home: Home, folder: Path, session_id: str, transcripts: list[Path]) -> None:
    """Refuse to delete what a living recorder, of this process or another, writes to."""
    living = {folder / name for name in find_touched(folder)[0]}
    living |= {home.sessions / name for name in find_touched(home.sessions)[0]}
    if living & {folder / "transcript.sealed", *transcripts}:
        raise IdentityError(
            f"somebody records in {session_id} at this moment",
            hint="close it first: Incident.close(), or end the program that has it open",
        )


def _forget(home: Home, session_id: str, transcripts: list[Path]) -> None:
    if transcripts:
        remove_database(home.search)  # whoever searches next makes it anew
    if not transcripts or not home.index.is_file():
        return
    writer = SqliteWriter(home.index)
    try:
        for path in transcripts:
            writer.forget_transcript(os.fspath(path), session_id)
        while not writer.catch_up():
            pass  # what other transcripts of the session say
    finally:
        writer.close()
