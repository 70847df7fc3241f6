"""Rounds in the background of a process that lives long.

Strategy: one thread, of the lowest priority, sleeps until a round is due: the first soon after the
start, so that processes that are begun anew all the time get to it, then one after each interval,
a little sooner or later so that processes that were started together don't meet each time. Whoever
finds another process at work leaves the round to it. What was removed is said in a line; nothing
that goes wrong here reaches the program. A forked child has no sweeper: its parent has.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import StenoError
from steno.retention.plan import COMPRESS, DELETE, Rules
from steno.retention.rounds import run_round

if TYPE_CHECKING:
    from collections.abc import Callable

    from steno.retention.rounds import Account, Places

FIRST_S = 5.0
"""Seconds after the start when the first round begins."""

_JITTER = 0.1
_CHANCE = random.SystemRandom()
"""Not the one that all share: a program that was seeded must not find its numbers taken."""

_NICE = 19
_CLOSE_S = 5.0


class Sweeper:
    """Lets go in the background; a recorder closes it as one of its sources.

    Attributes:
        rounds: Rounds that came to their end.
        deleted: Transcripts and archives that it deleted.
        compressed: Transcripts that it compressed.
        failed: Steps and rounds that failed.
        freed: Bytes that it freed.
    """

    def __init__(
        self,
        places: Places,
        rules: Rules,
        intervals: tuple[float, float],
        *,
        first_s: float = FIRST_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `start` begins the thread.

        Args:
            places: Where everything is.
            rules: When something goes.
            intervals: Seconds between two rounds: for transcripts, and for archives.
            first_s: Seconds until the first round.
            now: Tells the time, in seconds since the epoch.
        """
        self.rounds = self.deleted = self.compressed = self.failed = self.freed = 0
        self._places = places
        self._now = now
        self._first_s = first_s
        # What is due, and how often: a clock that is set anew changes nothing here.
        self._due = [
            (part, interval)
            for part, interval in zip(
                (rules.of_transcripts, rules.of_archives), intervals, strict=True
            )
            if part
        ]
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the thread, if there is anything to do."""
        if self._due and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="steno-sweeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let the thread end soon, without waiting for it."""
        self._ended.set()

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - as `Source` has it
        """Do nothing: nothing of the recorder's waits here."""
        return True

    def close(self, timeout_s: float = _CLOSE_S) -> bool:
        """End the thread; a round ends between two steps, compressing in the middle."""
        self._ended.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(min(timeout_s, _CLOSE_S))
        return not thread.is_alive()

    def after_fork(self) -> None:
        """Be no sweeper in a forked child."""
        self._ended = threading.Event()
        self._ended.set()
        self._thread = None
        self._due = []

    def _run(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            # On Linux a thread has a priority of its own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        start = time.monotonic() + self._first_s
        due = [start for _ in self._due]
        while not self._ended.wait(max(0.0, min(due) - time.monotonic())):
            for at, (rules, interval) in enumerate(self._due):
                if due[at] <= time.monotonic() and not self._ended.is_set():
                    self._round(rules)
                    due[at] = time.monotonic() + _about(interval)

    def _round(self, rules: Rules) -> None:
        try:
            account = run_round(self._places, rules, now=self._now, stopped=self._ended.is_set)
        except StenoError as error:
            self.failed += 1
            notices.say("retention", f"ERROR retention: {error.message}; {error.hint}")
        except Exception as error:  # noqa: BLE001 - the host must not notice
            self.failed += 1
            notices.say("retention", f"ERROR retention: {error!r}")
        else:
            if not account.busy:
                self._count(account)

    def _count(self, account: Account) -> None:
        failures = account.failures
        self.rounds += not account.stopped
        self.deleted += account.count(DELETE)
        self.compressed += account.count(COMPRESS)
        self.failed += len(failures)
        self.freed += account.freed
        if line := tell(account):
            notices.say("retention-done", f"INFO retention: {line}", interval_s=0)
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            notices.say("retention", f"ERROR retention: {failures[0]}{more}")


def tell(account: Account) -> str:
    """Say in a line what a round did; "" where it did nothing."""
    parts = []
    for action, kind, word in (
        (DELETE, "transcript", "transcript(s) deleted"),
        (DELETE, "archive", "archive(s) deleted"),
        (COMPRESS, None, "transcript(s) compressed"),
    ):
        if count := account.count(action, kind):
            parts.append(f"{count} {word}")
    if not parts and not account.freed:
        return ""
    return f"{', '.join(parts) or 'leftovers removed'}; {account.freed:,} bytes freed"


def _about(interval_s: float) -> float:
    return interval_s * _CHANCE.uniform(1 - _JITTER, 1 + _JITTER)
