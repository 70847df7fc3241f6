"""Events of imported sessions to transcripts and the index, each once.

Strategy: what a transcript holds already is read before anything is added, so that importing again
adds what is new alone. Lines are appended a megabyte at a time, which the processor's cache can
hold; some of these make a piece, which is one short transaction of the index, so that a recorder
beside it gets its turn after some milliseconds.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from steno import notices
from steno.errors import TranscriptError, WriteError
from steno.events.codec import LineEncoder, encode_header
from steno.events.model import EntryImported, Event
from steno.events.parts import Tokens
from steno.storage.compressed import open_text, plain_name
from steno.storage.lines import read_lines
from steno.storage.transcript import TranscriptFolder
from steno.transcripts.importers.keys import recorder_of
from steno.transcripts.importers.tallies import Known
from steno.transcripts.reader import read_header
from steno.writers.base import Batch, Extent, Landings
from steno.writers.sqlite import SqliteWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from steno.events.header import Header
    from steno.transcripts.importers.claims import Claims

_PIECE_EVENTS = 4_000
_PIECE_BYTES = 4 << 20
_WRITE_BYTES = 1 << 20
_ATTEMPTS = 6
_MAX_CUT = 65_536
_BEGINS = b'{"type":"session"'
_MAX_LINE = 1 << 62
"""Imported lines are kept whole, however long."""


class _Line(Struct):
    """What of a line tells that it need not be written again."""

    type: str = ""
    request_id: str = ""
    timestamp: str = ""
    entry_key: str | None = None
    tool_call_id: str = ""
    tool_arguments: str | None = None
    seq: int = 0
    claim: str | None = None
    tokens: Tokens | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


class Present(Struct):
    """What there is of a session.

    Attributes:
        known: What its transcript tells.
        began: When it began; None where it has no transcript.
        seq: The greatest number of its imported events.
    """

    known: Known
    began: datetime | None = None
    seq: int = 0


def learn_lines(path: Path, session_id: str, claims: Claims) -> tuple[Known, int]:
    """Read what a transcript tells, and whose replies it counts.

    Returns:
        What it tells, and the greatest number of its imported events.

    Raises:
        OSError: It can't be read.
        TranscriptError: It is compressed, and zstd is not installed.
    """
    known, greatest = Known(), 0
    with open_text(path) as file:
        for line in read_lines(file):
            try:
                found = _decode_line(line.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # damage is the reader's to report
            greatest = max(greatest, found.seq)
            if found.entry_key is not None:
                known.entries[found.entry_key] = found.request_id
                continue
            known.told.add(_told(found))
            if found.claim is not None:
                claims.take(found.claim, session_id, found.request_id)
                if found.tokens is not None:
                    claims.count(found.claim, session_id, found.tokens.output)
    return known, greatest


def _told(line: _Line) -> tuple[str, str, str]:
    """Tell what a line tells, as `what_is_told` does of an event."""
    if line.type == "tool_call_recorded":
        part = "returned" if line.tool_arguments is None else "called"
        return f"{line.type} {part}", line.request_id, line.tool_call_id
    if line.type == "compacted":
        return line.type, line.timestamp, ""
    return line.type, line.request_id, ""


class Landing:
    """Writes imported sessions; used by one thread."""

    def __init__(self, sessions: Path, index: Path | None, *, durability: str = "os") -> None:
        """Describe where things go.

        Args:
            sessions: The folder of transcripts.
            index: The index; None keeps none.
            durability: ``os`` or ``fsync``, as for the transcripts.

        Raises:
            SchemaVersionError: A newer steno, or another program, has made the index.
        """
        self.sessions = sessions
        fsync = durability == "fsync"
        self._write_bytes = _PIECE_BYTES if fsync else _WRITE_BYTES
        self._folder = TranscriptFolder(sessions, fsync=fsync, open_files=8)
        self._writer = None if index is None else SqliteWriter(index, durability=durability)
        self._landings = Landings()
        self._landings.followed = True
        if self._writer is not None:
            self._writer.follow(self._landings)
        self._number = 0
        self._attempts = _ATTEMPTS

    def look_up(self, session_id: str, began: datetime, claims: Claims) -> Present:
        """Read what there is of a session.

        Args:
            session_id: The session.
            began: When it began, as far as anybody knows.
            claims: Learns which replies it counts.

        Raises:
            TranscriptError: Its transcript can't be read.
        """
        path = self.sessions / self._folder.locate(session_id, began)
        header = read_header_of(path)
        if header is None:
            return Present(Known())
        try:
            known, seq = learn_lines(path, session_id, claims)
        except OSError as error:
            raise TranscriptError(
                f"cannot read {path}: {error.strerror}", hint="check the path and permissions"
            ) from error
        return Present(known, header.timestamp, seq)

    def write(self, header: Header, events: Iterable[Event], seq: int) -> int:
        """Append events to a session's transcript, and their facts to the index.

        Args:
            header: Begins the transcript, if it is not there.
            events: In order.
            seq: The number of the last event that is there.

        Returns:
            The number of the last event that was appended.

        Raises:
            OSError: A piece could not be appended; those before it were.
            WriteError: The index could not be written; the transcript holds the piece.
        """
        recorder = recorder_of(header.session_id)
        append = LineEncoder(recorder, _MAX_LINE).append
        lines = bytearray()
        landed: list[Extent] = []
        size = 0
        facts: list[Event] = []
        seqs: list[int] = []
        first = seq
        try:
            for event in events:
                seq += 1
                append(event, seq, lines)
                if type(event) is not EntryImported:
                    facts.append(event)
                    seqs.append(seq)
                if len(lines) >= self._write_bytes:
                    landed.append(self._append(header, lines))
                    size += len(lines)
                    lines = bytearray()
                    if size >= _PIECE_BYTES or len(facts) >= _PIECE_EVENTS:
                        self._index(header, landed, Batch(facts, seqs, recorder=recorder))
                        landed, size, facts, seqs = [], 0, [], []
            if lines:
                landed.append(self._append(header, lines))
            if landed:
                self._index(header, landed, Batch(facts, seqs, recorder=recorder))
        except (OSError, KeyboardInterrupt):
            self._catch_up_once(header)
            raise
        if seq == first:
            # An import that was killed may have left the index behind the transcript.
            self._catch_up(header)
        return seq

    def _append(self, header: Header, lines: bytearray) -> Extent:
        """Append lines to the transcript; the number of their batch is not known yet."""
        relative = self._folder.locate(header.session_id, header.timestamp)
        appended = self._folder.append(relative, lines, lambda: encode_header(header))
        path = str(self.sessions / relative)
        return Extent(path, header.session_id, appended.start, appended.end, self._number + 1)

    def _index(self, header: Header, landed: list[Extent], batch: Batch) -> None:
        """Bring the facts of lines that were appended into the index."""
        if self._writer is None:
            return
        self._number += 1
        batch.number = batch.first_number = self._number
        batch.headers = {header.session_id: header}
        self._landings.put(landed, self._number)
        self._persist(batch, self._writer)

    def _catch_up(self, header: Header) -> None:
        """Bring what a transcript holds into the index, as far as it is not there."""
        if self._writer is None:
            return
        relative = self._folder.locate(header.session_id, header.timestamp)
        self._writer.adopt([str(self.sessions / relative)])
        self._persist(None, self._writer)

    def _catch_up_once(self, header: Header) -> None:
        """Bring what was appended before an import broke off into the index, if that is easy."""
        self._attempts = 1
        try:
            self._catch_up(header)
        except WriteError as error:
            notices.say("import-index", f"WARN {error.message}; the next import goes on with it")

    def _persist(self, batch: Batch | None, writer: SqliteWriter) -> None:
        """Bring the index up to date, with a batch if there is one."""
        attempts = self._attempts
        self._attempts = 1  # who did not get through at last need not be waited for each time
        for attempt in range(1, attempts + 1):
            try:
                if batch is not None:
                    writer.write(batch)
                while not writer.catch_up():
                    pass  # somebody else wrote to the transcript in between
            except WriteError as error:
                if not error.transient or attempt == attempts:
                    if batch is not None:
                        writer.skip(batch)  # it is read from the transcript later
                    raise
                notices.say("import-index", f"WARN {error.message}; trying again")
                time.sleep(0.1 * 2**attempt)
            except KeyboardInterrupt:
                if batch is not None:
                    writer.skip(batch)  # nobody knows how far it came
                raise
            else:
                self._attempts = _ATTEMPTS
                return

    def close(self) -> None:
        """Close all files."""
        self._folder.close()
        if self._writer is not None:
            self._writer.close()


def read_header_of(path: Path) -> Header | None:
    """Read the header of a transcript, in whichever form it is there; None where it is not.

    Raises:
        TranscriptError: It is there, and can't be read or has no header.
    """
    for form in (path, path.with_name(f"{path.name}.zst")):
        with contextlib.suppress(FileNotFoundError):
            form.stat()
            header = read_header(form)
            if header is None and not _is_begun(form):
                return None
            if header is None:
                raise TranscriptError(
                    f"{plain_name(form)} has no header", hint="`steno recover` tells what it holds"
                )
            return header
    return None


def _is_begun(path: Path) -> bool:
    """Tell whether a transcript holds more than a header that was cut, as a full disk leaves it.

    The next append begins one that does not.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_CUT)
    return b"\n" in data or not (data.startswith(_BEGINS) or _BEGINS.startswith(data))
