"""The tree of files that opencode kept before its database, one for each message and part.

Two forms were seen of ``storage``: ``session/<project>/<session>.json``,
``message/<session>/<message>.json`` and ``part/<message>/<part>.json``; and before that
``session/info``, ``session/message/<session>`` and ``session/part/<session>/<message>``. What the
database beside it holds is left to the database: opencode copied all sessions into it once.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from steno.storage.foreign import open_foreign
from steno.transcripts.importers.fields import amount, decode_value
from steno.transcripts.importers.formats.opencode_store import identity_of
from steno.transcripts.importers.formats.opencode_turns import Turn
from steno.transcripts.importers.formats.verbatim import file_text
from steno.transcripts.importers.model import Conversation, Entry
from steno.transcripts.importers.times import read_time
from steno.transcripts.values import Flaw
from steno.wire.providers.reading import mapping, optional_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steno.transcripts.importers.formats.opencode_turns import Told
    from steno.transcripts.importers.source import Probe, Source

_DATABASE = "opencode.db"
_LATER = "in the database beside it, too"
_TREE = "storage"
_PARTS_OF = frozenset({"message", "part"})
_CREDENTIALS = frozenset({"auth.json", "mcp-auth.json"})
_INSIDE = {
    "session": "a part of a tree that is read as a whole",
    "message": "a part of a tree that is read as a whole",
    "part": "a part of a tree that is read as a whole",
    "todo": "a part of a tree that is read as a whole",
    "session_diff": "differences of files",
    "project": "a project",
    "permission": "permissions",
    "migration": "a mark of a migration",
}
"""What the folders of a tree hold."""


class _Place(NamedTuple):
    """Where the files of one session are.

    Attributes:
        info: The session's own file; may be missing.
        messages: Folder of its messages.
        parts: Folder of folders of parts, one for each message.
    """

    info: Path | None
    messages: Path
    parts: Path


class _Read(NamedTuple):
    """One file: its text, and what it holds if that is an object."""

    path: Path
    data: bytes
    told: dict[str, Any]


def is_tree(probe: Probe) -> bool:
    """Tell whether a folder is a tree of opencode's."""
    names = probe.names
    if "session" not in names:
        return False
    if names & _PARTS_OF:
        return True
    session = probe.path / "session"
    return any((session / name).is_dir() for name in ("info", *_PARTS_OF))


def neighbour(path: Path) -> str | None:
    """Say why a file near a tree is no transcript."""
    if path.name in _CREDENTIALS:
        return "credentials"
    folders = [parent.name for parent in path.parents]
    depth = folders.index(_TREE) if _TREE in folders else 0
    return _INSIDE.get(folders[depth - 1]) if depth else None


def conversations(source: Source) -> Iterator[Conversation]:
    """Yield the sessions of a tree, in the order of their ids.

    Raises:
        OSError: A folder can't be read.
    """
    elsewhere = _in_database(source.path)
    for session_id, place in sorted(_places(source.path).items()):
        if session_id in elsewhere:
            source.skip(_LATER)
            continue
        info = _read(source, place.info) if place.info is not None else None
        told = info.told if info is not None else {}
        times = mapping(told.get("time"))
        identity = identity_of(
            session_id,
            told,
            directory=told.get("directory"),
            parent=told.get("parentID"),
            fork=None,
            began=times.get("created"),
            project=told.get("projectID"),
            worktree=None,
        )
        yield Conversation(identity, _entries(source, session_id, place, info))


def _entries(source: Source, session_id: str, place: _Place, info: _Read | None) -> Iterator[Entry]:
    if info is not None:
        at = read_time(mapping(info.told.get("time")).get("created"))
        raw, known = file_text(info.data), bool(info.told)
        yield Entry(raw=raw, kind="session", known=known, at=at, id=session_id)
    trigger: str | None = None
    for message in _ordered(source, place.messages):
        turn = Turn(
            text(message.told.get("id")) or message.path.stem, message.told, trigger=trigger
        )
        files = _files(place.parts / message.path.stem)
        parts = ((part, part.told) for path in files if (part := _read(source, path)) is not None)
        for part, _held, tells in turn.tell(parts):
            yield _entry(part or message, tells)
        trigger = turn.hands_on
    todos = source.path / "todo" / f"{session_id}.json"
    if todos.is_file():
        todo = _read(source, todos)
        if todo is not None:
            yield Entry(raw=file_text(todo.data), kind="todo")


def _places(root: Path) -> dict[str, _Place]:
    """Find the sessions, also those whose own file is missing."""
    places: dict[str, _Place] = {}
    old = root / "session"
    for each in _folders(root / "message"):
        places[each.name] = _Place(None, each, root / "part")
    for each in _folders(old / "message"):
        places.setdefault(each.name, _Place(None, each, old / "part" / each.name))
    for project in _folders(old):
        for file in _files(project) if project.name not in _PARTS_OF else ():
            empty = _Place(None, root / "message" / file.stem, root / "part")
            places[file.stem] = places.get(file.stem, empty)._replace(info=file)
    return places


def _ordered(source: Source, folder: Path) -> Iterator[_Read]:
    """Yield a session's messages in the order in which they were made."""
    times: list[tuple[float, str, Path]] = []
    for path in _files(folder):
        message = _read(source, path, silent=True)
        told = message.told if message is not None else {}
        times.append((amount(mapping(told.get("time")).get("created")) or 0.0, path.stem, path))
    for _at, _name, path in sorted(times):
        message = _read(source, path)
        if message is not None:
            yield message


def _read(source: Source, path: Path, *, silent: bool = False) -> _Read | None:
    """Read one file; what is wrong with it is told unless `silent`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        if not silent:
            source.skip(f"can't be read: {error.strerror}")
        return None
    value = decode_value(data)
    if value is None and not silent:
        source.flaws.append(Flaw(0, len(data), "syntax", 0, path.name))
    return _Read(path, data, mapping(value))


def _entry(file: _Read, told: Told) -> Entry:
    times = mapping(file.told.get("time"))
    return Entry(
        raw=file_text(file.data),
        kind=told.kind,
        facts=told.facts,
        known=told.known and bool(file.told),
        at=read_time(times.get("created")) or read_time(times.get("start")),
        id=optional_text(file.told.get("id")) or file.path.stem,
        guessed=told.guessed if told.facts else None,
    )


def _files(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    return []


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(path for path in folder.iterdir() if path.is_dir())
    return []


def _in_database(root: Path) -> frozenset[str]:
    """List the sessions that the database beside a tree holds."""
    path = root.parent / _DATABASE
    if not path.is_file():
        return frozenset()
    # A database that can't be read holds nothing for us: then the tree is read.
    with contextlib.suppress(sqlite3.Error), open_foreign(path) as connection:
        return frozenset(str(row[0]) for row in connection.execute("SELECT id FROM session"))
    return frozenset()
