"""Which files a hold covers.

Strategy: a hold on a session covers its transcript, and the archives of the chats and messages that
the transcript names: they were written into the hold when it was placed, and are read again when
the transcript has grown since. A session that names a user and no chat covers no archive: there is
nothing by which one of them could be told to be its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from steno.errors import TranscriptError
from steno.events.header import Header
from steno.events.model import Started
from steno.retention.plan import DAY_S, TRANSCRIPT
from steno.storage.below import split_below
from steno.transcripts.reader import read_transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from steno.retention.plan import Found
    from steno.storage.holds import Hold


def collect_ids(path: Path) -> tuple[str | None, dict[str, tuple[str, ...]]]:
    """Read which user, chats and messages a transcript names.

    Returns:
        The user, and the messages of each chat; none where only the chat is named.

    Raises:
        TranscriptError: It can't be read.
    """
    user: str | None = None
    main: str | None = None
    chats: dict[str, dict[str, None]] = {}

    def add(chat: str | None, message: str | None) -> None:
        if chat:
            chats.setdefault(chat, {})
            if message:
                chats[chat][message] = None

    for entry in read_transcript(path, lossless=False):
        event = entry.event
        if isinstance(event, Header):
            user, main = event.user_id, event.chat_id
            add(main, event.message_id)
        elif isinstance(event, Started) and event.metadata is not None:
            add(event.metadata.chat_id or main, event.metadata.message_id)
    return user, {chat: tuple(messages) for chat, messages in chats.items()}


class Cover:
    """What a set of holds covers."""

    def __init__(self, holds: Iterable[Hold], archives: Path | None) -> None:
        """Take the holds, and the folder of the archives."""
        self._archives = archives
        self._sessions: dict[str, Hold] = {}
        self._chats: dict[tuple[str, ...], list[tuple[frozenset[str], Hold]]] = {}
        for hold in holds:
            if hold.session_id is not None:
                self._sessions.setdefault(hold.session_id, hold)
            if hold.user_id is not None:
                for chat, messages in hold.chats.items():
                    self._add(hold, hold.user_id, chat, messages)

    def _add(self, hold: Hold, user: str, chat: str, messages: Iterable[str]) -> None:
        # As in `list_archives`.
        from steno.archives.identifiers import ArchiveIds
        from steno.archives.layout import folder_names, stem_of

        def ids(message: str) -> ArchiveIds:
            return ArchiveIds(user_id=user, chat_id=chat, message_id=message)

        place = folder_names(ids("any"))
        names = frozenset(stem_of(ids(message)) for message in messages)
        self._chats.setdefault(place, []).append((names, hold))

    def learn(self, files: Sequence[Found]) -> None:
        """Read what held transcripts name that have grown since they were held.

        Raises:
            TranscriptError: One can't be read, so nobody knows which archives are held.
        """
        for file in files:
            hold = self._sessions.get(file.session_id or "")
            if hold is None or not file.ours:
                continue
            # Held by hand, it may name nothing yet. The day is for clocks that were set back, and
            # for what was written while the hold was made.
            known = bool(hold.chats)
            if known and file.modified_ns / 1e9 < hold.held_at.timestamp() - DAY_S:
                continue
            try:
                user, chats = collect_ids(_path(file))
            except TranscriptError:
                if os.path.exists(file.path):
                    raise
                continue
            for chat, messages in chats.items() if user else ():
                self._add(hold, user or "", chat, messages)

    def why(self, file: Found) -> str:
        """Tell which hold covers a file; "" when none does."""
        if file.kind == TRANSCRIPT:
            hold = self._sessions.get(file.session_id or "")
            return _tell(hold) if hold is not None else ""
        if self._archives is None or not self._chats:
            return ""
        *place, name = split_below(self._archives, file.path)
        # A name holds no dot but those that part it from what was added.
        stem = name.partition(".")[0]
        for names, hold in self._chats.get(tuple(place), ()):
            if not names or stem in names:
                return _tell(hold)
        return ""

    def of(self, files: Iterable[Found]) -> dict[str, str]:
        """Tell which of these files are covered, by their paths, and by what."""
        return {file.path: why for file in files if (why := self.why(file))}


def _path(file: Found) -> Path:
    from pathlib import Path  # types only, but for this

    return Path(file.path)


def _tell(hold: Hold) -> str:
    reason = f" ({hold.reason})" if hold.reason else ""
    return f"{hold.describe()}{reason}"
