"""The sum of a run."""

from steno import Completed, CostEstimate, ResponseRecorded, Started, StreamStarted, Tokens
from steno.capture.tally import Tally
from steno.testing import FixedClock

NOW = FixedClock().now


def add(
    tally,
    request,
    *,
    model="gpt-5",
    used="gpt-5-x",
    first=None,
    cost=None,
    error=None,
    source="provider_final",
):
    """Add one request."""
    ids = ("s1", request, NOW)
    tally.add(Started(*ids, model_requested=model, provider="", listener=""))
    if first is not None:
        tally.add(StreamStarted(*ids, time_to_first_token_ms=first))
    if used:
        tally.add(ResponseRecorded(*ids, model_used=used, tokens=Tokens(source=source)))
    tally.add(
        Completed(
            *ids, success=error is None, error=error, total_input=10, total_output=5, grand_total=15,
            total_cache_read=4, total_reasoning=2, total_tool_calls=1,
            estimated_cost=CostEstimate(provider="", model="", total_cost_usd=cost) if cost else None,
        )
    )  # fmt: skip


def test_sums():
    """Figures of one model add up; the time to the first token is the median."""
    tally = Tally()
    for number, first in enumerate((30, 10, 20)):
        add(tally, f"r{number}", first=first, cost=0.5)
    (total,) = tally.sums()

    assert (total.model, total.requests, total.input_tokens, total.output_tokens) == (
        "gpt-5-x",
        3,
        30,
        15,
    )
    assert (total.cached_tokens, total.reasoning_tokens, total.tool_calls) == (12, 6, 3)
    assert (total.cost_usd, total.unpriced, total.time_to_first_token_ms) == (1.5, 0, 20)
    assert list(tally.sessions) == ["s1"]


def test_models_apart():
    """Each model has its line; one that never answered is named as it was asked for."""
    tally = Tally()
    add(tally, "r1")
    add(tally, "r2", used="", error="upstream_failed: x")

    assert [(each.model, each.errors) for each in tally.sums()] == [("gpt-5-x", 0), ("gpt-5", 1)]
    assert tally.errors == {"upstream_failed: x": 1}


def test_unknown_cost():
    """A cost that nobody knows is counted as unknown, never as zero."""
    tally = Tally()
    add(tally, "r1")
    add(tally, "r2", source="estimate")
    (total,) = tally.sums()

    assert (total.cost_usd, total.unpriced, total.estimated) == (None, 2, True)


def test_nothing_stays():
    """What is known of a request goes when it ends."""
    tally = Tally()
    add(tally, "r1", first=1)

    assert (tally._asked, tally._first, tally._sources) == ({}, {}, {})
