"""What a request cost, from the genai-prices data; never a guess."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steno.events.parts import CostEstimate, Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


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
    seller, product, version = priced
    rates = _find_rates(seller, product, product.get_prices(at), at)
    if rates is not None and rates.covers(tokens):
        input_cost, output_cost, total = rates.apply(tokens)
        sold_by, sold_as = rates.seller, rates.product
    else:
        try:
            price = _ask_library(seller, product, at, _counts_of(tokens))
        except (LookupError, ValueError):  # counts that contradict each other
            return None
        input_cost, output_cost = float(price.input_price), float(price.output_price)
        total = float(price.total_price)
        sold_by, sold_as = price.provider.id, price.model.id
    return CostEstimate(
        provider=sold_by,
        model=sold_as,
        input_cost_usd=input_cost,
        output_cost_usd=output_cost,
        total_cost_usd=total,
        cost_per_1k_tokens=_per_thousand(total, tokens),
        price_table=f"genai-prices {version}",
    )


_KINDS = ("input", "output", "cache_read", "cache_creation", "audio_input", "audio_output")
_PARTS = {"cache_read": "input", "cache_creation": "input", "audio_input": "input",
          "audio_output": "output"}  # fmt: skip
_SAMPLE = 1000
_DIGITS = 12


class _Rates(Struct, frozen=True):
    """What a token of each kind costs, where a price is a sum of these.

    The data's own calculation takes a tenth of a millisecond, and recorders price every request.
    So it is asked what the kinds cost one by one, once for a model; from then on they are added
    up. A price that is no such sum (found by a sample), and counts beyond the first tier of one
    that has tiers, are asked for each time.

    Attributes:
        seller: Id of the provider in the data.
        product: Id of the model in the data.
        limit: Counts up to which the rates are true.
        fixed: US dollars for a request, whatever its tokens.
        rates: US dollars for the input, the output and all of it, by kind of token.
    """

    seller: str
    product: str
    limit: float
    fixed: tuple[float, float, float]
    rates: dict[str, tuple[float, float, float]]

    def covers(self, tokens: Tokens) -> bool:
        """Tell whether the counts can be priced by the rates."""
        cached = (tokens.cache_read or 0) + (tokens.cache_creation or 0)
        return (
            0 <= tokens.input <= self.limit
            and 0 <= tokens.output <= self.limit
            and cached + (tokens.audio_input or 0) <= tokens.input
            and (tokens.audio_output or 0) <= tokens.output
        )

    def apply(self, tokens: Tokens) -> tuple[float, float, float]:
        """Return the price of the input, of the output and of all of it, in US dollars."""
        input_cost, output_cost, total = self.fixed
        for kind, (of_input, of_output, of_all) in self.rates.items():
            count = getattr(tokens, kind) or 0
            input_cost += count * of_input
            output_cost += count * of_output
            total += count * of_all
        return round(input_cost, _DIGITS), round(output_cost, _DIGITS), round(total, _DIGITS)


_rates: dict[int, tuple[Any, _Rates | None]] = {}
_MAX_RATES = 1024


def _find_rates(seller: Any, product: Any, prices: Any, at: datetime) -> _Rates | None:
    """Find the rates of a model at a time; None where its price is no sum of rates."""
    known = _rates.get(id(prices))
    if known is None:
        if len(_rates) >= _MAX_RATES:
            _rates.clear()
        # The prices are held with it: an id is only theirs for as long as they live.
        known = _rates[id(prices)] = (prices, _sample_rates(seller, product, prices, at))
    return known[1]


def _sample_rates(seller: Any, product: Any, prices: Any, at: datetime) -> _Rates | None:
    def ask(**counts: int) -> tuple[float, float, float]:
        price = _ask_library(seller, product, at, counts)
        return float(price.input_price), float(price.output_price), float(price.total_price)

    starts = [tier.start for price in vars(prices).values() for tier in getattr(price, "tiers", ())]
    limit = min(starts, default=float("inf")) - 1
    if limit < 10 * _SAMPLE:
        return None
    try:
        fixed = ask()
        rates: dict[str, tuple[float, float, float]] = {}
        for kind in _KINDS:
            whole = _PARTS.get(kind)
            base = ask(**{whole: _SAMPLE}) if whole else fixed
            priced = ask(**{kind: _SAMPLE}, **({whole: _SAMPLE} if whole else {}))
            rates[kind] = tuple(  # type: ignore[assignment]  # three in, three out
                (after - before) / _SAMPLE for after, before in zip(priced, base, strict=True)
            )
        found = _Rates(seller.id, product.id, limit, fixed, rates)
        sample = Tokens(input=9 * _SAMPLE, output=5 * _SAMPLE, cache_read=3 * _SAMPLE,
                        cache_creation=2 * _SAMPLE, audio_input=_SAMPLE,
                        audio_output=2 * _SAMPLE)  # fmt: skip
        asked = ask(**_counts_of(sample))
    except (LookupError, ValueError):
        return None  # it knows no price for some kind
    true = all(abs(a - b) < 10**-_DIGITS for a, b in zip(asked, found.apply(sample), strict=True))
    return found if true else None


def _counts_of(tokens: Tokens) -> dict[str, int]:
    return {kind: getattr(tokens, kind) or 0 for kind in _KINDS}


def _ask_library(seller: Any, product: Any, at: datetime, counts: Mapping[str, int]) -> Any:
    """Ask the data for a price.

    Raises:
        LookupError: Some kind of token has no price.
        ValueError: The counts contradict each other.
    """
    usage = _library_usage()(
        input_tokens=counts.get("input", 0),
        output_tokens=counts.get("output", 0),
        cache_read_tokens=counts.get("cache_read", 0),
        cache_write_tokens=counts.get("cache_creation", 0),
        input_audio_tokens=counts.get("audio_input", 0),
        output_audio_tokens=counts.get("audio_output", 0),
    )
    return product.calc_price(usage, seller, genai_request_timestamp=at)


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
