"""``meta.json``: what an archive says of itself, and how the parts of a message become one. Pure.

Strategy: each spool that was sealed into an archive is named in it, so that none is ever added
twice. A request that came in several parts is one entry; that a part was interrupted says less than
how another part of the same request ended. The message is as its last request left it; tasks
beside it, such as making a title, do not count.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno.archives import jsons
from steno.archives.records import stamp
from steno.errors import ArchiveError
from steno.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steno.archives.identifiers import ArchiveIds

FORMAT_VERSION = 1
INTERRUPTED = "interrupted"


class Member(Struct, frozen=True):
    """Digest and size of a member's contents."""

    sha256: str
    size: int


class Request(Struct, frozen=True, omit_defaults=True):
    """One call to the host that worked on the message.

    Attributes:
        request_id: The call.
        status: ``ok``, ``error``, ``cancelled`` or ``interrupted``.
        begin: When it began.
        end: When it ended.
        records: The records of it that are here.
        dropped: Those that are not.
        spools: The spools from which they came.
        reason: Why it ended so, where something says it.
        task: What it did beside the message itself.
    """

    request_id: str
    status: str
    begin: str
    end: str
    records: int
    dropped: int
    spools: tuple[str, ...]
    reason: str = ""
    task: str | None = None


class Meta(Struct, frozen=True, kw_only=True):
    """The whole of ``meta.json``; times are UTC.

    Attributes:
        created_at: When the archive was put together.
        ids: The ids as the host gave them.
        request_id: The last request that is no task.
        request_ids: All requests.
        log_format: ``text``, ``jsonl``, ``both``, or ``batches`` where each batch is sealed.
        status: How the last request ended that is no task.
        complete: Every request ended by itself, and no record was dropped.
        members: The other members.
        requests: One entry for each request.
    """

    format_version: int = FORMAT_VERSION
    steno: str = VERSION
    created_at: str
    timezone: str = "UTC"
    ids: dict[str, str]
    request_id: str
    request_ids: tuple[str, ...]
    log_format: str
    begin: str
    end: str
    status: str
    complete: bool
    records: int
    dropped: int
    members: dict[str, Member]
    requests: tuple[Request, ...]

    @property
    def spools(self) -> frozenset[str]:
        """The spools that were sealed into the archive."""
        return frozenset(spool for each in self.requests for spool in each.spools)


def add_request(known: Iterable[Request], new: Request) -> tuple[Request, ...]:
    """Add an entry, to that of the same request where there is one; in the order of begin."""
    entries = []
    for entry in known:
        if (entry.request_id, entry.task) == (new.request_id, new.task):
            new = _join(entry, new)
        else:
            entries.append(entry)
    return tuple(sorted([*entries, new], key=lambda entry: entry.begin))


def _join(old: Request, new: Request) -> Request:
    earlier, later = sorted((old, new), key=lambda entry: (entry.status != INTERRUPTED, entry.end))
    return Request(
        request_id=later.request_id,
        status=later.status,
        begin=min(earlier.begin, later.begin),
        end=max(earlier.end, later.end),
        records=old.records + new.records,
        dropped=old.dropped + new.dropped,
        spools=tuple(sorted({*old.spools, *new.spools})),
        reason=later.reason,
        task=later.task,
    )


def make_meta(
    ids: ArchiveIds | Mapping[str, str],
    requests: tuple[Request, ...],
    members: dict[str, Member],
    *,
    log_format: str,
    now: float,
) -> Meta:
    """Put ``meta.json`` together."""
    named = (
        dict(ids)
        if isinstance(ids, dict)
        else {
            name: getattr(ids, name) for name in ("user_id", "session_id", "chat_id", "message_id")
        }
    )
    leading = [each for each in requests if each.task is None] or list(requests)
    last = max(leading, key=lambda each: each.end)
    dropped = sum(each.dropped for each in requests)
    return Meta(
        created_at=dt.datetime.fromtimestamp(now, dt.UTC).isoformat(),
        ids=named,
        request_id=last.request_id,
        request_ids=tuple(sorted({each.request_id for each in requests})),
        log_format=log_format,
        begin=min(each.begin for each in requests),
        end=max(each.end for each in requests),
        status=last.status,
        complete=not dropped and all(each.status != INTERRUPTED for each in requests),
        records=sum(each.records for each in requests),
        dropped=dropped,
        members=members,
        requests=requests,
    )


def encode_meta(meta: Meta) -> bytes:
    """Write ``meta.json``."""
    data = jsons.encode(meta)
    try:
        return msgspec.json.format(data, indent=2) + b"\n"
    except msgspec.DecodeError:
        return data + b"\n"  # half of a surrogate pair in an id


def decode_meta(data: bytes) -> Meta:
    """Read ``meta.json``.

    Raises:
        ArchiveError: It is damaged, or of a version that this one does not know.
    """
    try:
        meta = jsons.decode(data, Meta)
    except ValueError as error:
        raise ArchiveError(f"meta.json can't be read: {error}", reason="tampered") from error
    if meta.format_version > FORMAT_VERSION:
        raise ArchiveError(
            f"the archive has format {meta.format_version}, which this steno does not know",
            hint="a newer steno reads it",
        )
    return meta


def describe_request(
    ids: ArchiveIds,
    *,
    task: str | None,
    status: str,
    reason: str,
    begin: float,
    end: float,
    records: int,
    dropped: int,
    spool: str,
) -> Request:
    """Make the entry of a request from what its spool says."""
    return Request(
        request_id=ids.request_id,
        status=status,
        begin=stamp(begin),
        end=stamp(max(begin, end)),
        records=records,
        dropped=dropped,
        spools=(spool,),
        reason=reason,
        task=task,
    )
