"""The transcript of a sealed session: the same lines as any other's, in frames of a sealed log.

Strategy: a batch is one frame, the header line goes ahead of the first one. There is nothing else:
no index, no dead letters, no copy of a line that is not sealed. A lease in the session's folder
says that this recorder lives, by its random id alone, so that the next start finds what it left
open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.errors import SealError, WriteError
from steno.events.codec import DEFAULT_MAX_EVENT_BYTES, LineEncoder, encode_header
from steno.storage.lease import Lease
from steno.storage.sealed_log import SealedLog
from steno.storage.sealed_text import open_sealed_text
from steno.writers.base import EASE_EVERY, Batch, ease
from steno.writers.losses import Losses

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from steno.events.header import Header
    from steno.storage.sealed_keys import SealKeys
    from steno.storage.sealed_log import LogEnd


class SealedWriter:
    """Appends the events of one session to a sealed log.

    Attributes:
        name: ``sealed``.
        path: The log.
        losses: Where values that could not be kept as they were given are counted.
        write_size: Events that are best stored together, when so many are waiting.
    """

    name = "sealed"
    write_size = 400

    def __init__(
        self,
        path: Path,
        keys: SealKeys,
        header: Header,
        *,
        durability: str = "os",
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
    ) -> None:
        """Describe the log; nothing is created before the first batch.

        Args:
            path: The log; its folder belongs to the session.
            keys: The session's keys.
            header: What the transcript begins with.
            durability: ``os``: what was written survives the death of the process. ``fsync``:
                it survives the loss of power.
            max_event_bytes: Length of a line beyond which an event's texts are cut.
        """
        self.path = path
        self.losses = Losses()
        self._header = header
        self._max_event_bytes = max_event_bytes
        self._keys = keys
        self._log = SealedLog(path, keys, fsync=durability == "fsync")
        self._encoder: LineEncoder | None = None
        self._lease: Lease | None = None

    def write(self, batch: Batch) -> None:
        """Append a batch as one frame.

        Raises:
            WriteError: Nothing of it was stored.
        """
        encoder = self._encoder
        if encoder is None or encoder.recorder != batch.recorder:
            encoder = self._encoder = LineEncoder(batch.recorder, self._max_event_bytes)
            self._release(settled=False)
        lines = self._encode(batch, encoder)
        header = batch.headers.get(self._header.session_id, self._header)
        try:
            if self._lease is None:
                self._lease = Lease(self.path.parent, batch.recorder)
                self._lease.add([self.path.name])
            torn = self._log.append(lines, encode_header(header) + b"\n")
        except OSError as error:
            raise WriteError(
                f"cannot write {error.filename or self.path}: {error.strerror or error}",
                hint="check the disk and the permissions; recording goes on by itself",
                transient=True,
            ) from error
        except SealError as error:
            # Waiting helps where somebody restores the file; until then nothing may go elsewhere.
            raise WriteError(error.message, hint=error.hint, transient=True) from error
        if torn:
            self.losses.add(
                self._header.session_id,
                "line",
                "torn_line",
                detail=f"{torn} bytes of a frame that its writer did not finish",
            )

    def open_text(self, path: Path) -> BinaryIO:
        """Open a transcript that is sealed with the same keys, to read its lines.

        Raises:
            FileNotFoundError: It is not there.
        """
        return open_sealed_text(path, self._keys)

    def expect(self, known: LogEnd) -> None:
        """Say how far the log is known to have come, before anything is written."""
        self._log.expect(known)

    @property
    def cut_off(self) -> str | None:
        """Say what of the log is gone; None where nothing is, or nothing was written yet."""
        return self._log.cut_off if self._log.end.frames else None

    @property
    def end(self) -> LogEnd:
        """How far the log had come when it was last appended to."""
        return self._log.end

    def _encode(self, batch: Batch, encoder: LineEncoder) -> bytes:
        lines = bytearray()
        for at, event in enumerate(batch.events):
            if batch.relaxed and not at % EASE_EVERY:
                ease()
            notes = encoder.append(event, batch.seqs[at], lines)
            if notes:
                self.losses.add(
                    str(event.session_id),
                    "value",
                    "altered",
                    request_id=str(event.request_id),
                    count=len(notes),
                    detail=", ".join(f"{note.path}: {note.reason}" for note in notes[:5]),
                )
        return bytes(lines)

    def _release(self, *, settled: bool) -> None:
        if self._lease is not None:
            self._lease.release(settled=settled)
            self._lease = None

    def close(self, *, settled: bool = True) -> None:
        """Close the log and give up the lease.

        Args:
            settled: Nothing is left for the next start to do.
        """
        self._log.close()
        self._release(settled=settled)
        self._encoder = None

    def after_fork(self) -> None:
        """Begin anew in a forked child: the file and the lease are the parent's."""
        self._log.close()
        if self._lease is not None:
            self._lease.abandon()
        self.losses = Losses()
        self._lease = self._encoder = None
