"""What is remembered between requests."""

from steno.wire.facts import RequestFacts, ToolCall, ToolResult
from steno.wire.sessions import Sessions


def test_result_is_taken_once():
    """A tool's result belongs to its call once, however many turns carry it again."""
    state = Sessions().get("s")
    state.add_call(ToolCall(name="bash", call_id="c1"), "r1", 1.0)

    first = state.take_result(ToolResult(call_id="c1"))

    assert (first.request_id, first.name) == ("r1", "bash")
    assert state.take_result(ToolResult(call_id="c1")) is None


def test_calls_without_id():
    """A call without an id waits for no result."""
    state = Sessions().get("s")
    state.add_call(ToolCall(name="bash"), "r1", 1.0)

    assert state.take_result(ToolResult(call_id="")) is None


def test_headers_that_changed():
    """Only headers that changed since the last request are told again."""
    state = Sessions().get("s")

    assert state.new_headers({"user-agent": "x", "a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert state.new_headers({"user-agent": "x", "a": "1", "b": "3"}) == {"b": "3"}


def test_text_of_a_tool_loop():
    """The question is told once: the turns of a tool loop say nothing new."""
    state = Sessions().get("s")
    results = (ToolResult(call_id="c"),)

    assert state.new_text(RequestFacts(text="fix it")) == "fix it"
    assert state.new_text(RequestFacts(text="fix it", tool_results=results)) == ""
    assert state.new_text(RequestFacts(text="and now?", tool_results=results)) == "and now?"
    assert state.new_text(RequestFacts(text="and now?")) == "and now?"


def test_forgotten_sessions():
    """The number of sessions, replies and calls in memory is bounded."""
    sessions = Sessions()
    for number in range(60_000):
        sessions.get(str(number % 2000))
        sessions.add_reply(str(number), "s")
    state = sessions.get("s")
    for number in range(3000):
        state.add_call(ToolCall(name="x", call_id=str(number)), "r", 0.0)

    assert len(sessions._states) <= 512
    assert sessions.find_reply("0") is None
    assert sessions.find_reply("59999") == "s"
    assert len(state._calls) == 2000
