"""The contract between the recorder and whatever stores its events.

A writer is called by one thread of its own, so it needs no lock for its own state, and it may
block: others go on. `Follower` is for writers that can be rebuilt from the transcripts: when they
lag or fail, batches are not kept for them in memory, they read them back later.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

from msgspec import Struct

from steno.events.model import Event

if TYPE_CHECKING:
    from steno.events.header import Header

    FindHeader = Callable[[str], Header | None]


def _find_none(_session_id: str) -> None:
    """Know of no session."""


class Batch(Sequence[Event]):
    """Events that go to the writers together; a sequence of events.

    Attributes:
        events: The events, in the order in which they were recorded.
        seqs: The number of each, in the same order.
        recorder: Id of the recorder; with a number, it identifies an event for ever.
        headers: What is known of sessions whose first events are here, by session id.
        find_header: Finds what is known of any session that is still in use, for transcripts that
            have to begin without it being here: in a forked child, or where somebody removed one.
        number: Number of the batch among its recorder's batches, from 1.
        first_number: Number of the first batch, where several were joined.
        own: Numbers of the events that the recorder itself has made, such as gaps.
        relaxed: Nothing waits behind it, so the writer may go easy on the interpreter; see `ease`.
    """

    __slots__ = (
        "events", "find_header", "first_number", "headers", "number", "own", "recorder", "relaxed",
        "seqs",
    )  # fmt: skip

    def __init__(
        self,
        events: Sequence[Event],
        seqs: Sequence[int],
        *,
        recorder: str,
        headers: Mapping[str, Header] | None = None,
        number: int = 0,
        first_number: int | None = None,
        own: frozenset[int] = frozenset(),
        find_header: FindHeader | None = None,
    ) -> None:
        """Put events and their numbers together."""
        self.events = events
        self.seqs = seqs
        self.recorder = recorder
        self.headers = headers or {}
        self.find_header = find_header or _find_none
        self.number = number
        self.first_number = number if first_number is None else first_number
        self.own = own
        self.relaxed = False

    @property
    def recorded(self) -> int:
        """Count the events that the program has recorded: all but the recorder's own."""
        if not self.own:
            return len(self.seqs)
        return sum(seq not in self.own for seq in self.seqs)

    def __len__(self) -> int:
        """Count the events."""
        return len(self.events)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        """Return an event, or several."""
        return self.events[at]

    def __iter__(self) -> Iterator[Event]:
        """Iterate over the events."""
        return iter(self.events)

    def part(self, first: int, end: int) -> Batch:
        """Make a batch of the events from ``first`` up to but not with ``end``."""
        return self._with(self.events[first:end], self.seqs[first:end])

    def only(self, seqs: Sequence[int]) -> Batch:
        """Make a batch of the events with these numbers."""
        wanted = set(seqs)
        kept = [pair for pair in zip(self.events, self.seqs, strict=True) if pair[1] in wanted]
        return self._with([event for event, _ in kept], [seq for _, seq in kept])

    def _with(self, events: Sequence[Event], seqs: Sequence[int]) -> Batch:
        return Batch(
            events,
            seqs,
            recorder=self.recorder,
            headers=self.headers,
            number=self.number,
            first_number=self.first_number,
            own=self.own,
            find_header=self.find_header,
        )

    def join(self, following: Sequence[Batch]) -> Batch:
        """Make one batch of this one and those that come right after it."""
        batches = (self, *following)
        headers: dict[str, Header] = {}
        for batch in reversed(batches):
            headers |= batch.headers
        return Batch(
            [event for batch in batches for event in batch.events],
            [seq for batch in batches for seq in batch.seqs],
            recorder=self.recorder,
            headers=headers,
            number=batches[-1].number,
            first_number=self.first_number,
            own=frozenset().union(*(batch.own for batch in batches)),
            find_header=self.find_header,
        )


EASE_EVERY = 16
"""Events after which a writer that may go easy on the interpreter lets others have it."""

_EASE_S = 20e-6


def ease() -> None:
    """Let other threads have the interpreter.

    A thread that computes keeps it for 5 ms against all others, and an event loop that wakes up
    meanwhile stands still; so a writer that is not in a hurry works in steps of some 50 us. A
    sleep of no length would not do: the thread would be back before anybody else has woken up.
    """
    time.sleep(_EASE_S)


@runtime_checkable
class Writer(Protocol):
    """Stores batches of events somewhere.

    Attributes:
        name: Under which `Recorder.stats` shows its figures; unique within a recorder.
    """

    name: str

    def write(self, batch: Batch) -> None:
        """Store a batch.

        All or nothing: after an error, the same batch (or the part that the error names as
        unwritten) is handed over again, and what had been stored already must not be stored
        twice. ``(batch.recorder, seq)`` identifies each event for that.

        Raises:
            WriteError: It could not be stored; ``transient`` says whether waiting may help.
        """
        ...

    def close(self) -> None:
        """Release what the writer holds; may be called twice, and before any `write`."""
        ...


class Extent(Struct, frozen=True):
    """Where events of one batch lie in a transcript.

    Attributes:
        path: Absolute path of the transcript.
        session_id: The session, as it was given.
        start: Byte offset of the first of these lines; the header's, where it was written too.
        end: Byte offset behind the last of them.
        batch: Number of the batch.
    """

    path: str
    session_id: str
    start: int
    end: int
    batch: int


LANDING_TIMEOUT_S = 1.0
"""Seconds after which a follower goes on without the transcripts."""


class Landings:
    """What the transcript writer has put on disk, for a follower that comes after it.

    Safe for two threads. A follower that hangs costs no more memory than `limit` extents: beyond
    that, the extents of a transcript are merged into one that the follower reads from disk.

    Attributes:
        followed: Somebody takes the extents; nobody else needs to be told of them.
    """

    def __init__(self, limit: int = 10_000) -> None:
        """Begin with nothing on disk."""
        self.followed = False
        self._limit = limit
        self._lock = threading.Condition()
        self._hung_at = -1
        self._extents: deque[Extent] = deque()
        self._merged: dict[str, Extent] = {}
        self._landed = 0

    def put(self, extents: Sequence[Extent], batch: int) -> None:
        """Add what a batch has put on disk, in the order of the batches."""
        with self._lock:
            self._extents.extend(extents)
            self._landed = max(self._landed, batch)
            self._lock.notify_all()
            while len(self._extents) > self._limit:
                old = self._extents.popleft()
                self._merged[old.path] = old

    def wait(self, batch: int, timeout_s: float = LANDING_TIMEOUT_S) -> bool:
        """Wait until a batch lies in the transcripts, or was tried: they are the truth.

        A follower that stored first would know, after a crash, what the transcripts never held.

        Returns:
            False when the transcript writer hangs; it is not waited for again until it moves.
        """
        with self._lock:
            if self._landed < batch and self._hung_at == self._landed:
                return False
            if self._lock.wait_for(lambda: self._landed >= batch, timeout_s):
                return True
            self._hung_at = self._landed
            return False

    def take(self, batch: int) -> tuple[list[Extent], list[Extent]]:
        """Take what the batches up to this number have put on disk.

        Returns:
            The extents, in order, and those that stand for earlier ones of their transcript too.
        """
        with self._lock:
            merged = list(self._merged.values())
            self._merged.clear()
            taken = []
            while self._extents and self._extents[0].batch <= batch:
                taken.append(self._extents.popleft())
            return taken, merged

    def __len__(self) -> int:
        """Count the extents that nobody has taken yet."""
        return len(self._extents) + len(self._merged)


@runtime_checkable
class Follower(Writer, Protocol):
    """A writer that is derived from the transcripts and can read there what it missed."""

    def follow(self, landings: Landings) -> None:
        """Learn from ``landings`` what lies in the transcripts, from now on.

        The caller sets ``landings.followed``.
        """
        ...

    def skip(self, batch: Batch) -> None:
        """Take note that a batch will not be handed over, or could not be stored.

        The follower reads it from the transcripts in `catch_up`. Called by the thread that
        calls `write`.
        """
        ...

    def adopt(self, paths: Sequence[str]) -> None:
        """Take note of transcripts that a dead recorder has left, to be read in `catch_up`."""
        ...

    def catch_up(self) -> bool:
        """Read a piece of what was missed.

        Returns:
            True when nothing is left to read; False to be called again.

        Raises:
            WriteError: As `write`.
        """
        ...
