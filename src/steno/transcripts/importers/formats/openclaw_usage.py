"""What OpenClaw and pi say of a reply's tokens, normalised.

Their own names count cached tokens beside the input (``input`` leaves out ``cacheRead`` and
``cacheWrite``, ``totalTokens`` is the sum of all four); the names of OpenAI, which some gateways
leave in the file, count them in it. Recorders differed over time in what they left out, and the
total that stands beside the parts tells which way was gone: it decides wherever it fits exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steno.transcripts.importers.formats.usage import token_count
from steno.wire.providers import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steno.events.parts import Tokens

_OWN_INPUT = ("input", "inputTokens")
_WHOLE_INPUT = ("prompt_tokens", "promptTokens")
_OUTPUT = ("output", "outputTokens", "output_tokens", "completion_tokens", "completionTokens")
_READ = ("cacheRead", "cache_read", "cacheReadTokens", "cache_read_input_tokens", "cached_tokens")
_WRITTEN = ("cacheWrite", "cache_write", "cacheWriteTokens", "cache_creation_input_tokens")
_REASONING = ("reasoning", "reasoningTokens", "reasoning_tokens")
_TOTAL = ("totalTokens", "total_tokens", "total")


def read_tokens(usage: Any, *, is_final: bool = True) -> Tokens | None:
    """Read the counts of one reply.

    Args:
        usage: The ``usage`` of a message; anything.
        is_final: The reply is complete.

    Returns:
        The counts; None where there are none, or all of them are zero, which is how a reply
        that nobody counted is written.
    """
    if not isinstance(usage, dict):
        return None
    own, whole = _first(usage, _OWN_INPUT), _first(usage, _WHOLE_INPUT)
    output = _first(usage, _OUTPUT)
    read, written = _cached(usage)
    reasoning = _first(usage, _REASONING) or _detail(usage, "reasoning_tokens", "completion")
    if own is None and whole is None:
        # Anthropic's name and OpenAI's newer one are the same; only the latter has details.
        given = _first(usage, ("input_tokens",))
        if isinstance(usage.get("input_tokens_details"), dict):
            whole = given
        else:
            own = given
    sent: int | None
    if own is not None and (own or whole is None):
        sent = _add_cached(own, output or 0, read, written, _first(usage, _TOTAL))
    else:
        sent = whole if whole is None or whole >= read + written else whole + read + written
    total = _first(usage, _TOTAL)
    if reasoning and total and total == (sent or 0) + (output or 0) + reasoning:
        output = (output or 0) + reasoning  # the recorder left it out of the output
    if not (sent or output):
        return None
    return reading.counted(
        sent=sent,
        received=output,
        is_final=is_final,
        reasoning=reasoning or None,
        cache_read=read or None,
        cache_creation=written or None,
    )


def read_cost(usage: Any) -> float | None:
    """Read what a reply cost, in US dollars; zero stands for a price that nobody knew."""
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return reading.money(cost.get("total") if isinstance(cost, dict) else cost) or None


def _add_cached(own: int, output: int, read: int, written: int, total: int | None) -> int:
    cached = read + written
    includes = cached <= own and total == own + output and total != own + output + cached
    return own if includes else own + cached


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the first count under these names that is not zero, or else zero, or None."""
    found = None
    for name in names:
        each = token_count(usage.get(name))
        if each:
            return each
        found = each if found is None else found
    return found


def _cached(usage: Mapping[str, Any]) -> tuple[int, int]:
    """Read the tokens that came from a cache, and those that went into one."""
    cache = usage.get("cache")
    inner = cache if isinstance(cache, dict) else {"read": cache}
    read = _first(usage, _READ)
    if read is None:
        read = _first(inner, ("read",)) or _detail(usage, "cached_tokens", "prompt")
    written = _first(usage, _WRITTEN)
    if written is None:
        written = _first(inner, ("write",))
    return read or 0, written or 0


def _detail(usage: Mapping[str, Any], name: str, kind: str) -> int | None:
    """Read a part of a count from the details beside it, by either of OpenAI's names."""
    other = "input" if kind == "prompt" else "output"
    for each in (f"{kind}_tokens_details", f"{other}_tokens_details"):
        details = usage.get(each)
        found = token_count(details.get(name)) if isinstance(details, dict) else None
        if found is not None:
            return found
    return None
