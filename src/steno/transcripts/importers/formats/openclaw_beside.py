"""Calls of a model beside the conversation of OpenClaw, pi and oh-my-pi, and how replies are named.

A summary, the naming of a session, a cache that is kept warm and the work of a tool may take calls
of their own. Their counts stand at the entry that came of them, or in one made for them. They
answer nothing that was said, so what waits for a reply goes on waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.formats.openclaw_usage import read_cost, read_tokens
from steno.transcripts.importers.model import Fact, Replied
from steno.wire.providers import reading

if TYPE_CHECKING:
    from steno.events.parts import Tokens

OWN_ID = 16
"""How long an id of the provider's is at least: some local servers draw theirs from a thousand."""

_MAX_STAMP = 100


def beside(
    entry: dict[str, Any],
    usage: Any,
    *,
    model: str = "",
    provider: str = "",
    text: str = "",
    part: str = "",
) -> Replied | None:
    """Read a call beside the conversation.

    Args:
        entry: The entry at which its counts stand.
        usage: The counts; anything.
        model: The model that was called.
        provider: Who served it.
        text: What it wrote, where that stands there.
        part: Set apart from the entry's own id by this, where the entry tells something else, too.

    Returns:
        None where nothing was counted.
    """
    tokens = read_tokens(usage)
    if tokens is None:
        return None
    name = reading.optional_text(entry.get("id"))
    claim = claim_of(entry, reading.mapping(entry.get("message")), tokens)
    reason = reading.text(entry.get("stopReason"))
    return Replied(
        id=f"{name}{part}" if name else None,
        claim=f"{claim}{part}" if claim else None,
        model=model,
        provider=provider,
        text=text,
        tokens=tokens,
        cost_usd=read_cost(usage),
        finish_reason=reason or None,
        error=reading.text(entry.get("errorMessage")) or "error" if reason == "error" else None,
        whole=True,
        alone=True,
    )


def usage_facts(entry: dict[str, Any]) -> list[Fact]:
    """Read a call that was made for no message, such as one that keeps a cache warm."""
    model, provider = (reading.text(entry.get(key)) for key in ("model", "provider"))
    took = beside(entry, entry.get("usage"), model=model, provider=provider)
    return [took] if took is not None else []


def claim_of(entry: dict[str, Any], message: dict[str, Any], tokens: Tokens | None) -> str | None:
    """Name a reply as all its copies do: in forks, archives, backups and the store.

    What copies keep are the two times, in milliseconds, that an entry and its message have, the
    model, and the counts. They don't keep ids: entries of version 1 have none, and got others in
    each file when it was brought to version 2; an id has but 32 random bits besides, which come
    again among some ten thousand replies.
    """
    own = reading.text(entry.get("id"))
    times = [_stamp(entry.get("timestamp")), _stamp(message.get("timestamp"))]
    if all(times):
        counts = (tokens.input, tokens.output) if tokens is not None else (0, 0)
        return "/".join([*times, reading.text(message.get("model")), *map(str, counts)])
    if own and any(times):
        return f"{own}@{times[0] or times[1]}"
    return own if len(own) >= OWN_ID else None


def _stamp(value: Any) -> str:
    return str(value)[:_MAX_STAMP] if isinstance(value, str | int | float) else ""
