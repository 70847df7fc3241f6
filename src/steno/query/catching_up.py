"""Bring the database of words up to date with the transcripts.

Strategy: whoever searches does it first, so that those who record never pay for it. A transcript
that looks as it did is not opened; of one that has grown, what is new is read, if the bytes before
it are still those that were read last time; any other is read anew. Texts and the place up to which
a transcript was read are stored in one transaction, so that whoever is killed leaves nothing half
done. One process does it at a time; another waits for it, and then finds little to do. The oldest
day comes first, so that numbers grow with time; memory holds one day's list and one batch.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from msgspec import Struct, field

from steno.errors import QueryError, TranscriptError
from steno.events.model import Event
from steno.events.salvage import clean_text
from steno.query.search import SHIFT, empty_if_worth_it, forget, open_search, transaction
from steno.query.texts import PARTS, separate, texts_of
from steno.storage.compressed import PACKED, open_text, plain_name
from steno.storage.files import FILE_MODE, make_folder
from steno.transcripts.finding import find_days, list_day
from steno.transcripts.reader import TORN, Damage, read_transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

_TAIL = 64
"""Bytes before the place that was read to, by which a transcript is known again."""

_BATCH_CHARACTERS = 4_000_000
_BATCH_TEXTS = 20_000
_WAIT_S = 60.0
_LOOK_S = 0.05
_NUMBERS = {part: number for number, part in enumerate(PARTS)}


class CaughtUp(Struct):
    """What was done, and what is missing.

    Attributes:
        read: Transcripts of which something was read.
        texts: Texts that were added.
        removed: Transcripts that are gone.
        damage: What could not be read this time.
        damaged: Places in all transcripts that could not be read, those of earlier times included.
        transcripts: Transcripts that are known; where there is none, no text is ever found.
        busy: Another process was at it for longer than one can wait: the newest may be missing.
    """

    read: int = 0
    texts: int = 0
    removed: int = 0
    damage: list[Damage] = field(default_factory=list)
    damaged: int = 0
    transcripts: int = 0
    busy: bool = False


_Looks: TypeAlias = tuple[int, int, int]
"""By what a file that has changed is told: its inode, its size, and when it was written to."""

_UNSEEN: _Looks = (0, 0, 0)


class _Known(NamedTuple):
    """How far a transcript was read, and by what it is known again."""

    id: int
    looks: _Looks
    position: int
    tail: bytes
    damaged: int


class _New(NamedTuple):
    """One text that is not stored yet."""

    transcript: int
    session_id: str
    request_id: str
    offset: int
    part: int
    text: str


def catch_up(
    sessions: Path,
    database: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    wait_s: float = _WAIT_S,
) -> CaughtUp:
    """Read what is new in the transcripts.

    Args:
        sessions: The folder of transcripts.
        database: The database of words.
        progress: Called with the transcripts that were looked at and all of them.
        wait_s: Seconds to wait for another process that is at it.

    Raises:
        QueryError: The database can't be written.
    """
    with contextlib.ExitStack() as stack:
        alone = stack.enter_context(_alone(database, wait_s))
        connection = stack.enter_context(contextlib.closing(open_search(database)))
        done = CaughtUp(busy=not alone)
        try:
            if alone:
                _Update(connection, sessions, done, progress).run()
            done.damaged, done.transcripts = connection.execute(
                "SELECT COALESCE(SUM(damaged), 0), COUNT(*) FROM transcripts"
            ).fetchone()
        except sqlite3.Error as error:
            raise QueryError(
                f"{database} can't be brought up to date: {error}",
                hint="check the space on its disk; it can be deleted at any time, and is then "
                "made anew",
            ) from error
    return done


@contextlib.contextmanager
def _alone(database: Path, wait_s: float) -> Iterator[bool]:
    """Keep others away; False where another process is at it for too long."""
    lock = f"{database}.lock"
    try:
        make_folder(database.parent)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise QueryError(f"cannot write {lock}: {error.strerror}",
                         hint="text is searched by a database in the home, which must be writable",
                         ) from error  # fmt: skip
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(_LOOK_S)
                continue
            yield True
            return
    finally:
        os.close(fd)


class _Update:
    """One round through all transcripts."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        sessions: Path,
        done: CaughtUp,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._connection = connection
        self._sessions = sessions
        self._done = done
        self._progress = progress
        self._batch: list[_New] = []
        self._characters = 0
        self._reached: dict[int, _Known] = {}

    def run(self) -> None:
        """Read what is new, and forget what is gone."""
        days = sorted(find_days(self._sessions))
        known_days = {
            day for (day,) in self._connection.execute("SELECT DISTINCT day FROM transcripts")
        }
        if known_days and not self._sessions.is_dir():
            raise QueryError(
                f"there is no folder {self._sessions}, but texts of its transcripts are known",
                hint="is a disk not mounted, or jsonl.directory wrong? Nothing was changed",
            )
        for day in sorted(known_days - set(days)):
            self._forget_gone(day, self._known(day))
        empty_if_worth_it(self._connection)
        lists = (
            [(day, len(list_day(self._sessions, day))) for day in days] if self._progress else []
        )
        total, looked = sum(count for _, count in lists), 0
        if not days:
            self._tell_unreadable(self._sessions)
        for day in days:
            known = self._known(day)
            names = list_day(self._sessions, day)
            if not names:
                self._tell_unreadable(self._sessions / day)
            for name in names:
                plain = clean_text(plain_name(name))
                self._look(day, name, known.pop(plain, None))
                looked += 1
                if self._progress is not None and looked <= total:
                    self._progress(looked, total)
            self._forget_gone(day, known)
        self._store()

    def _tell_unreadable(self, folder: Path) -> None:
        """Tell of a folder that seems empty, if it only can't be read."""
        try:
            os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            pass  # a folder that is gone, or a file, holds no transcripts
        except OSError as error:
            self._done.damage.append(Damage(str(folder), 0, 0, str(error.strerror)))

    def _known(self, day: str) -> dict[str, _Known]:
        rows = self._connection.execute(
            "SELECT name, id, inode, size, changed, position, tail, damaged FROM transcripts "
            "WHERE day = ?", (day,),
        )  # fmt: skip
        return {
            name: _Known(number, (inode, size, changed), position, tail, damaged)
            for name, number, inode, size, changed, position, tail, damaged in rows
        }

    def _look(self, day: str, name: str, known: _Known | None) -> None:
        """Read a transcript, if it does not look as it did."""
        path = self._sessions / day / name
        try:
            status = os.stat(path)
            looks: _Looks = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known is not None and known.looks == looks:
                return
            with open_text(path) as file:
                begun = known is not None and _tail(file, known.position) == known.tail
        except FileNotFoundError:
            return  # deleted, or put into its other form, since the folder was listed
        except (OSError, TranscriptError) as error:
            reason = error.message if isinstance(error, TranscriptError) else str(error.strerror)
            self._done.damage.append(Damage(str(path), 0, 0, reason))
            return
        if known is not None and not begun:
            self._store()
            with transaction(self._connection):
                forget(self._connection, known.id)
            known = None
        number = known.id if known is not None else self._note(day, clean_text(plain_name(name)))
        self._read(path, number, known, looks)

    def _note(self, day: str, name: str) -> int:
        """Give a transcript its number; nothing of it is known yet."""
        (number,) = self._connection.execute(
            "INSERT INTO transcripts (day, name, inode, size, changed, position, tail, damaged) "
            "VALUES (?, ?, 0, 0, 0, 0, x'', 0) RETURNING id", (day, name),
        ).fetchone()  # fmt: skip
        return int(number)

    def _read(self, path: Path, number: int, known: _Known | None, looks: _Looks) -> None:
        """Read a transcript from where it was left."""
        transcript = read_transcript(path, offset=known.position if known else 0, lossless=False)
        damaged = known.damaged if known else 0
        before = self._done.texts
        failure: list[Damage] = []
        try:
            for entry in transcript:
                if isinstance(entry.event, Event):
                    self._add(number, entry.offset, entry.event)
                if self._characters > _BATCH_CHARACTERS or len(self._batch) > _BATCH_TEXTS:
                    # It counts as read, and its looks as known, only when it was read to its end.
                    at = transcript.position
                    self._reached[number] = _reach(path, _Known(number, _UNSEEN, at, b"", damaged))
                    self._store()
        except TranscriptError as error:
            failure = [Damage(str(path), transcript.position, 0, error.message)]
        # A line that is being written is no damage, but one that ends a compressed text is.
        found = [each for each in transcript.damage if each.reason != TORN or path.suffix == PACKED]
        self._done.damage += found + failure
        self._done.read += known is None or self._done.texts > before
        looks = _UNSEEN if failure else looks
        reached = _Known(number, looks, transcript.position, b"", damaged + len(found))
        self._reached[number] = _reach(path, reached)

    def _add(self, number: int, offset: int, event: Event) -> None:
        for part, text in texts_of(event):
            self._batch.append(
                _New(
                    number,
                    clean_text(str(event.session_id)),
                    clean_text(str(event.request_id)),
                    offset,
                    _NUMBERS[part],
                    clean_text(separate(text)),
                )
            )
            self._characters += len(text)
            self._done.texts += 1

    def _store(self) -> None:
        """Store the batch, and up to where its transcripts were read."""
        if not self._reached:
            return
        with transaction(self._connection):
            self._store_texts()
            self._connection.executemany(
                "UPDATE transcripts SET inode = ?, size = ?, changed = ?, position = ?, tail = ?, "
                "damaged = ? WHERE id = ?",
                [
                    (*known.looks, known.position, known.tail, known.damaged, known.id)
                    for known in self._reached.values()
                ],
            )
        self._batch.clear()
        self._reached.clear()
        self._characters = 0

    def _store_texts(self) -> None:
        run = self._connection.execute
        places: dict[tuple[int, str, str], list[int]] = {}
        for new in self._batch:
            key = new[:3]
            if key not in places:
                row = run(
                    "SELECT id, texts FROM places WHERE session_id = ? AND request_id = ? AND "
                    "transcript = ? ORDER BY id DESC LIMIT 1", (*new[1:3], new[0]),
                ).fetchone()  # fmt: skip
                places[key] = list(row) if row is not None else self._begin_place(key)
            if places[key][1] >= 1 << SHIFT:  # none counts so far; but it must not run over
                self._end_place(places[key])
                places[key] = self._begin_place(key)
        # Numbers that grow are what the inverted index takes best.
        rows = []
        for new in self._batch:
            place = places[new[:3]]
            rows.append(((place[0] << SHIFT) + place[1], new))
            place[1] += 1
        rows.sort(key=lambda row: row[0])
        self._connection.executemany(
            "INSERT INTO texts (rowid, text) VALUES (?, ?)", [(at, new.text) for at, new in rows]
        )
        self._connection.executemany(
            "INSERT INTO origins VALUES (?, ?, ?)", [(at, new.offset, new.part) for at, new in rows]
        )
        for place in places.values():
            self._end_place(place)

    def _begin_place(self, key: tuple[int, str, str]) -> list[int]:
        (number,) = self._connection.execute(
            "INSERT INTO places (transcript, session_id, request_id, texts) VALUES (?, ?, ?, 0) "
            "RETURNING id", key,
        ).fetchone()  # fmt: skip
        return [number, 0]

    def _end_place(self, place: list[int]) -> None:
        self._connection.execute("UPDATE places SET texts = ? WHERE id = ?", (place[1], place[0]))

    def _forget_gone(self, day: str, known: dict[str, _Known]) -> None:
        """Forget what is gone of a day, but nothing that only can't be looked at today."""
        for name, each in known.items():
            if _is_gone(f"{self._sessions}{os.sep}{day}{os.sep}{name}"):
                with transaction(self._connection):
                    forget(self._connection, each.id)
                self._done.removed += 1


def _reach(path: Path, known: _Known) -> _Known:
    """Add the bytes by which a transcript is known again."""
    try:
        with open_text(path) as file:
            return known._replace(tail=_tail(file, known.position))
    except (OSError, TranscriptError):
        # Gone in the meantime: the next time it is read anew, or forgotten.
        return known._replace(looks=_UNSEEN)


def _tail(file: BinaryIO, position: int) -> bytes:
    """Read the last bytes before a place."""
    begin = max(0, position - _TAIL)
    file.seek(begin)
    return file.read(position - begin)


def _is_gone(plain: str) -> bool:
    """Tell whether a transcript is there in neither form."""
    for form in (plain, plain + PACKED):
        try:
            os.lstat(form)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass  # a disk that can't be read today
        return False
    return True
