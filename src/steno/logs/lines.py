"""A log line as it is kept: formatted when it was logged, and never looked at again. Pure."""

from __future__ import annotations

import logging
import re
from typing import Protocol

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


class Speaker(Protocol):
    """Whose line it is: a `LogScope` or a `steno.Scope`."""

    @property
    def session_id(self) -> str:
        """The session."""

    @property
    def request_id(self) -> str:
        """The request; "" between requests."""

    @property
    def user_id(self) -> str | None:
        """The user, if known."""


def make_line(record: logging.LogRecord, who: Speaker) -> LogLine:
    """Keep what a record says now; its arguments may be changed later.

    A message that can't be formatted is kept with its arguments, as far as they can be shown.
    """
    message = record.msg
    if record.args or type(message) is not str:  # a subclass may say something else later
        try:
            # `getMessage` without the call
            message = str(message) % record.args if record.args else str(message)
        except Exception as error:  # noqa: BLE001 - any object may be an argument
            message = f"{_show(record.msg)} {_show(record.args)} ({type(error).__name__})"
    exception = None
    if record.exc_info or record.stack_info or record.exc_text:
        exception = _explain(record)
    return LogLine(
        record.created,
        record.levelno,
        record.levelname,
        record.name,
        message,
        record.module,
        record.funcName or "",
        record.lineno,
        who.session_id,
        who.request_id,
        who.user_id,
        exception,
    )


def _show(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}: {type(error).__name__}>"


_plain = logging.Formatter()


def _explain(record: logging.LogRecord) -> str:
    parts = []
    try:
        if record.exc_text:
            parts.append(record.exc_text)
        elif record.exc_info and isinstance(record.exc_info, tuple) and record.exc_info[0]:
            parts.append(_plain.formatException(record.exc_info))
        if record.stack_info:
            parts.append(record.stack_info)
    except Exception as error:  # noqa: BLE001 - an exception's own text may fail
        parts.append(f"(the traceback can't be shown: {type(error).__name__})")
    return "\n".join(parts)


_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def tidy(text: str) -> str:
    """Make a text safe to show: nothing moves a cursor, and no line but the first begins a record.

    What follows the first line is set in; characters that a terminal obeys are written as escapes.
    """
    if text.isprintable():
        return text
    shown = _HOSTILE.sub(
        lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n")
    )
    return shown.replace("\n", "\n    ")
