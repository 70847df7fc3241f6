"""Doubles for tests of programs that record: nothing in the product imports this package.

`steno.testing.provider` serves the wire protocols of the providers on loopback; it is loaded only
when it is asked for.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steno.errors import WriteError
from steno.recording.builder import RecorderBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steno.events.header import Header
    from steno.events.model import Event
    from steno.recording.recorder import Recorder
    from steno.writers.base import Batch


class MemoryWriter:
    """A writer that keeps events in memory.

    Attributes:
        name: ``memory``, or as given.
        headers: The headers of sessions, by session id.
        batches: The length of each batch that was stored.
    """

    def __init__(self, name: str = "memory") -> None:
        """Begin empty."""
        self.name = name
        self.headers: dict[str, Header] = {}
        self.batches: list[int] = []
        self._events: dict[tuple[str, int], Event] = {}

    @property
    def events(self) -> list[Event]:
        """The events that were stored, each once, in the order of their numbers."""
        return [self._events[key] for key in sorted(self._events)]

    def write(self, batch: Batch) -> None:
        """Keep a batch."""
        for session_id, header in batch.headers.items():
            self.headers.setdefault(session_id, header)
        for event, seq in zip(batch.events, batch.seqs, strict=True):
            self._events[batch.recorder, seq] = event
        self.batches.append(len(batch))

    def close(self) -> None:
        """Do nothing: what was kept can still be looked at."""


class FailingWriter(MemoryWriter):
    """A writer that fails, hangs or refuses single events, as a test tells it.

    Attributes:
        error: Raised by every `write`, while it is set.
        poison: Texts; an event whose ``repr`` holds one of them can't be stored.
        gate: `write` waits until it is set.
    """

    def __init__(self, name: str = "failing") -> None:
        """Begin without trouble."""
        super().__init__(name)
        self.error: Exception | None = None
        self.poison: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.attempts = 0

    def write(self, batch: Batch) -> None:
        """Keep a batch, or fail."""
        self.attempts += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error
        for event in batch:
            if any(poison in repr(event) for poison in self.poison):
                message = "this event can't be stored"
                raise WriteError(message)
        super().write(batch)


class FixedClock:
    """A clock that moves only when it is told to.

    Attributes:
        now: The time it shows; aware.
    """

    def __init__(self, now: datetime | None = None) -> None:
        """Set the clock; 2026-11-20 12:00 UTC when nothing is given."""
        self.now = now or datetime(2026, 11, 20, 12, tzinfo=UTC)

    def tick(self, seconds: float = 1.0) -> datetime:
        """Move on, and return the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now


@contextlib.contextmanager
def capture_events() -> Iterator[tuple[Recorder, MemoryWriter]]:
    """Record into memory for the length of a ``with`` block.

    Call ``recorder.flush()`` before looking at what the writer holds.
    """
    writer = MemoryWriter()
    with RecorderBuilder().add_writer(writer).batch_timeout_ms(10).build() as recorder:
        yield recorder, writer
