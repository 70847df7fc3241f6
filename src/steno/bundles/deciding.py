"""What becomes of each session of a bundle, and the steps that put it there.

Strategy: whatever clashes is refused, unless it was told how clashes are to be resolved; then a
session is left alone, takes the place of the one that is there, or lies beside it under an id of
its own. What is held is never replaced, and neither is a transcript that somebody writes to.
Artefacts and archives go first and the transcript last, because it is what makes a session seen.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from steno.bundles.clashes import Present, find_transcript, look_up
from steno.bundles.journal import Journal, Step
from steno.bundles.names import SEALED_TRANSCRIPT, SESSION, Place, transcript_name
from steno.bundles.renaming import new_id, rename_transcript
from steno.errors import BundleError
from steno.identity import safe_name
from steno.retention.covering import Cover
from steno.retention.plan import ARCHIVE, TRANSCRIPT, Found
from steno.storage.compressed import plain_name
from steno.storage.lease import find_touched

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    from steno.bundles.manifest import BundledSession
    from steno.bundles.places import Places
    from steno.bundles.placing import Staging
    from steno.bundles.reading import BundleReader
    from steno.bundles.staging import Staged
    from steno.storage.holds import Hold

OnClash = Literal["refuse", "skip", "replace", "rename"]
Outcome = Literal["imported", "completed", "there", "skipped", "replaced", "renamed"]


class Decided(Struct, frozen=True, kw_only=True):
    """What becomes of a session.

    Attributes:
        session_id: Its id in the bundle.
        outcome: ``imported``; ``completed``, because it was there without some of its files;
            ``there`` already; ``skipped``; ``replaced``; or ``renamed``.
        placed_as: Its id in the home.
        files: Artefacts and archives that are placed.
        detail: What else is to be said.
    """

    session_id: str
    outcome: Outcome
    placed_as: str
    files: int = 0
    detail: str = ""


class Decisions:
    """Decides on all sessions of one bundle; `journal` tells what is to be done.

    Attributes:
        decided: What becomes of each.
    """

    def __init__(
        self,
        reader: BundleReader,
        staged: Staged,
        staging: Staging,
        places: Places,
        holds: list[Hold],
        on_clash: OnClash,
        locks: contextlib.ExitStack,
    ) -> None:
        """Look at all sessions and decide.

        Args:
            reader: The bundle.
            staged: Its members, checked.
            staging: The folder of the import.
            places: The home.
            holds: What is held.
            on_clash: How clashes are resolved.
            locks: Takes the locks of transcripts that are replaced.

        Raises:
            BundleError: Something clashes that is not to be, or must not be, resolved.
        """
        self._reader, self._staged, self._staging = reader, staged, staging
        self._places, self._on_clash, self._locks = places, on_clash, locks
        self._holds, self._cover = holds, Cover(holds, places.archives)
        self._files: list[Step] = []
        self._transcripts: list[Step] = []
        self._gone: list[tuple[str, str]] = []
        self._placed: list[str] = []
        self._archives_done: set[str] = set()
        self._learned = False
        sessions = reader.manifest.sessions
        found = [look_up(each, reader, staged, places) for each in sessions]
        if on_clash == "refuse":
            _refuse([why for present in found for why in present.why])
        self.decided = [
            self._decide(each, present) for each, present in zip(sessions, found, strict=True)
        ]

    def journal(self) -> Journal:
        """Tell all steps."""
        steps = (*self._files, *self._transcripts)
        return Journal(
            folders=_missing_folders(steps),
            steps=steps,
            placed=tuple(self._placed),
            gone=tuple(dict.fromkeys(self._gone)),
        )

    def _decide(self, session: BundledSession, present: Present) -> Decided:
        clash = present.session_clashes
        if clash and self._on_clash == "skip":
            return _as(session, "skipped", detail="; ".join(present.why))
        if clash and self._on_clash == "rename":
            return self._beside(session, present)
        outcome: Outcome = "imported"
        name = safe_name(session.session_id)
        if clash:
            self._make_room(session, present)
            outcome = "replaced"
        files = self._place_artefacts(session.session_id, name, present, whole=clash)
        files += self._place_archives(present)
        if not session.sealed and (clash or present.text == "none"):
            self._place_transcript(session, name)
        elif not clash and (present.text != "none" or present.same):
            outcome = "completed" if files else "there"
        detail = "the one here has gone on since" if present.text == "longer" else ""
        return _as(session, outcome, files=files, detail=detail)

    # -- placing -------------------------------------------------------------------------

    def _place_transcript(self, session: BundledSession, name: str) -> None:
        assert session.day is not None
        target = self._places.sessions / session.day / f"{name}.jsonl"
        source = self._staged.transcript(name)
        self._transcripts.append(Step("file", os.fspath(source), os.fspath(target)))
        self._placed.append(os.fspath(target))

    def _place_artefacts(self, session_id: str, name: str, present: Present, *, whole: bool) -> int:
        """Place a session's artefacts: the folder, where there is none, else what it lacks."""
        target = self._places.artefacts / safe_name(session_id)
        source = self._staged.artefacts(name)
        if whole or not os.path.lexists(target):
            if not source.is_dir():
                return 0
            self._files.append(Step("folder", os.fspath(source), os.fspath(target)))
            members = self._reader.of_session.get(name, ())
            return sum(self._reader.places[each].kind == "artefact" for each in members)
        missing = [place for place in present.missing if place.kind == "artefact"]
        for place in missing:
            way = place.parts
            self._files.append(
                Step("file", os.fspath(source.joinpath(*way)), os.fspath(target.joinpath(*way)))
            )
        return len(missing)

    def _place_archives(self, present: Present) -> int:
        """Place archives, each once, whichever sessions it belongs to."""
        count = 0
        for place in [*present.missing, *present.clashing]:
            if place.kind != "archive" or place.path in self._archives_done:
                continue
            self._archives_done.add(place.path)
            target = self._places.archives.joinpath(*place.parts)
            if place in present.clashing:
                if self._on_clash == "skip":
                    continue
                if self._on_clash == "rename":
                    target = self._other_archive(place)
                else:
                    self._move_archive_aside(target)
            if os.path.lexists(target) and self._on_clash == "rename":
                continue  # this bundle was imported before
            source = self._staged.archive(place)
            self._files.append(Step("file", os.fspath(source), os.fspath(target)))
            count += 1
        return count

    def _other_archive(self, place: Place) -> Path:
        """Name an archive as one more of its message."""
        digest = self._reader.facts[f"archives/{place.path}"].sha256
        stem, _, _ = place.parts[-1].partition(".")
        suffix = ".zip" if place.parts[-1].endswith(".zip") else ".steno.age"
        folder = self._places.archives.joinpath(*place.parts[:-1])
        return folder / f"{stem}.{digest[:32]}{suffix}"

    # -- clashes -------------------------------------------------------------------------

    def _beside(self, session: BundledSession, present: Present) -> Decided:
        name = safe_name(session.session_id)
        folder = self._staged.artefacts(name)
        if session.sealed or (folder / SESSION).exists():
            raise BundleError(
                f"{session.session_id[:200]!r} can't get another id: its folder is bound to it",
                hint="--on-clash skip leaves it out, --on-clash replace takes it; "
                "nothing was imported",
            )
        source = self._staged.transcript(name)
        sha256 = self._reader.facts[transcript_name(name)].sha256
        identifier = new_id(session.session_id, sha256)
        there = find_transcript(safe_name(identifier), self._places)
        if there:
            detail = f"{there[0]} is this one, from before"
            return _as(session, "there", placed_as=identifier, detail=detail)
        other = safe_name(identifier)
        if any(safe_name(each.session_id) == other for each in self._reader.manifest.sessions):
            raise BundleError(
                f"{session.session_id[:200]!r} can't get the id {identifier[:200]!r}: the bundle "
                "has another session of that id",
                hint="--on-clash skip leaves it out, --on-clash replace takes it; "
                "nothing was imported",
            )
        rename_transcript(
            source, self._staged.transcript(other), session.session_id, identifier, sha256
        )
        files = self._place_artefacts(identifier, name, present, whole=True)
        files += self._place_archives(present)
        self._place_transcript(session, other)
        return _as(session, "renamed", placed_as=identifier, files=files)

    def _make_room(self, session: BundledSession, present: Present) -> None:
        """Put aside what is there of a session."""
        if any(hold.session_id == session.session_id for hold in self._holds):
            raise BundleError(
                f"the session {session.session_id[:200]!r} is held, so it is not replaced",
                hint="`steno release` lets the hold go; nothing was imported",
            )
        living = find_touched(self._places.sessions)[0]
        for path in present.transcripts:
            plain = plain_name(path)
            relative = f"{path.parent.name}/{os.path.basename(plain)}"
            if relative in living or not self._lock(path):
                raise BundleError(
                    f"somebody writes to {path}, so it is not replaced",
                    hint="end what records it first; nothing was imported",
                )
            self._transcripts.append(self._aside(self._places.sessions, path))
            self._gone.append((plain, session.session_id))
        folder = self._places.artefacts / safe_name(session.session_id)
        brings = self._staged.artefacts(safe_name(session.session_id)).is_dir()
        sealed = (folder / SEALED_TRANSCRIPT).exists()
        if sealed and find_touched(folder)[0]:
            raise BundleError(
                f"somebody writes to {folder}, so it is not replaced",
                hint="close the incident there first; nothing was imported",
            )
        if (brings or sealed) and os.path.lexists(folder):
            self._files.append(self._aside(self._places.artefacts, folder))

    def _lock(self, path: Path) -> bool:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self._locks.callback(os.close, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._locks.callback(fcntl.flock, fd, fcntl.LOCK_UN)
        return True

    def _move_archive_aside(self, path: Path) -> None:
        if not self._learned:  # what is held may name more messages since
            self._learned = True
            held = {hold.session_id for hold in self._holds if hold.session_id is not None}
            self._cover.learn(
                [
                    _found(TRANSCRIPT, transcript, session_id)
                    for session_id in sorted(held)
                    for transcript in find_transcript(safe_name(session_id), self._places)
                ]
            )
        found = _found(ARCHIVE, path)
        if why := self._cover.why(found):
            raise BundleError(
                f"the archive {path} is held ({why}), so it is not replaced",
                hint="`steno release` lets the hold go; nothing was imported",
            )
        self._files.append(self._aside(self._places.archives, path))

    def _aside(self, root: Path, path: Path) -> Step:
        return Step("aside", os.fspath(path), os.fspath(self._staging.aside(root)))


def _found(kind: Literal["transcript", "archive"], path: Path, session: str | None = None) -> Found:
    status = os.lstat(path)
    return Found(
        kind=kind, path=os.fspath(path), size=status.st_size, modified_ns=status.st_mtime_ns,
        session_id=session,
    )  # fmt: skip


def _as(
    session: BundledSession,
    outcome: Outcome,
    *,
    placed_as: str | None = None,
    files: int = 0,
    detail: str = "",
) -> Decided:
    return Decided(
        session_id=session.session_id,
        outcome=outcome,
        placed_as=placed_as or session.session_id,
        files=files,
        detail=detail,
    )


def _refuse(why: list[str]) -> None:
    if why:
        more = f", and {len(why) - 1} more like it" if len(why) > 1 else ""
        raise BundleError(
            f"{why[0]}{more}",
            hint="--on-clash skip, replace or rename says what to do; nothing was imported",
        )


def _missing_folders(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """List the folders that have to be made for these steps, outermost first."""
    made = {step.target for step in steps if step.kind == "folder"}
    missing: dict[str, None] = {}
    for step in steps:
        way = []
        at = os.path.dirname(step.target)
        while at not in made and not os.path.isdir(at):
            if os.path.lexists(at):
                raise BundleError(
                    f"{at} is no folder, and one has to be there",
                    hint="see what it is and move it away; nothing was imported",
                )
            way.append(at)
            at = os.path.dirname(at)
        missing.update(dict.fromkeys(reversed(way)))
    return tuple(missing)


def facts_of(decided: Decided) -> dict[str, object]:
    """Write a decision as ``--json`` prints it."""
    facts: dict[str, object] = msgspec.to_builtins(decided)
    return facts
