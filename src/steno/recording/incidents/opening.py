"""Create an incident, and resume one."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno.events.header import make_header
from steno.identity import describe_process, safe_name
from steno.recording.engine import Settings
from steno.recording.incidents.folder import IncidentFolder, find_folder
from steno.recording.incidents.ids import check_prefix, reserve_id
from steno.recording.incidents.incident import Incident
from steno.recording.incidents.state import ACTIVE, State
from steno.recording.recorder import Recorder
from steno.storage.home import find_home
from steno.storage.sealed_keys import SealKeys
from steno.writers.jsonl import JsonlWriter
from steno.writers.registry import load_writer
from steno.writers.sealed import SealedWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steno.events.header import Header
    from steno.recording.incidents.folder import Facts
    from steno.storage.home import Home

_IDENTITY = ("key", "user_id", "tags")


def create_incident(
    password: str | None,
    prefix: str,
    *,
    name: str,
    key: str | None,
    user_id: str | None,
    tags: Sequence[str],
    home: str | os.PathLike[str] | None,
) -> Incident:
    """Create an incident; see `steno.Session.create`.

    Raises:
        IdentityError: The prefix can't be used, or no id is free.
        SealError: The password is empty, or what sealing needs is not installed.
        OSError: The folder can't be made.
    """
    check_prefix(prefix)
    place = find_home(home)
    # First: it is slow, and may fail, and then nothing is to be left behind.
    keys = SealKeys.make(password) if password is not None else None
    session_id = reserve_id(place, prefix)
    folder = IncidentFolder(place.artefacts / safe_name(session_id))
    identity: dict[str, Any] = {"key": key, "user_id": user_id, "tags": list(tags)}
    try:
        State(folder, keys).change(
            lambda facts: facts.update(name=name, status=ACTIVE, usage={}, session=identity)
        )
        facts = folder.begin(session_id, keys)
    except BaseException:
        # Before `session.json` it is nobody's folder; what can't be removed is no incident.
        with contextlib.suppress(OSError):
            for left in os.listdir(folder.path):
                os.unlink(folder.path / left)
            os.rmdir(folder.path)
        raise
    return _open(place, folder, facts, keys, identity)


def resume_incident(
    session_id: str, password: str | None, *, home: str | os.PathLike[str] | None
) -> Incident:
    """Resume an incident; see `steno.Session.resume`.

    Raises:
        IdentityError: There is none of this id.
        WrongPasswordError: The password is another one, or there is none.
        SealError: Something of it is damaged, or it is not sealed and a password was given.
    """
    place = find_home(home)
    folder, facts = find_folder(place, session_id)
    keys = folder.unlock(facts, password)
    state = State(folder, keys).read()
    identity = state.get("session")
    return _open(place, folder, facts, keys, identity if isinstance(identity, dict) else {})


def _open(
    place: Home,
    folder: IncidentFolder,
    facts: Facts,
    keys: SealKeys | None,
    identity: dict[str, Any],
) -> Incident:
    header = _describe(facts, identity)
    if keys is None:
        writer = None
        recorder = Recorder(
            (JsonlWriter(place.sessions), load_writer("sqlite")(place.index)),
            Settings(dead_letters=place.dead_letters, artefacts=place.artefacts),
        )
    else:
        writer = SealedWriter(folder.transcript, keys, header)
        # No dead letters: an event that can't be stored is counted, and never lies in plain text.
        recorder = Recorder((writer,), Settings(artefacts=place.artefacts))
    try:
        return Incident(recorder, header, folder, facts, keys, writer)
    except BaseException:
        recorder.close()
        raise


def _describe(facts: Facts, identity: dict[str, Any]) -> Header:
    """Make the header: of a transcript that is there already, its own stays as it is."""
    key, user_id, tags = (identity.get(each) for each in _IDENTITY)
    try:
        created = datetime.fromisoformat(facts.created).astimezone(UTC)
    except ValueError:
        created = datetime.now(UTC)
    return make_header(
        facts.id,
        created,
        session_key=key if isinstance(key, str) else None,
        user_id=user_id if isinstance(user_id, str) else None,
        tags=tuple(each for each in tags if isinstance(each, str))
        if isinstance(tags, list)
        else (),
        **describe_process(),
    )
