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
from steno.recording.saving import Collecting

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from steno.events.header import Header
    from steno.recording.incidents.incident import Incident
    from steno.recording.incidents.listing import IncidentInfo
    from steno.recording.measures import ToolMeasures

    Succeed = Callable[[Header, dict[int, Scope], str | None, str], "Session"]

RESET, COMPACTION = "reset", "compaction"
"""Why a session goes on from another one; the header's ``reason``."""


class Session(Collecting):
    """One recorded run; made by `Recorder.session`, `reset` and `compact`.

    Attributes:
        session_id: The session's id.
        header: What its transcript says of it.
        scope: Who is speaking while it does, and no request.
        follower: A session that goes on from it, the next one or a later one; None until it is
            rotated. See `successor`.
        sealed: Everything of it on disk is encrypted; only an incident's may be.
    """

    sealed: bool = False

    # One for all: each holds it for a moment only, and a forked child has to make it anew, because
    # another thread of the parent may have held it. A signal handler may end a request in there.
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(
        self,
        record: Callable[[Event], bool],
        header: Header,
        succeed: Succeed,
        scopes: dict[int, Scope] | None = None,
        *,
        artefacts: Path | None = None,
        enabled: bool = True,
    ) -> None:
        """Bind the session to its recorder.

        Args:
            record: Records an event.
            header: What the transcript says of the session.
            succeed: Begins the session that goes on from one, given that one's header and scopes,
                the new one's id if it has one, and the reason.
            scopes: Those of the sessions that it goes on from.
            artefacts: The folder with a folder for what each session collects.
            enabled: There is something to record to.
        """
        self.session_id = header.session_id
        self.header = header
        self._record = record
        self._succeed = succeed
        self._artefacts = artefacts
        self._enabled = enabled
        self.scope = Scope(header.session_id, "", header.user_id, self.sealed)
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

    # -- incidents -----------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        password: str | None = None,
        prefix: str = "INC",
        *,
        name: str = "",
        key: str | None = None,
        user_id: str | None = None,
        tags: Sequence[str] = (),
        home: str | os.PathLike[str] | None = None,
    ) -> Incident:
        """Create a session for incident work, with a folder, a short id and a scratchpad.

        Args:
            password: With one, everything of the session on disk is encrypted; it can't be read
                again without it, by anybody. Without one, it lies in plain text.
            prefix: What the id begins with: 1 to 16 letters and digits.
            name: What it is called, for people.
            key: The session key.
            user_id: The user for whom it runs.
            tags: Free tags.
            home: The home; ``STENO_HOME`` or ``~/.steno`` when it is not given.

        Returns:
            The session; call its ``close`` when the program is done with it.

        Raises:
            IdentityError: The prefix can't be used, or no id is free.
            SealError: The password is empty, or what sealing needs is not installed.
            OSError: The folder can't be made.
        """
        from steno.recording.incidents.opening import create_incident  # only incidents need it

        return create_incident(
            password, prefix, name=name, key=key, user_id=user_id, tags=tags, home=home
        )

    @classmethod
    def resume(
        cls,
        session_id: str,
        password: str | None = None,
        *,
        home: str | os.PathLike[str] | None = None,
    ) -> Incident:
        """Go on with an incident; several programs may do so at once.

        Raises:
            IdentityError: There is none of this id.
            WrongPasswordError: The password is another one, or there is none.
            SealError: Something of it is damaged, or it has no password and one was given.
        """
        from steno.recording.incidents.opening import resume_incident  # only incidents need it

        return resume_incident(session_id, password, home=home)

    @classmethod
    def list(
        cls, *, home: str | os.PathLike[str] | None = None, prefix: str | None = None
    ) -> builtins.list[IncidentInfo]:
        """List the incidents of a home, the newest first; no password is needed.

        Raises:
            OSError: The folder of artefacts can't be read.
        """
        from steno.recording.incidents.listing import list_incidents  # only incidents need it

        return list_incidents(home=home, prefix=prefix)

    @classmethod
    def delete(cls, session_id: str, *, home: str | os.PathLike[str] | None = None) -> None:
        """Delete an incident with its folder, its transcript and its rows in the index.

        Raises:
            IdentityError: There is none of this id, or somebody records in it.
            RetentionError: It is held.
            OSError: Something can't be removed; what is left goes with the next deletion.
        """
        from steno.recording.incidents.deleting import delete_incident  # only incidents need it

        delete_incident(session_id, home=home)

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

    def _collector(self) -> Session:
        return self._newest()

    def _is_recording(self) -> bool:
        return self._enabled

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
