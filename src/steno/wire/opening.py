"""How an exchange begins and ends, and where its events go."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from steno.wire.grouping import Identity

if TYPE_CHECKING:
    from steno.events.model import Event
    from steno.wire.bodies import Spool


class Opening(Struct, frozen=True, kw_only=True):
    """What is known when a request arrives; secrets are removed before.

    Attributes:
        request_id: Its id.
        method: ``POST`` and the like.
        target: Path and query, as the provider gets them.
        headers: Names in lower case.
        content_encoding: How the request's body is compressed.
        client_ip: Address of the client.
        provider: Who answers, such as ``openai``.
        listener: By which door the request came, such as ``proxy``.
        begun: When it arrived; aware.
        begun_s: The same in monotonic seconds.
        session_id: The session, where the request itself names none.
        identity: What the operator's side knows of the speaker.
        raw: Record it also where no protocol is known for it.
    """

    request_id: str
    method: str
    target: str
    headers: dict[str, str]
    content_encoding: str = ""
    client_ip: str | None = None
    provider: str = ""
    listener: str = ""
    begun: datetime
    begun_s: float
    session_id: str
    identity: Identity = Identity()
    raw: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """How an exchange ended.

    Attributes:
        kind: ``done``, ``client_disconnected``, ``upstream_failed``, ``upstream_timeout``,
            ``stopped`` (steno was), ``interrupted`` (steno died) or ``failed`` (steno's fault).
        detail: More, for a person.
    """

    kind: str
    detail: str = ""

    @property
    def error(self) -> str | None:
        """Say what went wrong; None for ``done``."""
        if self.kind == "done":
            return None
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


class Recording(Protocol):
    """Where the events of exchanges go."""

    def begin_session(self, identity: Identity, began: datetime) -> None:
        """Make a session known before its first event; called once for each.

        Args:
            identity: Who it is; `session_id` is set.
            began: When its first request arrived.
        """

    def record(self, event: Event) -> bool:
        """Record an event; False when it was dropped."""

    def open_spool(self, session_id: str, name: str) -> Spool:
        """Open a file for a body that is too large for memory."""
