"""Keep the log lines of each request, and seal them when it has ended: what hosts talk to.

Strategy: a request that can't be archived is told so when it begins, with one notice for each
cause, and goes on. All work is done by two threads, one that writes what comes and one that seals,
so that neither the disk nor a slow compressor ever holds up a caller or the other. They begin with
the first request, and do not survive a fork: a child forgets what it inherited, which the parent
writes, and begins its own when it needs to. What ends a process well seals what is there.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.archives import placing
from steno.archives.finishing import Finisher
from steno.archives.frames import STATUSES
from steno.archives.intake import Ended, Intake, Waiting
from steno.archives.layout import SPOOL_FOLDER
from steno.archives.spooling import Spooler
from steno.errors import ArchiveError
from steno.notices import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steno.archives.identifiers import ArchiveIds
    from steno.archives.settings import ArchiveSettings
    from steno.logs.lines import LogLine

_EXIT_S = 5.0
_SAID_S = 3600.0

_living: weakref.WeakSet[Archivist] = weakref.WeakSet()


class ArchiveStats(Struct, frozen=True):
    """What an archivist has done in this process.

    Attributes:
        opened: Requests that are archived.
        sealed: Requests whose lines are in an archive.
        recovered: Those that other processes had left, among them.
        failed: Attempts to write that failed; what they concern is tried again.
        lines: Lines that were taken.
        dropped: Lines that found no room.
        late: Lines that came after the end of their request.
        skipped: Requests that were not archived, by cause.
    """

    opened: int
    sealed: int
    recovered: int
    failed: int
    lines: int
    dropped: int
    late: int
    skipped: dict[str, int]


class ArchiveSpool:
    """What takes the lines of one request. Any thread may call it; nothing blocks or raises."""

    __slots__ = ("_archivist", "_intake", "_waiting")

    def __init__(self, archivist: Archivist, intake: Intake, waiting: Waiting) -> None:
        """Made by `Archivist.open`."""
        self._archivist = archivist
        self._intake = intake
        self._waiting = waiting

    def take(self, line: LogLine) -> None:
        """Keep a line."""
        try:
            self._intake.put(self._waiting, line)
            if not self._archivist.is_running:
                self._archivist.begin()
        except Exception as error:  # noqa: BLE001 - nothing may come back to whoever logs
            say("archive-take", f"a log line was not kept: {error!r}")

    def end(self, status: str, reason: str = "") -> None:
        """Seal what was taken, soon.

        Args:
            status: ``ok``, ``error``, ``cancelled`` or ``interrupted``.
            reason: Why, if that is known.
        """
        known = status if status in STATUSES else "interrupted"
        try:
            self._intake.end(self._waiting, Ended(known, str(reason), self._archivist.now()))
            if not self._archivist.is_running:
                self._archivist.begin()
        except Exception as error:  # noqa: BLE001 - as above
            say("archive-end", f"the end of a request was not kept: {error!r}")

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is in an archive; False where it is not yet."""
        return self._intake.current(self._waiting).sealed.wait(timeout_s)


class Archivist:
    """Archives the requests of a process under one set of settings.

    Attributes:
        settings: The settings.
    """

    def __init__(
        self, settings: ArchiveSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Prepare; threads begin with the first request."""
        self.settings = settings
        self.now = clock
        self._intake = Intake()
        self._problem: str | None = None
        self._checked = False
        self._skipped: dict[str, int] = {}
        self._opened = 0
        self._begin_anew()
        _living.add(self)

    def _begin_anew(self) -> None:
        self._starting = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._closed = False
        self._spooler: Spooler | None = None
        self._finisher: Finisher | None = None
        self.is_running = False

    def _forget(self) -> None:
        """Begin anew in a forked child: what waits and what is open belongs to the parent."""
        self._intake.reset()
        self._begin_anew()

    def open(self, ids: ArchiveIds, *, task: str | None = None) -> ArchiveSpool | None:
        """Begin to archive a request.

        Args:
            ids: The ids that the host gave.
            task: What it does beside the message, such as ``title_generation``.

        Returns:
            What takes its lines; None where it is not archived.
        """
        cause, text = self._why_not(ids)
        if cause:
            self._skipped[cause] = self._skipped.get(cause, 0) + 1
            if text:
                _say_why_not(cause, text)
            return None
        try:
            self.begin()
        except RuntimeError as error:  # no thread can be had, such as at the end of a program
            self._skipped["threads"] = self._skipped.get("threads", 0) + 1
            _say_why_not("threads", str(error))
            return None
        waiting = Waiting(ids, task, self.now())
        self._opened += 1
        return ArchiveSpool(self, self._intake, waiting)

    def _why_not(self, ids: ArchiveIds) -> tuple[str, str]:
        """Say why a request is not archived: the cause, and what to tell; "" where it is."""
        settings = self.settings
        if not settings.enabled:
            return "disabled", ""
        if self._closed:
            return "closed", "the archivist was closed"
        if settings.directory is None:
            return "directory", "no folder is set (SESSION_LOG_DIR)"
        if not settings.password and not settings.recipients:
            return "password", "no password is set (SESSION_LOG_ZIP_PASSWORD), and no recipients"
        problem = self.find_problem()
        if problem:
            return problem.partition(" ")[0], problem
        if ids.is_temporary:
            return "temporary", "temporary chats are never archived"
        missing = ids.missing(api_calls=settings.api_calls)
        if missing:
            names = ", ".join(missing)
            return f"missing-{'-'.join(missing)}", f"the request has no {names}"
        return "", ""

    def find_problem(self) -> str | None:
        """Say what keeps these settings from being used, beginning with its name."""
        if not self._checked:
            self._problem = _find_problem(self.settings)
            self._checked = True
        return self._problem

    def begin(self) -> None:
        """Begin the threads, unless they run; where nothing can be sealed, it is said why."""
        with self._starting:
            if self.is_running or self._closed or not self._can_run():
                return
            finisher = Finisher(self.settings, self.now)
            spooler = Spooler(self.settings, self._intake, finisher.add, self.now)
            threads = [
                threading.Thread(target=self._run, args=(part,), name=name, daemon=True)
                for part, name in (
                    (finisher, "steno-archive-seal"), (spooler, "steno-archive-spool"),
                )
            ]  # fmt: skip
            for thread in threads:
                thread.start()
            self._finisher, self._spooler, self._threads = finisher, spooler, threads
            self.is_running = True

    def _can_run(self) -> bool:
        settings = self.settings
        if not (
            settings.enabled and settings.directory and (settings.password or settings.recipients)
        ):
            return False
        problem = self.find_problem()
        if problem:  # threads would fail at it again and again
            _say_why_not(problem.partition(" ")[0], problem)
        return not problem

    def _run(self, part: Any) -> None:
        while True:
            stopping = self._stopping
            try:
                part.work()
                if stopping:
                    return
                part.wait()
            except Exception as error:  # noqa: BLE001 - a thread that dies would lose the rest
                say("archive-thread", f"an archive could not be worked on: {error!r}")
                if stopping:
                    return
                time.sleep(0.1)

    def recover(self, left: Callable[[str, str], None] | None = None) -> list[Path]:
        """Seal the spools that no process owns.

        Args:
            left: Told of each that stays, by its name, and why; without it, a notice is given.

        Returns:
            The archives in which they are now.
        """
        if not self._can_run():
            return []
        with self._starting:
            if self._finisher is None:
                self._finisher = Finisher(self.settings, self.now)
        return self._finisher.recover(left=left)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was taken is on disk and all that ended is sealed."""
        deadline = time.monotonic() + timeout_s
        while not self._is_idle():
            if time.monotonic() >= deadline:
                return False
            self._intake.bell.ring()
            self._intake.hurry.ring()
            time.sleep(0.002)
        return True

    def _is_idle(self) -> bool:
        if self._spooler is None or self._finisher is None:
            return self._intake.is_empty
        return self._spooler.is_idle and self._finisher.is_idle

    def close(self, timeout_s: float = 10.0) -> bool:
        """End what is open as interrupted, seal it, and stop; False where something is left.

        What is left stays in the spool, for the next start.
        """
        with self._starting:
            was_closed, self._closed = self._closed, True
            spooler, finisher = self._spooler, self._finisher
        if was_closed or spooler is None or finisher is None:
            return True
        deadline = time.monotonic() + timeout_s
        ended = Ended("interrupted", "the program ended", self.now())
        for _ in range(2):  # the first time, one may be on its way from the intake to the spooler
            # Ended first: whoever goes on logging would keep all of this from coming to an end.
            for waiting in [*spooler.open, *self._intake.ready()]:
                self._intake.end(waiting, ended)
            done = self.flush(max(0.1, deadline - time.monotonic()))
        self._intake.closed = True
        self._stopping = True
        self._intake.bell.ring()
        self._intake.hurry.ring()
        finisher.ring()
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self.is_running = False
        if not any(thread.is_alive() for thread in self._threads):
            spooler.abandon()
        assert self.settings.directory is not None
        with contextlib.suppress(OSError), placing.open_base(self.settings.directory) as base:
            os.rmdir(SPOOL_FOLDER, dir_fd=base)  # if nothing is in it
        return done

    def stats(self) -> ArchiveStats:
        """Tell what was done in this process."""
        intake, spooler, finisher = self._intake, self._spooler, self._finisher
        return ArchiveStats(
            opened=self._opened,
            sealed=finisher.sealed if finisher else 0,
            recovered=finisher.recovered if finisher else 0,
            failed=(spooler.failed if spooler else 0) + (finisher.failed if finisher else 0),
            lines=intake.accepted,
            dropped=intake.dropped,
            late=intake.late,
            skipped=dict(self._skipped),
        )


def _say_why_not(cause: str, text: str) -> None:
    say(f"archive-skip-{cause}", f"not archived: {text}", interval_s=_SAID_S)


def _find_problem(settings: ArchiveSettings) -> str | None:
    """Say what of the installation is missing, beginning with its name."""
    needed = ("pyrage",) if settings.recipients else ("pyzipper", "cryptography")
    try:
        (settings.password or "").encode()
    except UnicodeEncodeError:
        return "password has characters that have no form in UTF-8"
    for name in needed:
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed: pip install steno[archives]"
    if settings.recipients:
        from steno.archives.ciphers import parse_recipients  # loads pyrage

        try:
            parse_recipients(settings.recipients)
        except ArchiveError as error:
            return f"recipients can't be used: {error.message}"
    return None


@atexit.register
def _close_all() -> None:
    for archivist in list(_living):
        archivist.close(_EXIT_S)


def _forget_all() -> None:
    for archivist in list(_living):
        archivist._forget()  # noqa: SLF001 - the other half of the class


os.register_at_fork(after_in_child=_forget_all)
