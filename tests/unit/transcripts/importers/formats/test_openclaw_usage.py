"""Token counts of OpenClaw and pi, in all the ways in which they were written."""

import json
from pathlib import Path

import pytest

from steno.transcripts.importers.formats.openclaw_usage import read_cost, read_tokens

DATA = Path(__file__).parents[4] / "data" / "imports" / "openclaw"


def told(number):
    """Return the usage of one of the fixture's replies."""
    line = (DATA / "usage.jsonl").read_text().splitlines()[number]
    return json.loads(line)["message"]["usage"]


@pytest.mark.parametrize(
    ("number", "counts"),
    [
        (1, (450, 20, 300, 50, None)),
        (2, (450, 20, 300, 50, None)),
        (3, (400, 20, 300, None, 8)),
        (4, (400, 20, 300, None, None)),
        (5, (100, 20, None, None, 8)),
        (6, (100, 28, None, None, 8)),
        (7, (400, 20, 300, None, None)),
        (8, (450, 20, 300, 50, None)),
    ],
)
def test_variants(number, counts):
    """Input includes what was cached, output what was thought, by whatever names."""
    found = read_tokens(told(number))

    assert (
        found.input, found.output, found.cache_read, found.cache_creation, found.reasoning,
    ) == counts  # fmt: skip
    assert found.source == "provider_final"


def test_responses_names():
    """The newer names of OpenAI's count cached tokens in the input."""
    usage = {
        "input_tokens": 400,
        "output_tokens": 20,
        "input_tokens_details": {"cached_tokens": 300},
        "output_tokens_details": {"reasoning_tokens": 8},
    }
    found = read_tokens(usage)

    assert (found.input, found.cache_read, found.output, found.reasoning) == (400, 300, 20, 8)


def test_nobody_counted():
    """Zeros all over are no counts."""
    assert read_tokens(told(9)) is None


def test_unfinished():
    """Counts of a reply that was cut short are partial."""
    assert read_tokens(told(1), is_final=False).source == "partial"


@pytest.mark.parametrize(
    "usage",
    [None, 5, "x", [], {}, {"input": -1}, {"input": "9"}, {"input": True}, {"input": 10**30},
     {"output": float("nan")}, {"cache": [1]}, {"totalTokens": 9}],
)  # fmt: skip
def test_no_counts(usage):
    """What is no count is none, and is not made up from a total."""
    assert read_tokens(usage) is None


def test_whole_floats():
    """A count that JavaScript wrote as a float is one."""
    assert read_tokens({"input": 5.0, "output": 2.0}).input == 5


@pytest.mark.parametrize(
    ("cost", "usd"),
    [({"total": 0.5}, 0.5), (0.5, 0.5), ({"total": 0}, None), ({"total": -1}, None), (None, None),
     ({"total": "x"}, None), ([], None), ({"total": float("inf")}, None)],
)  # fmt: skip
def test_cost(cost, usd):
    """A cost of zero is a price that nobody knew."""
    assert read_cost({"cost": cost}) == usd


def test_no_cost():
    """A usage that is none costs nothing that is known."""
    assert read_cost("x") is None
