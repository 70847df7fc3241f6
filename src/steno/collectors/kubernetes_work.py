"""Collecting the logs of several pods at a time, and what became of them as one `Collection`.

Strategy: pods are read on threads of their own, each becoming an artefact while it is read. Whoever
waits for them does nothing else, so that Ctrl-C and cancelled tasks reach somebody who can tell the
others to stop; what had come by then is finished and kept. One pod that fails does not end the
others.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, structs

from steno.collectors.collection import CANCELLED, LIMIT, Collection
from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_logs import LogQuery
from steno.collectors.kubernetes_pods import ALL_NAMESPACES, choose_containers, choose_pods
from steno.collectors.kubernetes_reading import IncompleteError, PodReading, Task
from steno.collectors.windows import Moment, Window, parse_duration, resolve_window
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from steno.collectors.collection import Cancel, Progress
    from steno.collectors.kubernetes_pods import Pod
    from steno.recording.saving import Saved
    from steno.recording.session import Session

SOURCE = "kubernetes"

PARALLEL = 4
"""Pods that are read at a time."""

MOST_FOLLOWED = 50
"""Pods that are followed, which are read all at once, each with a thread and a connection."""

_GLANCE_S = 0.1


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for; see `steno.collectors.kubernetes.collect_pod_logs`."""

    pod: str | None = None
    selector: str | None = None
    field_selector: str | None = None
    namespace: str | None = None
    container: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    previous: bool = False
    tail: int | None = None
    follow: bool = False
    duration: timedelta | float | str | None = None
    join_multiline: bool = True
    limit_lines: int | None = None
    limit_bytes: int | None = None
    timeout_s: float = 30.0
    retries: int = 3
    context: str | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            CollectError: It makes none.
        """
        selected = self.selector is not None or self.field_selector is not None
        numbers = {
            "tail": self.tail, "limit_lines": self.limit_lines, "limit_bytes": self.limit_bytes
        }  # fmt: skip
        for wrong, why in (
            (not self.pod and not selected, "name a pod, or give a selector"),
            (self.pod is not None and selected, "give a pod or a selector, not both"),
            # In an address they would be steps of the path, which no escape prevents.
            ({self.pod, self.namespace} & {".", ".."}, "dots alone are no name"),
            (
                self.pod is not None and self.namespace == ALL_NAMESPACES,
                "a pod is named within one namespace",
            ),
            (self.follow and self.previous, "a previous log has ended: it can't be followed"),
            (self.duration is not None and not self.follow, "a duration is for following"),
            (
                not 0 < self.timeout_s < float("inf") or self.retries < 0,
                "timeout_s must be more than nothing, retries at least nothing",
            ),
            *(
                (value is not None and value < (name != "tail"), f"{name} is too small: {value}")
                for name, value in numbers.items()
            ),
        ):
            if wrong:
                raise CollectError(why, reason="query")

    def described(self, namespace: str) -> dict[str, Any]:
        """Return what was asked for, as a program can ask for it again."""
        given = structs.asdict(self)
        for name in ("since", "until", "timeout_s", "retries", "context"):
            del given[name]
        default = structs.asdict(Wanted())
        asked = {name: value for name, value in given.items() if value != default[name]}
        if isinstance(self.duration, timedelta):
            asked["duration"] = f"{self.duration.total_seconds():g}s"
        return asked | {"namespace": namespace}


class Work:
    """One collection under way.

    Attributes:
        wanted: What is asked for.
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        session: Session | None,
        progress: Progress | None,
        cancel: Cancel | None,
        client: Any,
    ) -> None:
        """Look whether it can be done; nothing is asked yet.

        Raises:
            CollectError: It makes no sense, or no cluster is known.
        """
        wanted.check()
        now = datetime.now(UTC)
        self.wanted = wanted
        self._session = session
        self._progress = progress
        self._cancel = cancel
        self._access = find_access(wanted.context, client=client)
        self._namespace = wanted.namespace or self._access.namespace
        self._window = resolve_window(now=now, since=wanted.since, until=wanted.until)
        self._ends_at = _end(wanted, self._window, now)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._count = 0

    def begin(self) -> Future[Collection]:
        """Do it on a thread of its own, as whoever calls."""
        future: Future[Collection] = Future()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                future.set_result(context.run(self._run))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                future.set_exception(error)

        threading.Thread(target=run, name="steno-collect", daemon=True).start()
        return future

    def stop(self) -> None:
        """End it with what it has."""
        self._stop.set()

    def _stopped(self) -> bool:
        return self._stop.is_set() or (self._cancel is not None and self._cancel.is_set())

    def _run(self) -> Collection:
        try:
            pods = asyncio.run(self._until_stopped(self._choose()))
        except _StoppedError:
            return self._collected([], cancelled=True)
        readings = self._begin_readings(pods)
        followed = self.wanted.follow
        with ThreadPoolExecutor(len(readings) if followed else PARALLEL) as pool:
            parts = [
                pool.submit(contextvars.copy_context().run, self._read, reading)
                for reading in readings
            ]
        return self._collected([part.result() for part in parts], cancelled=self._stopped())

    async def _choose(self) -> list[Pod]:
        wanted = self.wanted
        async with KubernetesApi(
            self._access, timeout_s=wanted.timeout_s, retries=wanted.retries
        ) as api:
            return await choose_pods(
                api,
                pod=wanted.pod,
                selector=wanted.selector,
                fields=wanted.field_selector,
                namespace=self._namespace,
            )

    async def _until_stopped(self, work: Coroutine[Any, Any, list[Pod]]) -> list[Pod]:
        future = asyncio.ensure_future(work)
        while not future.done():
            await asyncio.wait([future], timeout=_GLANCE_S)
            if self._stopped() and not future.done():
                future.cancel()
                raise _StoppedError
        return future.result()

    def _begin_readings(self, pods: list[Pod]) -> list[PodReading]:
        wanted = self.wanted
        if wanted.follow and len(pods) > MOST_FOLLOWED:
            raise CollectError(
                f"{len(pods)} pods are too many to follow at once: {MOST_FOLLOWED} are the most",
                hint="narrow the selector",
                reason="limit",
            )
        query = LogQuery(
            since=self._window.start,
            until=self._window.end,
            previous=wanted.previous,
            tail=wanted.tail,
            follow=wanted.follow,
            limit_lines=wanted.limit_lines,
            limit_bytes=wanted.limit_bytes,
        )
        task = Task(
            self._access, query, wanted.join_multiline, wanted.timeout_s, wanted.retries,
            self._ends_at, self._stopped, self._came,
        )  # fmt: skip
        chosen: list[PodReading] = []
        missing: CollectError | None = None
        for pod in pods:
            try:
                chosen.append(PodReading(pod, choose_containers(pod, wanted.container), task))
            except CollectError as error:
                missing = error  # of many pods, some have a sidecar and some have none
        if missing is not None and not chosen:
            raise missing
        return chosen

    def _came(self, count: int) -> None:
        with self._lock:
            self._count += count
            if self._progress is not None:
                self._progress(self._count)

    def _read(self, reading: PodReading) -> _Part:
        """Read a pod, and save its entries as they come."""
        if self._stopped():
            reading.reason = CANCELLED
            return _Part(reading)
        entries = reading.entries()
        try:
            if self._session is None:
                return _Part(reading, entries=_gather(reading, entries))
            first: list[Any] = []
            try:
                first = list(itertools.islice(entries, 1))
            except IncompleteError:
                return _Part(reading)  # nothing came, and not because there is nothing
            if not first and reading.without_log:
                return _Part(reading)
            return _Part(reading, self._save(self._session, reading, first, entries))
        finally:
            entries.close()

    def _save(self, session: Session, reading: PodReading, first: list[Any], entries: Any) -> Saved:
        with self._lock:  # a session may begin with the first thing that is saved in it
            save = session.save_logs
        return save(
            itertools.chain(first, entries) if first else [],
            source=SOURCE,
            pod=reading.pod.name,
            namespace=reading.pod.namespace,
            container=self.wanted.container,
            time_range=self._window.time_range,
            metadata={**self._facts(), "complete": True, **_facts_of(reading)},
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "query": self.wanted.described(self._namespace),
            "server": self._access.server,
        }

    def _collected(self, parts: Sequence[_Part], *, cancelled: bool) -> Collection:
        """Sum it up.

        Raises:
            CollectError: Nothing came, because of an error.
        """
        readings = [part.reading for part in parts]
        count = sum(reading.count for reading in readings)
        failures = [each.failure for each in readings if each.failure is not None]
        reason = _reason_of(readings, failures, cancelled=cancelled)
        saved = tuple(part.saved for part in parts if part.saved is not None)
        if count == 0 and not cancelled:
            if failures and not saved:
                raise failures[0]
            without = [error for each in readings for error in each.without_log]
            if without and len(without) == sum(len(each.containers) for each in readings):
                raise without[0]
        pods = [_facts_of(each) | {"pod": each.pod.name, "namespace": each.pod.namespace,
                                   "count": each.count, "reason": each.reason}
                for each in readings]  # fmt: skip
        return Collection(
            source=SOURCE,
            query=self.wanted.described(self._namespace),
            time_range=self._window.time_range,
            count=count,
            complete=reason is None,
            reason=reason,
            saved=saved,
            entries=[entry for part in parts for entry in part.entries],
            metadata={
                **self._facts(),
                "complete": reason is None,
                "reason": reason,
                "pods": pods,
                "warnings": [warning for each in readings for warning in _warnings_of(each)],
            },
        )


class _Part(NamedTuple):
    """What became of one pod."""

    reading: PodReading
    saved: Saved | None = None
    entries: Sequence[Any] = ()


class _StoppedError(Exception):
    """Somebody asked to stop."""


def _end(wanted: Wanted, window: Window, now: datetime) -> float | None:
    """Tell when to stop following, by the clock that never goes back."""
    ends: list[float] = []
    if wanted.duration is not None:
        ends.append(parse_duration(wanted.duration).total_seconds())
    if wanted.follow and window.end is not None:
        ends.append(max(0.0, (window.end - now).total_seconds()) + 1.0)  # for what is on its way
    return time.monotonic() + min(ends) if ends else None


def _gather(reading: PodReading, entries: Any) -> list[Any]:
    gathered: list[Any] = []
    where = {"pod": reading.pod.name, "namespace": reading.pod.namespace}
    try:
        for entry in entries:
            gathered.append(where | entry)  # noqa: PERF401 - what came before an error is kept
    except IncompleteError:
        pass  # the reading knows why
    return gathered


def _facts_of(reading: PodReading) -> dict[str, Any]:
    """Return what is known of a pod; its containers' facts grow while it is read."""
    return {"node": reading.pod.node, "phase": reading.pod.phase, "containers": reading.containers}


def _warnings_of(reading: PodReading) -> list[str]:
    """Say what is missing of a pod, as a person wants to read it."""
    warnings = [f"pod {reading.pod.name}: {error.message}" for error in reading.without_log]
    for container, facts in reading.containers.items():
        if "error" in facts:
            warnings.append(f"pod {reading.pod.name}, container {container}: {facts['error']}")
    return warnings


def _reason_of(
    readings: Sequence[PodReading], failures: Sequence[CollectError], *, cancelled: bool
) -> str | None:
    reasons = [each.reason for each in readings]
    if cancelled and (not reasons or CANCELLED in reasons):
        return CANCELLED
    if failures:
        of = f"{len(failures)} of {len(readings)} pods: " if len(readings) > 1 else ""
        return f"error: {of}{failures[0].message}"
    return LIMIT if LIMIT in reasons else None
