"""Buffer, worker and lanes of one process: what goes on when the recorder itself is dropped.

The recorder's face holds the engine and never the other way round, so that a recorder that nobody
holds any more can be told from one that is in use.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from steno.identity import new_recorder_id
from steno.recording.buffer import DROP, Buffer, Mark
from steno.recording.dead_letters import DeadLetters
from steno.recording.interrupted import LookBack
from steno.recording.lane import Lane
from steno.recording.statistics import RecorderStats
from steno.recording.worker import Worker
from steno.writers.base import Follower, Writer
from steno.writers.jsonl import JsonlWriter
from steno.writers.losses import Losses
from steno.writers.sealed import SealedWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from steno.events.processors import Processor
    from steno.writers.base import FindHeader

_LOOK_S = 0.25
"""Seconds after which somebody who waits looks whether all threads are alive."""


class Settings:
    """How a recorder works; the values of `RecorderBuilder`."""

    def __init__(
        self,
        *,
        batch_size: int = 100,
        batch_timeout_ms: int = 100,
        channel_buffer_size: int = 10_000,
        overflow: str = DROP,
        block_timeout_ms: int = 1000,
        processors: Sequence[Processor] = (),
        dead_letters: Path | None = None,
        left_open: frozenset[str] = frozenset(),
        artefacts: Path | None = None,
    ) -> None:
        """Keep the settings; `RecorderBuilder` has checked them."""
        self.batch_size = batch_size
        self.batch_timeout_ms = batch_timeout_ms
        self.channel_buffer_size = channel_buffer_size
        self.overflow = overflow
        self.block_timeout_ms = block_timeout_ms
        self.processors = tuple(processors)
        self.dead_letters = dead_letters
        self.left_open = left_open
        self.artefacts = artefacts


class Engine:
    """The machinery of one recorder in one process.

    Attributes:
        recorder: The id that stands in its events.
        writers: The writers, as they were given.
        buffer: Where events go in.
        lanes: One for each writer, the one of record first.
        ended: It was closed.
    """

    def __init__(
        self,
        writers: Sequence[Writer],
        settings: Settings,
        find_header: FindHeader | None = None,
    ) -> None:
        """Put the parts together; `start` begins the threads.

        Args:
            writers: The writers.
            settings: How the recorder works.
            find_header: Finds what is known of a session that somebody still uses.
        """
        self.recorder = new_recorder_id()
        self.writers = writers
        self.losses = Losses()
        self.buffer = Buffer(
            self.losses,
            capacity=settings.channel_buffer_size,
            overflow=settings.overflow,
            block_timeout_s=settings.block_timeout_ms / 1000,
        )
        self.truth = next((each for each in writers if isinstance(each, JsonlWriter)), None)
        self.followers: list[Follower] = []
        if self.truth is not None:
            for writer in writers:
                if isinstance(writer, Follower):
                    self.truth.landings.followed = True
                    writer.follow(self.truth.landings)
                    self.followers.append(writer)
        # The transcripts come first: they are of record, and others follow them.
        ordered = sorted(writers, key=lambda writer: writer is not self.truth)
        limit = max(1, settings.channel_buffer_size // 2)
        self.lanes = [
            Lane(
                writer,
                limit=limit,
                dead_letters=DeadLetters(settings.dead_letters, writer.name),
                losses=self.losses if at == 0 else None,
                follows=writer in self.followers,
                on_progress=self.buffer.signal,
            )
            for at, writer in enumerate(ordered)
        ]
        self.look_back = self._plan_look_back(settings.left_open)
        self.worker = Worker(
            self.buffer,
            self.lanes,
            [
                self.losses,
                *(each.losses for each in writers if isinstance(each, JsonlWriter | SealedWriter)),
            ],
            recorder=self.recorder,
            batch_size=min(settings.batch_size, limit),
            batch_timeout_s=settings.batch_timeout_ms / 1000,
            processors=settings.processors,
            looking_back=self.look_back.steps() if self.look_back is not None else None,
            on_idle=self._settle_early,
            find_header=find_header,
        )
        self._closed = threading.Lock()
        self.ended = False

    def _plan_look_back(self, left_open: frozenset[str]) -> LookBack | None:
        if self.truth is not None:
            return LookBack(self.truth.directory, self._take_over, left_open)
        for writer in self.writers:
            if isinstance(writer, SealedWriter):
                # Its leases lie in the session's folder, and nobody follows a sealed transcript.
                return LookBack(
                    writer.path.parent, self._take_over, left_open, open_file=writer.open_text
                )
        return None

    def start(self) -> None:
        """Begin the threads; from now on a thread that dies is begun anew."""
        self.buffer.revive = self._revive
        self.worker.start()

    def after_fork(self) -> None:
        """Leave what is the parent's to the parent."""
        for writer in self.writers:
            after_fork = getattr(writer, "after_fork", None)
            if after_fork is not None:
                after_fork()
        if self.look_back is not None:
            self.look_back.settle(settled=False)

    def _revive(self) -> None:
        self.worker.start()
        for lane in self.lanes:
            lane.start()

    def _take_over(self, paths: list[str]) -> None:
        """Let followers read the transcripts of dead recorders, as far as they have not."""
        if self.truth is None or not paths:
            return
        for lane in self.lanes:
            if lane.follows:
                lane.adopt([os.fspath(self.truth.directory / path) for path in paths])

    def _settle_early(self) -> None:
        """Forget the dead recorders as soon as all that is to say of them is stored."""
        look_back = self.look_back
        if look_back is not None and look_back.done and all(lane.rests for lane in self.lanes):
            look_back.settle(settled=True)
            self.look_back = None

    def flush(self, timeout_s: float | None) -> bool:
        """Wait until everything that was accepted is stored; False when the time ran out."""
        mark = Mark()
        self.buffer.put_beside(mark)
        for lane in self.lanes:
            lane.hurry()
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        # A thread that is just dying still counts as alive, so this looks again.
        while not mark.wait(min(_LOOK_S, max(0.0, deadline - time.monotonic()))):
            self._revive()
            if time.monotonic() >= deadline:
                return False
        return all(lane.stats().pending == 0 for lane in self.lanes)

    def close(self, timeout_s: float) -> bool:
        """Flush, end the threads and release the writers; True when nothing was left behind."""
        with self._closed:
            if self.ended:
                return True
            self.ended = True
            failed = sum(lane.stats().failed for lane in self.lanes)
            done = self._end_threads(time.monotonic() + timeout_s, timeout_s)
            stats = [lane.stats() for lane in self.lanes]
            settled = done and not any(each.pending for each in stats)
            settled = settled and sum(each.failed for each in stats) == failed
            for lane in self.lanes:
                if lane.join(0) and lane.writer is not self.truth:
                    lane.writer.close()
            if self.truth is not None and self.lanes[0].join(0):
                self.truth.close(settled=settled)
            if self.look_back is not None:
                self.look_back.settle(settled=settled)
            return settled

    def _end_threads(self, deadline: float, timeout_s: float) -> bool:
        self.buffer.close()
        end = Mark(stop=True)
        self.buffer.put_beside(end)
        # A part of the time is kept for setting aside what can't be stored.
        for lane in self.lanes:
            lane.hurry(deadline - timeout_s * 0.2)
        while not end.wait(min(_LOOK_S, max(0.0, deadline - time.monotonic()))):
            self._revive()
            if time.monotonic() >= deadline:
                break
        done = self.worker.join(deadline - time.monotonic())
        while self.buffer.queue:
            self.buffer.queue.popleft()
            self.buffer.dropped += 1
        for lane in self.lanes:
            done = lane.join(deadline - time.monotonic()) and done
        return done

    def stats(self, buffer: Buffer) -> RecorderStats:
        """Return all figures; ``buffer`` is the recorder's, which a fork may have replaced."""
        worker = self.worker
        writers = {lane.name: lane.stats() for lane in self.lanes}
        first = next(iter(writers.values()), None)
        depth = max(0, len(buffer.queue) - buffer.beside)
        accepted = worker.taken + depth + buffer.dropped
        written = first.written if first else 0
        dropped = buffer.dropped + worker.filtered + (first.dropped if first else 0)
        failed = worker.unfit + (first.failed if first else 0)
        return RecorderStats(
            accepted=accepted,
            written=written,
            dropped=dropped,
            failed=failed,
            pending=accepted - written - dropped - failed,
            retried=sum(each.retried for each in writers.values()),
            queue_depth=depth,
            gaps=worker.gaps,
            last_error=next(
                (each.last_error for each in writers.values() if each.last_error), None
            ),
            writers=writers,
        )
