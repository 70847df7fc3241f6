"""The scratchpad: named sections that an investigation fills, and every version of them.

Strategy: the scratchpad is a log; each change is one entry, appended under a lock, and a section is
what its entries come to, one after the other. So nothing that was written is ever lost or written
twice, whoever else writes at the same moment; a change costs what it says and not what was said
before; and old versions are there because they were never taken away. An entry is on disk, whole,
when the call returns.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from steno.errors import StenoError
from steno.events.codec import format_timestamp
from steno.storage.line_log import LineLog
from steno.storage.sealed_log import LogEnd, SealedLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steno.recording.incidents.folder import IncidentFolder
    from steno.storage.sealed_keys import SealKeys

WRITE, APPEND, COLLECTED = "write", "append", "collected"


class ScratchpadSection(StrEnum):
    """The sections that an investigation has by custom; any other name will do as well."""

    PROBLEM_DESCRIPTION = "PROBLEM_DESCRIPTION"
    DATA_COLLECTED = "DATA_COLLECTED"
    PATTERN_ANALYSIS = "PATTERN_ANALYSIS"
    CODE_INSPECTION = "CODE_INSPECTION"
    FINAL_DIAGNOSIS = "FINAL_DIAGNOSIS"


class Version(Struct, frozen=True):
    """A section as it was at some time.

    Attributes:
        number: From 1.
        at: When it was written; in UTC.
        value: What stood there.
    """

    number: int
    at: str
    value: Any


class Entry(Struct, frozen=True, omit_defaults=True):
    """One change.

    Attributes:
        section: Of which section.
        op: ``write``, ``append`` or ``collected``.
        at: When.
        value: What was written or appended; of what was collected, its facts.
        source: Of what was collected: where it comes from.
    """

    section: str
    op: str
    at: str
    value: Any = None
    source: str = ""


class Scratchpad:
    """The scratchpad of one incident; safe for all threads and processes.

    Attributes:
        path: Its file.
        unreadable: Entries that could not be read; `steno incident verify` says where.
    """

    def __init__(self, folder: IncidentFolder, keys: SealKeys | None = None) -> None:
        """Name the scratchpad; nothing is read or written yet. None of ``keys`` keeps it plain."""
        self._folder = folder.path
        self.path: Path = folder.scratchpad(sealed=keys is not None)
        self.unreadable = 0
        self._lock = threading.RLock()
        self._keys = keys
        # An entry that was said to be written survives the loss of power: there are not many.
        self._log = (
            LineLog(self.path, fsync=True)
            if keys is None
            else SealedLog(self.path, keys, fsync=True)
        )
        self._reader = self._open_reader()
        self._entries: list[Entry] = []
        self._values: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def _open_reader(self) -> LineLog | SealedLog:
        if self._keys is None:
            return LineLog(self.path)
        return SealedLog(self.path, self._keys)

    # -- reading -------------------------------------------------------------------------

    def read_section(self, section: str, default: Any = None) -> Any:
        """Return what stands in a section; a copy, which the caller may change.

        Raises:
            SealError: The scratchpad is damaged as a whole.
            OSError: It can't be read.
        """
        with self._lock:
            self._refresh()
            if str(section) not in self._values:
                return default
            return _copy(self._values[str(section)])

    def has_section(self, section: str) -> bool:
        """Tell whether anything was written to a section."""
        with self._lock:
            self._refresh()
            return str(section) in self._values

    @property
    def sections(self) -> tuple[str, ...]:
        """The names of all sections, in the order in which they were first written."""
        with self._lock:
            self._refresh()
            return tuple(self._values)

    @property
    def updated_at(self) -> str | None:
        """When it was last written; None before."""
        with self._lock:
            self._refresh()
            return self._entries[-1].at if self._entries else None

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, all versions included."""
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:
            return 0

    def expect(self, known: LogEnd) -> None:
        """Say how far a sealed scratchpad is known to have come, before it is used."""
        for log in self._sealed_logs():
            log.expect(known)

    @property
    def end(self) -> LogEnd:
        """How far a sealed scratchpad has come, as far as this one wrote or read it."""
        return max((log.end for log in self._sealed_logs()), default=LogEnd())

    @property
    def cut_off(self) -> str | None:
        """Say what of a sealed scratchpad is gone; None where nothing is, or it was not used."""
        log = max(self._sealed_logs(), key=lambda log: log.end, default=None)
        return log.cut_off if log is not None and log.end.frames else None

    def _sealed_logs(self) -> list[SealedLog]:
        return [each for each in (self._log, self._reader) if isinstance(each, SealedLog)]

    def version_count(self, section: str) -> int:
        """Count the versions of a section."""
        with self._lock:
            self._refresh()
            return self._counts.get(str(section), 0)

    def history(self, section: str) -> Iterator[Version]:
        """Yield all versions of a section, the oldest first."""
        with self._lock:
            self._refresh()
            entries = [entry for entry in self._entries if entry.section == str(section)]
        value: Any = None
        for number, entry in enumerate(entries, 1):
            value = self._apply(value, entry, fresh=number == 1)
            yield Version(number, entry.at, _copy(value))

    def read_entries(self) -> list[Entry]:
        """Return all changes as they were made."""
        with self._lock:
            self._refresh()
            return list(self._entries)

    def to_markdown(self) -> str:
        """Write the newest version of all sections for a person."""
        parts = [f"# {self._folder.name}"]
        for section in self.sections:
            value = self.read_section(section)
            if isinstance(value, str):
                text = value
            else:
                told = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
                text = f"```json\n{told}\n```"
            parts.append(f"## {section}\n\n{text}")
        return "\n\n".join(parts) + "\n"

    # -- writing -------------------------------------------------------------------------

    def write_section(self, section: str, value: Any) -> None:
        """Make a new version of a section.

        Args:
            section: Its name.
            value: Anything that JSON can hold.

        Raises:
            StenoError: JSON can't hold it, or the section has no name.
            OSError: It can't be written; nothing is changed.
        """
        self._put(Entry(str(section), WRITE, _now(), value))

    def append_to_section(self, section: str, value: Any) -> None:
        """Make a new version of a section by adding to it; else as `write_section`.

        Texts are joined by a newline, mappings updated, lists extended by a list or by one value.
        What does not go together becomes a list of both.
        """
        self._put(Entry(str(section), APPEND, _now(), value))

    def note_collected(self, source: str, facts: Mapping[str, Any]) -> None:
        """Note under ``DATA_COLLECTED`` what became of something that was collected.

        Args:
            source: Where it comes from.
            facts: ``status``, ``relative`` (the path within the folder), ``count`` and so on.
        """
        section = ScratchpadSection.DATA_COLLECTED.value
        self._put(Entry(section, COLLECTED, _now(), dict(facts), source))

    def _put(self, entry: Entry) -> None:
        if not entry.section:
            raise StenoError("a section of the scratchpad needs a name")
        try:
            line = msgspec.json.encode(entry) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise StenoError(
                f"the scratchpad can't hold this value: {error}",
                hint="write texts, numbers, lists and mappings",
            ) from error
        with self._lock:
            self._log.append(line)

    # -- what the entries come to --------------------------------------------------------

    def _refresh(self) -> None:
        for line in self._reader.read():
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self.unreadable += bool(line.strip())
                continue
            section = entry.section
            fresh = section not in self._values
            self._values[section] = self._apply(self._values.get(section), entry, fresh=fresh)
            self._counts[section] = self._counts.get(section, 0) + 1
            self._entries.append(entry)

    def _apply(self, old: Any, entry: Entry, *, fresh: bool) -> Any:
        if entry.op == COLLECTED:
            return self._collect(old, entry)
        if entry.op == WRITE or fresh:
            return entry.value
        if isinstance(old, str) and isinstance(entry.value, str):
            return f"{old}\n{entry.value}"
        if isinstance(old, dict) and isinstance(entry.value, dict):
            return old | entry.value
        if isinstance(old, list):
            return old + (entry.value if isinstance(entry.value, list) else [entry.value])
        return [old, entry.value]

    def _collect(self, old: Any, entry: Entry) -> dict[str, Any]:
        """Add what was collected to what is known of its source."""
        sources: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
        known = sources.get(entry.source)
        facts = dict(known) if isinstance(known, dict) else {}
        news = dict(entry.value) if isinstance(entry.value, dict) else {}
        relative = news.pop("relative", None)
        paths = facts.get("paths")
        paths = list(paths) if isinstance(paths, list) else []
        facts.pop("error", None)
        if isinstance(relative, str):
            path = os.path.join(self._folder, relative)
            paths.append(path)
            facts["path"] = path
        sources[entry.source] = facts | news | {"paths": paths}
        return sources

    def close(self) -> None:
        """Close the file; the scratchpad may be used again."""
        with self._lock:
            self._log.close()

    def after_fork(self) -> None:
        """Begin clean in a forked child."""
        self._lock = threading.RLock()
        self._log.close()


def _copy(value: Any) -> Any:
    # Not by `copy`: that goes less deep than what reads and writes JSON.
    return msgspec.json.decode(msgspec.json.encode(value))


def _now() -> str:
    return format_timestamp(datetime.now(UTC))
