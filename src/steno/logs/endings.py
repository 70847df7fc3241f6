"""How a run ended: in a word for machines, and in a line for those who read its log. Pure."""

from __future__ import annotations

import logging
import time
import traceback
from typing import TYPE_CHECKING

from msgspec.structs import replace

from steno.logs.lines import LogLine

if TYPE_CHECKING:
    from steno.logs.lines import Speaker

_CANCELLED = frozenset({"GeneratorExit", "CancelledError", "KeyboardInterrupt"})


def judge(kind: type[BaseException] | None, error: BaseException | None) -> tuple[str, str]:
    """Tell how a run ended: ``ok``, ``cancelled`` or ``error``, and of what."""
    if kind is None:
        return "ok", ""
    if kind.__name__ in _CANCELLED:
        return "cancelled", kind.__name__
    try:
        return "error", f"{kind.__name__}: {error}"
    except Exception as failure:  # noqa: BLE001 - an error's own text may fail
        return "error", f"{kind.__name__} (its text can't be shown: {type(failure).__name__})"


def error_line(who: Speaker, reason: str) -> LogLine:
    """Say as a line that a run ended with an error."""
    return LogLine(
        time.time(),
        logging.ERROR,
        "ERROR",
        __name__,
        f"the run ended with {reason}",
        session_id=who.session_id,
        request_id=who.request_id,
        user_id=who.user_id,
    )


def with_traceback(line: LogLine, error: BaseException | None) -> LogLine:
    """Add where an error came from; one whose text fails has none."""
    if error is None:
        return line
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - as above
        return line
    return replace(line, exception=text)
