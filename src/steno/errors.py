"""Every exception that steno raises on purpose, each with a message and a hint.

The tree::

    StenoError
     +-- ConfigError           a setting that can't be used: names the key, the value and the line
     +-- IdentityError         a session, or a prefix of its id, that names no transcript or several
     +-- WriteError            a writer could not store a batch
     +-- SchemaVersionError    a database that a newer (or another) program made
     +-- TranscriptError       a transcript that can't be read at all
     +-- QueryError            a query that the index refused
     |    +-- FilterError           a filter that can't be read: tells the place in it
     +-- ArchiveError          an archive that can't be sealed, opened or verified
     +-- BundleError           a bundle that can't be made, opened or imported
     +-- RetentionError        a hold that can't be read or placed, or a round that can't be begun
     +-- SealError             something sealed that can't be made, opened or trusted
     |    +-- WrongPasswordError    another password seals it, or none was given
     +-- CollectError          a source of artefacts that can't be asked, or refuses to answer

``record()`` raises none of these: what goes wrong on the way of an event is counted, shown by
``Recorder.stats()`` and said once at a rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class StenoError(Exception):
    """Base of all errors that steno raises on purpose.

    Attributes:
        message: What happened, in one sentence that names the thing concerned.
        hint: What to do about it, or "" where the message says it all.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep what happened and what to do about it."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(StenoError):
    """A setting that can't be used."""


class IdentityError(StenoError):
    """A session, or a prefix of its id, that names no transcript or several."""


class WriteError(StenoError):
    """A writer could not store a batch, or a part of it.

    Attributes:
        transient: True where the cause lies outside the events (full disk, locked database, no
            permission), so that the same batch may well be stored later.
        unwritten: The sequence numbers that are not stored; None means the whole batch.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        transient: bool = False,
        unwritten: Sequence[int] | None = None,
    ) -> None:
        """Keep the cause's kind and which events it concerns."""
        super().__init__(message, hint=hint)
        self.transient = transient
        self.unwritten = unwritten


class SchemaVersionError(StenoError):
    """A database that a newer version of steno, or another program, made."""


class TranscriptError(StenoError):
    """A transcript that can't be read at all."""


class QueryError(StenoError):
    """A query that the index refused."""


class FilterError(QueryError):
    """A filter that can't be read; the message shows its text, with a caret under the place.

    Attributes:
        position: Index in the text of the character that is meant.
    """

    def __init__(self, message: str, *, hint: str = "", position: int = 0) -> None:
        """Keep the place, for those who show the text in a field of their own."""
        super().__init__(message, hint=hint)
        self.position = position


class ArchiveError(StenoError):
    """An archive that can't be sealed, opened or verified.

    Attributes:
        reason: Which of the ways to fail it is: ``password`` (it, or the key, is the wrong one, or
            there is none), ``truncated``, ``tampered``, ``foreign`` (no archive of steno's),
            ``missing`` or ``other``.
    """

    def __init__(self, message: str, *, hint: str = "", reason: str = "other") -> None:
        """Keep the kind of failure, by which programs tell a wrong password from damage."""
        super().__init__(message, hint=hint)
        self.reason = reason


class BundleError(StenoError):
    """A bundle that can't be made, opened or imported."""


class RetentionError(StenoError):
    """A hold that can't be read or placed, or a round of letting go that can't be begun."""


class SealError(StenoError):
    """Something sealed that can't be made, opened or trusted.

    Attributes:
        offset: Byte offset of the damage in its file, where it is damage.
    """

    def __init__(self, message: str, *, hint: str = "", offset: int | None = None) -> None:
        """Keep where the damage is, for those who look for it."""
        super().__init__(message, hint=hint)
        self.offset = offset


class WrongPasswordError(SealError):
    """Another password seals it, or it is sealed and none was given; nothing is damaged."""


class CollectError(StenoError):
    """A source of artefacts that can't be asked, or that refuses to answer.

    Attributes:
        reason: Which of the ways to fail it is: ``query`` (what was asked is wrong), ``denied``
            (no credentials, or the wrong ones), ``unreachable`` (nobody answers, or only with
            errors of the server), ``timeout``, ``limit`` (the answer is too large), ``missing``
            (there is no such thing), ``configuration`` or ``other``.
    """

    def __init__(self, message: str, *, hint: str = "", reason: str = "other") -> None:
        """Keep the kind of failure, such as a wrong query, or a server that is away."""
        super().__init__(message, hint=hint)
        self.reason = reason
