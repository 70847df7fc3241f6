"""Collecting the logs of several pods at a time, and what became of them as one `Collection`.

Strategy: pods are read on threads of their own, each becoming an artefact while it is read. Whoever
waits for them does nothing else, so that Ctrl-C and cancelled tasks reach somebody who can tell the
others to stop; what had come by then is finished and kept. One pod that fails does not end the
others. Where pods that a selector chooses are followed, those that come later are looked for
meanwhile, and read as soon as they are there.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from steno.collectors.collection import CANCELLED, LIMIT, Collection, completeness
from steno.collectors.kubernetes_access import find_access
from steno.collectors.kubernetes_api import KubernetesApi
from steno.collectors.kubernetes_logs import LogQuery
from steno.collectors.kubernetes_pods import (
    Selection,
    choose_containers,
    fetch_pod,
)
from steno.collectors.kubernetes_reading import IncompleteError, PodReading, Task
from steno.collectors.kubernetes_wanted import Wanted, end_of
from steno.collectors.windows import resolve_window
from steno.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from steno.collectors.collection import Cancel, Progress
    from steno.collectors.kubernetes_pods import Pod
    from steno.recording.saving import Saved
    from steno.recording.session import Session

_T = TypeVar("_T")

SOURCE = "kubernetes"

PARALLEL = 4
"""Pods that are read at a time."""

MOST_FOLLOWED = 50
"""Pods that are followed, which are read all at once, each with a thread and a connection."""

_GLANCE_S = 0.1


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
        self._ends_at = end_of(wanted, self._window, now)
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
        wanted = self.wanted
        selection = None
        if wanted.pod is None:
            selection = Selection(self._namespace, wanted.selector, wanted.field_selector)
        try:
            pods = asyncio.run(self._until(self._choose(selection), self._stopped))
        except _StoppedError:
            return self._collected([], cancelled=True)
        readings = self._begin_readings(pods)
        failure: CollectError | None = None
        with ThreadPoolExecutor(MOST_FOLLOWED if wanted.follow else PARALLEL) as pool:
            parts = [self._submit(pool, reading) for reading in readings]
            if selection is not None and wanted.follow:
                later = self._look_for_more(selection, pods, pool, parts)
                try:
                    asyncio.run(self._until(later, self._is_over))
                except _StoppedError:
                    pass
                except CollectError as error:  # those that are there are followed on
                    failure = error
        return self._collected(
            [part.result() for part in parts], failure, cancelled=self._stopped()
        )

    async def _choose(self, selection: Selection | None) -> list[Pod]:
        async with self._asking() as api:
            if selection is not None:
                return await selection.existing(api)
            assert self.wanted.pod is not None
            return [await fetch_pod(api, self._namespace, self.wanted.pod)]

    async def _look_for_more(
        self,
        selection: Selection,
        pods: list[Pod],
        pool: ThreadPoolExecutor,
        parts: list[Future[_Part]],
    ) -> None:
        """Read each pod that comes after those that were there; goes on until it is stopped."""
        known = {pod.uid for pod in pods}
        task = self._task(tail=None)  # that was meant for what had been logged before
        async with self._asking() as api:
            async for pod in selection.later(api):
                if pod.uid in known:
                    continue
                known.add(pod.uid)
                with contextlib.suppress(CollectError):  # it has no such container
                    chosen = choose_containers(pod, self.wanted.container)
                    parts.append(self._submit(pool, PodReading(pod, chosen, task)))

    def _asking(self) -> KubernetesApi:
        return KubernetesApi(
            self._access, timeout_s=self.wanted.timeout_s, retries=self.wanted.retries
        )

    async def _until(self, work: Coroutine[Any, Any, _T], is_over: Callable[[], bool]) -> _T:
        """Do something for as long as it is not over.

        Raises:
            _StoppedError: It is over.
        """
        future = asyncio.ensure_future(work)
        while not future.done():
            await asyncio.wait([future], timeout=_GLANCE_S)
            if is_over() and not future.done():
                future.cancel()
                raise _StoppedError
        return future.result()

    def _is_over(self) -> bool:
        return self._stopped() or self._is_late()

    def _is_late(self) -> bool:
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def _submit(self, pool: ThreadPoolExecutor, reading: PodReading) -> Future[_Part]:
        return pool.submit(contextvars.copy_context().run, self._read, reading)

    def _begin_readings(self, pods: list[Pod]) -> list[PodReading]:
        wanted = self.wanted
        if wanted.follow and len(pods) > MOST_FOLLOWED:
            raise CollectError(
                f"{len(pods)} pods are too many to follow at once: {MOST_FOLLOWED} are the most",
                hint="narrow the selector",
                reason="limit",
            )
        task = self._task(tail=wanted.tail)
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

    def _task(self, *, tail: int | None) -> Task:
        wanted = self.wanted
        query = LogQuery(
            since=self._window.start,
            until=self._window.end,
            previous=wanted.previous,
            tail=tail,
            follow=wanted.follow,
            limit_lines=wanted.limit_lines,
            limit_bytes=wanted.limit_bytes,
        )
        return Task(
            self._access, query, wanted.join_multiline, wanted.timeout_s, wanted.retries,
            self._ends_at, self._stopped, self._came,
        )  # fmt: skip

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
        if self._is_late():  # others had all the places until then
            reading.reason = LIMIT
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
            metadata={**self._facts(), **completeness(None), **_facts_of(reading)},
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "query": self.wanted.described(self._namespace),
            "server": self._access.server,
        }

    def _collected(
        self, parts: Sequence[_Part], failure: CollectError | None = None, *, cancelled: bool
    ) -> Collection:
        """Sum it up.

        Args:
            parts: What became of each pod.
            failure: Why pods that came later could not be looked for.
            cancelled: Somebody asked to stop.

        Raises:
            CollectError: Nothing came, because of an error.
        """
        readings = [part.reading for part in parts]
        count = sum(reading.count for reading in readings)
        failures = [each.failure for each in readings if each.failure is not None]
        reason = _reason_of(readings, failures, cancelled=cancelled)
        warnings = [warning for each in readings for warning in _warnings_of(each)]
        if failure is not None:
            warnings.append(f"pods that came later were not looked for: {failure.message}")
            reason = reason or f"error: {failure.message}"
            failures.append(failure)
        saved = tuple(part.saved for part in parts if part.saved is not None)
        if count == 0 and not cancelled:
            if failures and not saved:
                raise failures[0]
            without = [error for each in readings for error in each.without_log]
            if without and len(without) == sum(len(each.containers) for each in readings):
                raise without[0]
        pods = [
            {"pod": each.pod.name, "namespace": each.pod.namespace, "count": each.count}
            | completeness(each.reason)
            | _facts_of(each)
            for each in readings
        ]
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
                **completeness(reason),
                "pods": pods,
                "warnings": warnings,
            },
        )


class _Part(NamedTuple):
    """What became of one pod."""

    reading: PodReading
    saved: Saved | None = None
    entries: Sequence[Any] = ()


class _StoppedError(Exception):
    """Somebody asked to stop."""


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
