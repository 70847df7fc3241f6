"""The recorder: takes events from a program without ever getting in its way.

Strategy for forks: a worker thread does not survive ``fork()``, and a queue that was copied would
be written twice. So the child begins clean: an empty buffer, a recorder id of its own, writers
without the parent's files; threads are begun with its first event. Strategy for the end: an
``atexit`` hook flushes every recorder that is still open, within a deadline; one that is dropped
without `close` says so and is closed in the background.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from steno import notices
from steno.events.header import make_header
from steno.identity import describe_process, new_session_id
from steno.recording.buffer import Buffer
from steno.recording.engine import Engine, Settings
from steno.recording.session import Session
from steno.writers.losses import Losses

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from steno.events.header import Header
    from steno.events.model import Event
    from steno.recording.context import Scope
    from steno.recording.statistics import RecorderStats
    from steno.writers.base import Writer

CLOSE_TIMEOUT_S = 10.0
"""Seconds that `Recorder.close` takes at most."""

_INHERITED = ("session_key", "agent_id", "user_id", "chat_id", "parent", "tags", "program")
"""What a session has in common with the one that it goes on from."""

_live: weakref.WeakSet[Recorder] = weakref.WeakSet()


class Source(Protocol):
    """Somebody who turns what passes into events a little later, on a thread of its own."""

    def flush(self, timeout_s: float) -> bool:
        """Record what has passed before; True when it was done in time."""

    def close(self, timeout_s: float) -> bool:
        """Record what has passed, and end; may be called twice. True when it was done in time."""

    def after_fork(self) -> None:
        """Begin clean in a forked child."""


class Recorder:
    """Records events; safe for all threads and tasks, and after a fork.

    Made by `steno.open`, `steno.from_config` or `RecorderBuilder`. Without writers, recording is
    off: there are no threads, and `record` does nothing.
    """

    def __init__(self, writers: Sequence[Writer], settings: Settings | None = None) -> None:
        """Begin to record with these writers."""
        self._writers = tuple(writers)
        self._settings = settings or Settings()
        self._lock = threading.Lock()
        self._sources: tuple[Source, ...] = ()
        self._sessions: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()
        self._open_engine()
        _live.add(self)

    def _open_engine(self) -> None:
        # The engine holds the sessions that are in use, weakly, and not the recorder.
        find_header = functools.partial(_find_header, self._sessions)
        self._engine = Engine(self._writers, self._settings, find_header)
        self._buffer = self._engine.buffer
        self._finalizer = weakref.finalize(self, _abandon, self._engine)
        self._finalizer.atexit = False
        self._forked = False
        if self._writers:
            self._engine.start()
        else:
            self._buffer.limit = -1

    @property
    def enabled(self) -> bool:
        """Tell whether there is anything to record to."""
        return bool(self._writers)

    @property
    def recorder_id(self) -> str:
        """The id that stands in every event of this recorder in this process."""
        if self._forked:
            self._restart()
        return self._engine.recorder

    def record(self, event: Event) -> bool:
        """Record one event; never blocks (with the default policy) and never raises.

        Hand the event over: what it refers to is encoded later, on another thread.

        Returns:
            True when it was accepted for writing; False when it was dropped, which is counted.
        """
        buffer = self._buffer
        queue = buffer.queue
        depth = len(queue)
        if depth >= buffer.limit:
            return self._refuse(event)
        queue.append(event)
        if not depth:
            buffer.signal()
        return True

    def _refuse(self, event: Event) -> bool:
        if not self._writers:
            return False
        if self._forked:
            self._restart()
            return self.record(event)
        return self._buffer.refuse(event)

    def session(
        self,
        session_id: str | None = None,
        *,
        key: str | None = None,
        user_id: str | None = None,
        chat_id: str | None = None,
        message_id: str | None = None,
        parent: str | None = None,
        tags: Sequence[str] = (),
        agent_id: str | None = None,
        program: str | None = None,
        began: datetime | None = None,
    ) -> Session:
        """Begin a session, or go on with one.

        Args:
            session_id: Its id; made up when it is not given. A session that has a transcript
                already is continued in it, and its header stays as it is.
            key: The session key: the logical conversation, such as ``agent:main:main``.
            user_id: The user for whom it runs.
            chat_id: The chat that it belongs to.
            message_id: The message that it answers.
            parent: Id of the session that begins this one.
            tags: Free tags.
            agent_id: The agent; read from the key when it is not given.
            program: The program that is recorded, where it is another one than this.
            began: When it began, aware; now, when it is not given.
        """
        identity: dict[str, Any] = {
            "session_key": key,
            "user_id": user_id,
            "chat_id": chat_id,
            "message_id": message_id,
            "parent": parent,
            "tags": tuple(tags),
            "recorder": self.recorder_id,
            **describe_process(),
        }
        if agent_id is not None:
            identity["agent_id"] = agent_id
        if program is not None:
            identity["program"] = program
        return self._begin(
            make_header(session_id or new_session_id(), began or datetime.now(UTC), **identity)
        )

    def _begin(self, header: Header, scopes: dict[int, Scope] | None = None) -> Session:
        """Begin a session: what is said of it goes ahead of its first event."""
        session = Session(
            self.record,
            header,
            self._succeed,
            scopes,
            artefacts=self._settings.artefacts,
            enabled=self.enabled,
        )
        self.introduce(session)
        return session

    def introduce(self, session: Session) -> None:
        """Say what is known of a session, ahead of its first event; `session` does so itself."""
        header = session.header
        if self._writers and not self._buffer.closed:
            if self._forked:
                self._restart()
            self._buffer.put_beside(header)
            if len(self._buffer.queue) == 1:
                self._buffer.signal()
        # Of two that go by one id, the one that knows the key is asked for it.
        known = self._sessions.get(header.session_id)
        if known is None or known.header.session_key is None:
            self._sessions[header.session_id] = session

    def _succeed(
        self, before: Header, scopes: dict[int, Scope], session_id: str | None, reason: str
    ) -> Session:
        """Begin the session that goes on from one, under its key."""
        identity = {name: getattr(before, name) for name in _INHERITED}
        return self._begin(
            make_header(
                session_id or new_session_id(),
                datetime.now(UTC),
                **{**describe_process(), **identity},
                previous=before.session_id,
                reason=reason,
                recorder=self.recorder_id,
            ),
            scopes,
        )

    def attach(self, source: Source) -> None:
        """Have a source flushed and closed with this recorder, and before it."""
        self._sources += (source,)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that were attached."""
        return self._sources

    def flush(self, timeout_s: float | None = CLOSE_TIMEOUT_S) -> bool:
        """Write everything that was accepted before, the queue included, and go on.

        Args:
            timeout_s: Seconds to wait at most; None waits for as long as it takes.

        Returns:
            True when all of it is stored by every writer.
        """
        if not self._writers or self._forked or self._buffer.closed:
            return True
        begun_s = time.monotonic()
        patience_s = timeout_s if timeout_s is not None else threading.TIMEOUT_MAX
        told = [source.flush(_left(begun_s, patience_s)) for source in self._sources]
        if timeout_s is not None:
            timeout_s = _left(begun_s, timeout_s)
        return self._engine.flush(timeout_s) and all(told)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Flush, then end; may be called twice and from any thread.

        Args:
            timeout_s: Seconds to wait at most.

        Returns:
            True when everything was stored; otherwise stderr says what was not, and where it is.
        """
        begun_s = time.monotonic()
        for source in self._sources:
            source.close(_left(begun_s, timeout_s))
        self._finalizer.detach()
        if not self._writers or self._forked:
            self._buffer.close()
            return True
        settled = self._engine.close(_left(begun_s, timeout_s))
        if not settled:
            stats = self.stats()
            notices.say(
                f"close-{self.recorder_id}",
                f"ERROR the recorder could not write everything in {timeout_s:g} s: "
                f"{stats.pending} event(s) pending, {stats.failed} failed; {stats.last_error}",
            )
        return settled

    async def aclose(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """As `close`, without blocking the event loop."""
        import asyncio

        return await asyncio.to_thread(self.close, timeout_s)

    def stats(self) -> RecorderStats:
        """Return the recorder's own figures; see `RecorderStats` for what adds up."""
        return self._engine.stats(self._buffer)

    def __enter__(self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the recorder."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the recorder."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the recorder without blocking the event loop."""
        await self.aclose()

    # -- forks ---------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """Begin clean in the child: nothing of the parent's is written here."""
        self._lock = threading.Lock()
        if not self._writers or self._buffer.closed:
            return
        self._finalizer.detach()
        for source in self._sources:
            source.after_fork()
        self._engine.after_fork()
        self._forked = True
        # The parent's queue is left to the parent; a limit below zero sends the child's first
        # event to `_refuse`, which begins the threads.
        self._buffer = Buffer(Losses(), capacity=1)
        self._buffer.limit = -1

    def _restart(self) -> None:
        with self._lock:
            if not self._forked:
                return
            self._open_engine()
            # multiprocessing ends its children with os._exit, which runs no atexit hook.
            pools = sys.modules.get("multiprocessing.util")
            if pools is not None:
                pools.Finalize(self, _flush_engine, args=(self._engine,), exitpriority=100)


def _find_header(
    sessions: weakref.WeakValueDictionary[str, Session], session_id: str
) -> Header | None:
    session = sessions.get(session_id)
    return session.header if session is not None else None


def _left(begun_s: float, timeout_s: float) -> float:
    return max(0.0, begun_s + timeout_s - time.monotonic())


def _flush_engine(engine: Engine) -> None:
    engine.flush(CLOSE_TIMEOUT_S)


def _abandon(engine: Engine) -> None:
    """Close the engine of a recorder that was dropped without `close`."""
    if engine.ended or not engine.writers:
        return
    notices.say(
        f"abandoned-{engine.recorder}",
        "WARN Session recorder was dropped without close(); its last events are written in the "
        "background. Use `with steno.open(...)`, or call close()",
    )
    threading.Thread(target=engine.close, args=(CLOSE_TIMEOUT_S,), daemon=True).start()


def _close_all() -> None:
    for recorder in list(_live):
        if not recorder._buffer.closed:  # noqa: SLF001 - both live in this module
            recorder.close()


def _fork_all() -> None:
    notices.reset()
    for recorder in list(_live):
        recorder._after_fork()  # noqa: SLF001 - both live in this module


atexit.register(_close_all)
os.register_at_fork(after_in_child=_fork_all)
