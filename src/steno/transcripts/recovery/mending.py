"""Clean copies of damaged transcripts, with what was cut from each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import TranscriptError
from steno.storage.compressed import plain_name
from steno.transcripts.recovery.reading import REPEATED
from steno.transcripts.recovery.stamping import FAILED, SKIPPED, target_of
from steno.transcripts.repair import RepairReport, repair

if TYPE_CHECKING:
    from steno.transcripts.recovery.folder import Found
    from steno.transcripts.recovery.recovering import Recovered

MENDED = "repaired"


class Mended(Struct, frozen=True):
    """What became of one damaged transcript.

    Attributes:
        outcome: ``repaired``, ``skipped`` or ``failed``; ``planned`` where nothing is written.
        target: The clean copy, which is not compressed.
        reason: Why there is none.
        report: What was cut, in full.
    """

    outcome: str
    target: str
    reason: str = ""
    report: RepairReport | None = None


def mend(
    done: Recovered, roots: list[str], destination: str, *, dry_run: bool = False
) -> list[Mended | None]:
    """Write a clean copy of each transcript with damage; what stands there stays.

    Lines that stand twice are whole, and are no damage that would be cut.

    Args:
        done: What was found.
        roots: The folders that were looked into.
        destination: The folder for copies.
        dry_run: Only say what would be.

    Returns:
        One for each transcript, in order; None where there is nothing to repair.
    """
    mended: list[Mended | None] = []
    for found, verdict in zip(done.found, done.verdicts, strict=True):
        if verdict.failure or all(flaw.kind == REPEATED for flaw in verdict.damage):
            mended.append(None)
            continue
        target = plain_name(target_of(found, roots, destination))
        mended.append(Mended("planned", target) if dry_run else _mend(found, target))
    return mended


def _mend(found: Found, target: str) -> Mended:
    if found.name.packed and os.path.lexists(plain_name(found.path)):
        return Mended(SKIPPED, target, "a plain file of its name lies beside it")
    if os.path.lexists(target):
        return Mended(SKIPPED, target, "a file is there already")
    try:
        return Mended(MENDED, target, report=repair(Path(found.path), Path(target)))
    except TranscriptError as error:
        return Mended(FAILED, target, f"{error.message}; {error.hint}".removesuffix("; "))
