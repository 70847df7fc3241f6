"""What must not be let go: a file for each hold, readable without steno.

Strategy: a hold names a session, or a user's chat (or one message of it). Whoever lets go reads all
holds anew before each single step, under a lock that whoever places a hold takes too: when a hold
was placed, nothing that it covers goes any more. A hold that can't be read might cover anything, so
then nothing goes at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.errors import RetentionError
from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, replace_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOLD_VERSION = 1

_SUFFIX = ".json"
_LOCK = ".lock"
_MAX_BYTES = 16 * 1024 * 1024
_SETTLED_S = 2.0


class Hold(Struct, frozen=True, kw_only=True, tag_field="type", tag="hold"):
    """One hold.

    Attributes:
        version: Version of the file's format.
        session_id: The session that is held; None for a hold on archives.
        user_id: Whose archives are held.
        chats: Those of which chats, and of which messages in each; no message means all of them.
        reason: Why, for people.
        held_at: Since when.
    """

    version: int = msgspec.field(default_factory=lambda: HOLD_VERSION)
    session_id: str | None = None
    user_id: str | None = None
    chats: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    reason: str = ""
    held_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        """The name of its file: the same for all holds on the same thing."""
        if self.session_id is not None:
            return f"session-{_short(self.session_id)}{_SUFFIX}"
        parts = [self.user_id, self.chats]
        return f"archives-{_short(msgspec.json.encode(parts).decode())}{_SUFFIX}"

    def describe(self) -> str:
        """Say what is held, in a few words."""
        if self.session_id is not None:
            return f"session {self.session_id}"
        return "; ".join(
            f"archives of user {self.user_id}, chat {chat}"
            + "".join(f", message {each}" for each in messages)
            for chat, messages in self.chats.items()
        )


def _short(identifier: str) -> str:
    """Make an id a part of a name; beside a prefix and a suffix there is less room for it."""
    return safe_name(identifier if len(identifier) <= 150 else f"{identifier[:150]}*{identifier}")  # noqa: PLR2004 - a name has 255


class Holds:
    """The holds of a home."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not exist."""
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, ...], Hold]] = {}

    def read(self) -> list[Hold]:
        """Read all holds, oldest first.

        Raises:
            RetentionError: One can't be read.
        """
        return sorted((hold for _, hold in self._files()), key=lambda hold: hold.held_at)

    def _files(self) -> list[tuple[str, Hold]]:
        try:
            names = sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self.folder, str(error.strerror)) from error
        return [
            (name, hold)
            for name in names
            if name.endswith(_SUFFIX)
            and not name.startswith(".")
            and (hold := self._read_one(name)) is not None
        ]

    def _read_one(self, name: str) -> Hold | None:
        path = self.folder / name
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            look, hold = self._known.get(name, (None, None))
            if hold is not None and look == _look(os.lstat(path)):
                return hold
        try:
            with open(os.open(path, flags), "rb") as file:
                status = os.fstat(file.fileno())
                data = file.read(_MAX_BYTES)
                hold = msgspec.json.decode(data, type=Hold)
                if "held_at" not in msgspec.json.decode(data):
                    # Written by hand: held since then, and not since it was read.
                    since = datetime.fromtimestamp(status.st_mtime, UTC)
                    hold = msgspec.structs.replace(hold, held_at=since)
        except FileNotFoundError:
            return None  # released at this moment
        except OSError as error:
            raise _unreadable(path, str(error.strerror)) from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _unreadable(path, str(error)) from error
        if hold.version != HOLD_VERSION:
            raise _unreadable(path, f"it has version {hold.version}, of a newer steno")
        if hold.session_id is None and (hold.user_id is None or not hold.chats):
            raise _unreadable(path, "it names nothing that is held")
        if hold.held_at.tzinfo is None:
            hold = msgspec.structs.replace(hold, held_at=hold.held_at.replace(tzinfo=UTC))
        # Two changes within one tick of the clock look like one: a fresh file is read each time.
        if abs(time.time() - status.st_ctime) > _SETTLED_S:
            self._known[name] = (_look(status), hold)
        return hold

    @contextlib.contextmanager
    def steady(self, *, placing: bool = False) -> Iterator[None]:
        """Keep holds from being placed while something goes, and the other way round.

        Args:
            placing: This is the one that places holds; those who let go don't wait for each other.

        Raises:
            RetentionError: The lock can't be had.
        """
        try:
            make_folder(self.folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(self.folder / _LOCK, flags, FILE_MODE)
        except OSError as error:
            raise _unreadable(self.folder, str(error.strerror)) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if placing else fcntl.LOCK_SH)
            yield
        finally:
            # By hand: a child that was forked meanwhile has a copy, which would keep the lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def place(self, hold: Hold) -> bool:
        """Place a hold; when this returns, what it covers stays.

        Returns:
            False when there was one on the same thing, which is replaced.

        Raises:
            RetentionError: It can't be placed.
        """
        with self.steady(placing=True):
            path = self.folder / hold.name
            new = not path.exists()
            data = msgspec.json.format(msgspec.json.encode(hold), indent=2) + b"\n"
            try:
                replace_file(path, data)
            except OSError as error:
                raise RetentionError(
                    f"cannot place the hold {path}: {error.strerror}",
                    hint="check the disk and the permissions; nothing is held yet",
                ) from error
        return new

    def release(self, holds: Sequence[Hold]) -> None:
        """Release holds; those that are gone already are no error.

        Raises:
            RetentionError: One can't be released.
        """
        # By what stands in them: one that was written by hand may be called anything.
        names = {hold.name for hold in holds}
        for file, hold in self._files():
            if hold.name not in names:
                continue
            try:
                os.unlink(self.folder / file)
                sync_folder(self.folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                message = f"cannot release {self.folder / file}: {error.strerror}"
                raise RetentionError(
                    message, hint="check the permissions; it still holds"
                ) from error


def _look(status: os.stat_result) -> tuple[int, ...]:
    """Tell what a file looks like; its time of change of the inode can't be set by anybody."""
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _unreadable(path: Path, why: str) -> RetentionError:
    return RetentionError(
        f"the hold {path} can't be read: {why}",
        hint="it might cover anything, so nothing is deleted or compressed until it is put right; "
        "a hold is removed by deleting its file",
    )
