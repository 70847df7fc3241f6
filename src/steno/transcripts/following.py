"""The end of transcripts, and new lines as they are written.

Strategy: no notification service of the system is needed; files are looked at again and again, as
``tail -f`` does. Those that grew in the last minute are looked at each time, the others in turns,
so that a home of 100,000 transcripts costs little; folders are listed again when they changed. A
line is given when its newline is there. A file that shrank or was replaced is read from its start.
Compressed transcripts don't grow; one that is put back, because its session goes on, is followed
from where it was left.
"""

from __future__ import annotations

import os
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from steno.errors import TranscriptError
from steno.storage.compressed import PACKED, is_packed, open_text, plain_name
from steno.transcripts.finding import find_days, list_day
from steno.transcripts.reader import TORN, Damage, Entry, read_transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_BLOCK = 64 * 1024
_WARM_S = 60.0
_TURN = 2000
"""Quiet transcripts that are looked at in one poll."""

_NEWEST_DAYS = 3
_ALL_DAYS_S = 1.0
_SETTLED_S = 2.0
"""Age from which a folder's time of change tells reliably that nothing was added since."""

_PUT_AWAY = -1
"""The position in a transcript that was compressed before anybody knew its length."""


def find_tail(path: Path, lines: int, *, end: int | None = None) -> int:
    """Find where the last lines of a file begin, without reading what lies before them.

    Args:
        path: The file.
        lines: How many whole lines.
        end: Byte offset to count back from; the end of the file when it is not given.

    Returns:
        The byte offset of the first of them; with 0 lines, that behind the last newline.

    Raises:
        OSError: The file can't be read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    newlines = lines + 1
    with open_text(path) as file:
        if is_packed(file):
            return _find_tail_forward(file, lines)
        at = file.seek(0, os.SEEK_END) if end is None else end
        while at > 0:
            begin = max(0, at - _BLOCK)
            file.seek(begin)
            block = file.read(at - begin)
            found = block.count(b"\n")
            if found >= newlines:
                spot = len(block)
                for _ in range(newlines):
                    spot = block.rfind(b"\n", 0, spot)
                return begin + spot + 1
            newlines -= found
            at = begin
    return 0


def _find_tail_forward(file: BinaryIO, lines: int) -> int:
    """As `find_tail`, where there is only one direction to read in."""
    begins = deque([0], maxlen=lines + 1)
    at = 0
    while block := file.read(_BLOCK):
        spot = block.find(b"\n")
        while spot >= 0:
            begins.append(at + spot + 1)
            spot = block.find(b"\n", spot + 1)
        at += len(block)
    return begins[0]


class Follower:
    """Gives the lines that are added to transcripts after it was made."""

    def __init__(self, sessions: Path | None = None) -> None:
        """Take note of what is there already.

        Args:
            sessions: Follow all transcripts of this folder, also those that begin later; without
                it only those that are given to `start`.
        """
        self._sessions = sessions
        self._positions: dict[Path, int] = {}
        self._warm: dict[Path, float] = {}
        self._quiet: deque[Path] = deque()
        self._folders: dict[str, int] = {}
        self._looked = float("-inf")
        self._look()
        self._began = datetime.now(UTC)
        for path in self._positions:
            size, there = _size(path)
            self._positions[path] = size if there else _PUT_AWAY
        self._quiet.extend(self._warm)
        self._warm.clear()

    def start(self, path: Path, position: int) -> None:
        """Follow a transcript from a byte offset of its text on."""
        path = Path(plain_name(path))
        self._positions[path] = position
        self._warm[path] = time.monotonic()

    def poll(self) -> Iterator[tuple[Path, Entry | Damage]]:
        """Yield what was added since the last time, and what of it can't be read."""
        self._look()
        now = time.monotonic()
        turn = [self._quiet.popleft() for _ in range(min(_TURN, len(self._quiet)))]
        for path in [*self._warm, *(path for path in turn if path not in self._warm)]:
            yield from self._read(path, now)
        for path, grown in list(self._warm.items()):
            if now - grown > _WARM_S:
                del self._warm[path]
                self._quiet.append(path)
        self._quiet.extend(
            path for path in turn if path in self._positions and path not in self._warm
        )

    def _read(self, path: Path, now: float) -> Iterator[tuple[Path, Entry | Damage]]:
        size, there = _size(path)
        position = self._positions[path]
        if not there:
            if not os.path.exists(f"{path}{PACKED}"):
                self._forget(path)
            return
        if size == position:
            return
        since = self._began if position == _PUT_AWAY else None
        try:
            # What was there in the beginning may have ended in the middle of a line.
            begin = find_tail(path, 0, end=position) if size > position > 0 else 0
            transcript = read_transcript(path, offset=begin, lossless=False)
            for entry in transcript:
                if since is None or entry.event.timestamp >= since:
                    yield path, entry
        except (OSError, TranscriptError):
            self._forget(path)
            return
        if transcript.position != position:
            self._warm[path] = now
        self._positions[path] = transcript.position
        for damage in transcript.damage:
            if damage.reason != TORN:
                yield path, damage

    def _forget(self, path: Path) -> None:
        del self._positions[path]
        self._warm.pop(path, None)
        # Should it come back, its folder is listed again for it.
        self._folders.pop(path.parent.name, None)

    def _look(self) -> None:
        """Take note of transcripts that have begun."""
        if self._sessions is None:
            return
        days = find_days(self._sessions)
        if time.monotonic() - self._looked < _ALL_DAYS_S:
            days = days[:_NEWEST_DAYS]
        else:
            self._looked = time.monotonic()
        for day in days:
            try:
                changed = os.stat(self._sessions / day).st_mtime_ns
            except OSError:
                continue
            if changed == self._folders.get(day):
                continue
            for name in list_day(self._sessions, day):
                path = self._sessions / day / plain_name(name)
                if path not in self._positions:
                    self.start(path, _PUT_AWAY if name.endswith(PACKED) else 0)
            # Two changes within one tick of the clock look like one: list a fresh folder again.
            if time.time() - changed / 1e9 > _SETTLED_S:
                self._folders[day] = changed


def _size(path: Path) -> tuple[int, bool]:
    """Tell a file's length, and whether it is there."""
    try:
        return path.stat().st_size, True
    except OSError:
        return 0, False
