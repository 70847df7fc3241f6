"""Courtesy: in a rush the recorder lets the traffic go first, for a while.

Strategy: what is noted is on disk and can wait; bytes on their way to a client can't. While the
recorder is behind and more keeps coming, it works for a moment and then rests for a longer one, so
that a rush costs the traffic next to no processor. Nobody waits for ever: beyond some seconds of
delay it works at full speed, whoever else wants to.
"""

from __future__ import annotations

import os
import select
import time

_WORK_S = 0.002
_REST_S = 0.08
"""Between two moments of work, in a rush."""

_BEHIND_S = 0.08
"""Being behind by this much while more keeps coming is a rush."""

_MOST_S = 5.0
"""Beyond this delay there is no courtesy."""

_FRESH_S = 0.1
"""How long news counts as such."""


class Courtesy:
    """Decides when the recorder rests."""

    def __init__(self, news_fd: int | None = None) -> None:
        """Begin.

        Args:
            news_fd: Gives a byte for each piece of news; without it there is never a rush.
        """
        self._news_fd = news_fd
        self._worked_since_s = 0.0
        self._news_s = 0.0

    def give_way(self, at_s: float) -> None:
        """Rest for a moment if it is time to.

        Args:
            at_s: When that was noted which is read now, in monotonic seconds.
        """
        now_s = time.monotonic()
        if now_s - self._worked_since_s < _WORK_S:
            return
        if _BEHIND_S < now_s - at_s < _MOST_S and self._is_rush(now_s):
            time.sleep(_REST_S)
            now_s = time.monotonic()
        self._worked_since_s = now_s

    def _is_rush(self, now_s: float) -> bool:
        if self._news_fd is None:
            return False
        if select.select([self._news_fd], [], [], 0)[0]:
            if not os.read(self._news_fd, 65536):
                return False  # the traffic has ended; who waits for news is told the same
            self._news_s = now_s
        return now_s - self._news_s < _FRESH_S
