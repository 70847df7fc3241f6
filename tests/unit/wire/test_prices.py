"""What requests cost."""

import random
import sys

import pytest

from steno import Tokens
from steno.testing import FixedClock
from steno.wire import prices

NOW = FixedClock().now
FINAL = Tokens(input=1000, output=100, cache_read=500, source="provider_final")


def test_known_model():
    """A known model is priced from the data, cached tokens at their own price."""
    cost = prices.estimate_cost("openai", "gpt-5", FINAL, NOW)
    uncached = prices.estimate_cost(
        "openai", "gpt-5", Tokens(input=1000, output=100, source="provider_final"), NOW
    )

    assert 0 < cost.total_cost_usd < uncached.total_cost_usd
    assert cost.total_cost_usd == pytest.approx(cost.input_cost_usd + cost.output_cost_usd)
    assert cost.price_table.startswith("genai-prices ")


def test_unknown_model():
    """A model that is not in the data has no price."""
    assert prices.estimate_cost("openai", "my-own-model-7", FINAL, NOW) is None


@pytest.mark.parametrize("source", ["estimate", "partial", None])
def test_counts_that_are_not_final(source):
    """Counts that are not the provider's final ones have no price."""
    assert (
        prices.estimate_cost("openai", "gpt-5", Tokens(input=1, output=1, source=source), NOW)
        is None
    )


def test_price_of_the_provider():
    """What the provider says that it cost is believed, for any model."""
    cost = prices.estimate_cost("openrouter", "any/model", FINAL, NOW, reported_usd=0.25)

    assert (cost.total_cost_usd, cost.price_table) == (0.25, "provider")


def test_contradiction():
    """More cached tokens than input tokens can't be priced, and raise nothing."""
    tokens = Tokens(input=10, output=1, cache_read=500, source="provider_final")

    assert prices.estimate_cost("openai", "gpt-5", tokens, NOW) is None


def test_without_the_library(monkeypatch):
    """Without the extra there is no price."""
    prices._find.cache_clear()
    for name in [name for name in sys.modules if name.startswith("genai_prices")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert prices.estimate_cost("openai", "gpt-5", FINAL, NOW) is None
    prices._find.cache_clear()


def test_rates_are_the_data():
    """A price that is added up from rates is the one that the data's own calculation gives."""
    from genai_prices.data_snapshot import get_snapshot

    generator = random.Random(7)
    compared = 0
    for seller in get_snapshot().providers:
        for product in seller.models[::12]:
            rates = prices._find_rates(seller, product, product.get_prices(NOW), NOW)
            whole = generator.randint(0, 150_000)
            cached = generator.randint(0, whole)
            tokens = Tokens(
                input=whole,
                output=generator.randint(0, 20_000),
                cache_read=cached,
                cache_creation=generator.randint(0, whole - cached),
            )
            if rates is None or not rates.covers(tokens):
                continue
            asked = prices._ask_library(seller, product, NOW, prices._counts_of(tokens))
            compared += 1
            assert rates.apply(tokens) == pytest.approx(
                (float(asked.input_price), float(asked.output_price), float(asked.total_price)),
                abs=1e-9,
            ), (seller.id, product.id)

    assert compared > 100


def test_tiers():
    """Counts beyond the first tier of a model cost what the tier says, not what the rates say."""
    small = Tokens(input=200_000, output=0, source="provider_final")
    large = Tokens(input=400_000, output=0, source="provider_final")

    one = prices.estimate_cost("anthropic", "claude-sonnet-4-5", small, NOW)
    two = prices.estimate_cost("anthropic", "claude-sonnet-4-5", large, NOW)

    assert two.total_cost_usd > 2 * one.total_cost_usd
