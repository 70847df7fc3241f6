"""Logs of pods from a Kubernetes cluster, by name or selector, as they are and as they come.

What is asked for is checked here, and waited for; `steno.collectors.kubernetes_work` does it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from steno.collectors.collection import CollectionInterrupted
from steno.collectors.kubernetes_wanted import Wanted
from steno.collectors.kubernetes_work import Work

if TYPE_CHECKING:
    from datetime import timedelta

    from steno.collectors.collection import Cancel, Collection, Progress
    from steno.collectors.windows import Moment
    from steno.recording.session import Session

TIMEOUT_S = 30.0
"""Seconds to wait for the next bytes of an answer."""

RETRIES = 3
"""How often in a row what fails in passing is tried again."""

_GLANCE_S = 0.2


def collect_pod_logs(
    *,
    pod: str | None = None,
    selector: str | None = None,
    field_selector: str | None = None,
    namespace: str | None = None,
    container: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    previous: bool = False,
    tail: int | None = None,
    follow: bool = False,
    duration: timedelta | float | str | None = None,
    join_multiline: bool = True,
    limit_lines: int | None = None,
    limit_bytes: int | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    context: str | None = None,
    session: Session | None = None,
    progress: Progress | None = None,
    client: Any = None,
    cancel: Cancel | None = None,
) -> Collection:
    """Collect the logs of one pod, or of those that selectors choose; one artefact for each.

    Args:
        pod: The pod's name.
        selector: Labels of the pods, such as ``app=payments``, instead.
        field_selector: Fields of the pods, such as ``spec.nodeName=n1``, instead or in addition.
        namespace: Their namespace; that of the context when it is not given; ``*`` for all.
        container: One container; all of them when it is not given, init and ephemeral ones too.
        since: Only what was logged from then on; a duration counts back from now.
        until: Only what was logged until then.
        previous: The log of each container's run before this one.
        tail: Only so many lines at the end of each container's log.
        follow: Go on with what comes, until ``duration`` is over or ``cancel`` is set; of a pod by
            its name, until all containers have ended. Of a selector, also with pods that come
            later.
        duration: How long to follow, such as ``10m``.
        join_multiline: Make one entry of lines that belong together, such as a traceback.
        limit_lines: Stop after so many lines of each container.
        limit_bytes: Stop after so many bytes of each container.
        timeout_s: Seconds to wait for the server's next bytes.
        retries: How often in a row what fails in passing is tried again.
        context: The context of the kubeconfig; its current one when it is not given.
        session: Whose artefacts the logs become; without one they are in `Collection.entries`.
        progress: Called with the number of entries so far.
        client: A `lightkube.Client` or ``AsyncClient`` whose address and credentials are taken;
            else they are looked for where kubectl does.
        cancel: Ends the collection with what it has, once it is set.

    Returns:
        What was collected. Entries have ``timestamp`` (UTC, to the nanosecond; None where the line
        has none), ``container`` and ``message``, and without a session ``pod`` and ``namespace``.

    Raises:
        CollectError: What is asked for makes no sense, no cluster is known, or nothing was
            collected because the API refused.
        CollectionInterrupted: Ctrl-C; what had come is kept, and in the exception.
    """
    wanted = Wanted(
        pod=pod,
        selector=selector,
        field_selector=field_selector,
        namespace=namespace,
        container=container,
        since=since,
        until=until,
        previous=previous,
        tail=tail,
        follow=follow,
        duration=duration,
        join_multiline=join_multiline,
        limit_lines=limit_lines,
        limit_bytes=limit_bytes,
        timeout_s=timeout_s,
        retries=retries,
        context=context,
    )
    work = Work(wanted, session=session, progress=progress, cancel=cancel, client=client)
    future = work.begin()
    try:
        # By moments: a signal that another thread was woken by is noticed only between two waits.
        while not wait([future], timeout=_GLANCE_S).done:
            pass
        return future.result()
    except KeyboardInterrupt as error:
        work.stop()
        raise CollectionInterrupted(future.result()) from error
    except BaseException:  # such as a signal's handler that ends the program
        work.stop()
        wait([future])  # it saves what it has
        raise


async def collect_pod_logs_async(
    *,
    pod: str | None = None,
    selector: str | None = None,
    field_selector: str | None = None,
    namespace: str | None = None,
    container: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    previous: bool = False,
    tail: int | None = None,
    follow: bool = False,
    duration: timedelta | float | str | None = None,
    join_multiline: bool = True,
    limit_lines: int | None = None,
    limit_bytes: int | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = RETRIES,
    context: str | None = None,
    session: Session | None = None,
    progress: Progress | None = None,
    client: Any = None,
    cancel: Cancel | None = None,
) -> Collection:
    """As `collect_pod_logs`, without holding up the event loop.

    A task that is cancelled keeps what had come with the session, and ends as cancelled. Without a
    session there is nobody to hand it to: ``cancel`` ends a collection that is wanted back.
    """
    wanted = Wanted(
        pod=pod,
        selector=selector,
        field_selector=field_selector,
        namespace=namespace,
        container=container,
        since=since,
        until=until,
        previous=previous,
        tail=tail,
        follow=follow,
        duration=duration,
        join_multiline=join_multiline,
        limit_lines=limit_lines,
        limit_bytes=limit_bytes,
        timeout_s=timeout_s,
        retries=retries,
        context=context,
    )
    # What it needs takes long to load the first time.
    work = await asyncio.to_thread(
        Work, wanted, session=session, progress=progress, cancel=cancel, client=client
    )
    future = work.begin()
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        work.stop()
        await asyncio.wait([waiting])  # it saves what it has
        raise
