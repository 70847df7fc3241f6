"""A log line as it is kept: formatted when it was logged, and never looked at again. Pure."""

from __future__ import annotations

from msgspec import Struct


class LogLine(Struct, frozen=True, gc=False):
    """What is kept of a log record; its message is final, whatever happens to its arguments.

    Attributes:
        created: When it was logged, in seconds since the epoch.
        level: The level's number.
        level_name: The level's name.
        logger: The logger's name.
        message: What was said, with its arguments in place; any characters.
        module: The module that said it.
        function: The function that said it; "" where nobody knows.
        line_number: The line in the module's file; 0 where nobody knows.
        session_id: The session to which it belongs.
        request_id: The request to which it belongs; "" between requests.
        user_id: The user for whom the session runs, if known.
        exception: The traceback and stack that came with it, as text.
    """

    created: float
    level: int
    level_name: str
    logger: str
    message: str
    module: str = ""
    function: str = ""
    line_number: int = 0
    session_id: str = ""
    request_id: str = ""
    user_id: str | None = None
    exception: str | None = None

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, roughly; by this, buffers are bounded."""
        return 300 + len(self.message) + len(self.exception or "")
