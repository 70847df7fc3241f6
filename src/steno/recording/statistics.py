"""The recorder's figures about itself.

At all times ``accepted = written + dropped + failed + pending``, for the recorder and for each
writer, and after `Recorder.flush` returned True nothing is pending. The recorder's ``written``
and ``failed`` are those of its first writer: the transcripts, where they are switched on.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class WriterStats(Struct, frozen=True, kw_only=True):
    """Figures of one writer, in events.

    Attributes:
        accepted: Handed over by the recorder.
        written: Stored.
        dropped: Given up because the writer hung while others went on.
        failed: Could not be stored and were set aside.
        pending: Waiting, or being written; for a follower also what it has yet to read back.
        retried: Attempts that had to be repeated.
        last_error: What went wrong last; None while all is well.
    """

    accepted: int = 0
    written: int = 0
    dropped: int = 0
    failed: int = 0
    pending: int = 0
    retried: int = 0
    last_error: str | None = None


class RecorderStats(Struct, frozen=True, kw_only=True):
    """Figures of a recorder, in events.

    Attributes:
        accepted: Events that `Recorder.record` was given.
        written: Stored by the first writer.
        dropped: Given up: the buffer was full, or a processor dropped them.
        failed: Could not be stored and were set aside.
        pending: On their way.
        retried: Attempts of any writer that had to be repeated.
        queue_depth: Of those pending, still in the buffer.
        gaps: Gap events that the recorder has written to tell of losses.
        last_error: What went wrong last; None while all is well.
        writers: The figures of each writer, by its name.
    """

    accepted: int = 0
    written: int = 0
    dropped: int = 0
    failed: int = 0
    pending: int = 0
    retried: int = 0
    queue_depth: int = 0
    gaps: int = 0
    last_error: str | None = None
    writers: Mapping[str, WriterStats] = field(default_factory=dict)
