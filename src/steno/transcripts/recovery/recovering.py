"""Recover who the transcripts of folders are, and what of them can be read.

Strategy: everything that says something about sessions is heard first; then each transcript is read
once; then what transcripts say of each other is added, and each gets its verdict. The folders are
only read. What can't be read is noted and the rest goes on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct, field

from steno.session_keys import normalise_key
from steno.transcripts.recovery.evidence import COMPUTED, EXACT, Evidence
from steno.transcripts.recovery.folder import Found, Note, list_files
from steno.transcripts.recovery.names import TRANSCRIPTS
from steno.transcripts.recovery.neighbours import Heard, hear_neighbours, hear_store
from steno.transcripts.recovery.reading import Reading, read_found
from steno.transcripts.recovery.spawning import begun_in, child_of, match_spawns
from steno.transcripts.recovery.subjects import Subject
from steno.transcripts.recovery.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


class Recovered(Struct):
    """What was found.

    Attributes:
        verdicts: One for each transcript, by path.
        found: The transcripts' files, in the order of the verdicts.
        readings: What they say, in the same order.
        sources: The files beside the transcripts that said something.
        notes: What was passed over, and why.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def recover(
    roots: Sequence[Path],
    *,
    store: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recovered:
    """Tell of each transcript in some folders who it is.

    Args:
        roots: The folders; those in them are looked into too.
        store: An index, or a database, that speaks for all of them.
        progress: Called with the transcripts that were read and all of them.

    Raises:
        TranscriptError: A folder, or the store that was named, can't be read.
    """
    done, heard = Recovered(), Heard()
    files = list(_list_all(roots, done))
    if store is not None:
        hear_store(heard, store)
    hear_neighbours(heard, files)
    done.found = [found for found in files if found.name.kind in TRANSCRIPTS]
    for at, found in enumerate(done.found, 1):
        done.readings.append(read_found(found.path))
        if progress is not None:
            progress(at, len(done.found))
    subjects = [
        Subject(found, reading, heard.claims)
        for found, reading in zip(done.found, done.readings, strict=True)
    ]
    for subject in subjects:
        subject.tell(heard.claims)
    for subject in subjects:
        subject.hear(heard.claims)
    _match(subjects)
    done.verdicts = [subject.verdict() for subject in subjects]
    done.sources = heard.sources
    done.notes += heard.notes
    return done


def _list_all(roots: Iterable[Path], done: Recovered) -> Iterator[Found]:
    seen: set[str] = set()
    for root in roots:
        listing = list_files(root)
        done.notes += listing.notes
        for found in listing.files:
            place = os.path.join(found.folder, os.path.basename(found.path))
            if place not in seen:
                seen.add(place)
                yield found


def _match(subjects: list[Subject]) -> None:
    """Bring transcripts that nobody names together with sub-agents that were begun."""
    known = {
        normalise_key(each.key)
        for subject in subjects
        for each in subject.said
        if each.grade in {EXACT, COMPUTED}
    }
    begun = [
        start
        for subject in subjects
        for start in begun_in(subject.reading, subject.found.path)
        if normalise_key(start.spawned.key) not in known
    ]
    children = [
        child
        for subject in subjects
        if not subject.is_known
        and (child := child_of(subject.reading, subject.session_id, subject.agent))
    ]
    by_id: dict[str, list[Evidence]] = {}
    for evidence in match_spawns(children, begun):
        by_id.setdefault(evidence.session_id or "", []).append(evidence)
    for subject in subjects:
        if not subject.is_known:
            subject.said += by_id.get(subject.session_id or "", [])
