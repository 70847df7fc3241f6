"""Who is speaking: the session and the request of the running thread or task.

Strategy: one context variable holds an immutable scope. It is set on entry and put back on exit
by value, never by token: a generator that is closed by somebody else's task would find its token
"created in a different Context".
"""

from __future__ import annotations

from contextvars import ContextVar

from msgspec import Struct


class Scope(Struct, frozen=True):
    """Who is speaking.

    Attributes:
        session_id: The session.
        request_id: The request; "" between requests.
        user_id: The user for whom the session runs, if known.
        sealed: Nothing that the session says may lie on disk in plain text.
    """

    session_id: str
    request_id: str = ""
    user_id: str | None = None
    sealed: bool = False


SPEAKER: ContextVar[Scope | None] = ContextVar("steno_scope", default=None)
"""Who is speaking; hot paths read it without a call."""


def current_scope() -> Scope | None:
    """Return who is speaking; None outside all sessions."""
    return SPEAKER.get()


def enter_scope(scope: Scope) -> Scope | None:
    """Make somebody the speaker; returns who spoke before, for `leave_scope`."""
    before = SPEAKER.get()
    SPEAKER.set(scope)
    return before


def leave_scope(scope: Scope, before: Scope | None) -> None:
    """Give the word back, unless somebody else has it by now."""
    if SPEAKER.get() is scope:
        SPEAKER.set(before)
