"""From a plan to a `Collection`: carry it out, and keep what came of it, however it ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from steno.collectors.collection import (
    CANCELLED,
    LIMIT,
    Collection,
    CollectionInterrupted,
    completeness,
)
from steno.collectors.http import Stopped, carry_out, carry_out_async, on_thread
from steno.errors import CollectError

if TYPE_CHECKING:
    from steno.collectors.http import Manner, Questions
    from steno.collectors.services import Service
    from steno.collectors.windows import Window
    from steno.recording.saving import Saved
    from steno.recording.session import Session


class Plan(Protocol):
    """What to ask of a service, and what has come of it so far.

    Attributes:
        source: As `Collection.source`.
        query: As `Collection.query`.
        window: The time that is asked about.
        limited: There is more than was asked for.
    """

    source: str
    query: dict[str, Any]
    window: Window
    limited: bool

    def questions(self) -> Questions:
        """Ask; what the answers add is taken in between."""

    def entries(self) -> list[Any]:
        """Return what has come so far; values may be `msgspec.Raw`."""

    def facts(self) -> dict[str, Any]:
        """Return what the artefact says of itself."""

    def save(self, session: Session, entries: list[Any], metadata: dict[str, Any]) -> Saved | None:
        """Save as an artefact of a session; never raises for what can't be written."""


def collect(plan: Plan, service: Service, manner: Manner, session: Session | None) -> Collection:
    """Carry out a plan and keep what came of it.

    Raises:
        CollectError: It failed before there was anything to keep.
        CollectionInterrupted: Ctrl-C; what had come is kept, and in the exception.
    """
    manner.check()
    reason: str | None = None
    interrupted: KeyboardInterrupt | None = None
    try:
        carry_out(plan.questions(), service, manner)
    except Stopped:
        reason = CANCELLED
    except KeyboardInterrupt as error:
        reason, interrupted = CANCELLED, error
    except CollectError as error:
        reason = _kept_because(plan, error)
    collection = _finish(plan, service, reason, session)
    if interrupted is not None:
        raise CollectionInterrupted(collection) from interrupted
    return collection


async def collect_async(
    plan: Plan, service: Service, manner: Manner, session: Session | None
) -> Collection:
    """As `collect`, without holding up the event loop.

    A task that is cancelled keeps what had come with the session, and ends as cancelled. Without a
    session there is nobody to hand it to: ``cancel`` ends a collection that is wanted back.
    """
    manner.check()
    reason: str | None = None
    try:
        await carry_out_async(plan.questions(), service, manner)
    except asyncio.CancelledError:
        if session is not None:
            await on_thread(_finish, plan, service, CANCELLED, session)
        raise
    except Stopped:
        reason = CANCELLED
    except CollectError as error:
        reason = _kept_because(plan, error)
    return await on_thread(_finish, plan, service, reason, session)


def _kept_because(plan: Plan, error: CollectError) -> str:
    if not plan.entries():
        raise error
    return f"error: {error.message}"


def _finish(
    plan: Plan, service: Service, reason: str | None, session: Session | None
) -> Collection:
    entries = plan.entries()
    if reason is None and plan.limited:
        reason = LIMIT
    time_range = plan.window.time_range
    metadata = {**plan.facts(), "url": service.shown, **completeness(reason)}
    saved: tuple[Saved, ...] = ()
    # That there was nothing is a finding, too; that somebody stopped before, is none.
    if session is not None and (entries or reason is None):
        one = plan.save(session, entries, metadata)
        saved = () if one is None else (one,)
    return Collection(
        source=plan.source,
        query=plan.query,
        time_range=time_range,
        count=len(entries),
        complete=reason is None,
        reason=reason,
        saved=saved,
        entries=msgspec.json.decode(msgspec.json.encode(entries)) if session is None else [],
        metadata=metadata,
    )
