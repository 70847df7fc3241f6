"""Which transcripts there are, and which one is meant."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from steno.errors import IdentityError, TranscriptError
from steno.identity import safe_name
from steno.storage.compressed import PACKED, plain_name
from steno.transcripts.reader import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_DERIVED = re.compile(r"--[0-9a-f]{16}\Z")
_SUFFIX = ".jsonl"
_MAX_SHOWN = 8

LATEST = "latest"
"""The word for the session that was written to last."""


def find_days(sessions: Path) -> list[str]:
    """List the names of the folders of days, newest first."""
    try:
        return sorted((name for name in os.listdir(sessions) if _DAY.match(name)), reverse=True)
    except OSError:
        return []


def list_day(sessions: Path, day: str) -> list[str]:
    """List the file names of one day's transcripts, compressed ones included.

    Where one is there in both forms, because somebody was killed, the plain one is meant.
    """
    try:
        with os.scandir(sessions / day) as entries:
            # Only files: to open a pipe of that name would wait for ever.
            names = {
                entry.name
                for entry in entries
                if entry.name.endswith((_SUFFIX, _SUFFIX + PACKED))
                and not entry.name.startswith(".")
                and _is_file(entry)
            }
    except OSError:
        return []
    return sorted(
        name for name in names if not name.endswith(PACKED) or plain_name(name) not in names
    )


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False  # a link in a circle; the day's other files are none the worse for it


def name_of(path: str | os.PathLike[str]) -> str:
    """Tell a transcript's name without its suffixes: the session's id, where that is plain."""
    return os.path.basename(plain_name(path)).removesuffix(_SUFFIX)


def find_transcripts(sessions: Path) -> Iterator[Path]:
    """Yield all transcripts of a folder, newest day first; other files are left alone."""
    for day in find_days(sessions):
        for name in list_day(sessions, day):
            yield sessions / day / name


def resolve_session(sessions: Path, wanted: str) -> Path:
    """Find the transcript that somebody means.

    Args:
        sessions: The folder of transcripts.
        wanted: A session's id, the beginning of one, the path of a transcript, or ``latest``.

    Raises:
        IdentityError: No transcript is meant, or several are.
    """
    if wanted.endswith((_SUFFIX, _SUFFIX + PACKED)):
        for form in (plain_name(wanted), plain_name(wanted) + PACKED):
            if Path(form).is_file():
                return Path(form)
    paths = list(find_transcripts(sessions))
    if wanted == LATEST and paths:
        return max(paths, key=_changed)
    exact = safe_name(wanted)
    matches = [path for path in paths if name_of(path) == exact]
    if not matches and wanted:
        matches = [path for path in paths if path.name.startswith(wanted)]
    if not matches and wanted:
        matches = [path for path in paths if _begins_with(path, wanted)]
    if not matches:
        raise IdentityError(
            f"no session {wanted!r} in {sessions}",
            hint="`steno ls` lists the sessions; --home chooses another home",
        )
    if len(matches) > 1:
        shown = [name_of(path) for path in matches[:_MAX_SHOWN]]
        if len(set(shown)) < len(shown):
            shown = [str(path) for path in matches[:_MAX_SHOWN]]
        names = ", ".join(shown)
        more = ", ..." if len(matches) > _MAX_SHOWN else ""
        raise IdentityError(
            f"{len(matches)} sessions begin with {wanted!r}", hint=f"give more of: {names}{more}"
        )
    return matches[0]


def _begins_with(path: Path, wanted: str) -> bool:
    """Tell whether an id that can't be a file name begins like this; its header knows it."""
    if _DERIVED.search(name_of(path)) is None:
        return False
    try:
        header = read_header(path)
    except TranscriptError:
        return False
    return header is not None and header.session_id.startswith(wanted)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
