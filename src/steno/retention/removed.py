"""What was removed, so that the index and the artefacts go with it, whatever dies in between.

Strategy: before transcripts go, they are written down. When one is gone, its rows in the index and
its artefacts follow; if the process dies before that, the next round finds the entry and does it.
First the file, then the rows: a recorder that lags behind may read a file that is there, but none
that is gone. What a recorder still had in memory may come back into the index later; so entries
stay for a day, and each round looks for such rows.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.errors import StenoError
from steno.identity import safe_name
from steno.retention.plan import DAY_S, TOUCHED_S
from steno.storage.below import newest_below, open_folder, remove_tree
from steno.storage.compressed import PACKED
from steno.storage.derived import remove_database
from steno.storage.files import replace_file
from steno.storage.sealed import SEALED
from steno.transcripts.finding import find_days
from steno.writers.sqlite import SqliteWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from steno.storage.holds import Holds


class Entry(Struct, frozen=True):
    """A transcript that goes.

    Attributes:
        path: Its plain name.
        session_id: Its session.
        inode: The number of its file, and
        modified_ns: when it changed, by which one that begins anew is told from it.
        at: When, in seconds since the epoch.
        settled: The index has forgotten it, and its artefacts are gone.
    """

    path: str
    session_id: str
    inode: int
    modified_ns: int
    at: float
    settled: bool = False


class Removed:
    """The list of what was removed from a home."""

    def __init__(
        self,
        path: Path,
        *,
        sessions: Path,
        index: Path,
        artefacts: Path,
        search: Path,
        holds: Holds | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Name the places; used by whoever holds the lock."""
        self._path = path
        self._holds = holds
        self._now = now
        self._sessions = sessions
        self._index = index
        self._artefacts = artefacts
        self._search = search
        self._entries: dict[str, Entry] = {}
        self._writer: SqliteWriter | None = None
        self._refused: str | None = None
        self._otherwise: dict[tuple[str, ...], list[str]] | None = None

    def read(self) -> None:
        """Read what earlier rounds have left; lines that can't be read are passed over."""
        with contextlib.suppress(FileNotFoundError):
            for line in self._path.read_bytes().splitlines():
                with contextlib.suppress(msgspec.MsgspecError):
                    entry = msgspec.json.decode(line, type=Entry)
                    self._entries[entry.path] = entry

    def note(self, entries: Iterable[Entry]) -> None:
        """Write down what will go.

        Raises:
            OSError: It can't be written down, so nothing may go.
        """
        added = {entry.path: entry for entry in entries}
        if added:
            self._entries |= added
            self._write()

    def _write(self) -> None:
        lines = [msgspec.json.encode(entry) + b"\n" for entry in self._entries.values()]
        replace_file(self._path, b"".join(lines))

    def settle(self, path: str) -> int:
        """Let the index forget a transcript that is gone, and remove its artefacts.

        Returns:
            Bytes of artefacts that were removed.

        Raises:
            OSError: An artefact can't be removed; the next round tries again.
            StenoError: The index can't be written; as above.
        """
        entry = self._entries[path]
        again = _look_at(path)
        if again == (entry.inode, entry.modified_ns):
            del self._entries[path]  # it was kept after all
            return 0
        freed = 0
        if not self._has_transcript(path) and not self._is_sealed(entry.session_id):
            freed = self._remove_artefacts(entry.session_id)
        # It can't forget single words; whoever searches next makes it anew.
        remove_database(self._search)
        self._forget(entry, begun_anew=again is not None)
        self._entries[path] = msgspec.structs.replace(entry, settled=True)
        return freed

    def _is_sealed(self, session_id: str) -> bool:
        """Tell whether the folder is that of a sealed incident, whose transcript lies in it."""
        folder = self._artefacts / safe_name(session_id)
        try:
            return any(name.endswith(SEALED) for name in os.listdir(folder))
        except FileNotFoundError:
            return False

    def _remove_artefacts(self, session_id: str) -> int:
        name = safe_name(session_id)
        if not os.path.lexists(self._artefacts / name):
            return 0
        with contextlib.ExitStack() as stack:
            if self._holds is not None:
                stack.enter_context(self._holds.steady())
                if any(hold.session_id == session_id for hold in self._holds.read()):
                    raise StenoError("the session is held, so its artefacts stay")
            folder = stack.enter_context(open_folder(self._artefacts))
            # A recorder writes an artefact first, and then the line that names it.
            if abs(self._now() - newest_below(folder, name)) < TOUCHED_S:
                raise StenoError("an artefact was written within the hour; the next round looks")
            return remove_tree(folder, name)

    def _has_transcript(self, path: str) -> bool:
        """Tell whether a session has a transcript in the folder of any day."""
        name = os.path.basename(path)
        return any(
            os.path.lexists(self._sessions / day / form)
            for day in find_days(self._sessions)
            for form in (name, name + PACKED)
        )

    def _forget(self, entry: Entry, *, begun_anew: bool) -> None:
        if not self._index.is_file() or not self._index.stat().st_size:
            return
        if self._refused is not None:
            raise StenoError(self._refused)
        try:
            if self._writer is None:
                self._writer = SqliteWriter(self._index)
            for other in self._find_otherwise(entry.path):
                self._writer.forget_transcript(other)
            self._writer.forget_transcript(entry.path, entry.session_id)
            if begun_anew:
                # A session went on at this very moment: what it wrote since is read anew.
                self._writer.index_transcript(entry.path)
            while not self._writer.catch_up():
                pass  # what other transcripts of the session say
        except StenoError as error:
            # Once is enough: a database that is locked is not waited for with each transcript.
            self._refused = error.message
            raise

    def _find_otherwise(self, path: str) -> list[str]:
        """Find what the index calls a transcript where the home was reached by another name."""
        assert self._writer is not None
        if self._otherwise is None:
            root = os.path.join(os.fspath(self._sessions), "")
            self._otherwise = {}
            for known in self._writer.list_transcripts():
                if not known.startswith(root):
                    place = tuple(known.split(os.sep)[-2:])
                    self._otherwise.setdefault(place, []).append(known)
        found = self._otherwise.get(tuple(path.split(os.sep)[-2:]), [])
        return [known for known in found if _look_at(known) is None]

    def settle_rest(self, now: float, *, stopped: Callable[[], bool]) -> tuple[int, list[str]]:
        """Do what earlier rounds have left undone, and look for rows that came back.

        Returns:
            Bytes of artefacts that were removed, and what went wrong.
        """
        freed, errors = 0, []
        known = self._find_known()
        for path, entry in list(self._entries.items()):
            if stopped():
                break
            try:
                if not entry.settled or path in known or entry.session_id in known:
                    freed += self.settle(path)
            except (OSError, StenoError) as error:
                errors.append(f"{path} is gone, but not all that belongs to it: {error}")
            if entry.settled and not 0 <= now - entry.at <= DAY_S:
                self._entries.pop(path, None)
        return freed, errors

    def _find_known(self) -> set[str]:
        """Find paths and sessions of ours that stand in the index, though their file is gone."""
        settled = [entry for entry in self._entries.values() if entry.settled]
        known: set[str] = set()
        if not settled or not self._index.is_file():
            return known
        uri = f"{self._index.absolute().as_uri()}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1)) as connection:
                for entry in settled:
                    if _look_at(entry.path) is not None:
                        continue
                    row = connection.execute(
                        "SELECT 1 FROM transcripts WHERE path = ?1 UNION ALL "
                        "SELECT 1 FROM sessions WHERE session_id = ?2 AND NOT EXISTS "
                        "(SELECT 1 FROM transcripts WHERE session_id = ?2) LIMIT 1",
                        (entry.path, entry.session_id),
                    ).fetchone()
                    if row is not None:
                        known.add(entry.path)
        except sqlite3.Error:
            return set()  # told by the one that writes; the next round looks again
        return known

    def close(self) -> None:
        """Write down what is left, and let the index go.

        Raises:
            OSError: It can't be written down.
        """
        if self._writer is not None:
            self._writer.close()
        for path, entry in list(self._entries.items()):
            # It was kept, or not looked at any more: nothing of it is left to do.
            if not entry.settled and _look_at(path) == (entry.inode, entry.modified_ns):
                del self._entries[path]
        if self._entries or self._path.exists():
            self._write()


def _look_at(path: str) -> tuple[int, int] | None:
    for form in (path, path + PACKED):
        with contextlib.suppress(OSError):
            status = os.lstat(form)
            return status.st_ino, status.st_mtime_ns
    return None
