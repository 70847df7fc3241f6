"""Say on stderr, at a rate, what steno can't say to its caller.

Strategy: the recorder never raises into the program that it records and never logs through the
``logging`` module, because a logger may feed the recorder whose trouble it reports. A notice is
one line on stderr, at most one per cause and interval; what was held back is counted and told
with the next line of the same cause. A closed or broken stderr is no reason to fail.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

INTERVAL_S = 10.0
"""Seconds between two lines about one cause."""

_MAX_CAUSES = 1024

_lock = threading.Lock()
_said: dict[str, tuple[float, int]] = {}


def say(cause: str, text: str, *, interval_s: float = INTERVAL_S) -> bool:
    """Write one line to stderr, unless the same cause was spoken of a moment ago.

    Args:
        cause: What the rate is kept for, such as ``"buffer-full"``.
        text: The line, without a newline.
        interval_s: Seconds for which the cause is held back after this line.

    Returns:
        True when the line was written.
    """
    now = time.monotonic()
    # A thread that can't get the lock at once is in the way of somebody who is speaking already.
    if not _lock.acquire(timeout=0.1):
        return False
    try:
        last, held_back = _said.get(cause, (float("-inf"), 0))
        if now - last < interval_s:
            _said[cause] = (last, held_back + 1)
            return False
        if len(_said) >= _MAX_CAUSES:
            _said.clear()
        _said[cause] = (now, 0)
    finally:
        _lock.release()
    if held_back:
        text = f"{text} (and {held_back} more like this)"
    # "replace" and the escape of line ends: a hostile id must not forge a line of its own.
    line = text.encode("ascii", "backslashreplace").decode("ascii")
    line = line.replace("\r", "\\r").replace("\n", "\\n").replace("\x1b", "\\x1b")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"steno: {line}\n")
        sys.stderr.flush()
    return True


def reset() -> None:
    """Forget what was said: for tests, and for the child after a fork."""
    global _lock  # noqa: PLW0603 - the parent's thread may have held it at the fork
    _lock = threading.Lock()
    _said.clear()
