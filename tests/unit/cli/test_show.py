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


KEY = "agent:main:main"


@pytest.fixture
def rotated(home):
    """Record a conversation of three sessions, and one of another key."""
    with steno.open(home) as recorder:
        with recorder.session("first", key=KEY) as session:
            for session_id, text in (("second", "one"), ("third", "two"), (None, "three")):
                with session.request(model="m", text=text, request_id=f"r-{text}"):
                    pass
                if session_id == "second":
                    session.reset(session_id=session_id)
                elif session_id:
                    session.compact(
                        summary="they counted\nto two", trigger="auto", tokens_before=9000,
                        tokens_after=12, session_id=session_id,
                    )  # fmt: skip
        with recorder.session("other", key="agent:main:cron:x"):
            pass
    return home


def test_a_whole_conversation(rotated, run):
    """All sessions of a key are shown in order, with what links them, and without any index."""
    for database in rotated.glob("sessions.db*"):
        database.unlink()

    code, out, err = run("show", "--key", KEY, "--home", rotated)

    assert (code, err) == (0, "")
    places = [
        out.index(part)
        for part in (
            "session     first", "r-one", "goes on in second (reset)", "session       second",
            "goes on from  first (reset)", "r-two", "goes on in third (compaction)",
            "session       third", "goes on from  second (compaction)",
            "summary of what was said before, auto, 9,000 to 12 tokens", "they counted", "r-three",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert "cron" not in out


def test_a_whole_conversation_as_json(rotated, run):
    """With --json, the lines are those of all transcripts, one after the other."""
    _, out, _ = run("show", "--key", KEY, "--home", rotated, "--json")

    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["id"] for line in lines if line["type"] == "session"] == [
        "first",
        "second",
        "third",
    ]
    assert list(dict.fromkeys(line["session_id"] for line in lines)) == ["first", "second", "third"]


def test_one_request_of_a_conversation(rotated, run):
    """A request can be asked for without knowing in which session of a key it is."""
    _, out, _ = run("show", "--key", KEY, "--home", rotated, "--json", "--request", "r-two")
    code, _, err = run("show", "--key", KEY, "--home", rotated, "--request", "nope")

    requests = [json.loads(line).get("request_id") for line in out.splitlines()]
    assert set(requests) == {None, "r-two"}
    assert code == 1
    assert "no request 'nope'" in err


def test_forks_are_named(home, run):
    """Where two sessions go on from one, both say so."""
    with steno.open(home) as recorder:
        session = recorder.session("a", key=KEY)
        session.reset(session_id="b")
    with steno.open(home) as recorder:
        recorder.session("a", key=KEY).reset(session_id="c")

    _, out, _ = run("show", "--key", KEY, "--home", home)

    assert out.count("forks         of that session, b, c go on") == 2


def test_what_is_asked_for(rotated, run):
    """A session or a key has to be given, not both; an unknown key is an error with a hint."""
    for arguments in ((), ("first", "--key", KEY), ("--key", KEY, "--raw", "r-one")):
        assert run("show", *arguments, "--home", rotated)[0] == 2
    code, _, err = run("show", "--key", "agent:nobody:main", "--home", rotated)
    assert code == 1
    assert "no session of the key 'agent:nobody:main'" in err
    assert "hint:" in err


def test_a_torn_head(home, run):
    """A long transcript whose first line is torn is found by its key, and shown with its identity."""
    with steno.open(home) as recorder, recorder.session("s", key=KEY) as session:
        for number in range(30):
            with session.request(model="m", request_id=f"r{number}"):
                pass
            recorder.flush()
    (path,) = home.glob("sessions/*/s.jsonl")
    path.write_bytes(b"\x00" * 100 + path.read_bytes()[100:])

    code, out, err = run("show", "--key", KEY, "--home", home)

    assert code == 0
    assert out.startswith("session     s\nkey         agent:main:main\n")
    assert out.count(KEY) == 1
    assert "r29" in out
    assert "at byte 0" in err


def test_a_repeated_header_is_shown_once(home, run):
    """The header that a long transcript repeats is shown once, as JSON too."""
    with steno.open(home) as recorder, recorder.session("s", key=KEY) as session:
        for _ in range(200):
            with session.request(model="m"):
                pass
        recorder.flush()
    (path,) = home.glob("sessions/*/s.jsonl")
    assert path.read_bytes().count(b'{"type":"session"') > 1

    for command in (("show",), ("show", "--json"), ("export",), ("tail", "-n", "9999", "--json")):
        _, out, err = run(command[0], "s", "--home", home, *command[1:])
        assert out.count(KEY) == 1, command
        assert err == ""


def imported(**facts):
    """Make an imported entry of the session "s"."""
    return steno.EntryImported(
        "s", "", NOW, **{"format": "pi", "kind": "message", "entry_key": "k", **facts}
    )


def test_imported_entries(shown):
    """An imported entry is shown by its text; those that say nothing are counted."""
    out = shown(
        started("a"),
        imported(kind="label", text="a label"),
        imported(role="user", text="hello", replayed_from="other"),
        imported(text="said twice", told=True),
        imported(kind="progress"),
        imported(kind="progress"),
        imported(kind="mode"),
    )  # fmt: skip

    lines = [line.strip() for line in out.splitlines()]
    at = lines.index("label")
    assert lines[at : at + 4] == ["label", "a label", "user, as in other", "hello"]
    assert "said twice" not in out
    assert lines[-1] == "... 3 entries say nothing: 2 progress, 1 mode (--json)"


def test_where_an_imported_session_comes_from(home, run):
    """The header of an imported session tells its source."""
    from steno.events.codec import encode_header
    from steno.events.header import make_header

    header = make_header(
        "s", NOW, reason="import", source={"format": "pi", "id": "x", "path": "/p.jsonl"}
    )
    folder = home / "sessions" / "2026-11-20"
    folder.mkdir(parents=True)
    (folder / "s.jsonl").write_bytes(encode_header(header) + b"\n")

    assert "imported    pi x /p.jsonl" in run("show", "s", "--home", home)[1]


def test_question_without_reply(home, run, tmp_path):
    """An imported question that nobody answered is not taken for a recorder that died."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"is anybody there?"}]}\n')
    run("import", path, "--home", home)
    out = run("show", "latest", "--home", home)[1]

    assert "is anybody there?" in out
    assert "has no reply in the transcript that it was imported from" in out
