"""Files that a program kept beside its transcripts, in which each line gives session and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.transcripts.recovery.evidence import EXACT, Claims, Evidence
from steno.transcripts.recovery.fields import decode_string, split_entry
from steno.transcripts.recovery.reading import open_found
from steno.transcripts.values import read_values

if TYPE_CHECKING:
    from steno.transcripts.flaws import Flaw

_ENOUGH_LINES = 64
_ENOUGH_BYTES = 32 * 1024 * 1024


def claim_lines(claims: Claims, path: str, kind: str, folder: str, *, whole: bool = False) -> None:
    """Take what the lines of a sidecar say.

    Args:
        claims: Where it is added.
        path: The file; each line an object with ``sessionId`` and ``sessionKey``.
        kind: What kind of evidence its lines are.
        folder: The folder for which it speaks; "" for all.
        whole: Read it to the end; otherwise 64 lines that say something are enough, for the lines
            of one file say the same.

    Raises:
        OSError: It can't be read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    flaws: list[Flaw] = []
    said = 0
    seen: set[tuple[str, str]] = set()
    with open_found(path) as file:
        for offset, data in read_values(file, flaws):
            if not whole and (said >= _ENOUGH_LINES or offset > _ENOUGH_BYTES):
                return
            if b'"sessionKey"' not in data or (entry := split_entry(data)) is None:
                continue
            identifier = decode_string(entry.get("sessionId"))
            key = decode_string(entry.get("sessionKey"))
            if identifier is None or key is None:
                continue
            said += 1
            if (identifier, key) not in seen:
                seen.add((identifier, key))
                claims.add(Evidence(kind, EXACT, key, path, str(offset), identifier), folder)
