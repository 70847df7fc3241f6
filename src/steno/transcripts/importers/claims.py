"""Which of several copies of a reply counts: that of the transcript that was imported first.

One reply may stand in many files: a fork repeats its parent's history, a sub-agent's messages are
told in its parent's file too, a backup is a backup. Each copy is known by its claim. The session
that takes a claim first keeps it, for good; in all others the reply is a replay, and counts
nothing. Where a copy knows a greater count than the one that counts (the reply went on after the
file that came first was copied), the owner is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable


class Claim(Struct, frozen=True):
    """Who counts a reply.

    Attributes:
        session_id: The session.
        request_id: Its request.
        output: The greatest count of output tokens that is known.
    """

    session_id: str
    request_id: str
    output: int


class Claims:
    """The claims that are known, and those that are new.

    Attributes:
        changed: Claims that were taken or raised, to be kept by whoever keeps them.
    """

    def __init__(self, find: Callable[[str], Claim | None] = lambda _claim: None) -> None:
        """Begin with what is known already.

        Args:
            find: Looks a claim up that was kept.
        """
        self._find = find
        self.changed: dict[str, Claim] = {}

    def get(self, claim: str) -> Claim | None:
        """Look up who has a claim."""
        return self.changed.get(claim) or self._find(claim)

    def take(self, claim: str, session_id: str, request_id: str) -> Claim:
        """Take a claim, unless somebody has it.

        Returns:
            The claim of the session that counts.
        """
        known = self.get(claim)
        if known is None:
            known = self.changed[claim] = Claim(session_id, request_id, 0)
        return known

    def count(self, claim: str, session_id: str, output: int) -> Claim | None:
        """Tell how many output tokens a copy of a reply counts.

        Returns:
            The claim of another session that knew of fewer; None where nothing is owed.
        """
        known = self.get(claim)
        if known is None or output <= known.output:
            return None
        raised = self.changed[claim] = Claim(known.session_id, known.request_id, output)
        return raised if known.session_id != session_id and known.output else None
