"""The transcripts, the truth: one JSONL file for each session.

Strategy: a batch is grouped by session and each group is one ``write``. Where one transcript can't
be written, the others are, and the error names what is missing; when that comes back, what has
landed is not written again. Before a transcript is touched for the first time it is noted in the
recorder's lease, so that the next start finds what this process may leave open.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from steno import notices
from steno.errors import WriteError
from steno.events.codec import DEFAULT_MAX_EVENT_BYTES, LineEncoder, encode_header
from steno.events.header import Header, make_header
from steno.identity import describe_process, is_plain
from steno.storage.lease import Lease
from steno.storage.transcript import Appended, TranscriptFolder
from steno.writers.base import EASE_EVERY, Batch, Extent, Landings, ease
from steno.writers.losses import Losses

if TYPE_CHECKING:
    from steno.events.model import Event

_MAX_KNOWN = 50_000
"""Sessions whose place is remembered, about 10 MB; others are looked up again."""


class JsonlWriter:
    """Appends events to ``<directory>/<UTC day>/<session>.jsonl``.

    Attributes:
        name: ``jsonl``.
        directory: The folder of transcripts.
        landings: Where everything that was written lies, for followers.
        losses: Where values that could not be kept as they were given are counted.
        write_size: Events that are best stored together, when so many are waiting.
    """

    name = "jsonl"
    write_size = 400

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        durability: str = "os",
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        open_files: int = 128,
    ) -> None:
        """Describe the folder; nothing is created before the first event.

        Args:
            directory: The folder of transcripts; ``~`` is expanded.
            durability: ``os``: what was written survives the death of the process. ``fsync``:
                it survives the loss of power.
            max_event_bytes: Length of a line beyond which an event's texts are cut.
            open_files: How many transcripts are kept open.
        """
        self.directory = Path(directory).expanduser()
        self.landings = Landings()
        self.losses = Losses()
        self._root = os.fspath(self.directory) + os.sep
        self._open_files = open_files
        self._max_event_bytes = max_event_bytes
        self._folder = TranscriptFolder(
            self.directory, fsync=durability == "fsync", open_files=open_files
        )
        self._encoder: LineEncoder | None = None
        self._lease: Lease | None = None
        self._known: dict[str, str] = {}
        self._landed: set[int] = set()

    def write(self, batch: Batch) -> None:
        """Append a batch, one write for each transcript.

        Raises:
            WriteError: Some transcripts could not be written; it names the events concerned.
        """
        encoder = self._encoder
        if encoder is None or encoder.recorder != batch.recorder:
            encoder = self._encoder = LineEncoder(batch.recorder, self._max_event_bytes)
            self._known.clear()
            self._lease = Lease(self.directory, batch.recorder)
        groups, first = self._group(batch, encoder)
        extents: list[Extent] = []
        missing: set[str] = set()
        cause: OSError | None = None
        passing = len(groups) > self._open_files // 2
        followed = self.landings.followed
        for session_id, lines in groups.items():
            try:
                relative, appended = self._append(
                    session_id, lines, batch, first.get(session_id), passing=passing
                )
            except OSError as error:
                missing.add(session_id)
                cause = error
            else:
                if followed:
                    extents.append(
                        Extent(
                            self._root + relative,
                            session_id,
                            appended.start,
                            appended.end,
                            batch.number,
                        )
                    )
        if followed:
            self.landings.put(extents, batch.number)
        if cause is None:
            self._landed.clear()
            return
        numbered = list(zip(batch.events, batch.seqs, strict=True))
        unwritten = [seq for event, seq in numbered if str(event.session_id) in missing]
        self._landed = {seq for event, seq in numbered if str(event.session_id) not in missing}
        raise _explain(
            cause, self.directory, unwritten, whole=len(missing) == len(groups)
        ) from cause

    def _group(
        self, batch: Batch, encoder: LineEncoder
    ) -> tuple[dict[str, bytearray], dict[str, Event]]:
        """Encode a batch; the lines by session, and the first event of each session."""
        groups: dict[str, bytearray] = {}
        first: dict[str, Event] = {}
        landed = self._landed
        append = encoder.append
        relaxed = batch.relaxed
        for at, event in enumerate(batch.events):
            if relaxed and not at % EASE_EVERY:
                ease()
            seq = batch.seqs[at]
            if landed and seq in landed:
                continue
            try:
                lines = groups[event.session_id]
            except (KeyError, TypeError):
                session_id = str(event.session_id)
                first.setdefault(session_id, event)
                lines = groups.setdefault(session_id, bytearray())
            notes = append(event, seq, lines)
            if notes:
                self.losses.add(
                    str(event.session_id),
                    "value",
                    "altered",
                    request_id=str(event.request_id),
                    count=len(notes),
                    detail=", ".join(f"{note.path}: {note.reason}" for note in notes[:5]),
                )
        for session_id in batch.headers:
            # A session without an event yet gets its transcript all the same.
            groups.setdefault(session_id, bytearray())
        return groups, first

    def _append(
        self,
        session_id: str,
        lines: bytearray,
        batch: Batch,
        first: Event | None,
        *,
        passing: bool,
    ) -> tuple[str, Appended]:
        relative = self._known.get(session_id)
        if relative is None:
            header = batch.headers.get(session_id) or batch.find_header(session_id)
            began = header.timestamp if header is not None else _time_of(first)
            relative = self._begin(session_id, began, batch.recorder)

        def begin() -> bytes:
            header = batch.headers.get(session_id) or batch.find_header(session_id)
            if header is None:
                header = _describe(session_id, _time_of(first), batch.recorder)
            return encode_header(header)

        appended = self._folder.append(relative, lines, begin, passing=passing)
        if appended.torn:
            self.losses.add(
                session_id,
                "line",
                "torn_line",
                detail=f"{appended.torn} bytes of a line that its writer did not finish",
            )
        return relative, appended

    def _begin(self, session_id: str, began: datetime, recorder: str) -> str:
        """Find or choose a session's transcript, and note it in the lease."""
        relative = self._folder.locate(session_id, began)
        if self._lease is None:
            self._lease = Lease(self.directory, recorder)
        self._lease.add([relative])
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[session_id] = relative
        if not is_plain(session_id):
            notices.say(
                "hostile-id",
                "WARN Session ID is not safe as a file name and was sanitized: "
                f"{session_id[:80]!r} is kept in {relative}",
            )
        return relative

    def close(self, *, settled: bool = True) -> None:
        """Close all files and give up the lease.

        Args:
            settled: Nothing is left for the next start to do, so the lease is removed.
        """
        self._folder.close()
        if self._lease is not None:
            self._lease.release(settled=settled)
            self._lease = None
            self._encoder = None

    def after_fork(self) -> None:
        """Begin anew in a forked child: the files and the lease are the parent's."""
        self._folder.close()
        if self._lease is not None:
            self._lease.abandon()
        self.landings = Landings()
        self.losses = Losses()
        self._lease = self._encoder = None
        self._known.clear()
        self._landed.clear()


def _time_of(event: Event | None) -> datetime:
    """Read an event's time in UTC; now, where the caller gave something else."""
    stamp = getattr(event, "timestamp", None)
    if not isinstance(stamp, datetime):
        return datetime.now(UTC)
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _describe(session_id: str, began: datetime, recorder: str) -> Header:
    """Say of a session that nobody has introduced what is known of it."""
    return make_header(session_id, began, recorder=recorder, **describe_process())


_HINTS = {
    errno.ENOSPC: "free some space; recording goes on by itself",
    errno.EDQUOT: "free some space; recording goes on by itself",
    errno.EACCES: "give this user the right to write there; recording goes on by itself",
    errno.EPERM: "give this user the right to write there; recording goes on by itself",
    errno.EROFS: "the file system is read-only: remount it, or move the home with STENO_HOME",
    errno.ENOTDIR: "a file stands where a folder should be: move it away",
    errno.EEXIST: "a file stands where a folder should be: move it away",
    errno.EISDIR: "a folder stands where a transcript should be: move it away",
    errno.ELOOP: "a link stands where a transcript should be: steno follows none",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


def _explain(error: OSError, directory: Path, unwritten: list[int], *, whole: bool) -> WriteError:
    """Turn an OS error into one that says where and what to do."""
    where = error.filename or directory
    return WriteError(
        f"cannot write {where}: {error.strerror or error}",
        hint=_HINTS.get(error.errno or 0, "check the disk; recording goes on by itself"),
        transient=True,
        unwritten=None if whole else unwritten,
    )
