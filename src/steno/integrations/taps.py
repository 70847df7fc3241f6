"""Where the bytes of an instrumented client pass: notes of them, and who ended an exchange.

Strategy: nothing here raises into the program, and nothing waits: a note is an entry in a queue,
and what it means is found out on the scribe's thread. Requests of which no protocol is known pass
without a note.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from steno import notices
from steno.identity import new_request_id, new_session_id
from steno.recording.context import current_scope
from steno.wire.grouping import Identity
from steno.wire.opening import Opening, Outcome
from steno.wire.providers import find_protocol
from steno.wire.secrets import is_secret, public_headers, public_target

if TYPE_CHECKING:
    from steno.capture.scribe import Pen
    from steno.integrations.desks import Desk

_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.cerebras.ai": "cerebras",
}

_MAX_AGENT = 255


class Tap:
    """Takes note of the exchanges of one HTTP client."""

    def __init__(
        self,
        desk: Desk,
        library: str,
        *,
        sdk: str,
        provider: str | None = None,
        identity: Identity | None = None,
    ) -> None:
        """Describe the client.

        Args:
            desk: Where notes go.
            library: The name of its HTTP library, ``httpx`` or ``httpx2``.
            sdk: Who answers where the host does not tell.
            provider: Who answers, whatever the host.
            identity: Whom its exchanges belong to, unless they are made inside a session.
        """
        self.library = library
        self._desk = desk
        self._sdk = sdk
        self._provider = provider
        self._identity = identity or Identity()
        self._session_id = new_session_id()
        self._generation = desk.generation

    def begin(self, request: Any) -> Passage | None:
        """Begin to note an exchange; None when it is not recorded."""
        try:
            target = request.url.raw_path.decode("ascii")
            if find_protocol(request.method, target.partition("?")[0]) is None:
                return None
            scope = current_scope()
            if scope is not None and scope.sealed:
                # What passes lies on disk in plain text until it is recorded, and then too.
                notices.say(
                    "sealed-call",
                    f"WARN a call inside the sealed incident {scope.session_id} is not recorded; "
                    "session.request() records it",
                )
                return None
            pen = self._desk.open(self._describe(request, target))
        except Exception as error:  # noqa: BLE001 - the program must not hear of it
            _complain(error)
            return None
        return None if pen is None else Passage(pen, self.library)

    def _describe(self, request: Any, target: str) -> Opening:
        if self._generation != self._desk.generation:
            # A forked child is a run of its own.
            self._generation = self._desk.generation
            self._session_id = new_session_id()
        identity = self._identity
        scope = current_scope()
        if scope is not None:
            identity = Identity(session_id=scope.session_id, user_id=scope.user_id)
        headers = public_headers(request.headers.multi_items())
        agent = request.headers.get("user-agent")
        if agent:
            headers["user-agent"] = agent[:_MAX_AGENT]
        return Opening(
            request_id=new_request_id(),
            method=request.method,
            target=public_target(target),
            headers=headers,
            content_encoding=request.headers.get("content-encoding", ""),
            provider=self._provider or _find_provider(request.url.host) or self._sdk,
            listener="sdk",
            begun=datetime.now(UTC),
            begun_s=time.monotonic(),
            session_id=self._session_id,
            identity=identity,
        )


class Passage:
    """The notes of one exchange; those that come after its end are nobody's."""

    def __init__(self, pen: Pen, library: str) -> None:
        """Begin with an exchange whose request is to be sent."""
        self.library = library
        self._pen = pen
        self._sent = False

    def request(self, data: bytes) -> None:
        """Note a piece of the request's body."""
        self._pen.request(data)

    def sent(self) -> None:
        """Note that the request is whole."""
        if not self._sent:
            self._sent = True
            self._pen.sent()

    def reply(self, response: Any) -> bool:
        """Note the head of the reply.

        Returns:
            True when its body is still to come; otherwise all of it is noted.
        """
        try:
            self.sent()
            self._pen.reply(
                response.status_code,
                {
                    name.lower(): value
                    for name, value in response.headers.items()
                    if not is_secret(name)
                },
            )
            if not getattr(response, "is_stream_consumed", False):
                return True
            # Transports that answer from memory hand over a body that was read.
            self._pen.data(b"".join(response.stream))
            self.done()
        except Exception as error:  # noqa: BLE001 - the program must not hear of it
            _complain(error)
            self._end("failed", type(error).__name__)
        return False

    def data(self, data: bytes) -> None:
        """Note a piece of the reply's body."""
        self._pen.data(data)

    def done(self) -> None:
        """Note that the reply came to its end."""
        self._end("done")

    def leave(self) -> None:
        """Note that the program closed the reply; before its end, if that was not noted."""
        self._end("client_disconnected", "in the reply")

    def break_request(self) -> None:
        """Note that the program could not say all of its request."""
        self._end("client_disconnected", "in the middle of its request")

    def fail(self, error: BaseException, *, in_reply: bool) -> None:
        """Note that the exchange ended with an exception."""
        try:
            self._end(*_explain(error, self.library, in_reply=in_reply))
        except Exception as again:  # noqa: BLE001 - the program gets its own error, not this one
            _complain(again)

    def _end(self, kind: str, detail: str = "") -> None:
        self._pen.end(Outcome(kind=kind, detail=detail))


def _find_provider(host: str) -> str | None:
    host = host.lower()
    for known, provider in _HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return provider
    return None


def _explain(error: BaseException, library: str, *, in_reply: bool) -> tuple[str, str]:
    """Say who ended an exchange, and how; never the error's own text, which may hold an URL."""
    if not isinstance(error, Exception):
        # Cancelled, interrupted, or a generator that was closed.
        return "client_disconnected", "in the reply" if in_reply else ""
    http = sys.modules.get(library)
    name = type(error).__name__
    if isinstance(error, TimeoutError) or _is(error, http, "TimeoutException"):
        if _is(error, http, "PoolTimeout"):
            return "upstream_timeout", "no connection was free in time"
        return "upstream_timeout", "no byte came from it in time"
    reason = _find_reason(error)
    if _is(error, http, "ConnectError"):
        return "upstream_failed", f"cannot connect: {reason or 'no further word'}"
    if _is(error, http, "RemoteProtocolError") or _is(error, http, "ReadError"):
        if in_reply:
            return "upstream_failed", "its reply broke off"
        return "upstream_failed", "it closed the connection without an answer"
    return "upstream_failed", f"{name}: {reason or 'the connection broke'}"


def _is(error: Exception, http: Any, name: str) -> bool:
    kind = getattr(http, name, None)
    return isinstance(kind, type) and isinstance(error, kind)


def _find_reason(error: BaseException) -> str | None:
    """Find what the system said below the libraries' errors."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    return None


def _complain(error: Exception) -> None:
    notices.say("sdk", f"ERROR an exchange can't be recorded: {type(error).__name__}: {error}")
