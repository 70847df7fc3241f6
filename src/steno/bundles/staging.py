"""What a bundle holds, checked, in files beside the place where they will lie.

Strategy: what is checked is what will lie there: each member is written to a new file as it is
decompressed and hashed, so nothing that changes in the bundle meanwhile can make a difference. Then
what only the contents tell is compared with what the manifest says: whose transcript it is, and
whether an archive is one of steno's, of a message that the transcript names.
"""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING

from steno.archives.layout import is_ours
from steno.bundles.gathering import read_session_file, wanted_archives
from steno.bundles.names import SEALED_TRANSCRIPT, SESSION, TRANSCRIPT
from steno.errors import BundleError
from steno.identity import safe_name
from steno.retention.covering import collect_ids
from steno.storage.files import FILE_MODE, make_folder, write_all
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steno.bundles.manifest import BundledSession
    from steno.bundles.names import Place
    from steno.bundles.places import Places
    from steno.bundles.placing import Staging
    from steno.bundles.reading import BundleReader

MAX_SIZE = 64 << 30
_ROOM = 64 << 20
"""Bytes that stay free on the disk."""

_HARMLESS = 256 << 20
_MAX_GROWTH = 2000
_HINT = "the bundle was changed or damaged; nothing was imported"


class Staged:
    """Where the members lie until they are placed.

    Attributes:
        transcripts: By safe name of the session.
        artefacts: By safe name of the session, the folder; it is there if it has files.
        archives: By name of the member.
    """

    def __init__(self, places: Places, staging: Staging) -> None:
        """Name the folders."""
        self._sessions = staging.folder_for(places.sessions) / "sessions"
        self._artefacts = staging.folder_for(places.artefacts) / "artefacts"
        self._archives = staging.folder_for(places.archives) / "archives"

    def transcript(self, session: str) -> Path:
        """Name the file of a session's transcript; its own name, so that readers know it."""
        return self._sessions / f"{session}.jsonl"

    def artefacts(self, session: str) -> Path:
        """Name the folder of a session's artefacts."""
        return self._artefacts / session

    def archive(self, place: Place) -> Path:
        """Name the file of an archive."""
        return self._archives.joinpath(*place.parts)

    def path(self, place: Place) -> Path:
        """Name the file of a member."""
        if place.kind == "transcript":
            return self.transcript(place.session)
        if place.kind == "archive":
            return self.archive(place)
        return self.artefacts(place.session).joinpath(*place.parts)


def check_size(reader: BundleReader, packed: int, folder: Path, max_size: int | None) -> None:
    """Refuse a bundle that would become too large, before anything is decompressed.

    Args:
        reader: The bundle.
        packed: Bytes of its file.
        folder: Where it would be unpacked.
        max_size: How large it may become; None for the usual bounds.

    Raises:
        BundleError: It would.
        OSError: Nobody can tell how much room there is.
    """
    limit = MAX_SIZE if max_size is None else max_size
    if reader.size > limit:
        raise BundleError(
            f"the bundle would become {reader.size:,} bytes, and {limit:,} are allowed",
            hint="--max-size allows more; nothing was imported",
        )
    if max_size is None and reader.size > max(_HARMLESS, _MAX_GROWTH * packed):
        raise BundleError(
            f"the bundle would grow from {packed:,} to {reader.size:,} bytes, as bombs do",
            hint="--max-size allows it, if you know where it comes from; nothing was imported",
        )
    system = os.statvfs(folder)
    free = system.f_bavail * system.f_frsize
    if reader.size + _ROOM > free:
        raise BundleError(
            f"the bundle would become {reader.size:,} bytes, and {free:,} are free in {folder}",
            hint="make room, or choose another home; nothing was imported",
        )


def stage(
    reader: BundleReader, staged: Staged, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write all members to their files, and check them.

    Raises:
        BundleError: One is not what it must be.
        OSError: One can't be written.
    """
    count = len(reader.manifest.members)
    for at, (fact, blocks) in enumerate(reader.members(), 1):
        _write(staged.path(reader.places[fact.path]), blocks)
        if progress is not None:
            progress(at, count)
    for session in reader.manifest.sessions:
        _check_session(session, reader, staged)


def _write(path: Path, blocks: Iterator[bytes]) -> None:
    make_folder(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, FILE_MODE)
    try:
        for block in blocks:
            write_all(fd, block)
        os.fsync(fd)
    finally:
        os.close(fd)


def _check_session(session: BundledSession, reader: BundleReader, staged: Staged) -> None:
    name = safe_name(session.session_id)
    folder = staged.artefacts(name)
    found = read_session_file(folder / SESSION)
    if found is not None and (found.id, found.sealed) != (session.session_id, session.sealed):
        raise BundleError(f"the {SESSION} of {session.session_id[:200]!r} is another's", hint=_HINT)
    if (folder / SEALED_TRANSCRIPT).exists() != session.sealed or (
        session.sealed and found is None
    ):
        raise BundleError(
            f"{session.session_id[:200]!r} is not sealed as the manifest says", hint=_HINT
        )
    if not session.sealed:
        _check_transcript(session, reader, staged, name)


def _check_transcript(
    session: BundledSession, reader: BundleReader, staged: Staged, name: str
) -> None:
    path = staged.transcript(name)
    header = read_header(path)
    if header is None or header.session_id != session.session_id:
        raise BundleError(
            f"the {TRANSCRIPT} of {session.session_id[:200]!r} is not that session's", hint=_HINT
        )
    facts = (header.session_key, header.agent_id, header.user_id, header.timestamp.astimezone(UTC))
    told = (session.session_key, session.agent_id, session.user_id, session.began)
    if facts != told:
        raise BundleError(
            f"the manifest says of {session.session_id[:200]!r} what its header does not",
            hint=_HINT,
        )
    if not session.archives:
        return
    wanted = wanted_archives(*collect_ids(path))
    for member in session.archives:
        place = reader.places[member]
        user, chat, file = place.parts
        stems = wanted.get((user, chat))
        if stems is None or (stems and file.partition(".")[0] not in stems):
            raise BundleError(
                f"{member!r} is no archive of a message of {session.session_id[:200]!r}", hint=_HINT
            )
        if not is_ours(staged.archive(place)):
            raise BundleError(f"{member!r} is no archive of steno's", hint=_HINT)
