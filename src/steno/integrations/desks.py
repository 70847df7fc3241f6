"""The desk of a recorder: the scribe who reads what the instrumented clients note.

Strategy: there is one desk for each recorder, and the recorder knows it: it is flushed and closed
with the recorder, before it, also at exit. The scribe begins with the first exchange. A thread does
not survive ``fork()``, so a child begins with a new scribe; what the parent has open stays there.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING

from steno import notices
from steno.capture.recovery import recover
from steno.capture.scribe import Scribe
from steno.capture.spools import FileSpool
from steno.capture.tapes import DeadTapes, TapeFolder
from steno.opening import open_recorder
from steno.storage.home import find_home

if TYPE_CHECKING:
    from pathlib import Path

    from steno.capture.scribe import Pen
    from steno.recording.recorder import Recorder
    from steno.storage.home import Home
    from steno.wire.opening import Opening

_TIMEOUT_S = 10.0
_PAUSE_S = 1.0
"""Seconds that a fork waits for scribes to pause."""

_lock = threading.Lock()
_defaults: dict[Path, Recorder] = {}
_desks: weakref.WeakSet[Desk] = weakref.WeakSet()
_paused: list[Scribe] = []


def default_recorder(home: str | os.PathLike[str] | None) -> Recorder:
    """Return the recorder of a home for those who brought none; it is closed at exit."""
    place = find_home(home)
    with _lock:
        recorder = _defaults.get(place.path)
        if recorder is None:
            recorder = _defaults[place.path] = open_recorder(place.path)
    return recorder


def find_desk(recorder: Recorder, home: str | os.PathLike[str] | None = None) -> Desk:
    """Return the desk of a recorder.

    Args:
        recorder: Takes the events.
        home: Where large bodies go, and what is kept of open replies; the recorder's own when it
            is not given.
    """
    with _lock:
        for source in recorder.sources:
            if isinstance(source, Desk):
                return source
        desk = Desk(recorder, find_home(home if home is not None else _home_of(recorder)))
        recorder.attach(desk)
    return desk


def _home_of(recorder: Recorder) -> Path | None:
    letters = recorder._settings.dead_letters  # noqa: SLF001 - the one thing it knows of its home
    return letters.parent if letters is not None else None


class Desk:
    """Where notes of exchanges are taken and read.

    Attributes:
        generation: Counts the forks that lie between the recorder's beginning and this process.
    """

    def __init__(self, recorder: Recorder, home: Home) -> None:
        """Prepare; the scribe begins with the first exchange."""
        self.generation = 0
        self._recorder = recorder
        self._home = home
        self._lock = threading.Lock()
        self._scribe: Scribe | None = None
        self._closed = False
        _desks.add(self)

    def open(self, opening: Opening) -> Pen | None:
        """Begin to note an exchange; None when the recorder is closed."""
        scribe = self._scribe or self._begin()
        return scribe.open(opening) if scribe is not None else None

    def _begin(self) -> Scribe | None:
        with self._lock:
            recorder = self._recorder
            if self._closed:
                return None
            if self._scribe is None:
                open_spool = functools.partial(FileSpool, self._home)
                if self.generation:
                    self._end_with_child()
                else:
                    _recover(self._home, recorder, open_spool)
                self._scribe = Scribe(
                    recorder,
                    tapes=TapeFolder(self._home.tapes, recorder.recorder_id),
                    open_spool=open_spool,
                )
            return self._scribe

    def _end_with_child(self) -> None:
        # multiprocessing ends its children with os._exit; the recorder's own entry has 100.
        pools = sys.modules.get("multiprocessing.util")
        if pools is not None:
            pools.Finalize(self, _close, args=(self,), exitpriority=101)

    def flush(self, timeout_s: float) -> bool:
        """Have all that was noted recorded."""
        scribe = self._scribe
        return scribe is None or scribe.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Have all that was noted recorded, and end what is open as stopped."""
        with self._lock:
            self._closed = True
            scribe, self._scribe = self._scribe, None
        return scribe is None or scribe.close(timeout_s)

    def pause(self) -> None:
        """Before a fork: have the scribe wait."""
        scribe = self._scribe
        if scribe is not None and scribe.pause(_PAUSE_S):
            _paused.append(scribe)

    def after_fork(self) -> None:
        """Leave to the parent what is the parent's; the next exchange begins a scribe."""
        self.generation += 1
        self._lock = threading.Lock()
        scribe, self._scribe = self._scribe, None
        if scribe is not None:
            scribe.abandon()


def _close(desk: Desk) -> None:
    desk.close(_TIMEOUT_S)


def _recover(home: Home, recorder: Recorder, open_spool: functools.partial[FileSpool]) -> None:
    """Record, beside the traffic, what killed processes had open."""
    dead = DeadTapes(home.tapes)
    if not dead.folders:
        dead.close()
        return
    threading.Thread(
        target=_recover_now, args=(dead, recorder, home, open_spool), name="steno-recovery",
        daemon=True,
    ).start()  # fmt: skip


def _recover_now(
    dead: DeadTapes, recorder: Recorder, home: Home, open_spool: functools.partial[FileSpool]
) -> None:
    try:
        # The recorder closes what others left open; what it has said need not be said again.
        recorder.flush(_TIMEOUT_S)
        recover(dead, recorder, home.sessions, open_spool)
    except Exception as error:  # noqa: BLE001 - the traffic must not hear of it
        notices.say("recovery", f"ERROR open replies can't be recovered: {error}")


def _before_fork() -> None:
    for desk in list(_desks):
        desk.pause()


def _after_fork_in_parent() -> None:
    while _paused:
        _paused.pop().resume()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - the parent's may be held by a thread that is not here
    _lock = threading.Lock()
    _paused.clear()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
