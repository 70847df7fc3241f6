"""Courtesy: in a rush the recorder lets the traffic go first, for a while.

Strategy: what is noted is on disk and can wait; bytes on their way to a client can't. So the
recorder takes only what processor nobody else wants (`SCHED_IDLE`), where it may leave that class
again. And it rests in a rush: while it is behind and more keeps coming, it works for a moment and
rests for a longer one. In that class it does so only while others want its processor: what it does
in the gaps of the traffic drives that from the caches. Nobody waits for ever: beyond some seconds
of delay it works as others do.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path

_WORK_S = 0.002
_REST_S = 0.08
"""Between two moments of work, in a rush."""

_BEHIND_S = 0.08
"""Being behind by this much while more keeps coming is a rush."""

_MOST_S = 5.0
"""Beyond this delay there is no courtesy."""

_CROWDED = 0.5
"""Share of the time for which it waits for a processor that others are using."""

_FRESH_S = 0.1
"""How long news counts as such."""


class Courtesy:
    """Decides when the recorder rests."""

    def __init__(self, news_fd: int | None = None) -> None:
        """Begin.

        Args:
            news_fd: Gives a byte for each piece of news; without it there is no courtesy.
        """
        self._news_fd = news_fd
        self._worked_since_s = 0.0
        self._news_s = self._waited_s = 0.0
        self._can_idle: bool | None = None
        self._is_idle = False

    def give_way(self, at_s: float) -> None:
        """Rest for a moment if it is time to.

        Args:
            at_s: When that was noted which is read now, in monotonic seconds.
        """
        now_s = time.monotonic()
        if now_s - self._worked_since_s < _WORK_S or self._news_fd is None:
            return
        delay_s = now_s - at_s
        if self._can_idle is None:
            self._can_idle = may_idle()
        if self._can_idle and self._is_idle != (delay_s < _MOST_S):
            self._is_idle = not self._is_idle
            schedule(os.SCHED_IDLE if self._is_idle else os.SCHED_OTHER)
        if (
            _BEHIND_S < delay_s < _MOST_S
            and (not self._can_idle or self._is_crowded(now_s))
            and self._is_rush(now_s)
        ):
            time.sleep(_REST_S)
            now_s = time.monotonic()
        self._worked_since_s = now_s
        if self._can_idle:
            self._waited_s = waited_s()

    def _is_crowded(self, now_s: float) -> bool:
        return waited_s() - self._waited_s > _CROWDED * (now_s - self._worked_since_s)

    def _is_rush(self, now_s: float) -> bool:
        assert self._news_fd is not None
        if select.select([self._news_fd], [], [], 0)[0]:
            if not os.read(self._news_fd, 65536):
                return False  # the traffic has ended; who waits for news is told the same
            self._news_s = now_s
        return now_s - self._news_s < _FRESH_S


def schedule(policy: int) -> None:
    """Put all threads of this process into a class of the scheduler."""
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # one that has ended meanwhile
            os.sched_setscheduler(int(thread), policy, os.sched_param(0))


def waited_s() -> float:
    """Return the seconds for which this thread has waited for a processor; 0 if nobody tells."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def may_idle() -> bool:
    """Tell whether a thread may leave `SCHED_IDLE` again: it takes a privilege."""
    found: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            return
        found.append(True)

    # A thread of its own, that ends in whichever class it is left.
    thread = threading.Thread(target=attempt, name="steno-courtesy")
    thread.start()
    thread.join()
    return bool(found)
