"""The logs of one pod as entries to iterate over, on a thread that has nothing else to do.

Strategy: whoever saves wants an ordinary iterator, and whoever waits for a network wants an event
loop that can give up at once. So the iterator owns a loop, which runs until the next entries are
there; nothing is read ahead, so memory stays as it is however long the logs are. While it waits, it
looks every now and then whether it should stop. Containers come one after the other; when they are
followed, all at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.collectors.collection import CANCELLED, LIMIT
from steno.collectors.kubernetes_access import Access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_lines import write_time
from steno.collectors.kubernetes_logs import ContainerLog, LogQuery, NoLogError
from steno.collectors.multiline import Joiner
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable

    from steno.collectors.kubernetes_lines import Line
    from steno.collectors.kubernetes_pods import Container, Pod
    from steno.collectors.multiline import Entry

_GLANCE_S = 0.1
"""How often it is looked whether to stop."""

_PATIENCE_S = 1.0
"""How long an entry that might go on is held back while nothing comes."""


class Task(Struct, frozen=True):
    """How to read, the same for all pods.

    Attributes:
        access: Where the API server is, and who asks.
        query: What is asked of each container's log.
        join: Join lines that belong together.
        timeout_s: How long to wait for the server's next bytes.
        retries: How often what fails in passing is tried again.
        ends_at: When to end, by `time.monotonic`; None for when all is read.
        stopped: Tells whether to stop.
        came: Told how many entries came.
    """

    access: Access
    query: LogQuery
    join: bool
    timeout_s: float
    retries: int
    ends_at: float | None
    stopped: Callable[[], bool]
    came: Callable[[int], None]


class IncompleteError(CollectError):
    """Raised where entries end before their end; its message is why, as `PodReading.reason`."""


class _Lane:
    """One container on its way."""

    def __init__(self, log: ContainerLog, joiner: Joiner, facts: dict[str, Any]) -> None:
        self.log = log
        self.joiner = joiner
        self.facts = facts
        self.batches: AsyncIterator[list[Line]] = log.batches()
        self.next: asyncio.Future[list[Line]] | None = None
        self.held_since = 0.0


class PodReading:
    """Reads one pod; iterate over `entries` once, then look what became of it.

    Attributes:
        pod: The pod.
        count: Entries that came.
        reason: Why they are not all, as in `Collection.reason`; None when they are.
        failure: The error that made it so.
        containers: What is known of each container, and how many lines it had.
        without_log: Why containers had none; one for each.
    """

    def __init__(self, pod: Pod, containers: Iterable[Container], task: Task) -> None:
        """Name what is to be read; nothing is asked yet."""
        self.pod = pod
        self.count = 0
        self.reason: str | None = None
        self.failure: CollectError | None = None
        self.without_log: list[CollectError] = []
        self.containers: dict[str, dict[str, Any]] = {}
        self._wanted = list(containers)
        self._task = task
        for each in self._wanted:
            state = f"{each.state}: {each.why}" if each.why else each.state
            self.containers[each.name] = {
                "state": state, "restarts": each.restarts, "lines": 0
            }  # fmt: skip

    def entries(self) -> Generator[dict[str, Any]]:
        """Give the entries in the order of each container's lines.

        Raises:
            IncompleteError: They are not all; raised behind the last one that came.
        """
        with asyncio.Runner() as runner:
            steps = self._steps()
            try:
                while (entries := runner.run(_take(steps))) is not None:
                    self.count += len(entries)
                    yield from entries
                    self._task.came(len(entries))
            finally:
                runner.run(steps.aclose())
        if self.reason is not None:
            raise IncompleteError(self.reason)

    async def _steps(self) -> Any:
        task = self._task
        async with KubernetesApi(
            task.access, timeout_s=task.timeout_s, retries=task.retries
        ) as api:
            lanes = [
                _Lane(
                    ContainerLog(api, self.pod, each.name, task.query),
                    Joiner(join=task.join),
                    self.containers[each.name],
                )
                for each in self._wanted
            ]
            together = len(lanes) if task.query.follow else 1
            while lanes:
                try:
                    async for entries in self._read(lanes[:together]):
                        yield entries
                finally:
                    for lane in lanes[:together]:
                        await _abandon(lane)
                lanes = lanes[together:]
                if lanes and self._task.stopped():
                    self.reason = CANCELLED
                if self.reason == CANCELLED:
                    return

    async def _read(self, lanes: list[_Lane]) -> AsyncIterator[list[dict[str, Any]]]:
        """Read containers side by side until each has ended."""
        open_lanes = list(lanes)
        while open_lanes:
            await _glance(open_lanes)
            for lane in list(open_lanes):
                entries, ended = self._step(lane)
                if ended:
                    open_lanes.remove(lane)
                if entries:
                    yield entries
            if open_lanes and self._task.stopped():
                self.reason = CANCELLED
            if self.reason == CANCELLED or self._is_late():
                break
        for lane in open_lanes:
            if lane.joiner.holds:
                yield self._written(lane, lane.joiner.flush())

    def _step(self, lane: _Lane) -> tuple[list[dict[str, Any]], bool]:
        """Take what has come of a container; True when it has ended."""
        now = time.monotonic()
        if lane.next is None or not lane.next.done():
            if lane.joiner.holds and now - lane.held_since > _PATIENCE_S:
                return self._written(lane, lane.joiner.flush()), False
            return [], False
        future, lane.next = lane.next, None
        try:
            lines = future.result()
        except CollectError as error:
            self._note(lane, error)
            lines = None
        if lines is None:
            if lane.log.limited and self.reason is None:
                self.reason = LIMIT
            return self._written(lane, lane.joiner.flush()), True
        lane.held_since = now
        lane.facts["lines"] += len(lines)
        return self._written(lane, lane.joiner.feed(lines)), False

    def _note(self, lane: _Lane, error: CollectError) -> None:
        """Keep what went wrong with a container; the others go on."""
        if isinstance(error, NoLogError):
            lane.facts["without_log"] = error.message
            self.without_log.append(error)
            return
        lane.facts["error"] = error.message
        if self.failure is None:
            self.failure = error
            self.reason = f"error: {error.message}"

    def _is_late(self) -> bool:
        ends_at = self._task.ends_at
        return ends_at is not None and time.monotonic() >= ends_at

    def _written(self, lane: _Lane, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        container = lane.log.container
        return [_write(entry, container) for entry in entries]


def _write(entry: Entry, container: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "timestamp": None if entry.at is None else write_time(entry.at),
        "container": container,
        "message": entry.message,
    }
    if entry.lines > 1:
        written["lines"] = entry.lines
    if entry.cut:
        written["cut_bytes"] = entry.cut
    return written


async def _glance(lanes: Iterable[_Lane]) -> None:
    """Wait until something has come of one container, but not for long."""
    waited_for = []
    for lane in lanes:
        if lane.next is None:
            lane.next = asyncio.ensure_future(_take(lane.batches))
        waited_for.append(lane.next)
    await asyncio.wait(waited_for, timeout=_GLANCE_S, return_when=asyncio.FIRST_COMPLETED)


async def _take(items: AsyncIterator[Any]) -> Any:
    """Return the next item; None when there is no more."""
    return await anext(items, None)


async def _abandon(lane: _Lane) -> None:
    """End what is under way, so that its connection is closed."""
    if lane.next is not None:
        lane.next.cancel()
        with contextlib.suppress(asyncio.CancelledError, CollectError):
            await lane.next
        lane.next = None
    await lane.batches.aclose()  # type: ignore[attr-defined] # it is a generator
