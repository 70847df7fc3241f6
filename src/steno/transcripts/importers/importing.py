"""Files of other programs to sessions of steno's: one after the other, each once.

Strategy: sources are found, those that have not changed since their last import are left alone, and
the rest is imported in the order of their first entries, so that of several copies of a reply that
of the earliest file counts. A source that can't be read, or a format that fails on it, is reported
and keeps nobody from the next one.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steno import notices
from steno.errors import StenoError, TranscriptError
from steno.events.header import Header, make_header
from steno.transcripts.importers.assembling import Assembler
from steno.transcripts.importers.claims import Claims
from steno.transcripts.importers.landing import Present, learn_lines, read_header_of
from steno.transcripts.importers.ledger import Imported, Ledger, state_of
from steno.transcripts.importers.registry import (
    load_format,
    recognise,
    takes_folder,
    why_no_transcript,
)
from steno.transcripts.importers.report import (
    FAILED,
    NOTHING_NEW,
    PARTIAL,
    SKIPPED,
    UNCHANGED,
    FileReport,
)
from steno.transcripts.importers.source import Source, probe
from steno.transcripts.importers.times import first_time
from steno.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steno.events.model import Event
    from steno.transcripts.importers.claims import Claim
    from steno.transcripts.importers.landing import Landing
    from steno.transcripts.importers.model import Conversation, Entry, Identity
    from steno.transcripts.importers.source import Format, Probe


_UNKNOWN = "no format that is known"
_OWN = "a transcript of steno's own: `steno recover` tells whose it is"


class Candidate:
    """A source that is to be imported.

    Attributes:
        path: The file, folder or database.
        format: Its format; None where it has none that is known.
        began: When its first entry was written, as far as its beginning tells.
        changed: When the file was last changed, in seconds; of files that begin alike, a fork is
            the one that was written later.
        state: What it was like when it was looked at.
        report: Why it is not to be imported, if it is not.
    """

    def __init__(self, path: Path) -> None:
        """Name the source."""
        self.path = path
        self.format: Format | None = None
        self.began = datetime.max.replace(tzinfo=UTC)
        self.changed = 0.0
        self.state = ""
        self.report: FileReport | None = None


class Importer:
    """Imports sources into one home; used by one thread."""

    def __init__(
        self,
        landing: Landing,
        ledger: Ledger,
        *,
        format_name: str | None = None,
        dry_run: bool = False,
        again: bool = False,
    ) -> None:
        """Say how to import.

        Args:
            landing: Where events go.
            ledger: What was imported already.
            format_name: The format of all sources; None finds out.
            dry_run: Read and report, and write nothing.
            again: Read sources again that have not changed.

        Raises:
            TranscriptError: There is no such format.
        """
        self._landing = landing
        self._ledger = ledger
        self._format = load_format(format_name) if format_name is not None else None
        self._dry_run = dry_run
        self._again = again
        self._unknown: dict[str, tuple[str, str]] = {}  # files of no known format, as they were
        self._tried: dict[str, Claim] = {}  # what a dry run would have kept in the ledger

    def find(self, paths: Iterable[Path]) -> list[Candidate]:
        """Find the sources below some paths, in the order in which they are to be imported."""
        found = [self._look_at(path) for path in self._walk(paths)]
        return sorted(found, key=lambda each: (each.began, each.changed, str(each.path)))

    def _walk(self, paths: Iterable[Path]) -> Iterator[Path]:
        seen: set[str] = set()
        for path in paths:
            for found in self._walk_below(path):
                name = os.path.abspath(found)
                if name not in seen:
                    seen.add(name)
                    yield found

    def _walk_below(self, path: Path) -> Iterator[Path]:
        if not path.is_dir() or self._is_source(path):
            yield path
            return
        for folder, folders, files in os.walk(path):
            at = Path(folder)
            for name in sorted(folders):
                if self._is_source(at / name):
                    folders.remove(name)
                    yield at / name
            folders.sort()
            for name in sorted(files):
                if (at / name).is_file():
                    yield at / name

    def _is_source(self, path: Path) -> bool:
        try:
            looked = probe(path)
        except (OSError, StenoError):
            return False  # it is met again, and reported, when its files are
        if self._format is not None:
            return self._format.takes_folder(looked)
        return takes_folder(looked) is not None

    def _look_at(self, path: Path) -> Candidate:
        candidate = Candidate(path)
        name = str(path)
        try:
            if not (path.is_file() or path.is_dir()) and path.exists():
                candidate.report = FileReport(name, SKIPPED, why="a pipe, a socket or a device")
                return candidate
            candidate.state = state_of(path)
            before = self._ledger.find_file(path)
            if before is not None and before.state == candidate.state and not self._again:
                candidate.report = FileReport(name, UNCHANGED, before.format)
                return candidate
            why = None if self._format is not None or path.is_dir() else why_no_transcript(path)
            if why is not None:
                candidate.report = FileReport(name, SKIPPED, why=why)
                return candidate
            state, why = self._unknown.get(name, ("", ""))
            if state == candidate.state:
                candidate.report = FileReport(name, SKIPPED, why=why)
                return candidate
            looked = probe(path)
            candidate.format = self._format or takes_folder(looked) or recognise(looked)
            if candidate.format is None:
                why = _OWN if _is_own(looked) else _UNKNOWN
                self._unknown[name] = candidate.state, why
                candidate.report = FileReport(name, SKIPPED, why=why)
            changed = _changed(path)
            candidate.began = first_time(looked) or changed
            candidate.changed = changed.timestamp()
        except (OSError, StenoError) as error:
            candidate.report = _failure(name, error)
        return candidate

    def run(self, candidate: Candidate) -> FileReport:
        """Import one source; whatever goes wrong is in the report."""
        if candidate.report is not None or candidate.format is None:
            return candidate.report or FileReport(str(candidate.path), SKIPPED)
        report = FileReport(str(candidate.path), format=candidate.format.name)
        source = Source(candidate.path)
        report.flaws = source.flaws
        report.skipped = source.skipped
        with self._ledger.turn():
            try:
                for conversation in candidate.format.read(source):
                    self._import(conversation, report)
                if not self._dry_run:
                    at = datetime.now(UTC).isoformat(timespec="seconds")
                    imported = Imported(candidate.state, candidate.format.name)
                    self._ledger.keep_file(candidate.path, imported, at)
            except (OSError, sqlite3.Error, StenoError) as error:
                failure = _failure(report.path, error)
                report.status = PARTIAL if report.sessions else FAILED
                report.why, report.hint = failure.why, failure.hint
            except Exception as error:  # noqa: BLE001 - a format must not keep others from theirs
                report.status = PARTIAL if report.sessions else FAILED
                report.why = f"{type(error).__name__}: {error}"
                report.hint = "this is a defect of the format; what was read before it is kept"
            else:
                if not report.tally.new:
                    report.status = NOTHING_NEW
        return report

    def _import(self, conversation: Conversation, report: FileReport) -> None:
        identity = conversation.identity
        session_id = session_name(identity.format, identity.id)
        entries = iter(conversation.entries)
        first = next(entries, None)
        if first is None:
            return
        claims = Claims(self._find_claim)
        began = identity.began or first.at or _changed(Path(report.path))
        present = self._landing.look_up(session_id, began, claims)
        began = present.began or began
        assembler = Assembler(
            session_id,
            format_name=identity.format,
            origin=Path(report.path).name,
            fallback=began,
            claims=claims,
            known=present.known,
            name=lambda native: session_name(identity.format, native),
        )
        header = header_of(identity, session_id, began, report.path)
        broken: list[Exception] = []
        events = _assemble(assembler, first, entries, broken)
        try:
            if self._dry_run:
                for _ in events:
                    pass
            else:
                self._landing.write(header, events, present.seq)
                for owner, owed in assembler.owed:
                    self._pay(owner, owed, claims)
            if broken:
                raise broken[0]
        finally:
            report.tally.add(assembler.tally)
            if session_id not in report.sessions:
                report.sessions.append(session_id)
            if self._dry_run:
                self._tried.update(claims.changed)
            else:
                self._ledger.keep_claims(claims.changed)

    def _find_claim(self, claim: str) -> Claim | None:
        return self._tried.get(claim) or self._ledger.find_claim(claim)

    def _pay(self, owner: str, events: list[Event], claims: Claims) -> None:
        """Tell another session what a copy of its reply knows."""
        at = events[0].timestamp
        present: Present = self._landing.look_up(owner, at, claims)
        if present.began is not None:
            header = make_header(owner, present.began, reason="import")
            self._landing.write(header, events, present.seq)


def _assemble(
    assembler: Assembler, first: Entry, entries: Iterable[Entry], broken: list[Exception]
) -> Iterator[Event]:
    """Yield the events of entries; why they break off, if they do, goes into a list.

    What was read until then is written like that of a file that ends there.
    """
    try:
        yield from assembler.feed(first)
        for entry in entries:
            yield from assembler.feed(entry)
    except Exception as error:  # noqa: BLE001 - it is raised again when all is written
        broken.append(error)
    yield from assembler.finish()


def session_name(format_name: str, native: str) -> str:
    """Name the session of a conversation: of one format, different ids are different sessions."""
    return f"{format_name}-{native}"


def header_of(identity: Identity, session_id: str, began: datetime, path: str) -> Header:
    """Say of an imported session what its source tells."""
    facts: dict[str, Any] = {
        "format": identity.format,
        "id": identity.id,
        "path": os.path.abspath(path),
        "title": identity.title,
        **identity.facts,
    }
    of = identity.format
    return make_header(
        session_id,
        began,
        session_key=identity.key,
        cwd=identity.cwd,
        user_id=identity.user_id,
        parent=None if identity.parent is None else session_name(of, identity.parent),
        previous=None if identity.previous is None else session_name(of, identity.previous),
        reason=identity.reason or "import",
        tags=identity.tags,
        program=identity.program,
        steno=VERSION,
        source={name: value for name, value in facts.items() if value is not None},
    )


def learn_claims(paths: Iterable[Path], ledger: Ledger, progress: Callable[[], None]) -> None:
    """Bring the claims of what was imported back into a new ledger.

    Args:
        paths: Transcripts, in any order.
        ledger: Where the claims go.
        progress: Called for each transcript.
    """
    for path in paths:
        try:
            header = read_header_of(path)
            if header is not None and header.source is not None:
                with ledger.turn():
                    claims = Claims(ledger.find_claim)
                    learn_lines(path, header.session_id, claims)
                    ledger.keep_claims(claims.changed)
        except (OSError, TranscriptError) as error:
            notices.say(
                "import-claims",
                f"WARN what {path} counts is not known: {error}; copies of its replies may count",
            )
        progress()
    ledger.settle()


def _is_own(looked: Probe) -> bool:
    """Tell whether a file is a transcript that steno has written."""
    first = looked.first[0] if looked.first else None
    return isinstance(first, dict) and first.get("type") == "session" and "session_id" in first


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _failure(path: str, error: Exception) -> FileReport:
    if isinstance(error, StenoError):
        return FileReport(path, FAILED, why=error.message, hint=error.hint)
    if isinstance(error, OSError):
        why = error.strerror or str(error)
        return FileReport(path, FAILED, why=why, hint="check the path and permissions")
    return FileReport(path, FAILED, why=str(error), hint="is it a database that can be read?")
