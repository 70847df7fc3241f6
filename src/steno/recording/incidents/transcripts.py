"""Find the transcripts that an ordinary session of some id has; the newest day first."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from steno.identity import safe_name
from steno.storage.compressed import PACKED

if TYPE_CHECKING:
    from pathlib import Path

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def find_transcripts(sessions: Path, session_id: str) -> list[Path]:
    """List the transcripts of a session, by their plain names.

    Args:
        sessions: The folder of transcripts; it need not exist.
        session_id: The session's id, as it was given.

    Raises:
        OSError: The folder can't be read.
    """
    name = f"{safe_name(session_id)}.jsonl"
    try:
        days = sorted((day for day in os.listdir(sessions) if _DAY.match(day)), reverse=True)
    except FileNotFoundError:
        return []
    return [
        sessions / day / name
        for day in days
        if any(os.path.lexists(sessions / day / f"{name}{form}") for form in ("", PACKED))
    ]
