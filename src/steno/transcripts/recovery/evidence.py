"""What is said of a session, by whom, and how much that is worth.

A statement names a session by its id (or a transcript by its file name) and gives it a key. Ids
that are UUIDs are the same session wherever they are named; any other id may mean something else in
the next folder, so it counts only in the folder where it stands.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.session_keys import normalise_key, parse_key
from steno.transcripts.recovery.names import is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable

EXACT = "exact"
COMPUTED = "computed"
LINKED = "linked"
CONTESTED = "contested"
NARROWED = "narrowed"
HINT = "hint"
NONE = "none"
CONFIDENCE = {
    EXACT: 1.0, COMPUTED: 0.9, LINKED: 0.8, CONTESTED: 0.6, NARROWED: 0.4, HINT: 0.1, NONE: 0.0,
}  # fmt: skip
"""How sure a verdict is, by its grade; the first four give a key, the others never do."""

HEADER = "header"
INHERITED = "inherited_metadata"
WINDOW = "session_window"
TRAJECTORY = "trajectory"
CRON_LOG = "cron_run_log"
STORE = "store"
FAMILY = "usage_family"
CHECKPOINT = "compaction_checkpoint"
REPORT = "prompt_report"
CHAT_HISTORY = "chat_history"
ROTATION = "rotation"
OLD_STORE = "older_store"
SIBLING = "sibling"
CRON_TEXT = "cron_text"
SPAWN = "spawn"

RANKS = {
    HEADER: 0, WINDOW: 1, TRAJECTORY: 1, CRON_LOG: 1, STORE: 1,
    FAMILY: 2, CHECKPOINT: 2, REPORT: 2, CHAT_HISTORY: 2, ROTATION: 2,
    OLD_STORE: 3, SIBLING: 3,
}  # fmt: skip
"""Of exact kinds, which one is heard where they contradict each other: the lower one."""

_DAY = re.compile(r"/\d{4}-\d{2}-\d{2}\Z")
_LONGEST_KEY = 2048
_MOST_ALIKE = 4
_MOST_STATEMENTS = 256


class Evidence(Struct, frozen=True):
    """One statement.

    Attributes:
        kind: Who says it; one of this module's constants.
        grade: What it is worth: ``exact``, ``computed``, ``linked``, ``narrowed`` or ``hint``.
        key: The session key that it gives.
        source: The file in which it stands.
        pointer: Where in it: a byte offset, a JSON pointer, or table and column.
        session_id: The session that it names.
    """

    kind: str
    grade: str
    key: str
    source: str
    pointer: str = ""
    session_id: str | None = None


class Claims:
    """All statements of a recovery, found by what they name."""

    def __init__(self) -> None:
        """Begin without any."""
        self._by_id: dict[tuple[str, str], list[Evidence]] = {}
        self._by_file: dict[tuple[str, str], list[Evidence]] = {}
        self.stores: set[str] = set()
        """Indexes that were named, and so speak for every folder as the one in use."""
        self.jobs: dict[tuple[str, str], str] = {}
        """Folder and id of each scheduled job that is known, to where it runs; "" if unknown."""

    def add(self, evidence: Evidence, folder: str) -> None:
        """Add a statement about ``evidence.session_id``.

        Args:
            evidence: The statement.
            folder: The absolute path of the folder for which it speaks; "" for all.
        """
        identifier = evidence.session_id
        if identifier is None or not is_key(evidence.key):
            return
        scope = "" if is_uuid(identifier) else folder
        _append(self._by_id.setdefault((scope, identifier.lower()), []), evidence)

    def add_file(self, evidence: Evidence, name: str, folder: str) -> None:
        """Add a statement about the transcript of a name in a folder."""
        if is_key(evidence.key):
            _append(self._by_file.setdefault((folder, name), []), evidence)

    def about(self, identifier: str | None, folder: str) -> list[Evidence]:
        """Return what is said of a session id."""
        if identifier is None:
            return []
        known = identifier.lower()
        found = list(self._by_id.get(("", known), ()))
        if is_uuid(identifier):
            return found
        found += self._by_id.get((folder, known), [])
        days = folder_of_days(folder)
        return found if days == folder else found + self._by_id.get((days, known), [])

    def about_file(self, name: str, folder: str) -> list[Evidence]:
        """Return what is said of a transcript of a name in a folder."""
        return [*self._by_file.get((folder, name), ()), *self._by_file.get(("", name), ())]


def folder_of_days(folder: str) -> str:
    """Return the folder that holds a day's folder of steno's transcripts; else the folder itself.

    A session that goes on from another one may lie in the folder of the next day.
    """
    return os.path.dirname(folder) if _DAY.search(folder) else folder


def _append(said: list[Evidence], evidence: Evidence) -> None:
    """Add a statement, unless the same was said often enough: a session may have many copies."""
    alike = 0
    for each in said:
        if each.key == evidence.key and each.kind == evidence.kind:
            if each == evidence:
                return
            alike += each.grade == evidence.grade
    if alike < _MOST_ALIKE and len(said) < _MOST_STATEMENTS:
        said.append(evidence)


def is_key(value: object) -> bool:
    """Tell whether a value from a file can be a session key."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_KEY
        and bool(value.strip())
        and value.isprintable()
        and "\ufffd" not in value  # bytes that could not be read stood there
    )


def comparable_key(key: str, agent: str | None) -> str:
    """Bring a key into a form in which older spellings of one conversation are the same.

    Keys from before there were agents get that of the folder; ``dm`` is ``direct``.

    Args:
        key: A session key.
        agent: The agent of the folder, where that is known.
    """
    normal = normalise_key(key)
    if agent is not None and not normal.startswith("agent:") and normal != "global":
        normal = normalise_key(f"agent:{agent}:{normal}")
    head, marker, tail = normal.partition(":dm:")
    return f"{head}:direct:{tail}" if marker else normal


def group_keys(
    said: Iterable[Evidence], agent: str | None
) -> dict[str, tuple[str, list[Evidence]]]:
    """Gather statements that give one conversation.

    The key of a scheduled job and that of its run are given to the same session by one program, so
    they agree, and the run's says more. With two runs of one job there is no such agreement.

    Returns:
        By comparable key: the key as the strongest statement spells it, and the statements.
    """
    groups: dict[str, list[Evidence]] = {}
    for evidence in said:
        groups.setdefault(comparable_key(evidence.key, agent), []).append(evidence)
    for key in list(groups):
        runs = [other for other in groups if other != key and parse_key(other).base == key
                and parse_key(other).run is not None]  # fmt: skip
        if len(runs) == 1 and parse_key(key).kind == "cron":
            groups[runs[0]] += groups.pop(key)
    return {key: (_spelling(key, members, agent), members) for key, members in groups.items()}


def _spelling(key: str, members: list[Evidence], agent: str | None) -> str:
    """Choose the spelling: one that names its agent, by the strongest statement."""
    fitting = [each for each in members if comparable_key(each.key, agent) == key]
    fitting.sort(key=lambda each: (normalise_key(each.key) != key, RANKS.get(each.kind, 9)))
    return fitting[0].key.strip()
