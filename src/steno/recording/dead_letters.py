"""Where events lie that a writer could not store: a JSONL file for each writer.

Each line says when, by which writer and why, and holds the event as it stands in a transcript.
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from steno import notices
from steno.events.codec import LineEncoder, format_timestamp
from steno.events.salvage import clean_text
from steno.identity import safe_name
from steno.storage.files import FILE_MODE, make_folder, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from steno.writers.base import Batch


class DeadLetters:
    """The dead-letter file of one writer."""

    def __init__(self, folder: Path | None, writer: str) -> None:
        """Name the file; it is created with the first letter. None keeps no file."""
        self._path = folder / f"{safe_name(writer)}.jsonl" if folder is not None else None
        self._writer = writer

    def add(self, batch: Batch, error: BaseException) -> None:
        """Set the events of a batch aside; never raises."""
        where = "" if self._path is None else f", kept in {self._path}"
        notices.say(
            f"dead-letter-{self._writer}",
            f"ERROR {self._writer} could not store {len(batch)} event(s){where}: {error}",
        )
        if self._path is None:
            return
        encoder = LineEncoder(batch.recorder)
        lines = []
        for event, seq in zip(batch.events, batch.seqs, strict=True):
            letter = {
                "writer": self._writer,
                "at": format_timestamp(datetime.now(UTC)),
                "error": clean_text(f"{type(error).__name__}: {error}"),
                "event": msgspec.Raw(encoder.encode(event, seq)[0][:-1]),
            }
            lines.append(msgspec.json.encode(letter) + b"\n")
        try:
            make_folder(self._path.parent)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(self._path, flags, FILE_MODE)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                write_all(fd, b"".join(lines))
            finally:
                os.close(fd)
        except OSError as failure:
            notices.say("dead-letter-file", f"ERROR cannot write {self._path}: {failure}")
