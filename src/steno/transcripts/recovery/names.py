"""What a file in a folder of transcripts is, by its name alone.

Strategy: suffixes are taken off from the end, outermost first: the compression, then what was done
to the file (archived, copied, locked), then what kind of file it is. What is left names the
session. The name is a claim of whoever wrote the file and is checked against the contents later.
"""

from __future__ import annotations

import re

from msgspec import Struct

from steno.storage.compressed import PACKED

LIVE = "live"
RESET = "reset"
DELETED = "deleted"
BAK = "bak"
COPY = "bak-copy"
CHECKPOINT = "checkpoint"
TOPIC = "topic"
COLD = "cold"
TRANSCRIPTS = frozenset({LIVE, RESET, DELETED, BAK, COPY, CHECKPOINT, TOPIC, COLD})
"""The kinds that hold a conversation; each such file gets a verdict of its own."""

TRAJECTORY = "trajectory"
POINTER = "trajectory-pointer"
LOCK = "lock"
INDEX = "index"
OLD_INDEX = "old-index"
HISTORY = "chat-history"
DATABASE = "database"
CACHE = "cache"
ORIGINAL = "original"
OTHER = "other"

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_WHEN = r"\d{4}-\d{2}-\d{2}[Tt]\d{2}-\d{2}-\d{2}(?:[.-]\d{3})?[Zz]?"
_ARCHIVED = re.compile(rf"(?P<name>.+\.jsonl)\.(?P<why>reset|deleted|bak)\.(?P<when>{_WHEN})\Z")
_COPIED = re.compile(r"(?P<name>.+\.jsonl)\.bak-\d+-(?P<when>\d+)\Z")
# A search index gives such names to what it copies, sometimes with a suffix of its own.
_FLATTENED = re.compile(
    rf"(?P<id>.+)-jsonl(?:-(?P<why>reset|deleted|bak)-(?P<when>{_WHEN}))?(?:\.(?:jsonl?|md|txt))?\Z"
)
_CHECKPOINT = re.compile(rf"(?P<id>.+)\.checkpoint\.(?P<part>{_UUID})\Z")
_TOPIC = re.compile(r"(?P<id>.+?)-topic-(?P<part>.+)\Z")
_DATED = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}T[0-9-]+Z?_(?P<id>{_UUID})\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_DERIVED = re.compile(r".*--[0-9a-f]{16}\Z", re.DOTALL)
_IS_UUID = re.compile(rf"{_UUID}\Z")
_INDEX_COPY = re.compile(r".*sessions.*\.json(?:\W.*)?\Z", re.DOTALL)

_SUFFIX = ".jsonl"
_DATABASE = "openclaw-agent.sqlite"
_CHAT_HISTORY = "coclaw-chat-history.json"


class FileName(Struct, frozen=True):
    """What a name says.

    Attributes:
        kind: One of this module's constants.
        session_id: The session that the file belongs to; None where the name does not tell.
        archived_at: When it was put aside, as it stands in the name.
        part: The checkpoint's or the topic's own id.
        packed: It is compressed.
    """

    kind: str
    session_id: str | None = None
    archived_at: str | None = None
    part: str | None = None
    packed: bool = False


def is_uuid(identifier: str) -> bool:
    """Tell whether an id has the form of a UUID, so that it is nobody else's."""
    return _IS_UUID.match(identifier) is not None


def read_name(name: str) -> FileName:
    """Tell what a file is.

    Args:
        name: Its name, without folders; anything.
    """
    packed = name.endswith(PACKED)
    plain = name.removesuffix(PACKED)
    kind = _neighbour(plain)
    if kind is not None:
        return FileName(kind, packed=packed)
    if plain.endswith(".trajectory-path.json"):
        return FileName(POINTER, plain.removesuffix(".trajectory-path.json"), packed=packed)
    if archived := _ARCHIVED.match(plain):
        return _of_stem(
            archived["name"], packed=packed, kind=archived["why"], when=archived["when"]
        )
    if copied := _COPIED.match(plain):
        return _of_stem(copied["name"], packed=packed, kind=COPY, when=copied["when"])
    if plain.endswith(_SUFFIX):
        return _of_stem(plain, packed=packed)
    if flattened := _FLATTENED.match(plain):
        kind = flattened["why"] or LIVE
        return FileName(kind, flattened["id"], flattened["when"], packed=packed)
    return FileName(OTHER, packed=packed)


def _neighbour(plain: str) -> str | None:
    if plain.endswith(".lock"):
        return LOCK
    if plain.endswith(".orig"):
        return ORIGINAL
    if plain == "sessions.json":
        return INDEX
    if plain == _CHAT_HISTORY:
        return HISTORY
    if plain == _DATABASE:
        return DATABASE
    if "cache" in plain or plain.startswith("sessions.json.telegram-"):
        return None if plain.endswith(_SUFFIX) else CACHE
    return OLD_INDEX if _INDEX_COPY.match(plain) else None


def _of_stem(
    name: str, *, packed: bool, kind: str | None = None, when: str | None = None
) -> FileName:
    stem = name.removesuffix(_SUFFIX)
    if stem.endswith(".trajectory"):
        return FileName(TRAJECTORY, stem.removesuffix(".trajectory"), when, packed=packed)
    if checkpoint := _CHECKPOINT.match(stem):
        return FileName(
            kind or CHECKPOINT, checkpoint["id"], when, checkpoint["part"], packed=packed
        )
    if topic := _TOPIC.match(stem):
        return FileName(kind or TOPIC, topic["id"], when, topic["part"], packed=packed)
    if dated := _DATED.match(stem):
        return FileName(kind or LIVE, dated["id"], when, packed=packed)
    if _DIGEST.match(stem):
        return FileName(kind or COLD, None, when, packed=packed)
    if _DERIVED.match(stem):
        # steno's own name of an id that is no safe file name; the id stands inside.
        return FileName(kind or LIVE, None, when, packed=packed)
    return FileName(kind or LIVE, stem or None, when, packed=packed)
