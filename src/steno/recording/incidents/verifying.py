"""Verify an incident: every chunk of every file, and that none is missing or was exchanged.

Strategy: a sealed file shows by itself whether it is what was sealed. What it can't show, others
tell: the scratchpad knows the digests of all artefacts, and the state knows how far the logs had
come. An earlier state of the whole folder, put back, is not found out.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import SealError, StenoError
from steno.recording.incidents.register import MISSING, OK, UNNOTED, find_artefacts
from steno.recording.incidents.state import known_end
from steno.storage.compressed import damage_of
from steno.storage.sealed_text import open_sealed_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from steno.recording.incidents.files import IncidentFiles
    from steno.recording.incidents.register import Artefact
    from steno.storage.home import Home

DAMAGED, TORN = "damaged", "torn"

_PIECE = 1024 * 1024


class Finding(Struct, frozen=True, omit_defaults=True):
    """What was found of one file.

    Attributes:
        path: The file.
        status: ``ok``, ``damaged``, ``missing``; ``unnoted`` of an artefact that nobody wrote down,
            and ``torn`` of a log to which a killed process left something unfinished, which
            are both no harm.
        name: Its readable name, where it has another one.
        reason: What is wrong.
        offset: Byte offset of the damage, where that is known.
    """

    path: str
    status: str
    name: str = ""
    reason: str = ""
    offset: int | None = None


class _TornError(SealError):
    """All that can't be read was never finished."""


def verify_incident(files: IncidentFiles, home: Home) -> Iterator[Finding]:
    """Look at every file of an incident, whole.

    Args:
        files: Its files.
        home: The home that it lies in.

    Yields:
        A finding for each file.
    """
    state = os.fspath(files.state)
    readable = _check(state, "", files.state.read)
    if os.path.lexists(state) or readable.status != OK:
        yield readable
    else:
        yield Finding(state, MISSING, reason="the name, the status and what was used are lost")
    yield from _find_lost_logs(files)
    if files.scratchpad.path.exists():
        yield _check(os.fspath(files.scratchpad.path), "", lambda: _read_scratchpad(files))
    for path in files.find_transcripts(home):
        yield _check(os.fspath(path), "", _reading(files, path))
    try:
        artefacts = files.artefacts()
    except (OSError, StenoError):  # told already, of the scratchpad
        artefacts = find_artefacts(files.folder.path, files.envelope)
    for artefact in artefacts:
        yield _verify_artefact(files, artefact)


def _find_lost_logs(files: IncidentFiles) -> Iterator[Finding]:
    """Miss the logs that were written to, as the state knows, and are not there."""
    try:
        state = files.state.read()
    except (OSError, StenoError):
        return  # told already
    for log, path in (
        ("scratchpad", files.scratchpad.path),
        ("transcript", files.folder.transcript),
    ):
        if known_end(state, log).frames and not os.path.lexists(path):
            yield Finding(os.fspath(path), MISSING, reason="it was written to, and is gone")


def _reading(files: IncidentFiles, path: Path) -> Callable[[], object]:
    return lambda: _read_all(files.open_transcript(path), path)


def _read_scratchpad(files: IncidentFiles) -> None:
    scratchpad, keys = files.scratchpad, files.keys
    if keys is not None:
        _read_all(
            open_sealed_text(scratchpad.path, keys, files.known_end("scratchpad")), scratchpad.path
        )
    scratchpad.read_entries()
    if scratchpad.unreadable:
        raise SealError(f"{scratchpad.unreadable} entries of {scratchpad.path} can't be read")


def _read_all(file: BinaryIO, path: Path) -> None:
    with file:
        while file.read(_PIECE):
            pass
        if damage := damage_of(file):
            if getattr(getattr(file, "raw", None), "only_torn", False):
                raise _TornError(f"{path}: {damage}")
            raise SealError(f"{path}: {damage}")


def _check(path: str, name: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except _TornError as error:
        return Finding(path, TORN, name, error.message)
    except SealError as error:
        return Finding(path, DAMAGED, name, error.message, error.offset)
    except StenoError as error:
        return Finding(path, DAMAGED, name, error.message)
    except OSError as error:
        return Finding(path, DAMAGED, name, f"it can't be read: {error.strerror}")
    return Finding(path, OK, name)


def _verify_artefact(files: IncidentFiles, artefact: Artefact) -> Finding:
    if artefact.status == MISSING:
        return Finding(
            artefact.path, MISSING, artefact.name, "it was saved, and is not there any more"
        )

    def read() -> None:
        with files.open_artefact(artefact.relative) as file:
            while file.read(_PIECE):
                pass
        if artefact.sha256 is not None and _digest(artefact.path) != artefact.sha256:
            raise SealError(
                f"{artefact.path} is not what was saved: its digest is another one",
                hint="somebody changed or exchanged it; restore it from a copy",
            )

    found = _check(artefact.path, artefact.name, read)
    if found.status == OK and artefact.status == UNNOTED:
        return Finding(
            artefact.path, UNNOTED, artefact.name, "it is there, and nobody noted that it was saved"
        )
    return found


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
