"""Entries become events, once."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from steno import Tokens
from steno.events.codec import LineEncoder, decode_line, type_of
from steno.transcripts.importers.assembling import Assembler, what_is_told
from steno.transcripts.importers.claims import Claims
from steno.transcripts.importers.model import (
    Aborted,
    Call,
    Counted,
    Entry,
    Noted,
    Replied,
    Returned,
    Said,
    Summarised,
)
from steno.transcripts.importers.tallies import Known

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Story:
    """Entries in their order, each a second after the one before."""

    def __init__(self):
        self.entries = []

    def tell(self, *facts, **details):
        """Add an entry that tells some facts."""
        number = len(self.entries)
        details.setdefault("id", f"e{number}")
        details.setdefault("raw", b'{"n":%d}' % number)
        details.setdefault("at", BEGAN + timedelta(seconds=number))
        self.entries.append(Entry(kind="line", facts=facts, **details))
        return self


def assemble(story, *, session="s", claims=None, known=None, upto=None):
    """Make the events of a story, or of its first entries."""
    assembler = Assembler(
        session,
        format_name="toy",
        origin="toy.jsonl",
        fallback=BEGAN,
        claims=claims or Claims(),
        known=known,
    )
    events = [event for entry in story.entries[:upto] for event in assembler.feed(entry)]
    return [*events, *assembler.finish()], assembler


def facts(events):
    """Leave away the entries themselves."""
    return [event for event in events if type_of(event) != "entry_imported"]


def types(events):
    """List the types of events that tell something."""
    return [type_of(event) for event in facts(events)]


def learn(events, known=None):
    """Know what was told by events, as if they lay in a transcript."""
    known = known or Known()
    for event in events:
        if type_of(event) == "entry_imported":
            known.entries[event.entry_key] = event.request_id
        else:
            known.told.add(what_is_told(event))
    return known


def turn(number, output=10, **details):
    """Tell a question and its answer."""
    return (
        (Said("user", f"question {number}"),),
        (
            Replied(
                id=f"m{number}",
                model="toy-1",
                text=f"answer {number}",
                tokens=Tokens(input=100, output=output, source="provider_final"),
                claim=f"c{number}",
                **details,
            ),
        ),
    )


def test_one_request():
    """What was said and the reply to it are one request, in the order in which steno records."""
    said, replied = turn(1)
    events, assembler = assemble(Story().tell(*said).tell(*replied))

    assert types(events) == ["started", "request_recorded", "response_recorded", "completed"]
    started, asked, reply, completed = facts(events)
    assert len({event.request_id for event in (started, asked, reply, completed)}) == 1
    assert (asked.request_text, reply.response_text) == ("question 1", "answer 1")
    assert (reply.tokens.output, completed.total_output, completed.success) == (10, 10, True)
    assert completed.total_duration_ms == 1000
    assert assembler.tally.output_tokens == 10


def test_replies_side_by_side():
    """Of replies whose parts are mixed, as sub-agents write them, each is told whole."""

    def part(name, text, output):
        tokens = Tokens(input=10, output=output, source="partial")
        return Replied(id=name, text=text, tokens=tokens, claim=f"c{name}")

    story = Story().tell(Said("user", "go")).tell(part("a", "A", 1)).tell(part("b", "B", 50))
    story.tell(part("a", "a", 7)).tell(Noted(text="both")).tell(part("c", "C", 3))
    events, assembler = assemble(story)

    told = [each for each in events if type_of(each) == "response_recorded"]
    last = {each.response_id: (each.response_text, each.tokens.output) for each in told}
    assert last == {"a": ("Aa", 7), "b": ("B", 50), "c": ("C", 3)}
    assert sum(type_of(each) == "entry_imported" for each in events) == len(story.entries)
    assert assembler.tally.output_tokens == 60


@pytest.mark.parametrize("named", [True, False])
def test_a_history_in_one_entry(named):
    """A history that was written as one entry is as many requests, each time it is imported."""
    words = [fact for number in range(3) for facts in turn(number) for fact in facts]
    if not named:
        words = [
            msgspec.structs.replace(fact, id=None, claim=None)
            if isinstance(fact, Replied)
            else fact
            for fact in words
        ]
    story = Story().tell(*words, Said("user", "question 3"))
    events, assembler = assemble(story)

    replies = {
        event.request_id: event.response_text
        for event in events if type_of(event) == "response_recorded"
    }  # fmt: skip
    asked = {
        event.request_id: event.request_text
        for event in events if type_of(event) == "request_recorded"
    }  # fmt: skip
    assert list(replies.values()) == ["answer 0", "answer 1", "answer 2"]
    assert [asked[each] for each in replies] == ["question 0", "question 1", "question 2"]
    assert len(asked) == 4
    assert assembler.tally.output_tokens == 30
    assert assemble(story, known=learn(events))[0] == []


def test_question_behind_a_lost_call():
    """A question that nobody answered is one, also behind a result whose call the source lost."""
    story = Story().tell(*turn(1)[1], Replied(id="m2", calls=(Call("ls", "known", "{}"),)))
    story.tell(Returned(call_id="lost", output="x")).tell(Returned(call_id="known", output="y"))
    events, _ = assemble(story.tell(Said("user", "and then?")))

    assert types(events).count("request_recorded") == 1
    assert assemble(story, known=learn(events))[0] == []


def test_notices_follow_the_reply():
    """A notice that comes while a reply may go on is read behind it, where it was written."""
    said, replied = turn(1)
    story = Story().tell(*said).tell(*replied).tell(Noted(text="compressed")).tell(*turn(2)[0])
    events, _ = assemble(story)

    told = [type_of(event) if not getattr(event, "text", "") else event.text for event in events]
    assert told.index("completed") < told.index("compressed") < told.index("started", 3)


def test_bounded_notices():
    """However many notices follow a reply, few of them wait for its end."""
    story = Story().tell(*turn(1)[1])
    for _ in range(1_500):
        story.tell(Noted(text="still there"))
    assembler = Assembler(
        "s", format_name="toy", origin="toy", fallback=BEGAN, claims=Claims(), known=None
    )
    early = [event for entry in story.entries for event in assembler.feed(entry)]
    late = assembler.finish()

    assert len([*early, *late]) == len(assemble(story)[0])
    assert sum(getattr(event, "text", "") == "still there" for event in late) == 1_000


def test_entries_are_kept_verbatim():
    """Each entry stands in an event of its own, byte for byte, also one that tells nothing."""
    story = (
        Story()
        .tell(raw=b'{"strange": [1,  2]}')
        .tell(Noted(text="a title"), raw=b'{"t":"a title"}')
    )
    events, _ = assemble(story)

    lines = [LineEncoder("r").encode(event, 1)[0] for event in events]
    assert b'"entry":{"strange": [1,  2]}' in lines[0]
    assert [event.text for event in events] == ["", "a title"]
    assert decode_line(lines[0]).entry == {"strange": [1, 2]}


def test_parts_of_a_reply():
    """Parts of one id are one reply: text and calls in order, the greatest counts."""
    story = Story().tell(Said("user", "go"))
    for text, output in (("one ", 1), ("two", 505), ("", 40)):
        story.tell(Replied(id="m", text=text, tokens=Tokens(input=5, output=output)))
    events, assembler = assemble(story)

    (reply,) = [event for event in events if type_of(event) == "response_recorded"]
    assert (reply.response_text, reply.tokens.output) == ("one two", 505)
    assert assembler.tally.output_tokens == 505


def test_tools():
    """A result that comes while its reply is still told belongs to the request of the call."""
    story = (
        Story()
        .tell(Said("user", "go"))
        .tell(Replied(id="m", calls=(Call("read", "t1", '{"a":1}'),)))
        .tell(Returned(call_id="t1", output="file", success=True))
        .tell(Replied(id="m", calls=(Call("list", "t2"),)))
        .tell(Returned(call_id="t2", output={"files": []}, success=False))
        .tell(Replied(id="n", text="done"))
    )
    events, assembler = assemble(story)

    calls = [event for event in events if type_of(event) == "tool_call_recorded"]
    assert [(each.tool_name, each.tool_arguments, each.success) for each in calls] == [
        ("read", '{"a":1}', None),
        ("list", "", None),
        ("read", None, True),
        ("list", None, False),
    ]
    assert len({each.request_id for each in calls}) == 1
    asked = [event for event in events if type_of(event) == "request_recorded"]
    assert [each.message_count for each in asked] == [1, 2]
    assert (assembler.tally.tool_calls, assembler.tally.tool_results) == (2, 2)


def test_again_changes_nothing():
    """A story that is told again adds no event."""
    story = Story()
    for number in range(3):
        for each in turn(number):
            story.tell(*each)
    known = learn(assemble(story)[0])

    events, assembler = assemble(story, known=known)

    assert events == []
    assert (assembler.tally.entries, assembler.tally.new) == (6, 0)


@pytest.mark.parametrize("upto", range(9))
def test_growth(upto):
    """A story that has grown adds the rest, wherever it ended before; the counts are the same."""
    story = Story().tell(Said("user", "go"))
    story.tell(Replied(id="m", text="a", tokens=Tokens(input=5, output=1), calls=(Call("x", "t"),)))
    story.tell(Returned(call_id="t", output="r"))
    story.tell(Replied(id="m", text="b", tokens=Tokens(input=5, output=7)))
    story.tell(Replied(id="n", text="c", tokens=Tokens(input=9, output=2)))
    story.tell(Summarised(summary="so far", trigger="auto"))
    story.tell(Said("user", "more"))
    story.tell(Said("user", "and more"))
    story.tell(Replied(id="o", text="d", tokens=Tokens(input=9, output=3)))
    whole, _ = assemble(story)
    before, _ = assemble(story, upto=upto)
    after, _ = assemble(story, known=learn(before))

    last = {}
    for event in facts([*before, *after]):
        last[what_is_told(event)] = event
    expected = {what_is_told(event): event for event in facts(whole)}
    assert last.keys() == expected.keys()
    for key, event in expected.items():
        if type_of(event) == "response_recorded":
            assert last[key] == event
    entries = [event for event in [*before, *after] if type_of(event) == "entry_imported"]
    assert len(entries) == len({each.entry_key for each in entries}) == len(story.entries)
    assert len(facts(after)) == 0 or upto < len(story.entries)


def test_import_that_was_cut_short():
    """Facts of entries that an import left without them are told by the next one."""
    said, replied = turn(1)
    story = Story().tell(*said).tell(*replied)
    whole, _ = assemble(story)
    entries_alone = [event for event in whole if type_of(event) == "entry_imported"]

    events, _ = assemble(story, known=learn(entries_alone))

    assert types(events) == types(whole)


@pytest.mark.parametrize("cut", range(7))
def test_source_that_was_cut(cut):
    """A source that has lost its beginning tells nothing again."""
    story = Story()
    story.tell(Said("user", "go"))
    story.tell(Replied(id="m", text="a", calls=(Call("x", "t"),)))
    story.tell(Replied(id="m", text="b", tokens=Tokens(input=5, output=7)))
    story.tell(Returned(call_id="t", output="r"))
    story.tell(Replied(id="n", text="c"))
    story.tell(Said("user", "more"), Returned(call_id="u", output="?"))
    story.tell(Replied(text="d"))
    known = learn(assemble(story)[0])
    del story.entries[:cut]

    assert assemble(story, known=known)[0] == []


def test_copies_count_once():
    """A fork's copies of its parent's replies count nothing and keep their text."""
    claims = Claims()
    parent, fork = Story(), Story()
    for number in range(2):
        for each in turn(number):
            parent.tell(*each)
            fork.tell(*each)
    for each in turn(2):
        fork.tell(*each)
    _, of_parent = assemble(parent, session="parent", claims=claims)
    events, of_fork = assemble(fork, session="fork", claims=claims)

    assert (of_parent.tally.output_tokens, of_fork.tally.output_tokens) == (20, 10)
    assert types(events) == ["started", "request_recorded", "response_recorded", "completed"]
    copies = [event for event in events if getattr(event, "replayed_from", None) == "parent"]
    assert [event.text for event in copies] == ["question 0", "answer 0", "question 1", "answer 1"]
    assert of_fork.tally.replayed == 4
    assert of_fork.tally.messages == {"user": 1, "assistant": 1}


def test_copy_that_knows_more():
    """A copy with a greater count is told to the session that counts the reply."""
    claims = Claims()
    short, long = Story(), Story()
    for story, output in ((short, 3), (long, 300)):
        for each in turn(1, output):
            story.tell(*each)
    events, _ = assemble(short, session="parent", claims=claims)
    _, fork = assemble(long, session="fork", claims=claims)

    ((owner, owed),) = fork.owed
    assert owner == "parent"
    assert {event.session_id for event in owed} == {"parent"}
    assert owed[0].tokens.output == 300
    assert owed[0].request_id == facts(events)[0].request_id


def test_counts_apart_from_the_reply():
    """Counts that are told apart belong to the latest reply."""
    story = (
        Story()
        .tell(Said("user", "go"))
        .tell(Replied(id="m", text="answer"))
        .tell(Counted(tokens=Tokens(input=7, output=2), model="toy-2"))
    )
    events, _ = assemble(story)

    (reply,) = [event for event in events if type_of(event) == "response_recorded"]
    assert (reply.tokens.input, reply.model_used) == (7, "toy-2")


def test_aborted_request():
    """A request that was given up ends with its error and no reply."""
    events, _ = assemble(
        Story().tell(Said("user", "go")).tell(Aborted(error="cancelled: interrupted"))
    )

    assert types(events) == ["started", "request_recorded", "completed"]
    assert (facts(events)[-1].success, facts(events)[-1].error) == (False, "cancelled: interrupted")


def test_aborted_reply():
    """A reply that was cut short keeps what had come of it."""
    story = Story().tell(Said("user", "go")).tell(Replied(id="m", text="half an"))
    events, _ = assemble(story.tell(Aborted(error="cancelled: interrupted")))

    reply, completed = facts(events)[-2:]
    assert (reply.response_text, reply.partial) == ("half an", True)
    assert completed.success is False


def test_abort_after_a_whole_reply():
    """Giving up a tool that runs leaves the reply that called it as it was."""
    story = Story().tell(Said("user", "go"))
    story.tell(Replied(id="m", text="wait", calls=(Call("x", "t"),), finish_reason="tool_use"))
    events, _ = assemble(story.tell(Aborted(error="cancelled: interrupted")))

    assert facts(events)[-1].success is True
    entries = [event for event in events if type_of(event) == "entry_imported"]
    assert (entries[-1].told, entries[-1].text) == (False, "cancelled: interrupted")


def test_reply_that_is_written_again():
    """A reply that its source writes again is counted as it stands in the end."""
    story = Story().tell(Said("user", "go"))
    story.tell(Replied(id="m", calls=(Call("a"), Call("b")), tokens=Tokens(input=1, output=1)))
    story.tell(Replied(id="m", calls=(Call("a"),), tokens=Tokens(input=1, output=2), whole=True))
    _, assembler = assemble(story)

    assert (assembler.tally.tool_calls, assembler.tally.output_tokens) == (1, 2)


def test_word_without_reply():
    """What was said last is a request that is open; results of tools alone are none."""
    said, _ = assemble(Story().tell(Said("user", "hello?")))
    returned, _ = assemble(Story().tell(Returned(call_id="t", output="r")))

    assert types(said) == ["started", "request_recorded"]
    assert types(returned) == ["tool_call_recorded"]


def test_named_requests():
    """Requests that the source names keep their names, also when they are interleaved."""
    story = (
        Story()
        .tell(Said("user", "first", request="r1"))
        .tell(Said("user", "second", request="r2"))
        .tell(Replied(id="r1", text="one"))
        .tell(Replied(id="r2", text="two"))
    )
    events, _ = assemble(story)

    texts = {
        (event.request_id, getattr(event, "request_text", getattr(event, "response_text", "")))
        for event in facts(events)
        if type_of(event) in {"request_recorded", "response_recorded"}
    }
    assert texts == {("r1", "first"), ("r1", "one"), ("r2", "second"), ("r2", "two")}


def test_duplicates():
    """An entry that stands twice counts once; one without an id may be meant twice."""
    story = (
        Story()
        .tell(Noted(text="x"), id="same", raw=b"{}")
        .tell(Noted(text="x"), id="same", raw=b"{}")
    )
    story.tell(Noted(text="y"), id=None, raw=b"1").tell(Noted(text="y"), id=None, raw=b"1")
    events, assembler = assemble(story)

    assert [event.text for event in events] == ["x", "y", "y"]
    assert len({event.entry_key for event in events}) == 3
    assert assembler.tally.duplicates == 1


def test_no_time():
    """Entries without a time have that of the entry before them, or of the beginning."""
    story = (
        Story().tell(Noted(text="a"), at=None).tell(Noted(text="b")).tell(Noted(text="c"), at=None)
    )
    events, _ = assemble(story)

    assert [event.timestamp for event in events] == [
        BEGAN,
        BEGAN + timedelta(seconds=1),
        BEGAN + timedelta(seconds=1),
    ]


def test_unknown_kinds():
    """Entries of unknown kinds are kept and counted."""
    story = Story().tell(known=False, raw=b'{"type":"novel"}')
    events, assembler = assemble(story)

    assert assembler.tally.unknown == {"line": 1}
    assert msgspec.json.decode(bytes(events[0].entry)) == {"type": "novel"}


def test_entry_over_several_lines():
    """An entry that was written over several lines takes one line of the transcript."""
    events, _ = assemble(Story().tell(raw=b'{\r\n  "a": "x\\n"\n}'))

    line, _ = LineEncoder("r").encode(events[0], 1)
    assert line.count(b"\n") == 1
    assert decode_line(line).entry == {"a": "x\n"}


def retold(number, output=10, **details):
    """Tell a question and its answer in another form, as another source of the session does."""
    said, (reply,) = turn(number, output, **details)
    again = msgspec.structs.replace(reply, id=f"row {number}")
    return (
        Story()
        .tell(*said, raw=b'{"row":"question"}', id="q")
        .tell(again, raw=b'{"row":"answer"}', id="a")
    )


def test_reply_in_two_forms():
    """A reply that another source of the same session tells, too, stays one request."""
    claims = Claims()
    said, replied = turn(1)
    first, _ = assemble(Story().tell(*said).tell(*replied), claims=claims)
    second, assembler = assemble(retold(1), claims=claims, known=learn(first))

    assert types(second) == []
    of_reply = {event.request_id for event in second if event.entry_id == "a"}
    assert of_reply == {facts(first)[0].request_id}
    assert assembler.tally.output_tokens == 10


def test_better_copy_in_another_form():
    """The form that knows the greater count tells the request anew, under the same id."""
    claims = Claims()
    said, replied = turn(1, output=10)
    first, _ = assemble(Story().tell(*said).tell(*replied), claims=claims)
    second, _ = assemble(retold(1, output=25), claims=claims, known=learn(first))

    assert types(second) == ["response_recorded", "completed"]
    assert {event.request_id for event in facts(second)} == {facts(first)[0].request_id}
    assert facts(second)[0].tokens.output == 25


def test_reply_twice_in_one_source():
    """A source that holds a reply in two forms counts it once."""
    said, replied = turn(1)
    story = Story().tell(*said).tell(*replied)
    story.entries += retold(1).entries
    events, assembler = assemble(story)

    assert types(events) == ["started", "request_recorded", "response_recorded", "completed"]
    assert (assembler.tally.output_tokens, assembler.tally.messages["assistant"]) == (10, 1)


def test_interrupted_before_a_second_form():
    """What an import that was cut short has not told is told by the other form."""
    claims = Claims()
    said, replied = turn(1)
    first, _ = assemble(Story().tell(*said).tell(*replied), claims=claims)
    held = [event for event in first if type_of(event) != "completed"]
    second, _ = assemble(retold(1), claims=claims, known=learn(held))

    assert types(second) == ["completed"]


def test_calls_without_ids():
    """Where a source has no ids, results find the calls of their tools, in order."""
    calls = (Call("look"), Call("dig"), Call("look"))
    story = Story().tell(Replied(id="m", text="x", calls=calls))
    story.tell(Returned(name="dig", output="dug")).tell(Returned(name="look", output="one"))
    story.tell(Returned(output="two")).tell(Returned(name="none", output="lost"))
    events, _ = assemble(story)

    tools = [event for event in facts(events) if type_of(event) == "tool_call_recorded"]
    called = [event.tool_call_id for event in tools if event.tool_arguments is not None]
    assert len(set(called)) == 3
    assert [(each.tool_call_id, each.tool_output) for each in tools[3:]] == [
        (called[1], "dug"), (called[0], "one"), (called[2], "two"), ("", "lost"),
    ]  # fmt: skip
    again, _ = assemble(story, known=learn(events))
    assert facts(again) == []
