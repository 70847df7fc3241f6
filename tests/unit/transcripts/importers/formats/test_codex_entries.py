"""The lines of a Codex rollout as entries."""

import json
from datetime import UTC, datetime

import pytest

from steno.transcripts.importers.formats.codex_entries import (
    INJECTED,
    OLDER,
    Rollout,
    made_at,
    origin_of,
    parent_of,
    thread_of,
)
from steno.transcripts.importers.model import Aborted, Counted, Noted, Replied, Said, Summarised

OLD_TURN = "019c8a54-0b0d-7000-8000-000000000101"
NEW_TURN = "019c8ea9-ab10-7000-8000-000000000103"
THREAD = "019c8ea9-8400-7000-8000-000000000002"


class Reading:
    """Feeds lines to a rollout."""

    def __init__(self, meta=None, thread=THREAD, born=None):
        self.rollout = Rollout({"model_provider": "openai", **(meta or {})}, thread, born)
        self.line("session_meta", {"id": thread})

    def line(self, kind, payload, **more):
        line = {"timestamp": "2026-02-24T09:00:00Z", "type": kind, "payload": payload, **more}
        return self.rollout.entry(json.dumps(line).encode(), 0)

    def event(self, kind, /, **more):
        return self.line("event_msg", {"type": kind, **more})

    def message(self, role, text):
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": text}]
        return self.line("response_item", {"type": "message", "role": role, "content": content})


def texts(*entries):
    """List what the entries tell."""
    return [fact.text for entry in entries for fact in entry.facts]


@pytest.mark.parametrize("event_first", [False, True])
def test_said_once(event_first):
    """What stands in a rollout as an item and as an event is told once, by the first of them."""
    reading = Reading()
    forms = [
        lambda: reading.message("user", "Go on."),
        lambda: reading.event("user_message", message="Go on.\n", images=[]),
    ]
    first, second = reversed(forms) if event_first else forms

    assert len(first().facts) == 1
    assert second().facts == ()
    assert second().known


def test_said_twice():
    """What a user says twice is told twice."""
    reading = Reading()
    told = [
        entry
        for _turn in range(2)
        for entry in (
            reading.message("user", "Go on."),
            reading.event("user_message", message="Go on."),
        )
    ]

    assert texts(*told) == ["Go on.", "Go on."]


def test_longer_item():
    """An item that says more than the event before it is told: nothing is lost."""
    reading = Reading()
    reading.event("agent_message", message="Done")

    assert texts(reading.message("assistant", "Done, and more.")) == ["Done, and more."]


def test_images_alone():
    """A message without text is one message all the same."""
    reading = Reading()

    assert reading.message("user", "").facts == (Said("user", ""),)
    assert reading.event("user_message", message="", images=["data:"]).facts == ()


def test_injected():
    """What the program says in the user's name is a developer's word, and said to be concluded."""
    reading = Reading()
    entry = reading.message("user", "<environment_context>\n</environment_context>")

    assert [fact.role for fact in entry.facts] == ["developer"]
    assert entry.guessed == INJECTED
    assert reading.event("user_message", message="x", kind="user_instructions").facts == ()


def test_interrupted():
    """The note of an interruption stands before the event: the reply before it was cut short."""
    entry = Reading().message("user", "<turn_aborted>\nThe user did so.\n</turn_aborted>")

    assert entry.facts == (
        Aborted(error="cancelled: interrupted"),
        Said("developer", "<turn_aborted>\nThe user did so.\n</turn_aborted>"),
    )


def test_thoughts_once():
    """Parts of a summary that events have told are not told again, the others are."""
    reading = Reading()
    reading.event("agent_reasoning", text="one")
    parts = [{"type": "summary_text", "text": text} for text in ("one", "two", "three")]
    entry = reading.line("response_item", {"type": "reasoning", "summary": parts})

    assert [fact.thinking for fact in entry.facts] == ["two\n\nthree"]


def test_model_changes():
    """A reply is that of the model of its turn."""
    reading = Reading()
    models = []
    for model in ("gpt-a", "gpt-b"):
        reading.line("turn_context", {"turn_id": model, "model": model})
        models += [fact.model for fact in reading.message("assistant", model).facts]
    reading.event("thread_settings_applied", thread_settings={"model": "gpt-c"})
    models += [fact.model for fact in reading.message("assistant", "x").facts]

    assert models == ["gpt-a", "gpt-b", "gpt-c"]


def test_counts_attach():
    """Counts name the reply whose items stand before them."""
    reading = Reading()
    reading.event("task_started", turn_id=NEW_TURN)
    (reply,) = reading.message("assistant", "Hello.").facts
    usage = {"input_tokens": 9, "output_tokens": 1}
    (count,) = reading.event(
        "token_count", info={"total_token_usage": usage, "last_token_usage": usage}
    ).facts

    assert isinstance(reply, Replied)
    assert isinstance(count, Counted)
    assert reply.id == count.id == f"{NEW_TURN}:1"


@pytest.mark.parametrize(
    ("kind", "more", "fact"),
    [
        ("turn_aborted", {"reason": "interrupted"}, Aborted(error="cancelled: interrupted")),
        ("turn_aborted", {"reason": 7}, Aborted(error="cancelled: aborted")),
        ("task_complete", {"error": {"message": "limit"}}, Aborted(error="limit")),
        ("task_complete", {"error": None}, None),
        ("thread_rolled_back", {"num_turns": 2}, Noted(text="The last turns were taken back: 2.")),
        ("thread_name_updated", {"thread_name": "Boats"}, Noted(text="Boats")),
        ("entered_review_mode", {"user_facing_hint": "changes"}, Noted(text="changes")),
        ("exited_review_mode", {"review_output": {"overall_explanation": "ok"}}, Noted(text="ok")),
        ("exited_review_mode", {"review_output": None}, None),
        ("error", {"message": "broken pipe"}, Noted(text="broken pipe")),
        ("item_completed", {"item": {"type": "Plan", "text": "first"}}, Noted(text="first")),
        ("item_completed", {"item": {"type": "CommandExecution"}}, None),
        ("exec_command_end", {"call_id": "c"}, None),
        ("collab_agent_spawn_end", {}, None),
    ],
)
def test_events(kind, more, fact):
    """Events that end a turn or tell people something are told, those of tools are known."""
    entry = Reading().event(kind, **more)

    assert entry.known
    assert entry.facts == (() if fact is None else (fact,))
    assert entry.kind == f"event_msg/{kind}"


def test_compacted_once():
    """A compaction is told by its line, and its event adds nothing; an event alone tells it."""
    reading = Reading()
    told = [
        reading.line("compacted", {"message": "So far."}),
        reading.event("context_compacted"),
        reading.event("context_compacted"),
        reading.line("compacted", {"message": ""}),
        reading.event("item_completed", item={"type": "ContextCompaction", "id": "c"}),
    ]

    assert [fact for entry in told for fact in entry.facts] == [
        Summarised(summary="So far."), Summarised(), Summarised(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        {"type": "tide_table", "payload": {}},
        {"type": "event_msg", "payload": {"type": "weather"}},
        {"type": "event_msg", "payload": 7},
        {"type": "response_item", "payload": {"type": "message", "role": "ghost"}},
        {"type": "response_item"},
        {"payload": {}},
        {"type": []},
        {},
        [],
        7,
        None,
    ],
)
def test_unknown(line):
    """What is not known is kept, and said to be unknown."""
    raw = json.dumps(line).encode()
    entry = Reading().rollout.entry(raw, 12)

    assert (entry.known, entry.facts, entry.raw, entry.offset) == (False, (), raw, 12)


def test_too_deep():
    """A line that nobody can read is an entry as well."""
    assert Reading().rollout.entry(b"[" * 100_000, 0).kind == "?"


def test_copied_by_number():
    """Lines before the number at which a sub-agent's own begin are its parent's."""
    reading = Reading({"parent_thread_id": "p", "subagent_history_start_ordinal": 3})

    entries = [reading.line("world_state", {}, ordinal=ordinal) for ordinal in (1, 2, 3)]

    assert [entry.replayed_from for entry in entries] == ["p", "p", None]
    assert [entry.id for entry in entries] == ["1", "2", "3"]


def test_copied_by_base():
    """Lines before the end of the history that a thread goes on from are that one's."""
    base = {"thread_id": "b", "end_ordinal_exclusive": 5}
    reading = Reading({"forked_from_id": "f", "history_base": base})

    assert reading.line("world_state", {}, ordinal=4).replayed_from == "b"
    assert reading.line("world_state", {}, ordinal=5).replayed_from is None


def test_copied_by_turn():
    """A turn whose id is older than the fork is a copy; times of lines are new in copies."""
    reading = Reading({"forked_from_id": "f"}, born=datetime(2026, 2, 24, 8, 0, 0, 1000, UTC))
    old = [reading.event("task_started", turn_id=OLD_TURN), reading.message("user", "a")]
    new = [reading.event("task_started", turn_id=NEW_TURN), reading.message("user", "b")]

    assert [entry.replayed_from for entry in old] == ["f", "f"]
    assert {entry.guessed for entry in old} == {OLDER}
    assert [entry.replayed_from for entry in new] == [None, None]


def test_copied_before_turns():
    """What stands between a copied head and the first turn is copied as well."""
    reading = Reading({"forked_from_id": "f"}, born=datetime(2026, 2, 24, 8, 0, 0, 1000, UTC))
    copied = [reading.line("session_meta", {"id": "f"}), reading.message("developer", "a")]
    reading.event("task_started", turn_id=NEW_TURN)

    assert [entry.replayed_from for entry in copied] == ["f", "f"]
    assert reading.message("user", "b").replayed_from is None


def test_copied_without_times():
    """Where turns have no ids that tell times, nothing behind the first of them is concluded."""
    reading = Reading()
    reading.line("session_meta", {"id": "f"})
    before = reading.message("developer", "a")
    reading.line("turn_context", {"model": "m"})

    assert before.replayed_from == "f"
    assert reading.message("user", "b").replayed_from is None


def test_copied_by_time():
    """A line that is older than the fork is a copy."""
    reading = Reading({"forked_from_id": "f"}, born=datetime(2026, 2, 24, 9, 0, 1, tzinfo=UTC))

    assert reading.message("user", "a").replayed_from == "f"


def test_not_copied():
    """A thread that goes on from no other has no copies, whatever its turns are called."""
    reading = Reading(born=datetime(2026, 2, 24, 9, 0, 1, tzinfo=UTC))

    assert reading.event("task_started", turn_id=OLD_TURN).replayed_from is None
    assert reading.message("user", "a").replayed_from is None


def test_copied_head():
    """The line that says whose the file is, of another thread, is that one's; so are records."""
    reading = Reading()

    assert reading.line("session_meta", {"id": "p"}).replayed_from == "p"
    assert reading.line("session_meta", {"id": THREAD}).replayed_from is None
    assert reading.line("token_usage_record", {"thread_id": "p"}).replayed_from == "p"
    assert reading.event("item_completed", thread_id="p", item={}).replayed_from == "p"


@pytest.mark.parametrize(
    ("meta", "thread", "parent", "origin"),
    [
        ({"id": "a", "session_id": "s"}, "a", None, None),
        ({"session_id": "s", "forked_from_id": "f"}, "s", None, "f"),
        ({"id": "a", "parent_thread_id": "p"}, "a", "p", "p"),
        ({"source": {"subagent": {"thread_spawn": {"parent_thread_id": "p"}}}}, None, "p", "p"),
        ({"id": 7, "source": {"subagent": "review"}, "forked_from_id": []}, None, None, None),
        ({"source": {"subagent": {"thread_spawn": 7}}}, None, None, None),
    ],
)
def test_threads(meta, thread, parent, origin):
    """Thread, parent and origin are read from all fields that have carried them."""
    assert (thread_of(meta), parent_of(meta), origin_of(meta)) == (thread, parent, origin)


@pytest.mark.parametrize(
    ("named", "at"), [(OLD_TURN, 0x019C8A540B0D), ("1", None), (OLD_TURN.replace("-7", "-4"), None)]
)
def test_made_at(named, at):
    """Ids of version 7 tell when they were made, others do not."""
    assert made_at(named) == at
