"""What a request cost, from the genai-prices data; never a guess."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from steno.events.parts import CostEstimate

if TYPE_CHECKING:
    from datetime import datetime

    from steno.events.parts import Tokens


def estimate_cost(
    provider: str, model: str, tokens: Tokens, at: datetime, *, reported_usd: float | None = None
) -> CostEstimate | None:
    """Price a request.

    Args:
        provider: Who answered, such as ``openai``.
        model: The model that answered.
        tokens: Its counts; those that are estimates have no price.
        at: When it was made: prices change.
        reported_usd: What the provider itself says that it cost.

    Returns:
        None when nobody said what it cost and the model is not in the data, when the counts are
        not the provider's final ones, or when genai-prices is not installed.
    """
    if reported_usd is not None:
        return CostEstimate(
            provider=provider, model=model, total_cost_usd=reported_usd,
            cost_per_1k_tokens=_per_thousand(reported_usd, tokens), price_table="provider",
        )  # fmt: skip
    if tokens.source != "provider_final":
        return None
    priced = _find(provider, model)
    if priced is None:
        return None
    counts = _library_usage()(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_creation,
        input_audio_tokens=tokens.audio_input,
        output_audio_tokens=tokens.audio_output,
    )
    seller, product, version = priced
    try:
        price = product.calc_price(counts, seller, genai_request_timestamp=at)
    except (LookupError, ValueError):  # counts that contradict each other
        return None
    total = float(price.total_price)
    return CostEstimate(
        provider=price.provider.id,
        model=price.model.id,
        input_cost_usd=float(price.input_price),
        output_cost_usd=float(price.output_price),
        total_cost_usd=total,
        cost_per_1k_tokens=_per_thousand(total, tokens),
        price_table=f"genai-prices {version}",
    )


def _per_thousand(cost_usd: float, tokens: Tokens) -> float:
    return round(1000 * cost_usd / tokens.total, 9) if tokens.total else 0.0


@functools.lru_cache(maxsize=1024)
def _find(provider: str, model: str) -> tuple[Any, Any, str] | None:
    """Find a model in the data: the seller, the product and the version of the table.

    The data's own search takes most of the time that a price does, and finds the same each time.
    """
    try:
        # a quarter of a second of import, and an extra: only who has recorded a reply needs it
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    from importlib.metadata import version  # as above

    try:
        seller, product = get_snapshot().find_provider_model(model, None, provider or None, None)
    except (LookupError, ValueError):
        return None
    return seller, product, version("genai-prices")


@functools.cache
def _library_usage() -> Any:
    from genai_prices import Usage  # as in `_find`

    return Usage
