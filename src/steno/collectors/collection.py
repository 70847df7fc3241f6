"""What a collector hands back, and how whoever waits for it can watch and stop it.

A collection that is not whole is none the less one: `Collection.complete` is False then and
`Collection.reason` says why. Reasons are ``cancelled``, ``limit`` (there is more than was asked
for) and ``error: ...`` with what went wrong after something had been collected. A failure before
there was anything to keep is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from steno.recording.saving import Saved

CANCELLED, LIMIT = "cancelled", "limit"
"""Reasons why a collection is not whole."""

Progress = Callable[[int], None]
"""Called with the number of entries collected so far, as often as there are new ones; not always on
the caller's thread."""


class Cancel(Protocol):
    """Says whether to stop: a `threading.Event`, an `asyncio.Event` or the like."""

    def is_set(self) -> bool:
        """Tell whether the collection should end with what it has."""


class Collection(Struct, frozen=True, kw_only=True):
    """What was collected, whole or not.

    Attributes:
        source: Where it comes from: ``kubernetes``, ``prometheus`` or ``jaeger``.
        query: What was asked for, as a program can ask for it again.
        time_range: The first and the last instant that were asked for, RFC 3339 in UTC; None for
            an end that was left open.
        count: How many entries there are.
        complete: It is all there is to what was asked for.
        reason: Why it is not, else None.
        saved: The artefacts that it became; empty without a session.
        entries: The entries themselves; only without a session, else they lie in `saved`.
        metadata: What the artefact says of itself beside the above.
    """

    source: str
    query: dict[str, Any]
    time_range: tuple[str | None, str | None]
    count: int
    complete: bool = True
    reason: str | None = None
    saved: tuple[Saved, ...] = ()
    entries: list[Any] = []
    metadata: dict[str, Any] = {}


class CollectionInterrupted(KeyboardInterrupt):
    """Ctrl-C while something was being collected; a program that knows nothing of it ends.

    Attributes:
        collection: What had come by then; it is saved, where there is a session.
    """

    def __init__(self, collection: Collection) -> None:
        """Keep what had come."""
        super().__init__()
        self.collection = collection


def completeness(reason: str | None) -> dict[str, Any]:
    """Write for an artefact's metadata whether it is all there is, and why not.

    Args:
        reason: As `Collection.reason`.
    """
    return {"complete": True} if reason is None else {"complete": False, "incomplete": reason}
