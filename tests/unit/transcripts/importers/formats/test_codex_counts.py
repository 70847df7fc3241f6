"""What each API call of a Codex rollout has used."""

import pytest

from steno.transcripts.importers.formats.codex_counts import (
    FROM_TOTALS,
    Counter,
    Replies,
    Usage,
    read_usage,
)


def usage(sent, received, cached=0, reasoning=0):
    """Write counts as Codex does."""
    return {
        "input_tokens": sent,
        "cached_input_tokens": cached,
        "output_tokens": received,
        "reasoning_output_tokens": reasoning,
        "total_tokens": sent + received,
    }


def info(total, last):
    """Write the ``info`` of a ``token_count``."""
    return {"total_token_usage": total, "last_token_usage": last, "model_context_window": 1}


def test_normalised():
    """Cached and written tokens are parts of the input, reasoning of the output."""
    found = read_usage({**usage(100, 20, 60, 5), "cache_write_input_tokens": 7})

    assert found == Usage(100, 60, 20, 5, 7)
    tokens = found.tokens()
    assert (tokens.input, tokens.output, tokens.total) == (100, 20, 120)
    assert (tokens.cache_read, tokens.cache_creation, tokens.reasoning) == (60, 7, 5)
    assert tokens.source == "provider_final"


@pytest.mark.parametrize(
    "value", [None, [], {}, {"input_tokens": -1}, {"input_tokens": "9"}, {"output_tokens": 1e9}]
)
def test_no_usage(value):
    """Counts that can't be counts are none."""
    assert read_usage(value) is None


def test_calls_once():
    """A call counts when the totals move; what is repeated, or null, does not."""
    counter = Counter(inherits=False)
    told = [None, info(usage(10, 2), usage(10, 2)), info(usage(10, 2), usage(10, 2)),
            {"total_token_usage": None}, info(usage(30, 5), usage(20, 3)), "x"]  # fmt: skip

    counts = [counter.token_count(each, replying=True) for each in told]

    assert [count and count.usage[:3] for count in counts] == [
        None, (10, 0, 2), None, None, (20, 0, 3), None,
    ]  # fmt: skip


def test_equal_calls():
    """Two calls with the same counts are two, and have two claims."""
    counter = Counter(inherits=False)
    first = counter.token_count(info(usage(10, 2), usage(10, 2)), replying=True)
    second = counter.token_count(info(usage(20, 4), usage(10, 2)), replying=True)

    assert first.usage == second.usage
    assert first.claim("t", "r") != second.claim("t", "r")


def test_estimate():
    """What a compaction writes as the last usage is an estimate of the context, and no call."""
    counter = Counter(inherits=False)
    counter.token_count(info(usage(10, 2), usage(10, 2)), replying=True)

    estimate = {**usage(0, 0), "total_tokens": 4000}
    assert counter.token_count(info(usage(10, 2), estimate), replying=False) is None


def test_from_totals():
    """Without counts of the last call, the growth of the totals is taken, and said to be."""
    counter = Counter(inherits=False)
    counter.token_count(info(usage(10, 2), None), replying=True)

    count = counter.token_count(info(usage(35, 4), usage(0, 0)), replying=True)

    assert count.usage == Usage(25, 0, 2, 0)
    assert count.guessed == FROM_TOTALS


def test_totals_fall():
    """Totals that begin anew do not make negative counts."""
    counter = Counter(inherits=False)
    counter.token_count(info(usage(100, 20), usage(100, 20)), replying=True)

    assert counter.token_count(info(usage(5, 1), None), replying=True) is None
    assert counter.token_count(info(usage(9, 2), usage(4, 1)), replying=True).usage.input == 4


def test_last_alone():
    """Where no totals are told, the same last counts twice in a row are one call."""
    counter = Counter(inherits=False)
    told = [{"last_token_usage": usage(sent, 1)} for sent in (5, 5, 6)]

    counts = [counter.token_count(each, replying=True) for each in told]

    assert [bool(count) for count in counts] == [True, False, True]
    assert counts[0].claim("t", "r") == "codex:t::5.0.1.0"


def test_inherited_totals():
    """The totals that a fork begins with are its parent's, unless the model has said something."""
    parents = info(usage(100, 20), usage(30, 5))
    grown = info(usage(140, 22), usage(40, 2))

    counter = Counter(inherits=True)
    assert counter.token_count(parents, replying=False) is None
    assert counter.token_count(grown, replying=True).usage == Usage(40, 0, 2, 0)
    assert Counter(inherits=True).token_count(grown, replying=True).usage == Usage(40, 0, 2, 0)
    assert Counter(inherits=False).token_count(grown, replying=False).usage == Usage(40, 0, 2, 0)


def test_recorded():
    """A call with a record is counted by it, and its token_count adds nothing."""
    counter = Counter(inherits=False)
    record = counter.record({"usage": usage(10, 2), "thread_token_usage": usage(10, 2)})

    assert record.usage == Usage(10, 0, 2, 0)
    assert counter.token_count(info(usage(10, 2), usage(10, 2)), replying=True) is None
    assert counter.token_count(info(usage(15, 3), usage(5, 1)), replying=True).usage.input == 5
    assert counter.record({"usage": None}) is None


def test_recorded_twice():
    """A record that stands twice is one call."""
    counter = Counter(inherits=False)
    record = {"usage": usage(10, 2), "response_id": "r"}

    assert [bool(counter.record(record)) for _time in range(2)] == [True, False]
    assert [bool(counter.record({"usage": usage(10, 2)})) for _time in range(2)] == [True, True]


def test_claims_agree():
    """A record and the token_count of the same call have the same claim."""
    record = Counter(inherits=False).record(
        {"usage": usage(10, 2), "thread_token_usage": usage(30, 5)}
    )
    count = Counter(inherits=False).token_count(info(usage(30, 5), usage(10, 2)), replying=True)

    assert record.claim("turn", "own") == count.claim("turn", "other")
    assert record.claim("", "own") != count.claim("", "other")


def test_items_before_counts():
    """Where counts come behind the items, they end the reply."""
    replies = Replies()
    replies.turn_begins("t")

    first = [replies.item(is_item=False), replies.item(is_item=True), replies.count()]
    second = [replies.item(is_item=True), replies.count()]

    assert first == ["t:1"] * 3
    assert second == ["t:2"] * 2


def test_counts_before_items():
    """Where counts come before the items, a tool's return ends the reply."""
    replies = Replies()

    first = [replies.item(is_item=False), replies.count(), replies.item(is_item=True)]
    replies.returned()
    second = [replies.count(), replies.item(is_item=True)]
    replies.returned()

    assert first == ["turn:1"] * 3
    assert second == ["turn:2"] * 2
    assert replies.count() == "turn:3"


def test_return_before_counts():
    """Counts that come behind a tool's return belong to the reply that called it."""
    replies = Replies()
    replies.item(is_item=True)
    replies.returned()

    assert replies.count() == "turn:1"
    assert replies.item(is_item=True) == "turn:2"


def test_word_between():
    """A word of somebody else, or a new turn, ends a reply; a turn that is named again does not."""
    replies = Replies()
    replies.turn_begins("a")
    replies.item(is_item=True)
    replies.turn_begins("a")
    assert replies.item(is_item=True) == "a:1"

    replies.close()
    assert replies.item(is_item=True) == "a:2"

    replies.turn_begins("b")
    assert replies.count() == "b:3"
