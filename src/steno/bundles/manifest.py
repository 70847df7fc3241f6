"""What a bundle says of itself: its sessions, and each member with its digests. Pure.

Strategy: every member stands in the manifest once, in the order in which they lie in the bundle,
with the digest of its contents and that of its packed bytes. Nothing in it is optional reading: a
field that this version does not know is refused, because nobody could say what it demands.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.bundles.form import ZSTD, Member
from steno.bundles.names import Place, parse_member
from steno.errors import BundleError
from steno.identity import safe_name
from steno.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = "steno-bundle"
MANIFEST_VERSION = 1
MAX_MANIFEST = 64 << 20
MAX_VALUES = 2_000_000
"""Values in a manifest: a byte each would do, and in memory each takes 70."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_HINT = "the bundle was changed or damaged; nothing was imported"


class BundledSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session of a bundle.

    Attributes:
        session_id: Its id.
        sealed: Its transcript is sealed, and lies among its artefacts as it is.
        day: The folder of the transcript; None for a sealed session.
        session_key: What its header says of it, as the fields below.
        agent_id: As above.
        user_id: As above.
        began: When it began.
        archives: Members that hold the archives of its messages.
    """

    session_id: str
    sealed: bool
    day: str | None = None
    session_key: str | None = None
    agent_id: str | None = None
    user_id: str | None = None
    began: datetime | None = None
    archives: tuple[str, ...] = ()


class BundledMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member of a bundle.

    Attributes:
        path: Its name.
        size: Bytes of its contents.
        sha256: Their digest.
        packed_size: Bytes that it takes in the bundle.
        packed_sha256: The digest of these.
    """

    path: str
    size: int
    sha256: str
    packed_size: int
    packed_sha256: str


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest.

    Attributes:
        format: Always ``steno-bundle``.
        version: Version of the format.
        created: When the bundle was made, in UTC.
        steno: The version of steno that made it.
        sessions: Its sessions.
        members: Its members, but for the manifest.
    """

    sessions: tuple[BundledSession, ...]
    members: tuple[BundledMember, ...]
    created: str
    format: str = FORMAT
    version: int = MANIFEST_VERSION
    steno: str = VERSION


class _Mark(Struct):
    """As much of a manifest as every version has."""

    format: str
    version: int


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest, a line for each session and member."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def count_values(data: bytes) -> int:
    """Tell how many values a manifest has at most, without reading it."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: It is none, of a newer version, or says what can't be.
    """
    if count_values(data) > MAX_VALUES:
        raise BundleError("the manifest says more than there can be to say", hint=_HINT)
    try:
        mark = msgspec.json.decode(data, type=_Mark)
        if mark.format == FORMAT and mark.version > MANIFEST_VERSION:
            raise BundleError(
                f"the bundle has version {mark.version}, and this steno knows {MANIFEST_VERSION}",
                hint="a newer steno made it, and can import it",
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # It may name a field of any length.
        raise BundleError(f"the manifest can't be read: {error!s:.300}", hint=_HINT) from error
    if manifest.format != FORMAT or manifest.version != MANIFEST_VERSION:
        raise BundleError("the manifest is not that of a bundle", hint=_HINT)
    return manifest


def match_members(manifest: Manifest, members: list[Member]) -> dict[str, Place]:
    """Compare a manifest with the members that are there, of which the last is itself.

    Returns:
        What each member is, by its name.

    Raises:
        BundleError: They differ, or the manifest contradicts itself.
    """
    others = members[:-1]
    told = {each.path for each in manifest.members}
    if len(told) < len(manifest.members):
        raise BundleError("the manifest names a member twice", hint=_HINT)
    names = {each.name for each in others}
    for name in sorted(told ^ names):
        what = "is missing" if name in told else "was added"
        raise BundleError(f"the member {name[:200]!r} {what}", hint=_HINT)
    places: dict[str, Place] = {}
    for fact, member in zip(manifest.members, others, strict=True):
        places[fact.path] = _match(fact, member)
    _check_sessions(manifest.sessions, places)
    return places


def _match(fact: BundledMember, member: Member) -> Place:
    facts = (fact.path, fact.size, fact.packed_size)
    if facts != (member.name, member.size, member.packed):
        raise BundleError(f"the manifest lies about {member.name[:200]!r}", hint=_HINT)
    if not (_DIGEST.match(fact.sha256) and _DIGEST.match(fact.packed_sha256)):
        raise BundleError(f"the digest of {member.name[:200]!r} is none", hint=_HINT)
    place = parse_member(fact.path)
    if place is None:
        raise BundleError(f"{member.name[:200]!r} is no name of a member", hint=_HINT)
    if place.kind == "transcript" and member.method != ZSTD:
        raise BundleError(f"{member.name[:200]!r} is not packed as it must be", hint=_HINT)
    return place


def _check_sessions(sessions: tuple[BundledSession, ...], places: dict[str, Place]) -> None:
    """Make sure that each member belongs to a session, and each session has what it needs."""
    known: dict[str, BundledSession] = {}
    for each in sessions:
        if not each.session_id or safe_name(each.session_id) in known:
            raise BundleError("the manifest names a session twice, or none", hint=_HINT)
        known[safe_name(each.session_id)] = each
        if not each.sealed and not is_day(each.day):
            raise BundleError(f"{each.day!r} is no day of a session", hint=_HINT)
        if each.sealed and (each.day is not None or each.archives):
            raise BundleError("the manifest says of a sealed session what none has", hint=_HINT)
    if not known:
        raise BundleError("the bundle holds no session", hint=_HINT)
    archives = {name for each in sessions for name in each.archives}
    if archives != {name for name, place in places.items() if place.kind == "archive"}:
        raise BundleError("an archive belongs to no session, or is missing", hint=_HINT)
    with_transcript = {place.session for place in places.values() if place.kind == "transcript"}
    strangers = {place.session for place in places.values() if place.session} - set(known)
    plain = {name for name, each in known.items() if not each.sealed}
    if strangers or with_transcript != plain:
        raise BundleError("its members do not belong to its sessions", hint=_HINT)
    _check_files(places.values())


def _check_files(places: Iterable[Place]) -> None:
    """Make sure that no file lies in another file, and none is named twice."""
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for place in places:
        whole = (place.kind, place.session, *place.parts)
        if whole in files:
            raise BundleError(f"the file {place.path[:200]!r} is there twice", hint=_HINT)
        files.add(whole)
        folders.update(whole[:end] for end in range(3, len(whole)))
    if files & folders:
        raise BundleError("a file lies where a folder must be", hint=_HINT)


def is_day(day: str | None) -> bool:
    """Tell whether a text names a day as the folders of transcripts do."""
    if day is None or not _DAY.match(day):
        return False
    try:
        datetime.strptime(day, "%Y-%m-%d")  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False
    return True
