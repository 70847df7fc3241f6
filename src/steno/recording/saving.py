"""What a session collects, saved beside its transcript: logs, metrics, traces and files.

Strategy: to save is a favour to a program that has other work to do, so nothing here raises: the
result says what happened, and what could not be saved is a ``gap`` in the transcript. Each file is
published first and recorded then, so that a transcript names no file that was never there. Who
iterates over entries and is cancelled keeps what had come by then; the cancellation goes on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from msgspec import Struct

from steno import notices
from steno.errors import StenoError
from steno.events.codec import format_timestamp
from steno.events.model import ArtefactSaved, Event, Gap
from steno.events.salvage import clean_text
from steno.identity import safe_name
from steno.recording.context import SPEAKER
from steno.recording.documents import Document, plain_copy
from steno.storage.artefacts import FILES, LOGS, METRICS, TRACES, ArtefactFolder, Written
from steno.storage.filenames import document_stem, generate_timestamp, query_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Moment = datetime | str | None
    Content = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO | Iterable[bytes]


class Saved(Struct, frozen=True, kw_only=True):
    """What became of something that was to be saved; false where it was not.

    It is a path, too: `open` and `pathlib.Path` take it, and `str` gives it.

    Attributes:
        kind: ``logs``, ``metrics``, ``traces`` or ``files``.
        source: Where it comes from, such as ``kubernetes``.
        path: The file; None where nothing was saved.
        relative: The same, from the session's folder on.
        name: Its readable name; another one than the path's where the session is sealed.
        error: Why it was not saved; None also where recording is off, so that nothing is.
        incomplete: Why entries are missing at the end; None where all that came are there.
        size_bytes: Bytes on disk.
        count: Entries; None of a file.
        sha256: Hexadecimal digest of the bytes on disk.
    """

    kind: str
    source: str
    path: Path | None = None
    relative: str | None = None
    name: str | None = None
    error: str | None = None
    incomplete: str | None = None
    size_bytes: int = 0
    count: int | None = None
    sha256: str | None = None

    def __bool__(self) -> bool:
        """Tell whether it was saved."""
        return self.path is not None

    def __str__(self) -> str:
        """Return the path; "" where nothing was saved."""
        return os.fspath(self.path) if self.path is not None else ""

    def __fspath__(self) -> str:
        """Return the path.

        Raises:
            StenoError: Nothing was saved.
        """
        if self.path is None:
            raise StenoError(
                f"the {self.kind} were not saved: {self.error or 'recording is off'}",
                hint="look whether the result is true before it is used as a path",
            )
        return os.fspath(self.path)


class Collecting:
    """The part of a session that saves what it collected.

    Attributes:
        session_id: The session's id.
    """

    session_id: str
    _record: Callable[[Event], bool]
    _artefacts: Path | None = None
    _folder: ArtefactFolder | None = None

    @property
    def data_dir(self) -> Path | None:
        """The folder of what the session collected; None where the recorder has no place for it."""
        return self._artefacts / safe_name(self.session_id) if self._artefacts else None

    @property
    def artefact_folder(self) -> ArtefactFolder | None:
        """The same, to write to."""
        folder = self.data_dir
        if self._folder is None and folder is not None:
            self._folder = ArtefactFolder(folder)
        return self._folder

    def save_logs(
        self,
        entries: Any,
        *,
        source: str = "kubernetes",
        pod: str | None = None,
        namespace: str | None = None,
        container: str | None = None,
        time_range: Sequence[Moment] | None = None,
        metadata: Mapping[str, Any] | None = None,
        identifier: str | None = None,
    ) -> Saved:
        """Save log entries as ``logs/{source}_{pod}_{namespace}_{timestamp}.json``.

        Args:
            entries: A list, anything to iterate over (of any length), or a text, a line an entry.
            source: Where they come from.
            pod: The pod that logged them.
            namespace: Its namespace.
            container: Its container.
            time_range: From when to when they were asked for.
            metadata: What else is known of them.
            identifier: What stands in the name in the place of pod and namespace.

        Returns:
            What became of them; nothing is raised but what cancels the program while it iterates.
        """
        parts = _given(identifier)
        if identifier is None and (pod or namespace):
            parts = (pod or "unknown", namespace or "default")
        facts = {"pod": pod, "namespace": namespace, "container": container}
        return self._save_document(
            LOGS, source, parts, _merge(metadata, facts, time_range), entries
        )

    def save_metrics(
        self,
        data: Any,
        *,
        source: str = "prometheus",
        query: str | None = None,
        time_range: Sequence[Moment] | None = None,
        metadata: Mapping[str, Any] | None = None,
        identifier: str | None = None,
    ) -> Saved:
        """Save metrics as ``metrics/{source}_{query}_{timestamp}.json``; else as `save_logs`.

        Args:
            data: The series or points; one mapping is one of them.
            source: Where they come from.
            query: What was asked; 40 characters of it stand in the name.
            time_range: From when to when.
            metadata: What else is known of them.
            identifier: What stands in the name in the place of the query.
        """
        parts = _given(identifier)
        if identifier is None and query:
            parts = (query_part(query),)
        facts = _merge(metadata, {"query": query}, time_range)
        return self._save_document(METRICS, source, parts, facts, data)

    def save_traces(
        self,
        data: Any,
        *,
        source: str = "jaeger",
        identifier: str | None = None,
        service: str | None = None,
        time_range: Sequence[Moment] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Save traces as ``traces/{source}_{identifier}_{timestamp}.json``; else as `save_logs`.

        Args:
            data: The traces; one mapping is one of them.
            source: Where they come from.
            identifier: What they are of, as it stands in the name; the service by default.
            service: The service that they are of.
            time_range: From when to when.
            metadata: What else is known of them.
        """
        facts = _merge(metadata, {"service": service}, time_range)
        return self._save_document(TRACES, source, _given(identifier or service), facts, data)

    def save_file(
        self,
        content: Content,
        *,
        name: str | None = None,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Saved:
        """Save a file as ``files/{name}``, byte for byte.

        Args:
            content: Bytes, a text, a `pathlib.Path`, an open file, or pieces of bytes. A ``str`` is
                always a text, and needs a name.
            name: Its name; that of the path or of the open file by default.
            source: Where it comes from.
            metadata: What is known of it.

        Returns:
            What became of it; nothing is raised.
        """

        def write(folder: ArtefactFolder) -> Written:
            return folder.write_file(FILES, str(name or _name_of(content)), content)

        facts = _merge(metadata, {}, None) | {"collected_at": format_timestamp(datetime.now(UTC))}
        return self._save(FILES, source, facts, write)

    def _save_document(
        self, kind: str, source: str, parts: tuple[str, ...], metadata: dict[str, Any], data: Any
    ) -> Saved:
        metadata["collected_at"] = format_timestamp(datetime.now(UTC))
        source = clean_text(str(source))
        document = Document(source, metadata, data)

        def write(folder: ArtefactFolder) -> Written:
            stem = document_stem(source, *map(str, parts))
            return folder.write_document(kind, stem, document.blocks())

        return self._save(kind, source, metadata, write, document)

    def _save(
        self,
        kind: str,
        source: str,
        metadata: Mapping[str, Any],
        write: Callable[[ArtefactFolder], Written],
        document: Document | None = None,
    ) -> Saved:
        """Publish something, record it, and tell what became of it."""
        source = clean_text(str(source))
        session = self._collector()
        if not session._is_recording():  # noqa: SLF001 - this class too
            return Saved(kind=kind, source=source)
        try:
            written = write(session._place())  # noqa: SLF001 - this class too
        except Exception as error:
            lost = session._not_saved(kind, source, error)  # noqa: SLF001 - this class too
            if document is not None and document.interruption is not None:
                raise document.interruption from error
            return lost
        saved = Saved(
            kind=kind,
            source=source,
            path=written.path,
            relative=f"{kind}/{written.path.name}",
            name=written.name,
            incomplete=_incomplete(document),
            size_bytes=written.size_bytes,
            count=document.count if document is not None else None,
            sha256=written.sha256,
        )
        facts = plain_copy(document.metadata if document is not None else metadata)
        if written.name != written.path.name:
            facts["name"] = written.name
        session._tell(saved, facts)  # noqa: SLF001 - this class too
        if document is not None and document.interruption is not None:
            raise document.interruption
        return saved

    def _place(self) -> ArtefactFolder:
        folder = self.artefact_folder
        if folder is None:
            raise StenoError(
                "the recorder has no folder for artefacts",
                hint="steno.open has one; RecorderBuilder.artefacts(folder) sets it",
            )
        return folder

    def _tell(self, saved: Saved, metadata: Mapping[str, Any]) -> None:
        self._record(
            ArtefactSaved(
                self.session_id,
                self._request_id(),
                datetime.now(UTC),
                kind=saved.kind,
                source=saved.source,
                path=saved.relative or "",
                size_bytes=saved.size_bytes,
                count=saved.count,
                sha256=saved.sha256,
                metadata=metadata,
            )
        )
        self._artefact_saved(saved, metadata)

    def _not_saved(self, kind: str, source: str, error: Exception) -> Saved:
        reason = clean_text(_explain(error))
        detail = f"{kind} from {source}: {reason}" if source else f"{kind}: {reason}"
        self._record(
            Gap(
                self.session_id,
                self._request_id(),
                datetime.now(UTC),
                what="artefact",
                count=1,
                reason="save_failed",
                detail=detail,
            )
        )
        notices.say("artefact-not-saved", f"ERROR could not save {detail}")
        return Saved(kind=kind, source=source, error=reason)

    def _request_id(self) -> str:
        """The request in which this session speaks at the moment; "" between requests."""
        speaker = SPEAKER.get()
        if speaker is None or speaker.session_id != self.session_id:
            return ""
        return speaker.request_id

    def _collector(self) -> Collecting:
        """The session that saves: where this one was rotated, its successor."""
        return self

    def _is_recording(self) -> bool:
        """Tell whether there is anything to record to."""
        return True

    def _artefact_saved(self, saved: Saved, metadata: Mapping[str, Any]) -> None:
        """Do more when something was saved; for kinds of sessions that keep a list."""


def _given(identifier: str | None) -> tuple[str, ...]:
    return (identifier,) if identifier else ()


def _merge(
    metadata: Mapping[str, Any] | None,
    facts: Mapping[str, Any],
    time_range: Sequence[Moment] | None,
) -> dict[str, Any]:
    """Put what was given by name over what was given as metadata."""
    merged: dict[str, Any] = {}
    if metadata is not None:  # a careless caller's is kept, too
        try:
            merged = dict(metadata) if isinstance(metadata, Mapping) else {"metadata": metadata}
        except Exception:  # noqa: BLE001 - whatever it is, it is salvaged when it is written
            merged = {"metadata": metadata}
    merged |= {name: value for name, value in facts.items() if value is not None}
    if time_range is not None:
        ends = time_range if isinstance(time_range, (list, tuple)) else (time_range,)
        merged["time_range"] = [
            format_timestamp(each) if isinstance(each, datetime) else each for each in ends
        ]
    return merged


def _incomplete(document: Document | None) -> str | None:
    """Tell why a document is not all: what ended its entries, or what the caller says of them."""
    reason = document.metadata.get("incomplete") if document is not None else None
    return reason if isinstance(reason, str) else None


def _name_of(content: Content) -> str:
    if isinstance(content, str):
        raise StenoError(
            "a text that is saved as a file needs a name",
            hint="give name=...; the path of a file is given as pathlib.Path",
        )
    name = content if isinstance(content, os.PathLike) else getattr(content, "name", None)
    if isinstance(name, (str, os.PathLike)):
        return os.path.basename(os.fspath(name))
    return f"file_{generate_timestamp()}.bin"


def _explain(error: Exception) -> str:
    if isinstance(error, StenoError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    return f"{type(error).__name__}: {error}"
