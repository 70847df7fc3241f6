"""Sub-agents and those that began them."""

from steno.transcripts.recovery.evidence import LINKED, NARROWED
from steno.transcripts.recovery.reading import Header, Reading, Spawned
from steno.transcripts.recovery.spawning import Begun, Child, begun_in, child_of, match_spawns

TASK = "count the words of the book"
KEY = "agent:main:subagent:k1"


def begun(key=KEY, at=100.0, task=TASK):
    """Say that a sub-agent was begun."""
    return Begun(Spawned(key, None, task, 7), at, "/parent")


def child(identifier="c1", *, agent="main", began=101.0, task=TASK):
    """Make a transcript that may be a sub-agent's."""
    return Child(identifier, agent, began, f"[Subagent Context] x\n[Subagent Task]: {task}")


def grades(children, starts):
    """Tell who is brought together with what key, and how surely."""
    return [(each.session_id, each.key, each.grade) for each in match_spawns(children, starts)]


def test_the_same_task_at_the_same_time():
    """One transcript that took up the task, word for word, when it was given, is linked."""
    assert grades([child()], [begun()]) == [("c1", KEY, LINKED)]


def test_copies_of_one_result():
    """The same result in several copies of a transcript is one."""
    assert grades([child()], [begun(), begun()]) == [("c1", KEY, LINKED)]


def test_another_task():
    """Time and agent alone narrow."""
    assert grades([child(task="else")], [begun()]) == [("c1", KEY, NARROWED)]
    assert grades([child()], [begun(task=None)]) == [("c1", KEY, NARROWED)]
    assert grades([child(task="go")], [begun(task="go")]) == [("c1", KEY, NARROWED)]


def test_one_task_given_twice():
    """Where a task was given to two, or taken up by two, nobody can tell them apart."""
    other = "agent:main:subagent:k2"

    assert {grade for *_, grade in grades([child()], [begun(), begun(other)])} == {NARROWED}
    assert {grade for *_, grade in grades([child(), child("c2")], [begun()])} == {NARROWED}


def test_two_tasks_at_once():
    """Of two that were begun together, each is linked by its own task."""
    other = begun("agent:main:subagent:k2", task="something else altogether")
    second = child("c2", task="something else altogether")

    assert sorted(grades([child(), second], [begun(), other])) == [
        ("c1", KEY, LINKED), ("c2", "agent:main:subagent:k2", LINKED),
    ]  # fmt: skip


def test_too_far_away():
    """Another time and another agent are not brought together."""
    assert grades([child(began=300.0), child(agent="work")], [begun()]) == []


def test_what_a_transcript_tells():
    """Keys and times that can be used are taken from a transcript, others are not."""
    reading = Reading(
        text="[Subagent Context] x",
        header=Header(0, 1, "s", "2026-01-01T00:00:00Z", has_key=False, has_agent=False,
                      forked=False),
        spawned=[Spawned(KEY, "2026-01-01T00:00:00Z", None, 0), Spawned(KEY, None, None, 0),
                 Spawned("\x00", "2026-01-01T00:00:00Z", None, 0)],
    )  # fmt: skip

    assert len(begun_in(reading, "/p")) == 1
    assert child_of(reading, "s", "main").began == 1_767_225_600
    assert child_of(reading, None, "main") is None
    assert child_of(Reading(text="hello"), "s", "main") is None
    assert child_of(Reading(text="[Subagent Context]"), "s", "main") is None
