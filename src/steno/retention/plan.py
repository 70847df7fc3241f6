"""What goes and why, what stays and why; no input and no output.

Strategy: the plan is made from what is known of the files, the rules, the time and the holds; of
each file that a rule lets go it says what becomes of it. First what is too old goes, then what is
quiet is compressed, then the oldest go until the rest fits. What is held, in use or not steno's is
never touched; it counts for the total all the same. A time of change that lies in the future, where
a clock was put back, makes a file new and never old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRANSCRIPT: Final = "transcript"
ARCHIVE: Final = "archive"
DELETE: Final = "delete"
COMPRESS: Final = "compress"
TIDY: Final = "tidy"

DAY_S = 86_400
GIB = 1024**3
TOUCHED_S = 3600
"""Seconds for which a transcript counts as in use after it was touched."""


class Rules(Struct, frozen=True, kw_only=True):
    """When something goes; None never lets it go.

    Attributes:
        max_age_days: Days after its last event when a transcript is deleted.
        max_total_bytes: Bytes of transcripts beyond which the oldest are deleted.
        compress_after_days: Days after its last event when a transcript is compressed.
        archive_days: Days after its last change when an archive is deleted.
    """

    max_age_days: int | None = None
    max_total_bytes: int | None = None
    compress_after_days: int | None = None
    archive_days: int | None = None

    @property
    def of_transcripts(self) -> Rules:
        """The rules for transcripts alone."""
        return replace(self, archive_days=None)

    @property
    def of_archives(self) -> Rules:
        """The rules for archives alone."""
        return Rules(archive_days=self.archive_days)

    @property
    def of_size(self) -> Rules:
        """The rule for the total alone, which comes when compressing has made room."""
        return Rules(max_total_bytes=self.max_total_bytes)

    def __bool__(self) -> bool:
        """Tell whether anything is let go."""
        return self != Rules()

    @property
    def keep_transcripts(self) -> bool:
        """Tell whether transcripts stay as they are for ever."""
        return not self.of_transcripts


class Found(Struct, frozen=True, kw_only=True):
    """A file, and what is known of it.

    Attributes:
        kind: ``transcript`` or ``archive``.
        path: Where it is.
        size: Bytes.
        modified_ns: When it last changed, which is the time of a transcript's last event.
        inode: Its number, by which it is known again.
        session_id: The transcript's session.
        in_use: Why it counts as being written to; "" when it doesn't.
        awaited: A dead recorder has left it, and the next start reads it: it is not compressed yet.
        ours: steno wrote it.
        packed: It is compressed.
        copy: Bytes of a compressed copy beside it that a killed process has left; None without.
    """

    kind: Literal["transcript", "archive"]
    path: str
    size: int
    modified_ns: int
    inode: int = 0
    session_id: str | None = None
    in_use: str = ""
    awaited: bool = False
    ours: bool = True
    packed: bool = False
    copy: int | None = None

    @property
    def bytes(self) -> int:
        """What it takes of the disk, with its copy."""
        return self.size + (self.copy or 0)


class Step(Struct, frozen=True):
    """Something to do.

    Attributes:
        action: ``delete``, ``compress``, or ``tidy``: remove the copy that a killed process left.
        file: The file.
        why: The rule.
    """

    action: Literal["delete", "compress", "tidy"]
    file: Found
    why: str


class Kept(Struct, frozen=True):
    """Something that a rule would let go, and that stays."""

    file: Found
    why: str


class Plan(Struct, frozen=True):
    """What goes and what stays.

    Attributes:
        steps: What to do, in this order.
        kept: What a rule would let go, and that stays.
        total: Bytes of all transcripts before, as far as they are steno's.
        left: The same after all deletions; what compressing saves is not known before.
    """

    steps: tuple[Step, ...] = ()
    kept: tuple[Kept, ...] = ()
    total: int = 0
    left: int = 0


def plan(files: Sequence[Found], rules: Rules, now: float, held: Mapping[str, str]) -> Plan:
    """Decide what goes.

    Args:
        files: All files.
        rules: When something goes.
        now: Seconds since the epoch.
        held: Paths that a hold covers, and which one.
    """
    # By path too, so that two files of one time go in the same order each time.
    ordered = sorted(files, key=lambda file: (file.modified_ns, file.path))
    steps: list[Step] = []
    kept: list[Kept] = []
    staying: list[Found] = []
    for file in ordered:
        step = _by_age(file, rules, now)
        stays = _protection(file, held)
        if not file.ours:
            kept.append(Kept(file, stays))
            continue
        if step is not None and stays:
            kept.append(Kept(file, stays))
        elif step is not None and step.action == COMPRESS and file.awaited:
            kept.append(Kept(file, "a recorder died with it; the next start reads it first"))
        elif step is not None:
            steps.append(step)
        if file.kind == TRANSCRIPT and not (step and step.action == DELETE and not stays):
            staying.append(file)
    total = sum(file.bytes for file in files if file.ours and file.kind == TRANSCRIPT)
    left = sum(file.bytes for file in staying)
    if rules.max_total_bytes is not None:
        left, beyond, more = _by_size(staying, left, rules.max_total_bytes, held)
        gone = {step.file.path for step in beyond}
        steps = [step for step in steps if step.file.path not in gone] + beyond
        named = {each.file.path for each in kept}
        kept += [each for each in more if each.file.path not in named]
    return Plan(tuple(steps), tuple(kept), total, left)


def _by_age(file: Found, rules: Rules, now: float) -> Step | None:
    """Tell what the rules say about a file's age."""
    age_s = now - file.modified_ns / 1e9
    if file.kind == ARCHIVE:
        if rules.archive_days is not None and age_s > rules.archive_days * DAY_S:
            return Step(DELETE, file, f"older than {_days(rules.archive_days)}")
        return None
    if rules.max_age_days is not None and age_s > rules.max_age_days * DAY_S:
        return Step(DELETE, file, f"no event for {_days(rules.max_age_days)}")
    if file.copy is not None and not rules.keep_transcripts:
        return Step(TIDY, file, "a process that was killed left a compressed copy")
    after = rules.compress_after_days
    if after is not None and not file.packed and age_s > after * DAY_S:
        return Step(COMPRESS, file, f"no event for {_days(after)}")
    return None


def _by_size(
    staying: Sequence[Found], left: int, limit: int, held: Mapping[str, str]
) -> tuple[int, list[Step], list[Kept]]:
    """Let the oldest go until the rest fits."""
    steps: list[Step] = []
    kept: list[Kept] = []
    for file in staying:
        if left <= limit:
            break
        stays = _protection(file, held)
        if stays:
            kept.append(Kept(file, stays))
            continue
        left -= file.bytes
        steps.append(Step(DELETE, file, f"the oldest beyond {_gib(limit)}"))
    return left, steps, kept


def _protection(file: Found, held: Mapping[str, str]) -> str:
    """Tell why a file stays whatever the rules say; "" when it need not."""
    if not file.ours:
        return "steno did not write it"
    if file.path in held:
        return f"held: {held[file.path]}"
    return file.in_use


def _days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"


def _gib(limit: int) -> str:
    return f"{limit / GIB:g} GiB"
