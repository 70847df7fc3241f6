"""Token counts as other programs tell them, normalised to those of `Tokens`.

There, input includes what was read from a cache or written to it, and output what was thought.
Programs and providers differ in which of these they count on top; a format knows what its own does,
and says so. Formats whose counts come in fixed types build them by
`steno.wire.providers.reading.counted` themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.fields import count
from steno.wire.providers import reading

if TYPE_CHECKING:
    from steno.events.parts import Tokens


def token_count(value: Any) -> int | None:
    """Return a count of tokens, which may be written as a float; None when it cannot be one."""
    return reading.count(count(value))


def normalised(
    base: tuple[Any, Any],
    *,
    cached: Any = None,
    created: Any = None,
    reasoning: Any = None,
    thinking: Any = None,
    apart: bool = False,
    beside: bool = False,
    is_final: bool = True,
) -> Tokens | None:
    """Build counts from whatever a source holds.

    Args:
        base: Input and output tokens.
        cached: Input tokens read from a cache.
        created: Input tokens written to a cache.
        reasoning: Output tokens of reasoning.
        thinking: Output tokens of thinking.
        apart: The cached tokens come on top of the input.
        beside: The tokens of reasoning and thinking come on top of the output.
        is_final: They are those of the whole reply, not an early reading.

    Returns:
        None where nothing but zeros is told.
    """
    sent, received = (token_count(value) or 0 for value in base)
    read, written = token_count(cached) or 0, token_count(created) or 0
    of_reasoning, of_thinking = token_count(reasoning) or 0, token_count(thinking) or 0
    if apart:
        sent += read + written
    if beside:
        received += of_reasoning + of_thinking
    if not (sent or received or read or written or of_reasoning or of_thinking):
        return None
    return reading.counted(
        sent=sent,
        received=received,
        is_final=is_final,
        thinking=of_thinking or None,
        reasoning=of_reasoning or None,
        cache_read=read or None,
        cache_creation=written or None,
    )
