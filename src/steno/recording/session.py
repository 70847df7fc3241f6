"""Sessions as a program uses them: context managers whose requests record events.

Each handle works with ``with`` and with ``async with``; nothing in here waits. Handles are made for
one thread or task at a time; a session may run requests side by side.

A session ends when it is rotated: its transcript names its successor and the successor's header
names it, so that either finds the other. The successor is made known first, so that a process that
dies in between leaves a link behind. A handle whose session was rotated stands for the newest
successor in all that begins from then on; what is open by then ends where it began.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from steno.errors import IdentityError
from steno.events.model import Compacted, Event, Rotated, StatsSnapshot
from steno.events.parts import SessionMetadata, Tokens
from steno.identity import new_request_id
from steno.recording.context import SPEAKER, Scope, enter_scope, leave_scope
from steno.recording.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from steno.events.header import Header
    from steno.recording.measures import ToolMeasures

    Succeed = Callable[[Header, dict[int, Scope], str | None, str], "Session"]

RESET, COMPACTION = "reset", "compaction"
"""Why a session goes on from another one; the header's ``reason``."""


class Session:
    """One recorded run; made by `Recorder.session`, `reset` and `compact`.

    Attributes:
        session_id: The session's id.
        header: What its transcript says of it.
        scope: Who is speaking while it does, and no request.
        follower: A session that goes on from it, the next one or a later one; None until it is
            rotated. See `successor`.
    """

    # One for all: each holds it for a moment only, and a forked child has to make it anew, because
    # another thread of the parent may have held it. A signal handler may end a request in there.
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(
        self,
        record: Callable[[Event], bool],
        header: Header,
        succeed: Succeed,
        scopes: dict[int, Scope] | None = None,
    ) -> None:
        """Bind the session to its recorder.

        Args:
            record: Records an event.
            header: What the transcript says of the session.
            succeed: Begins the session that goes on from one, given that one's header and scopes,
                the new one's id if it has one, and the reason.
            scopes: Those of the sessions that it goes on from.
        """
        self.session_id = header.session_id
        self.header = header
        self._record = record
        self._succeed = succeed
        self.scope = Scope(header.session_id, "", header.user_id)
        # The scopes of all sessions that follow one another; they share it. A session refers to
        # those after it and never back: what nobody holds can go.
        self._scopes = scopes if scopes is not None else {}
        self._scopes[id(self.scope)] = self.scope
        self.follower: Session | None = None
        self._before: Scope | None = None
        self._requests = self._tool_calls = self._latency_ms = 0
        self._tokens = Tokens()
        self._thinking = 0
        self._tools: set[str] = set()

    def __enter__(self) -> Self:
        """Make this session the one that speaks; its successor, if it was rotated."""
        self._before = enter_scope(self._newest().scope)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the word back; the session may be entered again."""
        speaker = SPEAKER.get()
        if speaker is not None and id(speaker) in self._scopes:
            leave_scope(speaker, self._before)

    async def __aenter__(self) -> Self:
        """As `__enter__`."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `__exit__`."""
        self.__exit__(kind, error, trace)

    def request(
        self,
        *,
        model: str,
        provider: str = "",
        listener: str = "",
        request_id: str | None = None,
        is_streaming: bool = False,
        text: str | None = None,
        json: Any = None,
        metadata: SessionMetadata | None = None,
    ) -> Request:
        """Describe a call to a model; it begins when the result is entered.

        Args:
            model: The model that is asked for.
            provider: Who serves it, such as ``openai``.
            listener: By which door the request came, such as ``sdk``.
            request_id: Its id; made up when it is not given.
            is_streaming: The reply is streamed.
            text: What is said to the model, as text.
            json: What is said to the model, as the provider's request body.
            metadata: What is known of the client.
        """
        request = Request(self._newest(), request_id or new_request_id())
        request.describe(
            model, provider, listener, metadata, is_streaming=is_streaming, text=text, json=json
        )
        return request

    def record(self, event: Event) -> bool:
        """Record any event; as `Recorder.record`."""
        return self._record(event)

    def snapshot(self) -> None:
        """Record the session's figures so far."""
        self._record(
            StatsSnapshot(
                self.session_id,
                "",
                datetime.now(UTC),
                request_count=self._requests,
                total_input_tokens=self._tokens.input,
                total_output_tokens=self._tokens.output,
                total_thinking_tokens=self._thinking,
                total_tool_calls=self._tool_calls,
                unique_tools=tuple(sorted(self._tools)),
                cumulative_latency_ms=self._latency_ms,
            )
        )

    def count(self, tokens: Tokens, tools: ToolMeasures, duration_ms: int) -> None:
        """Add a request that has ended to the figures; it does so itself."""
        with self._lock:
            self._requests += 1
            self._tool_calls += tools.calls
            self._tools.update(tools.by_tool)
            self._latency_ms += duration_ms
            self._thinking += tokens.thinking or tokens.reasoning or 0
            self._tokens = Tokens(
                input=self._tokens.input + tokens.input, output=self._tokens.output + tokens.output
            )

    # -- rotation ------------------------------------------------------------------------

    @property
    def successor(self) -> Session | None:
        """The newest session that goes on from this one; None until it is rotated."""
        return self._newest() if self.follower is not None else None

    def reset(self, *, session_id: str | None = None) -> Session:
        """End this transcript and begin its successor, which knows nothing of what was said.

        The successor has the same key, agent, user, chat, parent and tags; without a key the two
        are linked by their ids alone. Where this session speaks, the successor speaks from now on,
        until the ``with`` block ends. Requests that are open end in this transcript. A session
        that was rotated before is not rotated again, its newest successor is.

        Args:
            session_id: The successor's id; made up when it is not given.

        Returns:
            The successor; it need not be entered.

        Raises:
            IdentityError: The id given is that of the session which ends.
        """
        return self._rotate(RESET, session_id, None)

    def compact(
        self,
        *,
        summary: str = "",
        trigger: str | None = None,
        tokens_before: int | None = None,
        tokens_after: int | None = None,
        session_id: str | None = None,
    ) -> Session:
        """End this transcript and begin its successor with a summary; else as `reset`.

        Args:
            summary: What stands for all that was said before.
            trigger: What brought it about, such as ``manual`` or ``auto``.
            tokens_before: Tokens of the context that was replaced.
            tokens_after: Tokens of what stands for it.
            session_id: The successor's id; made up when it is not given.

        Returns:
            The successor; its first event is ``compacted``.

        Raises:
            IdentityError: The id given is that of the session which ends.
        """
        facts = {
            "summary": summary,
            "trigger": trigger,
            "tokens_before": tokens_before,
            "tokens_after": tokens_after,
        }
        return self._rotate(COMPACTION, session_id, facts)

    def _rotate(
        self, reason: str, session_id: str | None, compacted: dict[str, Any] | None
    ) -> Session:
        successor = self._give_way(reason, session_id)
        if successor is None:
            return self._newest()._rotate(reason, session_id, compacted)  # noqa: SLF001 - a session too
        now = datetime.now(UTC)
        self._record(
            Rotated(
                self.session_id,
                "",
                now,
                reason=reason,
                successor=successor.session_id,
                session_key=self.header.session_key,
            )
        )
        if compacted is not None:
            self._record(Compacted(successor.session_id, "", now, **compacted))
        self.pass_word()
        return successor

    def _give_way(self, reason: str, session_id: str | None) -> Session | None:
        """Begin the successor; None when there is one already."""
        with self._lock:
            if self.follower is not None:
                return None
            if session_id is not None and str(session_id) == self.session_id:
                raise IdentityError(
                    f"session {session_id!r} can't be its own successor",
                    hint="give another session_id, or none: one is made up",
                )
            self.follower = self._succeed(self.header, self._scopes, session_id, reason)
            return self.follower

    def _newest(self) -> Session:
        """Return the session that goes on; this one, if it was never rotated."""
        newest = self
        while newest.follower is not None:
            newest = newest.follower
        if newest is not self:
            self.follower = newest  # those in between need not be kept
        return newest

    def pass_word(self) -> None:
        """Let the newest successor speak where one of its predecessors does."""
        if self.follower is None:
            return
        speaker = SPEAKER.get()
        if speaker is not None and id(speaker) in self._scopes:
            SPEAKER.set(self._newest().scope)

    @classmethod
    def renew_lock(cls) -> None:
        """Begin clean in a forked child."""
        cls._lock = threading.RLock()


os.register_at_fork(after_in_child=Session.renew_lock)
