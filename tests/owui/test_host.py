"""What Open WebUI does with functions: the same scenarios in the real one and in the fake one."""

import re

import pytest
from tests.owui.conftest import source_of

LOGS = {"document": ["line"], "metadata": [{"source": "Logs"}], "source": {"name": "Logs"}}
# What metadata holds in every case.
ALWAYS = {
    "chat_id", "session_id", "user_id", "user_message", "user_message_id", "model", "params",
    "features", "files", "filter_ids", "tool_ids", "variables", "internal", "direct",
}  # fmt: skip
WHOLE = "one two"


def ids(note):
    return note["chat_id"], note["message_id"], note["session_id"]


def test_turn(probe):
    """A turn of a browser gives a pipe all ids, as the browser has them, and an emitter."""
    turn, message = probe.turn("hello")
    (pipe,) = probe.notes("pipe")

    assert ids(pipe) == (turn.chat_id, turn.message_id, turn.session_id)
    assert pipe["user"]["id"] == pipe["user_id"] == probe.host.user_id
    assert pipe["asked"] == [turn.user_message_id, [turn.message_id]]
    assert pipe["emitter"]
    assert pipe["caller"]
    assert pipe["request"]
    assert pipe["stream"]
    assert ALWAYS | {"message_id", "task_id"} <= set(pipe["keys"])
    assert message["content"] == WHOLE
    assert message["done"]


def test_filter(probe):
    """A filter gets the same ids in inlet, stream and outlet, and outlet the citation too."""
    turn, _ = probe.turn("hello")
    seen = probe.notes("inlet", "stream", "outlet")

    assert {ids(note) for note in seen} == {(turn.chat_id, turn.message_id, turn.session_id)}
    assert [note["what"] for note in seen] == ["inlet", *["stream"] * 3, "outlet"]
    assert all(note["emitter"] for note in seen)
    assert seen[1]["event"]["choices"][0]["delta"]["content"] == "one "
    assert seen[3]["event"]["choices"][0]["finish_reason"] == "stop"
    assert (seen[4]["content"], seen[4]["sources"]) == (WHOLE, [LOGS])
    assert {"messages", "metadata", "model", "stream"} <= set(seen[0]["body"])
    assert {"chat_id", "id", "messages", "session_id"} <= set(seen[4]["body"])


def test_plain_call(probe):
    """A plain call has ids that are there and empty, and an emitter that harms nothing."""
    reply = probe.host.call("probe.stream", "hello")
    (pipe,) = probe.notes("pipe")

    assert ids(pipe) == ("", None, None)
    assert ALWAYS | {"message_id"} <= set(pipe["keys"])
    assert pipe["emitter"]
    assert not pipe["stream"]
    assert reply["choices"][0]["message"]["content"] == WHOLE
    assert probe.kinds() == ["inlet", "pipe", "finally", "slept", "emitted", "end", "outlet"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_plain_filter(probe, streamed):
    """In a plain call only a filter's inlet has an emitter; outlet is called all the same."""
    if streamed:
        with probe.host.stream("probe.stream", "hello") as events:
            assert len(list(events)) == 3
    else:
        probe.host.call("probe.stream", "hello")
    probe.until("outlet")
    seen = probe.notes("inlet", "stream", "outlet")

    assert {ids(note) for note in seen} == {("", None, None)}
    assert [note["emitter"] for note in seen] == [True] + [False] * (len(seen) - 1)
    assert len(seen) == (5 if streamed else 2)


def test_temporary_chat(probe):
    """A temporary chat has an id that begins with local:, all other ids, and is not saved."""
    turn, message = probe.turn("hello", temporary=True)
    pipe = probe.until("pipe")
    probe.until("outlet")

    assert ids(pipe) == (turn.chat_id, turn.message_id, turn.session_id)
    assert turn.chat_id.startswith("local:")
    assert pipe["emitter"]
    assert message is None


def test_tasks(probe):
    """Tasks have no message id and no emitter, but the message is named in what they are about."""
    turn, message = probe.turn("hello", tasks=("title", "tags", "follow_up"))
    for_tasks = {note["task"]: note for note in probe.notes("pipe") if note["task"]}

    assert set(for_tasks) == {"title_generation", "tags_generation", "follow_up_generation"}
    for task, note in for_tasks.items():
        assert ids(note) == (turn.chat_id, None, turn.session_id)
        assert "message_id" not in note["keys"]
        assert not note["emitter"]
        assert not note["caller"]
        assert not note["stream"]
        told = note["task_body"]
        assert told["chat_id"] == turn.chat_id
        assert told["messages"][-1]["id"] == turn.message_id
        assert told.get("message_id") == (turn.message_id if "follow" in task else None)
        assert note["asked"][1][0] == turn.message_id
    # Filters are asked once, for the turn itself.
    assert probe.kinds().count("inlet") == probe.kinds().count("outlet") == 1
    assert message["content"] == WHOLE


def test_title_first(probe):
    """The title of a new chat is asked for before the turn itself reaches the pipe."""
    probe.turn("hello", tasks=("title",))
    tasks = [note["task"] for note in probe.notes("pipe")]

    assert tasks == ["title_generation", None]


def test_valves(probe):
    """Valves are an object of the function's own class, and the user's lie in the user."""
    probe.host.set_valves("probe", LEVEL="DEBUG")
    probe.host.set_user_valves("probe", LEVEL="WARNING")
    probe.host.set_user_valves("watch", LEVEL="ERROR")
    probe.turn("hello")
    (pipe,), (inlet,) = probe.notes("pipe"), probe.notes("inlet")

    assert pipe["valves"][1] == "DEBUG"
    assert pipe["user_valves"] == ["UserValves", "WARNING"]
    assert inlet["valves"] == ["INFO", "ERROR"]
    assert probe.host.valves("probe") == {"LEVEL": "DEBUG"}


def test_valves_shared(probe):
    """A request replaces the valves of those that still run: whoever did not copy them loses."""
    probe.host.set_valves("probe", LEVEL="DEBUG")
    turn = probe.host.start_turn("probe.stream", "wait")
    probe.until("speaking")
    probe.host.set_valves("probe", LEVEL="ERROR")
    probe.host.call("probe.text", "hello")
    probe.go()
    probe.host.wait(turn)
    first, second = probe.notes("pipe")
    (ended,) = probe.notes("finally")

    assert (first["valves"][1], second["valves"][1]) == ("DEBUG", "ERROR")
    assert (ended["copied"], ended["shared"]) == ("DEBUG", "ERROR")
    assert first["instance"] == second["instance"]


def test_failure(probe):
    """A generator that raises sets the message's error; the citation stays, outlet is not called."""
    _, message = probe.turn("fail")

    assert message["error"] == {"content": "it broke"}
    assert message["done"]
    assert message["content"] == ""
    assert message["sources"] == [LOGS]
    assert probe.kinds() == ["inlet", "pipe", "raised", "finally", "slept", "emitted", "end"]


def test_early_failure(probe):
    """A pipe that raises before it returns a generator is told in an event, and outlet is called."""
    _, message = probe.turn("fail early")
    (stream,), (outlet,) = probe.notes("stream"), probe.notes("outlet")

    assert message["error"] == {"content": {"detail": "it broke early"}}
    assert message["done"]
    assert stream["event"] == {"error": {"detail": "it broke early"}}
    assert outlet["content"] == ""


def test_plain_failures(probe):
    """A plain client is told of failures in four ways; outlet is called after none of them."""
    assert probe.host.call("probe.stream", "fail") == {"detail": "it broke"}
    assert probe.host.call("probe.stream", "fail early") == {"error": {"detail": "it broke early"}}
    with probe.host.stream("probe.stream", "fail") as events:
        assert list(events)[-1] == {"error": {"message": "Chat completion stream failed"}}
    with probe.host.stream("probe.stream", "fail early") as events:
        assert list(events) == [{"error": {"detail": "it broke early"}}]
    assert "outlet" not in probe.kinds()


def test_refused(probe):
    """What an inlet raises is the message's error, and the pipe is not called."""
    _, message = probe.turn("refuse")

    assert message["error"] == {"content": "refused"}
    assert message["done"]
    assert probe.kinds() == []


def test_stop(probe):
    """Stop raises CancelledError once: awaits in finally work, the citation stays; no outlet."""
    turn = probe.host.start_turn("probe.stream", "hang")
    probe.until("stream", 5)
    assert probe.host.stop(turn)
    message = probe.host.wait(turn)
    ended = probe.until("end")

    assert probe.notes("raised")[0]["error"] == "CancelledError"
    assert probe.kinds() == ["inlet", "pipe", "raised", "finally", "slept", "emitted", "end"]
    assert message["done"]
    assert "error" not in message
    assert message["content"].startswith("one more more")
    assert message["sources"] == [LOGS]
    assert ended


def test_stop_late(probe):
    """Stop of a turn that ended tells that nothing runs."""
    turn, _ = probe.turn("hello")

    assert not probe.host.stop(turn)


def test_disconnect(probe):
    """When a plain client leaves, whatever suspends in finally is cancelled again; no outlet."""
    with probe.host.stream("probe.stream", "hang") as events:
        assert next(events)["choices"][0]["delta"]["content"] == "one "
    probe.until("end")

    assert probe.notes("raised")[0]["error"] == "CancelledError"
    assert probe.notes("not slept")[0]["error"] == "CancelledError"
    # With no chat to save it in, an event is emitted without a suspension.
    assert probe.kinds() == ["inlet", "pipe", "raised", "finally", "not slept", "emitted", "end"]


def test_citation_stays(probe):
    """A citation emitted in finally is in the chat's message, and still there after later turns."""
    turn, _ = probe.turn("hello")
    again, _ = probe.turn("hello again", chat_id=turn.chat_id)

    assert again.chat_id == turn.chat_id
    assert probe.host.message(turn)["sources"] == [LOGS]
    assert probe.host.message(again)["sources"] == [LOGS]


def test_tool_loop(probe):
    """A pipe that calls a tool is called again for the same message; filters see one turn."""
    turn, message = probe.turn("use a tool")
    first, second = probe.notes("pipe")

    assert ids(first) == ids(second) == (turn.chat_id, turn.message_id, turn.session_id)
    assert (first["roles"], second["roles"]) == (["user"], ["user", "assistant", "tool"])
    assert probe.kinds() == [
        "inlet", "pipe", "pipe", "finally", "slept", "emitted", "end", "outlet",
    ]  # fmt: skip
    assert message["content"] == WHOLE


def test_reload(probe):
    """A function that changed is a new instance of a module of a new name; its file is gone."""
    probe.turn("hello")
    probe.host.update_function("probe", source_of("probe_pipe.py") + "\n# changed\n")
    probe.turn("hello")
    before, after = (note["module"] for note in probe.notes("pipe"))

    assert before != after
    assert all(re.fullmatch(r"function_probe_[0-9a-f]{32}", name) for name in (before, after))
    for note in probe.notes("init"):
        assert note["there"]
        assert note["known"]


def test_unchanged(probe):
    """Turns of a function that did not change share one instance, on the thread of the loop."""
    probe.turn("hello")
    probe.turn("hello")
    first, second = probe.notes("pipe")
    (begun,) = [note for note in probe.notes("init") if note["module"] == first["module"]]

    assert first["instance"] == second["instance"] == begun["instance"]
    assert first["thread"] == second["thread"] == begun["thread"]


@pytest.mark.parametrize("shape", ["sync", "text"])
def test_shapes(probe, shape):
    """A pipe may return a plain generator, which runs on the thread of the loop, or a text."""
    _, message = probe.turn("hello", model=f"probe.{shape}")

    assert message["content"] == WHOLE
    assert len({note["thread"] for note in probe.notes("pipe", "finally")}) == 1


def test_sync_failure(probe):
    """A plain generator that raises sets the message's error, as any other."""
    _, message = probe.turn("fail", model="probe.sync")

    assert message["error"] == {"content": "it broke"}
    assert probe.kinds() == ["inlet", "pipe", "finally"]


def test_switches(probe):
    """A function that is switched off is no model, a filter that is not global sees nothing."""
    assert probe.host.models() == ["probe.stream", "probe.sync", "probe.text"]
    probe.host.toggle_global("watch")
    probe.turn("hello")
    assert "inlet" not in probe.kinds()
    probe.host.toggle("probe")
    assert probe.host.models() == []
