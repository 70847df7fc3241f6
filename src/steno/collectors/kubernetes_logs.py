"""The log of one container, read to its end across connections that break.

Strategy: a stream that breaks in the middle is taken up at the last line that came (`Place`), so
nothing is missing and nothing comes twice. The API can't be asked for an end, so lines later than
``until`` are left out here, and reading stops a little behind it: the two streams of a program are
written by turns and may lie a moment apart. Who follows a log is not told by the end of a stream
that it is over; the pod says whether the container still runs.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.collectors.kubernetes_lines import LineReader, nanoseconds
from steno.collectors.kubernetes_place import Place
from steno.collectors.kubernetes_pods import ENDED, fetch_pod
from steno.collectors.kubernetes_refusals import Patience, RefusedError
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from steno.collectors.kubernetes_api import KubernetesApi
    from steno.collectors.kubernetes_lines import Line
    from steno.collectors.kubernetes_pods import Pod

_BAD_REQUEST, _NOT_FOUND = 400, 404
_WAITING = ("is waiting to start", "is not available", "is terminated")
_NO_PREVIOUS = "previous terminated container"
_BEHIND = 2_000_000_000
"""Nanoseconds behind ``until`` after which no line can be meant any more."""

_GLANCE_S = 1.0
"""How often a container that is followed is looked for while it does not run."""


class LogQuery(Struct, frozen=True):
    """What is asked of a container's log.

    Attributes:
        since: Only what was logged from then on.
        until: Only what was logged until then.
        previous: The log of the container's run before this one.
        tail: Only so many lines at the end.
        follow: Go on with what comes.
        limit_lines: Stop after so many lines.
        limit_bytes: Stop after so many bytes.
    """

    since: datetime | None = None
    until: datetime | None = None
    previous: bool = False
    tail: int | None = None
    follow: bool = False
    limit_lines: int | None = None
    limit_bytes: int | None = None


class NoLogError(CollectError):
    """A container that has no log (yet): nothing is missing, and nobody is to blame."""


class ContainerLog:
    """One container's log; iterate over `batches` once.

    Attributes:
        container: The container.
        lines: Lines that came.
        limited: A limit was reached, so there is more.
    """

    def __init__(self, api: KubernetesApi, pod: Pod, container: str, query: LogQuery) -> None:
        """Name the log; nothing is asked yet."""
        self._api = api
        self._pod = pod
        self.container = container
        self._query = query
        self._place = Place()
        self._since = None if query.since is None else nanoseconds(query.since)
        self._until = None if query.until is None else nanoseconds(query.until)
        self._tail = query.tail
        self._bytes = 0
        self._over = False
        self.lines = 0
        self.limited = False

    async def batches(self) -> AsyncIterator[list[Line]]:
        """Give the lines, as many at a time as come at once.

        Raises:
            NoLogError: The container has none.
            CollectError: The API refuses, or the connection breaks for good; what came before is
                all there is.
        """
        patience = Patience(self._api.retries)
        while not self._over:
            try:
                async for lines in self._stream():
                    if lines:
                        patience.renew()
                        yield lines
                if not self._query.follow or self._over or not await self._still_runs():
                    return
            except RefusedError as error:
                if self._query.follow and error.reason == "timeout":
                    # Nothing was logged for long, or nobody is there any more: the pod tells which.
                    if not await self._still_runs():
                        return
                    continue
                if not (self._query.follow and self._may_come(error)):
                    await patience.wait(self._explained(error))
                    continue
                if error.status == _NOT_FOUND and not await self._still_runs():
                    return
                self._tail = None  # that was meant for what had been logged before
            # Not at once: a container that crashes again and again would be asked for without end.
            await asyncio.sleep(_GLANCE_S)

    async def _stream(self) -> AsyncIterator[list[Line]]:
        """Read one stream to its end."""
        self._place.replay()
        reader = LineReader()
        path = f"{self._pod.path}/log"
        async with self._api.stream(path, self._params(), patient=self._query.follow) as pieces:
            async for piece in pieces:
                self._bytes += len(piece)
                yield self._choose(reader.feed(piece))
                if self._query.limit_bytes is not None and self._bytes >= self._query.limit_bytes:
                    yield self._choose(reader.end())
                    self._over = self.limited = True
                if self._over:
                    return
        # Only here: the end of a stream that broke is half a line, which comes once more.
        yield self._choose(reader.end())

    def _params(self) -> dict[str, Any]:
        query, since = self._query, self._place.since_time
        begun = since is not None
        if since is None and query.since is not None:
            since = query.since.strftime("%Y-%m-%dT%H:%M:%SZ")
        limit = query.limit_bytes
        return {
            "container": self.container,
            "timestamps": "true",
            "follow": "true" if query.follow else None,
            "previous": "true" if query.previous else None,
            "sinceTime": since,
            "tailLines": None if begun else self._tail,
            # Of a stream that is taken up, a second's lines come again; they are not counted twice.
            "limitBytes": None if limit is None or begun else limit,
        }

    def _choose(self, lines: list[Line]) -> list[Line]:
        """Leave out what is not meant, and note where it is over."""
        chosen: list[Line] = []
        for line in lines:
            at = line.at
            if not self._place.is_new(line):
                continue
            if at is not None:
                if self._since is not None and at < self._since:
                    continue
                if self._until is not None and at > self._until:
                    if at > self._until + _BEHIND:
                        self._over = True
                        break
                    continue
            if self._query.limit_lines is not None and self.lines >= self._query.limit_lines:
                self._over = self.limited = True
                break
            self.lines += 1
            chosen.append(line)
        return chosen

    async def _still_runs(self) -> bool:
        """Tell whether more may come of a container whose stream has ended."""
        try:
            pod = await fetch_pod(self._api, self._pod.namespace, self._pod.name)
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        container = pod.find(self.container)
        if pod.uid != self._pod.uid or container is None or self._query.previous:
            return False
        if container.state == "terminated":
            return container.again
        return pod.phase not in ENDED  # of a pod that has no node yet, no state is known

    def _may_come(self, error: RefusedError) -> bool:
        """Tell whether there may be a log later: the node may not even know of the pod yet."""
        if error.status == _BAD_REQUEST:
            return any(each in error.message for each in _WAITING[:2])
        return error.status == _NOT_FOUND

    def _explained(self, error: RefusedError) -> RefusedError:
        """Tell a container without a log from a log that can't be had."""
        if error.status == _BAD_REQUEST and _NO_PREVIOUS in error.message:
            raise NoLogError(
                f"container {self.container!r} was not started again, so it has no previous log",
                reason="missing",
            ) from error
        if error.status == _BAD_REQUEST and any(each in error.message for each in _WAITING):
            container = self._pod.find(self.container)
            why = f" ({container.why})" if container is not None and container.why else ""
            raise NoLogError(
                f"container {self.container!r} has not started yet{why}", reason="missing"
            ) from error
        return error
