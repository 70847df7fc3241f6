"""Where `steno show` reads; a sealed incident's transcript is decrypted in memory alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from steno.cli.output import print_damage
from steno.errors import IdentityError
from steno.storage.compressed import open_text
from steno.transcripts.conversations import Part, find_conversation
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_header, read_identity

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from steno.config import Config
    from steno.transcripts.reader import Damage


class Source(NamedTuple):
    """Where `steno show` reads.

    Attributes:
        parts: The transcripts, in the order in which they are shown.
        leases: The folder that tells whether their recorders live.
        open_file: Opens the text of one.
        sealed: It is that of a sealed incident.
    """

    parts: list[Part]
    leases: Path
    open_file: Callable[[Path], BinaryIO]
    sealed: bool = False


def find_source(config: Config, session: str, key: str | None, password_file: str | None) -> Source:
    """Find what is meant.

    Args:
        config: The settings.
        session: An id, the beginning of one, the path of a transcript, or ``latest``.
        key: A session key, in the place of a session.
        password_file: A file with the password of a sealed incident.

    Raises:
        IdentityError: Nothing is meant, or several sessions are.
        WrongPasswordError: An incident is sealed, and the password is another one, or missing.
        SealError: Its header is damaged.
    """
    sessions = config.jsonl.directory
    if key is not None:
        return Source(_find_parts(sessions, key), sessions, open_text)
    try:
        path = resolve_session(sessions, session)
    except IdentityError:
        # A sealed incident has no transcript among the others.
        sealed = _open_sealed(config.home, session, password_file)
        if sealed is None:
            raise
        return sealed
    return Source([Part(path, read_header(path))], sessions, open_text)


def _find_parts(sessions: Path, key: str) -> list[Part]:
    damage: list[Damage] = []
    parts = find_conversation(sessions, key, damage)
    for each in damage:
        print_damage(each)
    if not parts:
        raise IdentityError(
            f"no session of the key {key!r} in {sessions}",
            hint="`steno ls` lists the sessions with their keys; --home chooses another home",
        )
    return parts


def _open_sealed(
    home: str | os.PathLike[str], session: str, password_file: str | None
) -> Source | None:
    """Open the sealed transcript that somebody means; None where no incident is sealed so."""
    # Most sessions are no incidents, and do without these.
    from steno.cli.incident_files import open_incident, resolve_incident
    from steno.recording.incidents.folder import find_folder
    from steno.storage.home import find_home

    place = find_home(home)
    try:
        _, facts = find_folder(place, resolve_incident(place, session))
    except IdentityError:
        return None
    if not facts.sealed:
        return None
    files = open_incident(place, facts.id, password_file)
    path = files.folder.transcript
    if not path.exists():
        raise IdentityError(
            f"{facts.id} has no transcript",
            hint=f"nothing was recorded in it yet; `steno incident verify {facts.id}` tells "
            "whether one was removed",
        )
    with files.open_transcript(path) as file:
        header = read_identity(file)
    return Source([Part(path, header)], files.folder.path, files.open_transcript, sealed=True)
