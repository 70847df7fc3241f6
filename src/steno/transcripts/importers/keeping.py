"""Entries as they are kept: verbatim, each in an event of its own.

An entry that may be a copy of another session's waits until the next reply shows whether it is, and
what comes after it waits behind it, so that entries stand in the order of their source.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from steno.events.model import EntryImported
from steno.transcripts.importers.model import (
    Entry,
    Noted,
    Replied,
    Said,
    read_facts,
    speaker_of,
)

if TYPE_CHECKING:
    from steno.events.model import Event
    from steno.transcripts.importers.tallies import Tally

_MAX_WAITING = 2_000


class Read(msgspec.Struct):
    """An entry that was read.

    Attributes:
        entry: The entry.
        key: By which it is known again.
        at: Its time, or that of the one before it.
        fresh: The transcript does not hold it.
        known: The request that it belongs to in the transcript, if it stands there.
        request_id: The request that it belongs to; "" for none, or as long as it is not clear.
        silent: No event tells what it tells.
        begun: Requests that began with it.
    """

    entry: Entry
    key: str
    at: datetime
    fresh: bool
    known: str
    request_id: str = ""
    silent: bool = False
    begun: int = 0


class Keeper:
    """Makes the events that hold entries."""

    def __init__(
        self, session_id: str, format_name: str, origin: str, tally: Tally, out: list[Event]
    ) -> None:
        """Say what all events have in common, and where they go."""
        self._session_id = session_id
        self._format = format_name
        self._origin = origin
        self._tally = tally
        self._out = out
        self._waiting: list[Read] = []

    def take(self, read: Read, owner: str | None) -> None:
        """Take the next entry.

        Args:
            read: The entry; its facts were looked at.
            owner: The session whose entry it is a copy of, if that is known.
        """
        if owner is None and (self._waiting or _may_be_copy(read.entry)):
            self._waiting.append(read)
            if len(self._waiting) > _MAX_WAITING:
                self.settle(None)
        else:
            self._keep(read, owner)

    def settle(self, owner: str | None) -> None:
        """Keep the entries that have waited, as copies of another session's or as our own."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._keep(each, owner if _may_be_copy(each.entry) else None)

    def _keep(self, read: Read, owner: str | None) -> None:
        entry = read.entry
        facts = entry.facts
        if owner is not None:
            self._tally.replayed += 1
        else:
            for fact in facts:
                if type(fact) is Said:
                    self._tally.messages[fact.role] += 1
        if not read.fresh:
            return
        # A request's text is the user's: of instructions it tells only that there were some.
        aside = (
            facts
            if owner is not None or read.silent
            else [
                fact
                for fact in facts
                if type(fact) is Noted or (type(fact) is Said and fact.role != "user")
            ]
        )
        told = len(aside) < len(facts)  # other events hold what the rest says
        role, text = read_facts(aside) if aside else (None, "")
        if told:
            told = not text  # else a part of it is told by nobody else
            role = role if text else speaker_of(facts)
        self._out.append(
            EntryImported(
                self._session_id,
                read.request_id,
                read.at,
                format=self._format,
                kind=entry.kind,
                entry_key=read.key,
                entry_id=entry.id,
                role=role,
                told=told,
                replayed_from=owner,
                origin=f"{self._origin}:{entry.offset}",
                text=text,
                entry=msgspec.Raw(_on_one_line(entry.raw, checked=entry.checked)),
            )
        )


def tells_several(entry: Entry) -> bool:
    """Tell whether an entry is of several requests: a history that was written at once."""
    replies = [place for place, fact in enumerate(entry.facts) if type(fact) is Replied]
    return len(replies) > 1 or (
        bool(replies) and any(type(fact) is Said for fact in entry.facts[replies[0] :])
    )


def is_aside(entry: Entry) -> bool:
    """Tell whether an entry is for people, beside what the model was told here and said here."""
    if entry.replayed_from is not None:
        return True
    for fact in entry.facts:
        if type(fact) is not Noted:
            return False
    return bool(entry.facts)


def _on_one_line(raw: bytes, *, checked: bool) -> bytes:
    """Make an entry fit for a line of a transcript: without line ends, in UTF-8."""
    # In JSON, line ends stand between values only: strings hold none.
    raw = raw.replace(b"\n", b" ").replace(b"\r", b" ")
    if checked or raw.isascii():
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()
    return raw


def _may_be_copy(entry: Entry) -> bool:
    """Tell whether only the next reply will show if an entry is a copy."""
    for fact in entry.facts:  # noqa: SIM110 - a generator would cost more than all the rest
        if type(fact) is Said:
            return True
    return False
