"""``steno show``."""

import json
from datetime import UTC, datetime

import pytest

import steno


def test_conversation(recorded, run):
    """A session is shown as a conversation: who, what was said, tools, tokens, outcome."""
    code, out, err = run("show", "well", "--home", recorded)

    assert (code, err) == (0, "")
    for part in ("agent:main:main", "gpt-5 at openai", "how are you?", "I am well", "tool search, ok",
                 '{"q":1}', "10 tokens in, 20 out", "5 of the output thinking"):  # fmt: skip
        assert part in out


def test_failure(recorded, run):
    """A failed request shows its error."""
    assert "failed: ValueError: it broke" in run("show", "fail", "--home", recorded)[1]


def test_json_is_the_transcript(recorded, run):
    """With --json, the lines are those of the transcript, the header first."""
    _, out, _ = run("show", "well", "--home", recorded, "--json")

    (path,) = recorded.glob("sessions/*/well.jsonl")
    assert [json.loads(line) for line in out.splitlines()] == [
        json.loads(line) for line in path.read_bytes().splitlines()
    ]


def test_one_request(recorded, run):
    """A single request can be asked for."""
    _, out, _ = run("show", "well", "--home", recorded, "--json")
    request = json.loads(out.splitlines()[1])["request_id"]

    _, out, _ = run("show", "well", "--home", recorded, "--json", "--request", request)

    assert {json.loads(line).get("request_id") for line in out.splitlines()} == {None, request}


def test_hostile_contents(recorded, run):
    """Escapes and marks of direction in a transcript never reach the terminal."""
    _, out, _ = run("show", "../hostile\x1b[2J", "--home", recorded)

    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "<script>" in out


def test_damage(recorded, run):
    """Damage is reported with its offset, and the rest is shown."""
    (path,) = recorded.glob("sessions/*/well.jsonl")
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"torn')

    _, out, err = run("show", "well", "--home", recorded)

    assert "I am well" in out
    assert f"at byte {size}: torn" in err


def test_unknown_session(recorded, run):
    """A session that isn't there is an error with a hint."""
    code, _, err = run("show", "nobody", "--home", recorded)

    assert code == 1
    assert "steno: error: no session 'nobody'" in err
    assert "hint:" in err


NOW = datetime(2026, 11, 20, tzinfo=UTC)


def started(request_id):
    """Make the beginning of a request of the session "s"."""
    return steno.Started(
        "s", request_id, NOW, model_requested=f"model-{request_id}", provider="p", listener="l"
    )


@pytest.fixture
def shown(home, run):
    """Record events of the session "s", and show them."""

    def shown(*events):
        with steno.open(home) as recorder:
            for event in events:
                recorder.record(event)
        return run("show", "s", "--home", home)[1]

    return shown


def test_requests_side_by_side(shown):
    """What belongs to which of two mixed requests can be told."""
    out = shown(
        started("a"), started("b"),
        steno.ResponseRecorded("s", "a", NOW, response_text="reply of a"),
        steno.ResponseRecorded("s", "b", NOW, response_text="reply of b"),
    )  # fmt: skip

    marks = [line for line in out.splitlines() if "..." in line or "reply of" in line]
    assert [mark.strip() for mark in marks][:4] == [
        "... a, continued", "reply of a", "... b, continued", "reply of b",
    ]  # fmt: skip


def test_a_request_that_has_not_ended(shown, home, run):
    """A request without an end is running while its recorder lives, and interrupted after."""
    assert "... a was interrupted" in shown(started("a"))

    with steno.open(home) as recorder:
        recorder.record(started("c"))
        recorder.flush()
        assert "... c is running" in run("show", "s", "--home", home)[1]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"system": "be kind", "messages": [{"role": "user", "content": "hi"}]},
         ["system: be kind", "user: hi"]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image"}]}]},
         ["user: hi", '{"type":"image"}']),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [1]}, 5]},
         ['assistant:  {"tool_calls":[1]}', "5"]),
        ({"input": "a question"}, ["a question"]),
        ({"prompt": 1}, ['{"prompt":1}']),
        ("words", ["words"]),
    ],
)  # fmt: skip
def test_messages(shown, payload, text):
    """A request that was recorded as JSON is shown as its messages."""
    out = shown(started("a"), steno.RequestRecorded("s", "a", NOW, request_json=payload))

    lines = [line.strip() for line in out.splitlines()]
    assert lines[lines.index("request") + 1 :][: len(text)] == text


def test_what_lies_beside_the_exchange(shown):
    """Outputs of tools, log lines, artefacts and gaps are shown."""
    out = shown(
        started("a"),
        steno.ToolCallRecorded("s", "a", NOW, tool_name="ls", tool_output={"files": 3}, success=False),
        steno.LogRecorded("s", "a", NOW, level="ERROR", logger="app", message="oh", exception="trace"),
        steno.ArtefactSaved("s", "a", NOW, kind="logs", source="kubernetes", path="logs/x.log"),
        steno.Gap("s", "", NOW, what="event", count=7, reason="buffer_full"),
        steno.StatsSnapshot("s", "", NOW),
    )  # fmt: skip

    for part in ("tool ls, failed", '{"files":3}', "ERROR app", "trace", "logs from kubernetes: logs/x.log",
                 "... the session", "gap: 7 event(s) lost: buffer_full", "stats_snapshot"):  # fmt: skip
        assert part in out


def test_a_request_that_is_not_there(recorded, run):
    """To ask for a request that the session doesn't have is an error."""
    code, _, err = run("show", "well", "--home", recorded, "--request", "nope")

    assert code == 1
    assert "no request 'nope'" in err
