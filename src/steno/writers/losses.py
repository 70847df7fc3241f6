"""The ledger of what was lost, by session and cause, until it stands in the transcripts.

Safe for all threads. It is bounded: beyond `MAX_CAUSES` entries, losses are kept under the empty
session id, whose gap goes to the recorder's own transcript, so that no count is ever lost.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from msgspec import Struct

MAX_CAUSES = 4096


class Loss(Struct):
    """So many of one kind lost in one session for one cause.

    Attributes:
        session_id: The session; "" when it is not known any more.
        request_id: The request, where all of them belong to one; else "".
        what: What is missing: ``event``, ``value`` or ``line``.
        reason: Why, as in `steno.Gap`.
        count: How many.
        since: When it began.
        detail: More, for a person.
    """

    session_id: str
    request_id: str
    what: str
    reason: str
    count: int
    since: datetime
    detail: str | None = None


class Losses:
    """Counts losses until they are taken."""

    def __init__(self) -> None:
        """Begin without any."""
        # Reentrant: a signal handler may record, and lose, while its thread is in here.
        self._lock = threading.RLock()
        self._losses: dict[tuple[str, str, str], Loss] = {}

    def add(
        self,
        session_id: str,
        what: str,
        reason: str,
        *,
        request_id: str = "",
        count: int = 1,
        since: datetime | None = None,
        detail: str | None = None,
    ) -> None:
        """Count what was lost."""
        with self._lock:
            key = (session_id, what, reason)
            loss = self._losses.get(key)
            if loss is None and len(self._losses) >= MAX_CAUSES:
                key = ("", what, reason)
                loss = self._losses.get(key)
            if loss is None:
                self._losses[key] = Loss(
                    key[0], request_id, what, reason, count, since or datetime.now(UTC), detail
                )
                return
            loss.count += count
            if loss.request_id != request_id:
                loss.request_id = ""

    def take(self) -> list[Loss]:
        """Take all that was counted since the last time."""
        if not self._losses:
            return []
        with self._lock:
            taken = list(self._losses.values())
            self._losses = {}
        return taken

    def __len__(self) -> int:
        """Count the causes that nobody has taken yet."""
        return len(self._losses)
