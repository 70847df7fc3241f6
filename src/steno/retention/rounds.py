"""One round of letting go, from the lock to the account.

Strategy: one process at a time works on a home; whoever finds the lock taken leaves. What earlier
rounds have left undone comes first. The limit on the total is looked at when compressing has made
room. An error of one file is counted and told, and the others go on; a hold that can't be read ends
the round before anything else goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import RetentionError
from steno.retention.applying import Done, Hands
from steno.retention.covering import Cover
from steno.retention.folders import remove_empty
from steno.retention.listing import find_unfinished, list_archives, list_transcripts
from steno.retention.plan import ARCHIVE, DELETE, Kept, Plan, Rules, Step, plan
from steno.retention.removed import Entry, Removed
from steno.storage.below import open_folder, split_below
from steno.storage.compressed import plain_name
from steno.storage.files import FILE_MODE, make_folder
from steno.storage.holds import Holds
from steno.storage.home import Home
from steno.writers.base import ease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steno.retention.plan import Found


class Places(Struct, frozen=True, kw_only=True):
    """Where everything is.

    Attributes:
        home: The home, with the holds, the artefacts and the lock.
        sessions: The folder of transcripts.
        index: The database of the index.
        archives: The folder of archives.
    """

    home: Home
    sessions: Path
    index: Path
    archives: Path


class Account:
    """What a round did.

    Attributes:
        done: The steps, and what became of them.
        kept: What a rule would let go, and that stays.
        errors: What went wrong beside the steps.
        left_behind: Bytes of what earlier rounds had left, and that is gone now.
        busy: Another process is at it, so nothing was done.
        stopped: The round was ended before its end.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.done: list[Done] = []
        self.kept: list[Kept] = []
        self.errors: list[str] = []
        self.left_behind = 0
        self.busy = self.stopped = False

    def count(self, action: str, kind: str | None = None) -> int:
        """Count the steps of a kind that were done."""
        return sum(
            each.outcome == "done"
            and each.step.action == action
            and kind in {None, each.step.file.kind}
            for each in self.done
        )

    @property
    def freed(self) -> int:
        """Bytes that are free now."""
        return sum(each.freed for each in self.done) + self.left_behind

    @property
    def failures(self) -> list[str]:
        """All that went wrong."""
        failed = [
            f"{each.step.file.path}: {each.detail or each.trouble}"
            for each in self.done
            if each.outcome == "failed" or each.trouble
        ]
        return failed + self.errors


def preview(places: Places, rules: Rules, *, now: Callable[[], float] = time.time) -> Plan:
    """Make the plan that a round would follow, and touch nothing.

    What compressing saves is not known before: fewer may be deleted for the total than are named.

    Raises:
        RetentionError: A hold can't be read.
    """
    holds = Holds(places.home.holds)
    return _plan(places, rules, holds, now())


def _plan(
    places: Places,
    rules: Rules,
    holds: Holds,
    now: float,
    stopped: Callable[[], bool] = lambda: False,
) -> Plan:
    files: list[Found] = []
    held = holds.read()
    try:
        # Also without a rule for them: a held transcript names archives that are held with it.
        if not rules.keep_transcripts or any(hold.session_id for hold in held):
            files += list_transcripts(places.sessions, now, stopped=stopped)
        cover = Cover(held, places.archives)
        cover.learn(files)
    except OSError as error:
        raise RetentionError(
            f"nobody can tell what is in use or held: {error}", hint="nothing is deleted"
        ) from error
    if rules.keep_transcripts:
        files = []
    if rules.archive_days is not None:
        files += list_archives(places.archives)
    return plan(files, rules, now, cover.of(files))


def run_round(
    places: Places,
    rules: Rules,
    *,
    now: Callable[[], float] = time.time,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
) -> Account:
    """Let go what the rules say.

    Args:
        places: Where everything is.
        rules: When something goes.
        now: Tells the time, in seconds since the epoch.
        stopped: Asked now and then; True ends the round soon.
        progress: Called with the steps that were taken and all of them.

    Raises:
        RetentionError: A hold can't be read, or the home can't be written to.
    """
    account = Account()
    if not (places.sessions.is_dir() or places.archives.is_dir()):
        return account
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(_lock(places.home)):
            account.busy = True
            return account
        _Round(places, rules, account, now, stopped, progress).run()
    account.stopped = stopped()
    return account


class _Round:
    """The steps of a round, under the lock."""

    def __init__(
        self,
        places: Places,
        rules: Rules,
        account: Account,
        now: Callable[[], float],
        stopped: Callable[[], bool],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._places = places
        self._rules = rules
        self._account = account
        self._now = now
        self._stopped = stopped
        self._progress = progress
        self._holds = Holds(places.home.holds)
        self._removed = Removed(
            places.home.retention / "removed.jsonl",
            sessions=places.sessions,
            index=places.index,
            artefacts=places.home.artefacts,
            search=places.home.search,
            holds=self._holds,
            now=now,
        )
        self._hands = Hands(
            sessions=places.sessions,
            archives=places.archives,
            holds=self._holds,
            removed=self._removed,
            now=now,
            stopped=stopped,
        )

    def run(self) -> None:
        """Do what was left undone, then what the rules say."""
        # Read first: one that can't be read ends the round before it has begun.
        first = self._rules
        if first.compress_after_days is not None:
            first = Rules(
                max_age_days=first.max_age_days,
                compress_after_days=first.compress_after_days,
                archive_days=first.archive_days,
            )
        plans = _plan(self._places, first, self._holds, self._now(), self._stopped)
        try:
            self._removed.read()
            if not self._rules.keep_transcripts:
                self._finish_earlier()
            self._follow(plans)
            if first != self._rules and not self._stopped():
                rest = _plan(
                    self._places, self._rules.of_size, self._holds, self._now(), self._stopped
                )
                known = {each.file.path for each in self._account.kept}
                self._follow(rest, known)
            if self._rules.archive_days is not None:
                emptied = (
                    os.path.dirname(each.step.file.path)
                    for each in self._account.done
                    if each.outcome == "done" and each.step.file.kind == ARCHIVE
                )
                remove_empty(self._places.archives, emptied)
        finally:
            try:
                self._removed.close()
            except OSError as error:
                self._account.errors.append(f"the list of what was removed: {error}")

    def _finish_earlier(self) -> None:
        freed, errors = self._removed.settle_rest(self._now(), stopped=self._stopped)
        self._account.errors += errors
        for day, name in find_unfinished(self._places.sessions, self._now()):
            with (
                contextlib.suppress(OSError),
                open_folder(self._places.sessions, day) as folder,
            ):
                freed += os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
                os.unlink(name, dir_fd=folder)
        self._account.left_behind += freed

    def _follow(self, plan_: Plan, known: set[str] | frozenset[str] = frozenset()) -> None:
        account = self._account
        account.kept += [each for each in plan_.kept if each.file.path not in known]
        try:
            self._removed.note(_entry(step, self._now()) for step in plan_.steps if _goes(step))
        except OSError as error:
            raise RetentionError(
                f"cannot write down what goes: {error}", hint="so nothing goes; check the disk"
            ) from error
        days: dict[str, None] = {}
        for number, step in enumerate(plan_.steps, 1):
            if self._stopped():
                break
            done = self._hands.take(step)
            account.done.append(done)
            if done.outcome == "done" and _goes(step):
                days[split_below(self._places.sessions, step.file.path)[0]] = None
            if self._progress is not None:
                self._progress(number, len(plan_.steps))
            ease()
        for day in days:
            with contextlib.suppress(OSError), open_folder(self._places.sessions) as folder:
                os.rmdir(day, dir_fd=folder)  # only if nothing is left in it


def _goes(step: Step) -> bool:
    """Tell a transcript that is deleted from all other steps."""
    return step.action == DELETE and step.file.kind != ARCHIVE


def _entry(step: Step, now: float) -> Entry:
    file = step.file
    return Entry(plain_name(file.path), file.session_id or "", file.inode, file.modified_ns, now)


@contextlib.contextmanager
def _lock(home: Home) -> Iterator[bool]:
    """Be the only one; gives False where somebody else is."""
    path = home.retention / "lock"
    try:
        make_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, FILE_MODE)
    except OSError as error:
        raise RetentionError(
            f"cannot lock {path}: {error.strerror}", hint="check the permissions of the home"
        ) from error
    _locks.add(fd)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        if fd in _locks:  # else a fork has closed it
            _locks.discard(fd)
            os.close(fd)


_locks: set[int] = set()


def _forget_locks() -> None:
    """Leave the lock to the parent: a child that lives on would hold it for as long."""
    while _locks:
        with contextlib.suppress(OSError):
            os.close(_locks.pop())


os.register_at_fork(after_in_child=_forget_locks)
