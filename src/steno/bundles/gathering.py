"""What belongs to a session: its transcript, its artefacts, the archives of its messages.

Strategy: everything is listed before a byte is written, so that a session that is not whole is
refused while nothing is there yet. A transcript that somebody writes to is taken up to the last
whole line of this moment; a compressed one as the text that it holds. Links and unfinished files
are no artefacts: they are left out, and said to be.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import Struct

from steno.archives.identifiers import ArchiveIds
from steno.archives.layout import find_archives, folder_names, stem_of
from steno.bundles.manifest import BundledSession, is_day
from steno.bundles.names import (
    SEALED_TRANSCRIPT,
    SESSION,
    archive_name,
    artefact_name,
    transcript_name,
)
from steno.bundles.writing import BLOCK
from steno.errors import BundleError, IdentityError
from steno.identity import safe_name
from steno.retention.covering import collect_ids
from steno.storage.compressed import damage_of, is_packed, open_text, plain_name
from steno.storage.lease import find_touched
from steno.transcripts.finding import resolve_session
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from pathlib import Path

    from steno.bundles.places import Places

_MAX_SESSION_FILE = 1 << 20
_LOCKS = frozenset({".lock", ".recorders"})
"""Marks of those who work on an incident at this moment; they mean nothing elsewhere."""

_PACKED_ENDS = re.compile(r"\.(?:zst|sealed|zip|age|gz|bz2|xz|7z|png|jpe?g|webp|mp4)\Z")
"""What compressing again would not make smaller."""


class Source(Struct, frozen=True):
    """A member to be.

    Attributes:
        name: Its name.
        path: The file, for people.
        blocks: Gives its contents.
        packed: They are worth compressing.
    """

    name: str
    path: str
    blocks: Callable[[], Iterator[bytes]]
    packed: bool


class Gathered(Struct, frozen=True):
    """A session with all that belongs to it.

    Attributes:
        session: What the manifest says of it.
        sources: Its members.
        left_out: Files that were left out, and why.
    """

    session: BundledSession
    sources: list[Source]
    left_out: list[str]


class SessionFile(Struct, frozen=True):
    """As much of an incident's ``session.json`` as a bundle needs to know."""

    id: str = ""
    sealed: bool = False


def read_session_file(path: Path) -> SessionFile | None:
    """Read the ``session.json`` of an incident's folder; None where there is none.

    Raises:
        BundleError: It is there, and can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SESSION_FILE)
        return msgspec.json.decode(data, type=SessionFile)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path} can't be read: {error}") from error


def gather(
    wanted: str, places: Places, taken: set[str], *, artefacts: bool = True, archives: bool = True
) -> Gathered:
    """List all that belongs to a session.

    Args:
        wanted: As `resolve_session` takes it; or the id of a sealed session.
        places: The home.
        taken: Members that there are already, in small letters; those of the session are added.
        artefacts: Take its artefacts along.
        archives: Take its archives along.

    Raises:
        IdentityError: No session is meant, or several are.
        BundleError: It can't be carried as a whole.
    """
    folder = places.artefacts / safe_name(wanted)
    if (folder / SEALED_TRANSCRIPT).is_file():
        found = read_session_file(folder / SESSION)
        if found is None or not found.sealed or found.id != wanted:
            raise BundleError(
                f"{folder} holds a sealed transcript, but its {SESSION} does not belong to it",
                hint="nothing was exported; restore the file from a copy",
            )
        sources, left_out = _list_artefacts(folder, safe_name(wanted), taken)
        return Gathered(BundledSession(session_id=wanted, sealed=True), sources, left_out)
    path = resolve_session(places.sessions, wanted)
    header = read_header(path)
    if header is None or not header.session_id:
        raise IdentityError(
            f"{path} has no header, so nobody knows whose it is",
            hint="`steno recover` tells what it holds",
        )
    name = safe_name(header.session_id)
    day = path.parent.name
    began = header.timestamp.astimezone(UTC)
    members = [_transcript(path, name, places)]
    if members[0].name.lower() in taken:
        raise BundleError(f"the session {header.session_id!r} is named twice")
    taken.add(members[0].name.lower())
    aside: list[str] = []
    if artefacts:
        more, aside = _list_artefacts(places.artefacts / name, name, taken)
        members += more
    sealed = _list_archives(path, header.user_id, places.archives) if archives else []
    members += [source for source in sealed if source.name.lower() not in taken]
    taken.update(source.name.lower() for source in sealed)
    session = BundledSession(
        session_id=header.session_id,
        sealed=False,
        day=day if is_day(day) else f"{began:%Y-%m-%d}",
        session_key=header.session_key,
        agent_id=header.agent_id,
        user_id=header.user_id,
        began=began,
        archives=tuple(source.name for source in sealed),
    )
    return Gathered(session, members, aside)


def _transcript(path: Path, name: str, places: Places) -> Source:
    relative = f"{path.parent.name}/{os.path.basename(plain_name(path))}"
    try:
        living = relative in find_touched(places.sessions)[0]
    except OSError:
        living = True  # nobody knows, so a line that is not whole is taken for one being written

    def blocks() -> Iterator[bytes]:
        with open_text(path) as file:
            yield from _read_text(file, path, living=living)

    return Source(transcript_name(name), os.fspath(path), blocks, packed=True)


def _read_text(file: BinaryIO, path: Path, *, living: bool) -> Iterator[bytes]:
    end = None
    if not is_packed(file):
        end = os.fstat(file.fileno()).st_size
        if living:
            end = _last_line_end(file.fileno(), end)
    at = 0
    while block := file.read(BLOCK if end is None else min(BLOCK, end - at)):
        at += len(block)
        yield block
    if damage := damage_of(file):
        raise BundleError(
            f"{path}: {damage}", hint="`steno recover` puts back what can be read; then export it"
        )
    if end is not None and at < end:
        raise BundleError(f"{path} has become shorter while it was read")


def _last_line_end(fd: int, size: int) -> int:
    """Tell where the last whole line ends."""
    while size:
        begin = max(0, size - BLOCK)
        at = os.pread(fd, size - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        size = begin
    return 0


def _list_artefacts(folder: Path, session: str, taken: set[str]) -> tuple[list[Source], list[str]]:
    sources: list[Source] = []
    left_out: list[str] = []
    for parts, problem in _walk(folder):
        path = os.path.join(folder, *parts)
        name = None if problem else artefact_name(session, parts, taken)
        if name is None:
            left_out.append(
                f"{path}: {problem or 'it lies too deep, or its name is too long or no text'}"
            )
            continue
        taken.add(name.lower())
        packed = _PACKED_ENDS.search(path.lower()) is None
        sources.append(Source(name, path, _reader(path), packed=packed))
    return sources, left_out


def _walk(folder: Path | str, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the files of a folder: the names that lead there, and why one is not taken."""
    try:
        with os.scandir(os.path.join(folder, *above)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        parts = (*above, entry.name)
        if entry.name in _LOCKS:
            continue
        if entry.name.startswith("."):
            yield parts, "its name begins with a dot, as those of unfinished files do"
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, *parts)
        else:
            yield parts, "" if entry.is_file(follow_symlinks=False) else "it is no regular file"


def _list_archives(path: Path, user: str | None, base: Path) -> list[Source]:
    """List the archives of the messages that a transcript names."""
    if not user or not (base / safe_name(user)).is_dir():
        return []  # to read the whole transcript would find nothing
    user, chats = collect_ids(path)
    sources: dict[str, Source] = {}
    for place, stems in wanted_archives(user, chats).items():
        for file, _ in find_archives(base.joinpath(*place)):
            name = archive_name((*place, file.name))
            fits = not stems or file.name.partition(".")[0] in stems
            if fits and file.parent == base.joinpath(*place) and name is not None:
                source = Source(name, os.fspath(file), _reader(os.fspath(file)), packed=False)
                sources[name] = source
    return list(sources.values())


def wanted_archives(
    user: str | None, chats: dict[str, tuple[str, ...]]
) -> dict[tuple[str, ...], frozenset[str]]:
    """Tell in which folders the archives of a session lie, and how their names begin.

    Args:
        user: The user.
        chats: The messages of each chat; none where only the chat is named.

    Returns:
        By user's and chat's folder, the stems; none stands for all.
    """
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for chat, messages in chats.items() if user else ():
        ids = [
            ArchiveIds(user_id=user or "", chat_id=chat, message_id=message)
            for message in messages or ("any",)
        ]
        found[folder_names(ids[0])] = frozenset(map(stem_of, ids)) if messages else frozenset()
    return found


def _reader(path: str) -> Callable[[], Iterator[bytes]]:
    def blocks() -> Iterator[bytes]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.closing(os.fdopen(os.open(path, flags), "rb", buffering=0)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleError(f"{path} is no regular file any more")
            while block := file.read(BLOCK):
                yield block

    return blocks
