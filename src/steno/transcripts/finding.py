"""Which transcripts there are, and which one is meant."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from steno.errors import IdentityError
from steno.identity import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_SUFFIX = ".jsonl"
_MAX_SHOWN = 8

LATEST = "latest"
"""The word for the session that was written to last."""


def find_transcripts(sessions: Path) -> Iterator[Path]:
    """Yield all transcripts of a folder, newest day first; other files are left alone."""
    try:
        days = sorted((name for name in os.listdir(sessions) if _DAY.match(name)), reverse=True)
    except OSError:
        return
    for day in days:
        try:
            names = sorted(os.listdir(sessions / day))
        except OSError:
            continue
        for name in names:
            if name.endswith(_SUFFIX) and not name.startswith("."):
                yield sessions / day / name


def resolve_session(sessions: Path, wanted: str) -> Path:
    """Find the transcript that somebody means.

    Args:
        sessions: The folder of transcripts.
        wanted: A session's id, the beginning of one, the path of a transcript, or ``latest``.

    Raises:
        IdentityError: No transcript is meant, or several are.
    """
    if wanted.endswith(_SUFFIX) and Path(wanted).is_file():
        return Path(wanted)
    paths = list(find_transcripts(sessions))
    if wanted == LATEST and paths:
        return max(paths, key=_changed)
    exact = f"{safe_name(wanted)}{_SUFFIX}"
    matches = [path for path in paths if path.name == exact]
    if not matches and wanted:
        matches = [path for path in paths if path.name.startswith(wanted)]
    if not matches:
        raise IdentityError(
            f"no session {wanted!r} in {sessions}",
            hint="`steno ls` lists the sessions; --home chooses another home",
        )
    if len(matches) > 1:
        names = ", ".join(path.name.removesuffix(_SUFFIX) for path in matches[:_MAX_SHOWN])
        more = ", ..." if len(matches) > _MAX_SHOWN else ""
        raise IdentityError(
            f"{len(matches)} sessions begin with {wanted!r}", hint=f"give more of: {names}{more}"
        )
    return matches[0]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
