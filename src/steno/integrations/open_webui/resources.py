"""What turns of one process share: archivists by their settings, recorders by their homes.

Strategy: the host loads a function anew, makes instances in each worker and never says good-bye to
the old ones; so nothing hangs on an instance. An archivist whose settings are no longer asked for
has nothing to do, and costs sleeping threads; only so many are kept. With each goes a sweeper,
which deletes archives when their time has come, unless the home has a hold on them.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from steno.archives.archivist import Archivist
from steno.integrations.desks import default_recorder, find_desk
from steno.notices import say
from steno.retention.plan import Rules
from steno.retention.rounds import Places
from steno.retention.sweeper import Sweeper
from steno.storage.home import find_home

if TYPE_CHECKING:
    from steno.archives.settings import ArchiveSettings
    from steno.integrations.desks import Desk

_MOST = 8
_CLOSE_S = 60.0

_lock = threading.Lock()


class _Keeping(NamedTuple):
    """Who seals under one set of settings, and who lets go."""

    archivist: Archivist
    sweeper: Sweeper


_keepings: dict[tuple[ArchiveSettings, str], _Keeping] = {}


def find_archivist(settings: ArchiveSettings, home: str = "") -> Archivist:
    """Return the archivist of these settings; the one that was not asked for longest may go.

    Args:
        settings: Where archives go, and how.
        home: Where holds on archives lie; "" is the default home.
    """
    key = (settings, home)
    with _lock:
        keeping = _keepings.pop(key, None) or _begin(settings, home)
        _keepings[key] = keeping  # the one asked for last stands last
        oldest = next(iter(_keepings))
        retired = _keepings.pop(oldest) if len(_keepings) > _MOST else None
    if retired is not None:
        retired.sweeper.stop()
        threading.Thread(
            target=retired.archivist.close, args=(_CLOSE_S,), name="steno-retired", daemon=True
        ).start()
    return keeping.archivist


def prepare(settings: ArchiveSettings, home: str) -> None:
    """Begin to work for these settings before the first turn needs it; never raises."""
    try:
        find_archivist(settings, home).begin()
    except Exception as error:  # noqa: BLE001 - the host must not notice
        say("open-webui-prepare", f"ERROR archives can't be looked after: {error!r}")


def _begin(settings: ArchiveSettings, home: str) -> _Keeping:
    place = find_home(home or None)
    rules, folder = Rules(), settings.directory or place.path
    if settings.enabled and settings.directory is not None:
        rules = Rules(archive_days=settings.retention_days)
    places = Places(home=place, sessions=place.sessions, index=place.index, archives=folder)
    interval_s = float(settings.cleanup_interval_seconds)
    sweeper = Sweeper(places, rules, (interval_s, interval_s))
    sweeper.start()
    return _Keeping(Archivist(settings), sweeper)


def find_recording(home: str) -> Desk:
    """Return where the turns of a home are noted; "" is the default home."""
    return find_desk(default_recorder(home or None))


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent may have held it
    _lock = threading.Lock()
    for keeping in _keepings.values():
        keeping.sweeper.after_fork()


os.register_at_fork(after_in_child=_after_fork)
