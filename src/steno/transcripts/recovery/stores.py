"""Indexes that map keys to sessions: the one in use, older copies of it, and a plugin's history.

Strategy: such an index is rewritten by a running program, so it may be torn at the moment when it
is read: then it is read again, and what is whole of a torn one still counts. One entry can name
several sessions: the current one, those before it, and those around a compaction.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from steno.transcripts.recovery.evidence import (
    CHAT_HISTORY,
    CHECKPOINT,
    EXACT,
    FAMILY,
    REPORT,
    STORE,
    Evidence,
)
from steno.transcripts.recovery.fields import UNREADABLE
from steno.transcripts.recovery.reading import open_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steno.transcripts.recovery.evidence import Claims

_ATTEMPTS = 4
_PAUSE_S = 0.05
_RECENT_S = 60.0
_LARGEST = 512 * 1024 * 1024
_SPACE = re.compile(r"[\s,]*")
_SEPARATOR = re.compile(r"[/\\]")


def read_index(
    path: str, *, pause: Callable[[float], object] = time.sleep
) -> tuple[dict[str, Any], str | None]:
    """Read an index, or what is whole of it.

    Args:
        path: The index.
        pause: Waits for so many seconds, before a torn index is read again.

    Returns:
        Its entries by key, and what is wrong with it; None where nothing is.

    Raises:
        OSError: It can't be read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    data = b""
    for attempt in range(_ATTEMPTS):
        if attempt:
            pause(_PAUSE_S)  # it is perhaps being rewritten
        try:
            with open_found(path) as file:
                age = time.time() - os.fstat(file.fileno()).st_mtime
                data = file.read(_LARGEST)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        try:
            value = msgspec.json.decode(data)
        except UNREADABLE:
            if age > _RECENT_S:
                break  # nobody is at it
            continue
        if isinstance(value, dict):
            return value, None
        return {}, "it is no object"
    entries = dict(_salvage(data.decode("utf-8", "replace")))
    return entries, f"it is damaged; {len(entries)} entries of it could be read"


def _salvage(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object up to where it is damaged."""
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{") + 1
    while at:
        try:
            key, end = decoder.raw_decode(text, _skip(text, at))
            end = _skip(text, end)
            if not isinstance(key, str) or text[end : end + 1] != ":":
                return
            value, at = decoder.raw_decode(text, _skip(text, end + 1))
        except UNREADABLE:
            return
        yield key, value


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def claim_index(
    claims: Claims, entries: dict[str, Any], source: str, folder: str, kind: str = STORE
) -> None:
    """Take what the entries of an index say.

    Args:
        claims: Where it is added.
        entries: By session key.
        source: The file that they stand in.
        folder: The folder for which they speak; "" for all.
        kind: What kind of evidence the index is: the one in use, an older copy, a database.
    """
    for key, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        for stated, identifier, said, where in _statements(key, entry):
            pointer = f"/{key.replace('~', '~0').replace('/', '~1')}{where}"
            evidence = Evidence(
                stated if kind == STORE else kind, EXACT, said, source, pointer, identifier
            )
            claims.add(evidence, folder)
        for name, said, where in _files(key, entry):
            pointer = f"/{key.replace('~', '~0').replace('/', '~1')}{where}"
            stated = CHECKPOINT if kind == STORE and where != "/sessionFile" else kind
            claims.add_file(Evidence(stated, EXACT, said, source, pointer), name, folder)


def _statements(key: str, entry: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, session id, key and place of all that an entry says."""
    identifier = entry.get("sessionId")
    if isinstance(identifier, str):
        yield STORE, identifier, key, "/sessionId"
    for at, member in enumerate(_list(entry.get("usageFamilySessionIds"))):
        if isinstance(member, str) and member != identifier:
            yield FAMILY, member, key, f"/usageFamilySessionIds/{at}"
    for holder, said, where in _checkpoints(key, entry):
        member = holder.get("sessionId")
        if isinstance(member, str):
            yield CHECKPOINT, member, said, f"{where}/sessionId"
    report = entry.get("systemPromptReport")
    if isinstance(report, dict):
        member, own = report.get("sessionId"), report.get("sessionKey")
        if isinstance(member, str) and isinstance(own, str):
            yield REPORT, member, own, "/systemPromptReport/sessionId"


def _files(key: str, entry: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, key and place of all transcripts that an entry names by their paths."""
    for holder, said, where in ((entry, key, ""), *_checkpoints(key, entry)):
        name = _file_name(holder.get("sessionFile"))
        if name is not None:
            yield name, said, f"{where}/sessionFile"


def _checkpoints(key: str, entry: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield what an entry says of compactions: an object, its key and its place."""
    for at, checkpoint in enumerate(_list(entry.get("compactionCheckpoints"))):
        if not isinstance(checkpoint, dict):
            continue
        own = checkpoint.get("sessionKey")
        said = own if isinstance(own, str) and own else key
        where = f"/compactionCheckpoints/{at}"
        yield checkpoint, said, where
        for place in ("preCompaction", "postCompaction"):
            holder = checkpoint.get(place)
            if isinstance(holder, dict):
                yield holder, said, f"{where}/{place}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _file_name(value: Any) -> str | None:
    """Return the last part of a path, which may be one of another machine and system."""
    return _SEPARATOR.split(value)[-1] or None if isinstance(value, str) else None


def claim_history(claims: Claims, entries: dict[str, Any], source: str, folder: str) -> None:
    """Take what CoClaw's chat history says: by key, a list of objects with a ``sessionId``."""
    for key, members in entries.items():
        for at, member in enumerate(_list(members)):
            identifier = member.get("sessionId") if isinstance(member, dict) else None
            if isinstance(identifier, str):
                pointer = f"/{key.replace('~', '~0').replace('/', '~1')}/{at}/sessionId"
                evidence = Evidence(CHAT_HISTORY, EXACT, key, source, pointer, identifier)
                claims.add(evidence, folder)
