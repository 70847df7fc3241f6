"""One request and its reply, as events."""

from datetime import UTC, datetime, timedelta

from steno import Tokens
from steno.transcripts.importers.exchanges import Asked, Reply
from steno.transcripts.importers.model import Call, Replied

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(reply):
    """Make a reply's events, by their names."""
    return {type(event).__name__: event for event in reply.events("s")}


def test_asked():
    """What was said several times is one text; the system's words are not the user's."""
    asked = Asked("r", AT, texts=["one", "two"], messages=3, system=True, user=True)
    started, sent = asked.events("s", "toy", "m-1", "maker")

    assert (started.model_requested, started.provider, started.listener) == ("m-1", "maker", "toy")
    assert (sent.request_text, sent.message_count, sent.has_system_prompt) == (
        "one\n\ntwo",
        3,
        True,
    )


def test_nothing_was_asked():
    """A reply to nothing has no request text to record."""
    assert [type(event).__name__ for event in Asked("r", AT).events("s", "toy", "", "")] == [
        "Started"
    ]


def test_greatest_count():
    """Of several counts the one with the greatest output is believed, whenever it comes."""
    reply = Reply("r", AT, AT)
    for output in (5, 505, 7):
        reply.add(Replied(tokens=Tokens(input=1, output=output)), AT)

    assert reply.tokens.output == 505


def test_reply_that_was_written_again():
    """A whole reply replaces the parts that came before it."""
    reply = Reply("r", AT, AT)
    reply.add(Replied(text="draft", calls=(Call("a"),)), AT)
    reply.add(Replied(text="final", whole=True), AT)

    assert told(reply)["ResponseRecorded"].response_text == "final"
    assert "ToolCallRecorded" not in told(reply)


def test_duration():
    """The time is what the source says; else that between the first word and the last."""
    measured = Reply("r", AT, AT + timedelta(seconds=2))
    said = Reply("r", AT, AT + timedelta(seconds=2), duration_ms=70)

    assert told(measured)["Completed"].total_duration_ms == 2000
    assert told(measured)["ResponseRecorded"].provider_latency_ms is None
    assert told(said)["Completed"].total_duration_ms == 70


def test_clock_that_jumps():
    """A reply that is older than its request took no time, not less than none."""
    reply = Reply("r", AT, AT - timedelta(seconds=2))

    assert told(reply)["Completed"].total_duration_ms == 0


def test_error():
    """An error is no reply: only the end of the request tells of it."""
    events = told(Reply("r", AT, AT, error="overloaded"))

    assert list(events) == ["Completed"]
    assert (events["Completed"].success, events["Completed"].error) == (False, "overloaded")


def test_cost():
    """What the source says that it cost is believed; without counts nothing is priced."""
    paid = Reply("r", AT, AT, tokens=Tokens(input=5, output=1), cost_usd=0.5, model="x")

    assert told(paid)["Completed"].estimated_cost.total_cost_usd == 0.5
    assert told(Reply("r", AT, AT, model="gpt-5"))["Completed"].estimated_cost is None


def test_thinking():
    """What the model thought stands beside what it said."""
    reply = Reply("r", AT, AT)
    reply.add(Replied(thinking="hm", text="yes"), AT)

    recorded = told(reply)["ResponseRecorded"]
    assert (recorded.response_text, recorded.response_json) == ("yes", {"reasoning": "hm"})


def test_what_waits_for_its_end():
    """Something waits for the end of a reply, until there is much of it or the reply has ended."""
    reply = Reply("r", AT, AT)
    assert reply.gathers
    reply.after = list(Asked("r", AT).events("s", "toy", "", "")) * 1_000
    assert not reply.gathers

    assert not Reply("r", AT, AT, closed=True).gathers
