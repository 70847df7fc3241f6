"""What of a bundle's sessions is in the home already, and where the two differ.

Strategy: contents are compared and never names alone. A transcript that is there and begins with
the bundle's has gone on since, so it holds all that the bundle does. What is not there is missing
and can be placed beside what is. Everything else is a clash, which whoever imports has to decide.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from steno.bundles.names import SEALED_TRANSCRIPT, Place
from steno.errors import BundleError
from steno.identity import safe_name
from steno.storage.compressed import PACKED, damage_of, open_text
from steno.transcripts.finding import find_days

if TYPE_CHECKING:
    from steno.bundles.manifest import BundledMember, BundledSession
    from steno.bundles.places import Places
    from steno.bundles.reading import BundleReader
    from steno.bundles.staging import Staged

_BLOCK = 1 << 20


class Present(Struct):
    """What is there of one session of a bundle.

    Attributes:
        transcripts: Its transcript, in each form in which it is there.
        text: How the transcript that is there compares with the bundle's: ``none``, ``same``,
            ``longer``, or ``other``.
        same: How many of its artefacts and archives are there already.
        missing: Its artefacts and archives that are not there.
        clashing: Those of which others are there.
        why: What clashes, a sentence each.
    """

    transcripts: list[Path] = field(default_factory=list)
    text: Literal["none", "same", "longer", "other"] = "none"
    same: int = 0
    missing: list[Place] = field(default_factory=list)
    clashing: list[Place] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    @property
    def files_clash(self) -> bool:
        """True where an artefact clashes."""
        return any(place.kind == "artefact" for place in self.clashing)

    @property
    def session_clashes(self) -> bool:
        """True where more than archives clash."""
        return self.text == "other" or self.files_clash


def look_up(
    session: BundledSession, reader: BundleReader, staged: Staged, places: Places
) -> Present:
    """Compare a session of a bundle with what is in the home.

    Raises:
        BundleError: A transcript that is there is no file.
        OSError: Something that is there can't be read.
        TranscriptError: As above.
    """
    name = safe_name(session.session_id)
    present = Present(transcripts=find_transcript(name, places))
    for path in (*reader.of_session.get(name, ()), *session.archives):
        place, fact = reader.places[path], reader.facts[path]
        if place.kind == "transcript":
            _compare_transcript(present, fact, staged.transcript(name))
        elif place.kind == "artefact":
            _compare_file(present, places.artefacts / name, place, fact)
        else:
            _compare_file(present, places.archives, place, fact)
    sealed_here = (places.artefacts / name / SEALED_TRANSCRIPT).exists()
    if (session.sealed and present.transcripts) or (sealed_here and not session.sealed):
        present.text = "other"
        here = "sealed" if sealed_here else "plain"
        present.why.append(f"the session is there already, and {here}")
    return present


def find_transcript(name: str, places: Places) -> list[Path]:
    """Find a session's transcript by its safe name, in each form in which it is there."""
    return [
        places.sessions / day / f"{name}.jsonl{form}"
        for day in find_days(places.sessions)
        for form in ("", PACKED)
        if os.path.lexists(places.sessions / day / f"{name}.jsonl{form}")
    ]


def _compare_transcript(present: Present, fact: BundledMember, path: Path) -> None:
    if not present.transcripts:
        return
    here = present.transcripts[0]
    if not stat.S_ISREG(os.lstat(here).st_mode):
        raise BundleError(
            f"{here} is no regular file, so it can't be compared",
            hint="see what it is and move it away; nothing was imported",
        )
    size, digest, more = _digest(here, fact.size)
    if digest == fact.sha256:
        present.text = "longer" if more else "same"
        return
    present.text = "other"
    follows = size < fact.size and _digest(path, size)[1] == digest
    how = "goes on where it ends" if follows else "differs"
    present.why.append(f"{here} is there, and the bundle's {how}")


def _digest(path: Path, size: int) -> tuple[int, str, bool]:
    """Hash the beginning of a text; tells how long it was, and whether more follows."""
    digest, read = hashlib.sha256(), 0
    with open_text(path) as file:
        while read < size and (block := file.read(min(_BLOCK, size - read))):
            digest.update(block)
            read += len(block)
        more = bool(file.read(1)) or damage_of(file) is not None
    return read, digest.hexdigest(), more


def _compare_file(present: Present, root: Path, place: Place, fact: BundledMember) -> None:
    path = root.joinpath(*place.parts)
    for folder in [
        root,
        *(root.joinpath(*place.parts[:end]) for end in range(1, len(place.parts))),
    ]:
        try:
            status = os.lstat(folder)
        except FileNotFoundError:
            present.missing.append(place)
            return
        if not stat.S_ISDIR(status.st_mode) and not (folder == root and place.kind == "archive"):
            present.clashing.append(place)
            present.why.append(f"{folder} is no folder, or a link")
            return
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        present.missing.append(place)
        return
    if stat.S_ISREG(status.st_mode) and status.st_size == fact.size and _is(path, fact.sha256):
        present.same += 1
        return
    present.clashing.append(place)
    present.why.append(f"{path} is there, and the bundle's differs")


def _is(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
