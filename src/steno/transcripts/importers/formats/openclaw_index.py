"""What lies beside OpenClaw's transcripts and names them: the index, and the recording of runs.

Only what names a session exactly is read, and only what is cheap: the first line of the recording
of runs, and the index, which is kept for the next transcript of the same folder. All kinds of
evidence, graded, are `steno recover`'s.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from steno.wire.providers import reading

if TYPE_CHECKING:
    from pathlib import Path

_MAX_INDEX = 64 * 1024 * 1024
_MAX_LINE = 1024 * 1024


class Named(Struct, frozen=True):
    """What a neighbour tells of a session.

    Attributes:
        key: The session's key.
        source: Which neighbour tells it: ``trajectory`` or ``sessions.json``.
        title: What the session is called.
        spawned_by: Key of the session that began it.
    """

    key: str
    source: str
    title: str | None = None
    spawned_by: str | None = None


class _IndexEntry(Struct):
    sessionId: Any = None  # noqa: N815 - its name in the file
    usageFamilySessionIds: Any = None  # noqa: N815
    displayName: Any = None  # noqa: N815
    label: Any = None
    subject: Any = None
    spawnedBy: Any = None  # noqa: N815


class _TrajectoryLine(Struct):
    sessionId: Any = None  # noqa: N815
    sessionKey: Any = None  # noqa: N815


def find_name(path: Path, session_id: str, suffix: str) -> Named | None:
    """Look for what names a transcript beside it; what can't be read names nothing.

    Args:
        path: The transcript.
        session_id: Its session.
        suffix: What stands behind ``.jsonl`` in its name, such as ``.deleted.<time>``: the
            recording of runs is put aside under the same.
    """
    indexed = _read_index_beside(path.parent).get(session_id)
    for end in dict.fromkeys((suffix, "")):
        # Ids from outside choose no path: a name with a slash in it is no neighbour.
        name = f"{session_id}.trajectory.jsonl{end}"
        key = _read_trajectory(path.parent / name, session_id) if _is_plain(name) else None
        if key is not None:
            title = indexed.title if indexed is not None else None
            spawned = indexed.spawned_by if indexed is not None else None
            return Named(key, "trajectory", title, spawned)
    return indexed


def _is_plain(name: str) -> bool:
    return "/" not in name and "\0" not in name


def _read_trajectory(path: Path, session_id: str) -> str | None:
    # What names a session may well be missing: the session is then anonymous, which is no error.
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError), path.open("rb") as file:
        line = msgspec.json.decode(file.readline(_MAX_LINE), type=_TrajectoryLine)
        if line.sessionId == session_id:
            return reading.optional_text(line.sessionKey)
    return None


def _read_index_beside(folder: Path) -> dict[str, Named]:
    with contextlib.suppress(OSError, ValueError):  # as above
        place = folder / "sessions.json"
        state = place.stat()
        if state.st_size <= _MAX_INDEX:
            return _read_index(place, state.st_mtime_ns, state.st_size)
    return {}


@functools.lru_cache(maxsize=2)
def _read_index(path: Path, _changed_ns: int, _size: int) -> dict[str, Named]:
    """Read an index, once as long as it stays as it is."""
    return parse_index(path.read_bytes())


def parse_index(data: bytes) -> dict[str, Named]:
    """Read ``sessions.json``: what it tells of each session id, past generations included.

    An id that two keys claim is left out: nothing is guessed.
    """
    try:
        entries = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    current: dict[str, list[Named]] = {}
    past: dict[str, list[Named]] = {}
    for key, raw in entries.items():
        try:
            entry = msgspec.json.decode(raw, type=_IndexEntry)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        titles = (entry.displayName, entry.label, entry.subject)
        named = Named(
            key,
            "sessions.json",
            next(filter(None, map(reading.optional_text, titles)), None),
            reading.optional_text(entry.spawnedBy),
        )
        if isinstance(entry.sessionId, str):
            current.setdefault(entry.sessionId, []).append(named)
        family = entry.usageFamilySessionIds
        for each in family if isinstance(family, list) else ():
            if isinstance(each, str):
                past.setdefault(each, []).append(named)
    return {
        session_id: claims[0]
        for session_id, claims in {**past, **current}.items()
        if len({claim.key for claim in claims}) == 1
    }
