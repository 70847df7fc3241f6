"""What the names of OpenClaw's and pi's files tell: ids, generations, agents, neighbours.

One session may lie in several files at once: the live one, those that a reset or a deletion put
aside, copies that were made before a repair or a compaction. All begin with the session's id.
"""

from __future__ import annotations

import re
from pathlib import PurePath, PureWindowsPath
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_STAMP = r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:[.-]\d{3})?Z"

_MAX_PATH = 4096

_FILE = re.compile(
    rf"(?P<stem>.+?)(?P<checkpoint>\.checkpoint\.{_UUID})?\.jsonl"
    rf"(?:\.(?P<reason>reset|deleted|bak)\.(?P<stamp>{_STAMP})|(?P<copy>\.bak(?:[.-][\w.-]+)?))?\Z",
    re.DOTALL,
)
_NORMALISED = re.compile(rf"(?P<stem>.+?)-jsonl-(?P<reason>reset|deleted|bak)-(?P<stamp>{_STAMP})")
_PI = re.compile(rf"{_STAMP}_(?P<id>.+)\Z", re.DOTALL)
_TOPIC = re.compile(r"(?P<id>.+?)-topic-.+\Z", re.DOTALL)
_IS_UUID = re.compile(_UUID)

_TRAJECTORY = re.compile(r"\.trajectory\.jsonl(?:\..+)?\Z")
_BESIDE = (
    (re.compile(r"sessions\.json(?:\..+)?\Z"), "an index of sessions, or a copy of one"),
    (_TRAJECTORY, "a recording of runs, beside its transcript"),
    (re.compile(r".+\.trajectory-path\.json\Z"), "a pointer to a recording of runs"),
    (re.compile(r".+\.lock\Z"), "a lock"),
    (re.compile(r"\.usage-cost-cache\.json\Z"), "a cache"),
    (re.compile(r".+\.tmp\Z"), "a write that was interrupted"),
)


class Name(Struct, frozen=True):
    """What the name of a transcript tells.

    Attributes:
        id: The session's id, as far as the name tells it.
        is_certain: The program gave this id: it is a UUID.
        generation: ``live``, ``reset``, ``deleted``, ``bak`` or ``checkpoint``.
        stamp: When it was put aside, in the file name's own form.
    """

    id: str
    is_certain: bool
    generation: str = "live"
    stamp: str | None = None


def read_name(name: str) -> Name:
    """Read the name of a transcript, without ``.zst``; other names are taken as ids."""
    found = _FILE.match(name) or _NORMALISED.match(name)
    if found is None:
        return Name(name, is_certain=False)
    parts = found.groupdict()
    stem = parts["stem"]
    generation = parts["reason"] or "live"
    if parts.get("copy"):
        generation = "bak"
    elif parts.get("checkpoint") and not parts["reason"]:
        generation = "checkpoint"
    for pattern in (_PI, _TOPIC):
        inner = pattern.match(stem)
        if inner is not None:
            stem = inner["id"]
    return Name(stem, _IS_UUID.fullmatch(stem) is not None, generation, parts["stamp"])


def read_parent(given: str) -> str | None:
    """Read the id out of ``parentSession``: an id, or the path of a file on some machine."""
    given = given[:_MAX_PATH]
    name = (PureWindowsPath(given) if "\\" in given else PurePath(given)).name
    return read_name(name.removesuffix(".zst")).id or None if name else None


def why_no_transcript(name: str) -> str | None:
    """Tell why a file that lies beside transcripts is none; None where it may be one."""
    return next((why for pattern, why in _BESIDE if pattern.search(name)), None)


def agent_of(path: Path) -> str | None:
    """Tell the agent whose folder a file lies in: ``agents/<agent>/sessions`` or ``.../agent``."""
    parts = path.absolute().parts
    for at in range(len(parts) - 4, -1, -1):
        if parts[at] == "agents" and parts[at + 2] in {"sessions", "agent"}:
            return parts[at + 1]
    return None


def program_of(path: Path) -> str | None:
    """Tell the program that keeps transcripts at such a place."""
    parts = path.absolute().parts
    for folder, program in _HOMES:
        if folder in parts:
            return program
    return "openclaw" if agent_of(path) is not None else None


_HOMES = (
    (".pi", "pi"),
    (".omp", "oh-my-pi"),
    (".openclaw", "openclaw"),
    (".clawdbot", "openclaw"),
    (".moltbot", "openclaw"),
)


def parent_by_folder(path: Path) -> str | None:
    """Tell whose sub-agent wrote a file: oh-my-pi keeps it in a folder named as the parent."""
    found = _PI.match(path.absolute().parent.name)
    return found["id"] if found is not None and _IS_UUID.fullmatch(found["id"]) else None
