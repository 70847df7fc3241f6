"""Claude Code, the real one, under ``steno record``: nothing but the base URL is set for it."""

import json

import pytest
from tests.clients.claude_code import AGENT, MODEL, PARENT, SESSION, call, say, start, text

from steno.testing import provider

pytestmark = pytest.mark.clients


@pytest.fixture
def ask(run, find, key):
    """Return what has Claude Code ask a provider something; returns the run, and the reply."""
    program = find("claude-*/claude_agent_sdk/_bundled/claude")

    def ask(served, *options, by_variable=False):
        return run, start(run, program, served, *options, key=key, by_variable=by_variable)

    return ask


@pytest.mark.parametrize("by_variable", [False, True], ids=["option", "variable"])
def test_turn(ask, key, by_variable):
    """A turn is one request of the client's own session, as it went over the wire, without the key."""
    with provider.serve([say(3, text("pong"))]) as served:
        run, reply = ask(served, by_variable=by_variable)
        (request,) = served.requests

    session = request.header(SESSION)
    assert request.header("x-api-key") == key
    assert reply["result"] == "pong"
    assert reply["session_id"] == session
    assert list(run.sessions()) == [session]
    row = run.sessions()[session]
    assert (row["state"], row["requests"], row["failed_requests"]) == ("ok", 1, 0)
    assert (row["model"], row["provider"]) == (MODEL, "anthropic")
    (response,) = run.events(session, "response_recorded")
    assert response["response_text"] == "pong"
    tokens = response["tokens"]
    assert (tokens["input_tokens"], tokens["output_tokens"]) == (37, 15)
    assert (tokens["cache_read_tokens"], tokens["source"]) == (7, "provider_final")
    (completed,) = run.events(session, "completed")
    assert completed["success"] is True
    assert run.bodies(session) == [request.decoded]
    assert run.holding(key) == []


def test_tool_call(ask, key):
    """A tool that the client ran is one call, with the output that the model was given."""
    command = call("toolu_1", "Bash", command="echo steno-$((40+2))", description="Say it")
    with provider.serve([say(1, command), say(2, text("all done"))]) as served:
        run, reply = ask(served, "--allowedTools", "Bash")
        requests = served.requests

    session = requests[0].header(SESSION)
    assert reply["result"] == "all done"
    assert len(requests) == 2
    row = run.sessions()[session]
    assert (row["requests"], row["failed_requests"], row["tool_calls"]) == (2, 0, 1)
    assert [event["success"] for event in run.events(session, "completed")] == [True, True]
    calls = run.events(session, "tool_call_recorded")
    assert {each["tool_call_id"] for each in calls} == {"toolu_1"}
    assert json.loads(calls[0]["tool_arguments"]) == command["input"]
    (execution,) = run.rows("SELECT * FROM tool_call_executions")
    assert (execution["tool_name"], execution["success"]) == ("Bash", 1)
    assert execution["output_size_bytes"] >= len("steno-42")
    assert "steno-42" in run.shown(session)
    assert b"steno-42" in requests[1].decoded
    assert run.bodies(session) == [request.decoded for request in requests]
    assert run.holding(key) == []


def test_agents(ask):
    """Each agent is a session of its own, below the one that began it."""
    agent = {"description": "look", "prompt": "ask on", "subagent_type": "general-purpose"}
    agent["run_in_background"] = False
    scripts = [
        say(1, call("toolu_1", "Agent", **agent)),
        say(2, call("toolu_2", "Agent", **agent)),
        say(3, text("from below")),
        say(4, text("from the middle")),
        say(5, text("from above")),
    ]
    with provider.serve(scripts) as served:
        run, reply = ask(served, "--allowedTools", "Agent")
        requests = served.requests

    assert reply["result"] == "from above"
    session = requests[0].header(SESSION)
    assert {request.header(SESSION) for request in requests} == {session}
    middle, below, *_ = (request.header(AGENT) for request in requests[1:])
    assert [request.header(AGENT) for request in requests] == [None, middle, below, middle, None]
    assert [request.header(PARENT) for request in requests] == [None, None, middle, None, None]
    middle, below = f"{session}-{middle}", f"{session}-{below}"
    counts = {name: row["requests"] for name, row in run.sessions().items()}
    assert counts == {session: 2, middle: 2, below: 1}
    assert [run.parent(each) for each in (session, middle, below)] == [None, session, middle]
    (response,) = run.events(below, "response_recorded")
    assert response["response_text"] == "from below"
    assert run.bodies(middle) == [requests[1].decoded, requests[3].decoded]
