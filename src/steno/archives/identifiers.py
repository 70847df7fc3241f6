"""The ids by which an archive is found, as the host gave them, and when they suffice. Pure."""

from __future__ import annotations

from msgspec import Struct

TEMPORARY = "local:"
"""How the ids of chats begin that the host itself does not keep."""


class ArchiveIds(Struct, frozen=True):
    """The ids of one call; "" is one that nobody knows.

    Attributes:
        user_id: Who asked.
        session_id: The host's session.
        chat_id: The chat.
        message_id: The message that is being answered.
        request_id: The call itself; a message may take several.
    """

    user_id: str = ""
    session_id: str = ""
    chat_id: str = ""
    message_id: str = ""
    request_id: str = ""

    @property
    def is_api_call(self) -> bool:
        """True for a call that belongs to no message."""
        return not (self.chat_id and self.message_id)

    @property
    def is_temporary(self) -> bool:
        """True for a chat that the host does not keep either."""
        return self.chat_id.startswith(TEMPORARY)

    def missing(self, *, api_calls: bool) -> tuple[str, ...]:
        """Name the ids without which there is no archive.

        Args:
            api_calls: Calls that belong to no message are kept under their request.
        """
        needed = ("user_id", "session_id", "chat_id", "message_id")
        if api_calls and self.is_api_call:
            needed = ("user_id", "request_id")  # type: ignore[assignment]
        return tuple(name for name in needed if not getattr(self, name))
