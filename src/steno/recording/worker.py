"""Takes events from the buffer, numbers them and hands them to the lanes.

Strategy: the worker sleeps until the first event, then waits until a batch is full or a quarter of
``batch_timeout`` has passed; the rest is left to the writers, because the promise is about
the disk and not about the moment at which writing begins. It works in steps of one batch, so that
it never holds the interpreter for long. Losses become gap events here, with numbers of their own.

What the worker has taken and not yet handed over stands in attributes, never only in a local
variable: when its thread dies, the next one goes on with it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno import notices
from steno.events.header import Header
from steno.events.model import Event, Gap
from steno.recording.buffer import Mark
from steno.writers.base import Batch, ease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from steno.events.processors import Processor
    from steno.recording.buffer import Buffer
    from steno.recording.lane import Lane
    from steno.writers.base import FindHeader
    from steno.writers.losses import Losses

STALL_S = 1.0
"""Seconds without progress after which a full lane is passed over for the sake of the others."""

_IDLE_S = 60.0
_LOOK_S = 0.005
_BESIDE = frozenset({Header, Mark})


class Worker:
    """The thread between the buffer and the lanes.

    Attributes:
        taken: Events that it took from the buffer.
        filtered: Of these, events that a processor dropped.
        unfit: Of these, what was no event at all or broke a processor.
        gaps: Gap events that it made.
    """

    def __init__(
        self,
        buffer: Buffer,
        lanes: Sequence[Lane],
        ledgers: Sequence[Losses],
        *,
        recorder: str,
        batch_size: int,
        batch_timeout_s: float,
        processors: Sequence[Processor] = (),
        looking_back: Iterator[Sequence[Event]] | None = None,
        on_idle: Callable[[], None] = lambda: None,
        find_header: FindHeader | None = None,
    ) -> None:
        """Prepare the worker; `start` begins its thread.

        Args:
            buffer: Where events come from.
            lanes: Where batches go; the first one is of record and sets the pace.
            ledgers: Losses to be told as gaps.
            recorder: The recorder's id.
            batch_size: Events after which a batch is handed over.
            batch_timeout_s: Seconds after which the first event of a batch is on disk.
            processors: Steps that may change or drop events.
            looking_back: Work that is done by steps while nothing waits, and finished at the end;
                each step gives events to write.
            on_idle: Called when there is nothing to do.
            find_header: What batches carry for transcripts that begin without their header.
        """
        self.taken = self.filtered = self.unfit = self.gaps = 0
        self._buffer = buffer
        self._lanes = lanes
        self._ledgers = ledgers
        self._recorder = recorder
        self._size = batch_size
        self._patience_s = batch_timeout_s / 4
        self._processors = tuple(processors)
        self._looking_back = looking_back
        self._on_idle = on_idle
        self._find_header = find_header
        self._seq = 0
        self._number = 0
        self._events: list[Event] = []
        self._own: list[Event] = []
        self._headers: dict[str, Header] = {}
        self._mark: Mark | None = None
        self._batch: Batch | None = None
        self._next_lane = 0
        self._stalled: dict[str, int] = {}
        self._stopped = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the thread and the lanes', or begin anew those that died."""
        if self._stopped or (self._thread is not None and self._thread.is_alive()):
            return
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            for lane in self._lanes:
                lane.start()
            self._thread = threading.Thread(target=self._run, name="steno-worker", daemon=True)
            self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; False when the time ran out."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                self._loop()
            except Exception as error:  # noqa: BLE001 - the worker outlives whatever comes up
                notices.say("worker", f"ERROR the recorder's worker: {error!r}; going on")
                time.sleep(0.05)
            else:
                return

    def _loop(self) -> None:
        while not self._stopped:
            self._hand_over()
            if self._mark is not None:
                self._pass_on(self._mark)
                continue
            self._await_events()
            self._take()
            self._process()
            self._tell_losses()
            self._build()

    def _await_events(self) -> None:
        buffer = self._buffer
        while not buffer.queue and not any(self._ledgers) and not self._own:
            self._make_room()
            if not self._look_back():
                self._on_idle()
                buffer.wait(_IDLE_S)
        deadline = time.monotonic() + self._patience_s
        while len(buffer.queue) < self._size and not buffer.urgent:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            # The callers don't wake the worker for each batch: a look now and then is cheaper.
            if not self._look_back():
                buffer.wait(min(left, _LOOK_S))

    def _look_back(self) -> bool:
        """Do one step of the work that can wait; False when there is none left."""
        if self._looking_back is None:
            return False
        found = next(self._looking_back, None)
        if found is None:
            self._looking_back = None
            return False
        self._own.extend(found)
        ease()
        return True

    def _take(self) -> None:
        queue, events = self._buffer.queue, self._events
        room = self._size
        if not self._buffer.beside:
            # Nothing but events, as nearly always: no look at each of them.
            taken = [queue.popleft() for _ in range(min(room, len(queue)))]
            if _BESIDE.isdisjoint(map(type, taken)):
                events.extend(taken)  # type: ignore[arg-type]
                self.taken += len(taken)
                return
            queue.extendleft(reversed(taken))  # a header or a mark slipped in
        while room and queue:
            item = queue.popleft()
            if isinstance(item, Header):
                self._headers.setdefault(item.session_id, item)
                self._buffer.took_beside(item)
            elif isinstance(item, Mark):
                self._buffer.took_beside(item)
                self._mark = item
                if item.stop:
                    # What slipped in while the recorder was being closed is taken along.
                    room = len(queue)
                    continue
                # Others may wait behind this one; each is passed on without a pause.
                self._buffer.urgent = self._buffer.beside > 0
                return
            else:
                events.append(item)
                self.taken += 1
                room -= 1

    def _process(self) -> None:
        """Drop what is no event, and let the processors have their way."""
        kinds = set(map(type, self._events))
        if not self._processors and all(issubclass(kind, Event) for kind in kinds):
            return
        kept: list[Event] = []
        for event in self._events:
            result: Any = event
            if not isinstance(result, Event):
                self.unfit += 1
                self._ledgers[0].add("", "event", "not_an_event", detail=type(event).__name__)
                continue
            for processor in self._processors:
                try:
                    result = processor(result)
                except Exception as error:  # noqa: BLE001 - what a redactor broke on must not be written
                    self.unfit += 1
                    self._lose(event, "processor_failed", f"{type(error).__name__}: {error}"[:500])
                    notices.say(
                        "processor", f"ERROR a processor failed: {error!r}; event set aside"
                    )
                    result = None
                    break
                if result is None:
                    self.filtered += 1
                    self._lose(event, "processor_dropped", getattr(processor, "__name__", None))
                    break
            if result is not None:
                kept.append(result)
        self._events = kept

    def _lose(self, event: Event, reason: str, detail: str | None) -> None:
        self._ledgers[0].add(
            str(event.session_id), "event", reason, request_id=str(event.request_id), detail=detail
        )

    def _tell_losses(self) -> None:
        for ledger in self._ledgers:
            for loss in ledger.take():
                header = self._buffer.headers.get(loss.session_id)
                if header is not None:
                    # The gap may be what begins the transcript, ahead of the header in the queue.
                    self._headers.setdefault(loss.session_id, header)
                self._own.append(
                    Gap(
                        loss.session_id or f"steno-{self._recorder}",
                        loss.request_id,
                        datetime.now(UTC),
                        what=loss.what,
                        count=loss.count,
                        reason=loss.reason,
                        since=loss.since,
                        detail=loss.detail,
                    )
                )
                self.gaps += 1

    def _build(self) -> None:
        if not self._events and not self._own and not self._headers:
            return
        own_from = self._seq + len(self._events) + 1
        events = self._events + self._own
        seqs = range(self._seq + 1, self._seq + len(events) + 1)
        self._number += 1
        batch = Batch(
            events,
            seqs,
            recorder=self._recorder,
            headers=self._headers,
            number=self._number,
            own=frozenset(range(own_from, own_from + len(self._own))),
            find_header=self._find_header,
        )
        self._seq += len(events)
        self._next_lane = 0
        self._batch = batch
        self._events, self._own, self._headers = [], [], {}

    def _hand_over(self) -> None:
        """Hand the batch in hand to every lane; wait for room, but not for a lane that hangs."""
        batch = self._batch
        while batch is not None and self._next_lane < len(self._lanes):
            lane = self._lanes[self._next_lane]
            if not lane.offer(batch, defer=not self._buffer.blocks):
                self._await_room(lane, batch)
            self._next_lane += 1
        self._batch = None
        self._next_lane = 0
        self._make_room()

    def _await_room(self, lane: Lane, batch: Batch) -> None:
        """Wait until a lane takes a batch, but not for one that hangs while others go on."""
        moved, since = lane.moved, time.monotonic()
        # A lane that hung a moment ago and has not moved since is not waited for again.
        patience_s = 0.0 if self._stalled.get(lane.name) == moved else STALL_S
        while not lane.offer(batch, defer=False):
            self._make_room()
            self._buffer.wait(0.01)
            if lane.moved != moved:
                moved, since, patience_s = lane.moved, time.monotonic(), STALL_S
            others = (other for other in self._lanes if other is not lane)
            if time.monotonic() - since > patience_s and any(not other.held for other in others):
                self._stalled[lane.name] = moved
                if not lane.offer(batch):
                    lane.drop(batch)
                    self._keep_headers(batch)
                return

    def _keep_headers(self, batch: Batch) -> None:
        """Send what is known of sessions along with the next batch, when its events are lost."""
        for session_id, header in batch.headers.items():
            if len(self._headers) < self._buffer.capacity:
                self._headers.setdefault(session_id, header)

    def _make_room(self) -> None:
        held = max((lane.held for lane in self._lanes), default=0)
        self._buffer.make_room(held)

    def _pass_on(self, mark: Mark) -> None:
        """Pass a mark to the lanes, behind everything that was taken before it."""
        if mark.stop:
            while self._look_back():
                pass
        self._take_rest_of_losses()
        self._mark = None
        mark.expect(len(self._lanes))
        for lane in self._lanes:
            lane.mark(mark)
        if mark.stop:
            self._stopped = True

    def _take_rest_of_losses(self) -> None:
        if any(self._ledgers) or self._own:
            self._tell_losses()
            self._build()
            self._hand_over()
