"""What of an incident may change: its name, its status, what it used; one small file.

Strategy: whoever changes it reads it anew under the folder's lock, changes what it means to change
and replaces the file as a whole. Fields that this version does not know are written back as they
were, so that an older program takes nothing from a newer one.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from steno.errors import SealError, StenoError
from steno.events.codec import format_timestamp
from steno.storage.files import replace_file
from steno.storage.sealed import open_document, seal_document
from steno.storage.sealed_log import LogEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steno.recording.incidents.folder import IncidentFolder
    from steno.storage.sealed_keys import SealKeys

ACTIVE, COMPLETED, FAILED = "active", "completed", "failed"
STATUSES = (ACTIVE, COMPLETED, FAILED)

_NAME = "state.json"


class State:
    """The file of one incident; safe for all threads and processes."""

    def __init__(self, folder: IncidentFolder, keys: SealKeys | None) -> None:
        """Name the file; None of ``keys`` keeps it plain."""
        self._folder = folder
        self._keys = keys
        self._path = folder.state(sealed=keys is not None)

    def read(self) -> dict[str, Any]:
        """Read all facts; none where it was not written yet.

        Raises:
            SealError: It is damaged.
            OSError: It can't be read.
        """
        try:
            if self._keys is not None:
                data = open_document(self._keys, _NAME, self._path)
            else:
                data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            facts = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SealError(
                f"{self._path} can't be read: {error}",
                hint="restore it from a copy, or remove it: name and status are lost with it",
            ) from error
        return facts

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change some facts; those that ``change`` leaves alone stay as they are.

        Raises:
            SealError: It is damaged.
            OSError: It can't be written; it is as it was.
        """
        with self._folder.locked():
            facts = self.read()
            change(facts)
            facts["updated"] = format_timestamp(datetime.now(UTC))
            data = msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"
            if self._keys is not None:
                data = seal_document(self._keys, _NAME, data)
            replace_file(self._path, data)

    def __fspath__(self) -> str:
        """Return the path."""
        return os.fspath(self._path)


def usage_of(facts: Mapping[str, Any]) -> dict[str, int]:
    """Tell from a state what was used; nothing where it was not kept, or is no number."""
    told = facts.get("usage")
    told = told if isinstance(told, dict) else {}
    return {
        name: told[name] if isinstance(told.get(name), int) else 0
        for name in ("input_tokens", "output_tokens")
    }


def known_end(facts: Mapping[str, Any], log: str) -> LogEnd:
    """Tell from a state how far a sealed log had come; as `IncidentFiles.known_end`."""
    told = facts.get(log)
    if isinstance(told, dict) and isinstance(told.get("frames"), int):
        return LogEnd(told["frames"], str(told.get("tag", "")))
    return LogEnd()


def check_status(status: str) -> None:
    """Refuse a status that there is not.

    Raises:
        StenoError: There is no such status.
    """
    if status not in STATUSES:
        raise StenoError(f"{status!r} is no status", hint=f"allowed: {', '.join(STATUSES)}")
