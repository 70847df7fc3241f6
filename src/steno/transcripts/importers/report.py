"""What an import did with each file: the fidelity report."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from steno.transcripts.importers.tallies import Tally
from steno.transcripts.values import Flaw

IMPORTED = "imported"
UNCHANGED = "unchanged"
NOTHING_NEW = "nothing new"
SKIPPED = "skipped"
FAILED = "failed"
PARTIAL = "partial"

_MAX_SHOWN = 100


class FileReport(Struct):
    """What became of one file, folder or database.

    Attributes:
        path: The source.
        status: ``imported``; ``nothing new``: it was read and held nothing that was missing;
            ``unchanged``: it was not read again; ``skipped``: it is no transcript; ``partial``:
            reading it ended early; ``failed``: nothing of it could be read.
        format: The format that it has.
        sessions: The sessions that it went to.
        tally: What was found in it.
        flaws: What of it is damaged.
        skipped: What was left out on purpose, by reason.
        why: Why it was skipped, or what went wrong.
        hint: What to do about it.
    """

    path: str
    status: str = IMPORTED
    format: str | None = None
    sessions: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    flaws: list[Flaw] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    why: str | None = None
    hint: str | None = None

    @property
    def lost(self) -> int:
        """Count the bytes that could not be read."""
        return sum(flaw.lost for flaw in self.flaws)

    def facts(self) -> dict[str, Any]:
        """Return the report as one flat object, for ``--json``."""
        tally = self.tally
        return {
            "path": self.path,
            "status": self.status,
            "format": self.format,
            "sessions": self.sessions,
            "entries": tally.entries,
            "new": tally.new,
            "messages": dict(tally.messages),
            "tool_calls": tally.tool_calls,
            "tool_results": tally.tool_results,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
            "replies_without_counts": tally.uncounted,
            "replayed": tally.replayed,
            "duplicates": tally.duplicates,
            "kinds": dict(tally.kinds),
            "unknown": dict(tally.unknown),
            "skipped": self.skipped,
            "guessed": dict(tally.guessed),
            "lost_bytes": self.lost,
            "damage": [
                {"offset": flaw.offset, "length": flaw.length, "kind": flaw.kind,
                 "lost": flaw.lost, "detail": flaw.detail}
                for flaw in self.flaws[:_MAX_SHOWN]
            ],
            "why": self.why,
            "hint": self.hint,
        }  # fmt: skip
