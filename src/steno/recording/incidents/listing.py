"""List the incidents of a home; no password is needed, and none is asked for."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import StenoError
from steno.events.codec import format_timestamp
from steno.recording.incidents.folder import IncidentFolder
from steno.recording.incidents.state import State
from steno.storage.below import newest_below, open_folder
from steno.storage.home import find_home

if TYPE_CHECKING:
    from pathlib import Path


class IncidentInfo(Struct, frozen=True, kw_only=True):
    """What can be told of an incident without its password.

    Attributes:
        session_id: Its id; of one whose ``session.json`` is damaged, the name of its folder.
        created: When it was created; in UTC.
        sealed: It has a password.
        path: Its folder.
        updated: When something of it last changed; in UTC.
        size_bytes: Bytes in its folder; a plain one's transcript lies elsewhere.
        status: ``active``, ``completed`` or ``failed``; None where it is sealed.
        name: What it is called; None where it is sealed.
        error: Why nothing can be told of it.
    """

    session_id: str
    created: str
    sealed: bool
    path: str
    updated: str
    size_bytes: int
    status: str | None = None
    name: str | None = None
    error: str | None = None


def list_incidents(
    *, home: str | os.PathLike[str] | None = None, prefix: str | None = None
) -> list[IncidentInfo]:
    """List incidents, the newest first; see `steno.Session.list`.

    Raises:
        OSError: The folder of artefacts can't be read.
    """
    artefacts = find_home(home).artefacts
    try:
        names = os.listdir(artefacts)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if name.startswith(".") or not name.startswith(f"{prefix}-" if prefix else ""):
            continue
        info = _look(artefacts, name)
        if info is not None:
            found.append(info)
    return sorted(found, key=lambda info: (info.created, info.session_id), reverse=True)


def _look(artefacts: Path, name: str) -> IncidentInfo | None:
    folder = IncidentFolder(artefacts / name)
    try:
        facts = folder.read()
        state = {} if facts.sealed else State(folder, None).read()
    except (FileNotFoundError, NotADirectoryError):
        return None  # the artefacts of an ordinary session
    except (OSError, StenoError) as error:
        changed, size = _measure(artefacts, name)
        return IncidentInfo(
            session_id=name, created="", sealed=False, path=os.fspath(folder.path),
            updated=changed, size_bytes=size, error=str(error),
        )  # fmt: skip
    changed, size = _measure(artefacts, name)
    return IncidentInfo(
        session_id=facts.id,
        created=facts.created,
        sealed=facts.sealed,
        path=os.fspath(folder.path),
        updated=changed,
        size_bytes=size,
        status=None if facts.sealed else str(state.get("status", "")),
        name=None if facts.sealed else str(state.get("name", "")),
    )


def _measure(artefacts: Path, name: str) -> tuple[str, int]:
    """Tell when a folder's files last changed, and how large they are."""
    with open_folder(artefacts) as fd:
        newest = newest_below(fd, name)
    size = 0
    for above, _, files in os.walk(artefacts / name):
        for file in files:
            try:
                size += os.lstat(os.path.join(above, file)).st_size
            except FileNotFoundError:
                continue  # an unfinished file that has just got its name
    return format_timestamp(datetime.fromtimestamp(newest, UTC)), size
