"""How `steno show` tells of an artefact, and of one that could not be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steno.cli.output import clean

if TYPE_CHECKING:
    from steno.events.model import ArtefactSaved, Gap


def artefact_line(event: ArtefactSaved) -> str:
    """Write what was saved, where it lies in the session's folder, and how much it is."""
    source = f" from {clean(event.source)}" if event.source else ""
    # In a session that is sealed the path says nothing.
    facts = [clean(event.metadata["name"])] if event.metadata.get("name") else []
    if event.count is not None:
        facts.append(f"{event.count:,} {'entry' if event.count == 1 else 'entries'}")
    if event.size_bytes:
        facts.append(f"{event.size_bytes:,} bytes")
    incomplete = event.metadata.get("incomplete")
    if incomplete or event.metadata.get("complete") is False:
        facts.append(f"incomplete: {clean(incomplete)}" if incomplete else "incomplete")
    told = f" ({', '.join(facts)})" if facts else ""
    return f"{clean(event.kind)}{source}: {clean(event.path)}{told}"


def is_artefact_lost(event: Gap) -> bool:
    """Tell whether a gap stands for an artefact."""
    return event.what == "artefact"


def lost_line(event: Gap) -> str:
    """Write what could not be saved, and why."""
    return f"not saved: {clean(event.detail or event.reason)}"
