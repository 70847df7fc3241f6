"""What an incident has collected: the files that are there, and what was noted of each.

Strategy: the folder tells which artefacts there are, and the scratchpad's entries what they are.
One that was noted and is gone is listed as missing; one that is there and was never noted, because
the process died in between, is listed with what can be seen of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import SealError, StenoError
from steno.recording.incidents.scratchpad import COLLECTED
from steno.storage.artefacts import KINDS
from steno.storage.sealed import SEALED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.recording.incidents.scratchpad import Scratchpad
    from steno.storage.sealed import FileEnvelope

OK, MISSING, UNNOTED, UNREADABLE = "ok", "missing", "unnoted", "unreadable"


class Artefact(Struct, frozen=True, kw_only=True):
    """One artefact of an incident.

    Attributes:
        kind: ``logs``, ``metrics``, ``traces`` or ``files``.
        name: Its readable name; "" where it can't be read.
        relative: Its path within the session's folder.
        path: The same, absolute.
        source: Where it comes from; "" where that was not noted.
        size_bytes: Bytes on disk.
        count: Entries in it, where they were counted.
        sha256: Digest of the bytes on disk, as it was when it was saved; None where not noted.
        status: ``ok``, ``missing``, ``unnoted`` or ``unreadable``; contents are not looked at.
    """

    kind: str
    name: str
    relative: str
    path: str
    source: str = ""
    size_bytes: int = 0
    count: int | None = None
    sha256: str | None = None
    status: str = OK


def list_artefacts(
    folder: Path, scratchpad: Scratchpad, envelope: FileEnvelope | None
) -> list[Artefact]:
    """List what an incident has collected, in the order in which it was noted.

    Raises:
        SealError: The scratchpad can't be read.
        OSError: As above.
    """
    found = dict(_find(folder))
    listed = []
    for entry in scratchpad.read_entries():
        facts = entry.value if isinstance(entry.value, dict) else {}
        relative = facts.get("relative")
        if entry.op != COLLECTED or not isinstance(relative, str):
            continue
        size = found.pop(relative, None)
        kind, _, on_disk = relative.partition("/")
        digest, count, name = facts.get("sha256"), facts.get("count"), facts.get("name")
        listed.append(
            Artefact(
                kind=kind,
                name=name if isinstance(name, str) else on_disk,
                relative=relative,
                path=os.path.join(folder, relative),
                source=source if isinstance(source := facts.get("source"), str) else entry.source,
                size_bytes=size or 0,
                count=count if isinstance(count, int) else None,
                sha256=digest if isinstance(digest, str) else None,
                status=OK if size is not None else MISSING,
            )
        )
    return listed + _describe_all(folder, found, envelope)


def find_artefacts(folder: Path, envelope: FileEnvelope | None) -> list[Artefact]:
    """List the artefacts that are there, without the scratchpad, which may be damaged.

    Raises:
        OSError: The folder can't be read.
    """
    return _describe_all(folder, dict(_find(folder)), envelope)


def _describe_all(
    folder: Path, found: dict[str, int], envelope: FileEnvelope | None
) -> list[Artefact]:
    return [_describe(folder, relative, size, envelope) for relative, size in found.items()]


def _find(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the artefacts that are there, with their sizes; unfinished ones are hidden."""
    for kind in KINDS:
        try:
            with os.scandir(folder / kind) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in found:
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                yield f"{kind}/{entry.name}", entry.stat(follow_symlinks=False).st_size


def _describe(folder: Path, relative: str, size: int, envelope: FileEnvelope | None) -> Artefact:
    """Tell of a file that nobody noted what can be seen of it."""
    kind, _, name = relative.partition("/")
    path, status = os.path.join(folder, relative), UNNOTED
    if envelope is not None:
        try:
            with open(path, "rb") as file:
                name, _ = envelope.unwrap(file)
        except (OSError, SealError):
            name, status = "", UNREADABLE
    elif name.endswith(SEALED):
        status = UNREADABLE
    return Artefact(
        kind=kind, name=name, relative=relative, path=path, size_bytes=size, status=status
    )


def relative_path(folder: Path, path: str | os.PathLike[str]) -> str:
    """Tell where an artefact lies within its session's folder.

    Args:
        folder: The session's folder.
        path: The artefact's path: absolute, or within the folder.

    Raises:
        StenoError: It lies somewhere else.
    """
    given = os.fspath(path)
    parts = os.path.relpath(given, folder) if os.path.isabs(given) else os.path.normpath(given)
    kind, _, name = parts.partition("/")
    if kind not in KINDS or not name or "/" in name or name == os.pardir:
        raise StenoError(
            f"{given} is no artefact of {folder.name}",
            hint=f"one lies in {', '.join(KINDS)} below {folder}",
        )
    return f"{kind}/{name}"
