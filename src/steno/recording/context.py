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
    """

    session_id: str
    request_id: str = ""
    user_id: str | None = None


_scope: ContextVar[Scope | None] = ContextVar("steno_scope", default=None)


def current_scope() -> Scope | None:
    """Return who is speaking; None outside all sessions."""
    return _scope.get()


def enter_scope(scope: Scope) -> Scope | None:
    """Make somebody the speaker; returns who spoke before, for `leave_scope`."""
    before = _scope.get()
    _scope.set(scope)
    return before


def leave_scope(scope: Scope, before: Scope | None) -> None:
    """Give the word back, unless somebody else has it by now."""
    if _scope.get() is scope:
        _scope.set(before)
