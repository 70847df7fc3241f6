"""Codex, the real one, under ``steno record``: it is told the base URL by its own setting."""

import base64
import json
import time

import pytest
from tests.clients.codex import (
    MODEL,
    OPENAI,
    OWN,
    PARENT,
    SESSION,
    SIGNED_IN,
    THREAD,
    call,
    say,
    start,
    text,
)

from steno.testing import provider

pytestmark = pytest.mark.clients


@pytest.fixture
def ask(run, find, key):
    """Return what has Codex ask a provider something; returns the run."""
    program = find("codex-*/node_modules/.bin/codex")

    def ask(served, *, settings=OWN, sandbox="read-only"):
        return start(run, program, served, key=key, settings=settings, sandbox=sandbox)

    return ask


def sign_in(folder):
    """Sign in to Codex, as far as it can tell by itself; returns the token."""
    claims = {"chatgpt_plan_type": "pro", "chatgpt_account_id": "a-1", "chatgpt_user_id": "u-1"}
    parts = ({"alg": "none"}, {"exp": time.time() + 3600, "https://api.openai.com/auth": claims})
    token = ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts)
    token = f"{token.replace('=', '')}.c2lnbmVk"
    tokens = dict.fromkeys(("id_token", "access_token", "refresh_token"), token)
    saved = {
        "OPENAI_API_KEY": None,
        "tokens": {**tokens, "account_id": "a-1"},
        "last_refresh": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    folder.mkdir(parents=True)
    (folder / "auth.json").write_text(json.dumps(saved))
    return token


@pytest.mark.parametrize("settings", [OWN, OPENAI], ids=["own", "openai"])
def test_turn(ask, key, settings):
    """A turn is one request of the client's own session, as it went over the wire, without the key."""
    with provider.serve([say(3, text("pong"))]) as served:
        run = ask(served, settings=settings)
        (request,) = served.requests

    session = request.header(SESSION)
    assert request.header(THREAD) == session
    assert request.header("authorization") == f"Bearer {key}"
    assert run.out.strip() == "pong"
    assert list(run.sessions()) == [session]
    row = run.sessions()[session]
    assert (row["state"], row["requests"], row["failed_requests"]) == ("ok", 1, 0)
    assert (row["model"], row["provider"]) == (MODEL, "openai")
    (response,) = run.events(session, "response_recorded")
    assert response["response_text"] == "pong"
    tokens = response["tokens"]
    assert (tokens["input_tokens"], tokens["output_tokens"]) == (300, 15)
    assert (tokens["cache_read_tokens"], tokens["source"]) == (7, "provider_final")
    (completed,) = run.events(session, "completed")
    assert completed["success"] is True
    assert completed["total_reasoning"] == 2
    assert run.bodies(session) == [request.decoded]
    assert run.holding(key) == []


def test_tool_call(ask, key):
    """A tool that the client ran is one call, with the output that the model was given."""
    command = call("exec_command", cmd="echo steno-$((40+2))")
    with provider.serve([say(2, text("all done")), say(1, command, to="say pong")]) as served:
        run = ask(served, sandbox="danger-full-access")
        requests = served.requests

    session = requests[0].header(SESSION)
    assert run.out.strip() == "all done"
    assert len(requests) == 2
    row = run.sessions()[session]
    assert (row["requests"], row["failed_requests"], row["tool_calls"]) == (2, 0, 1)
    assert [event["success"] for event in run.events(session, "completed")] == [True, True]
    calls = run.events(session, "tool_call_recorded")
    assert {each["tool_call_id"] for each in calls} == {"call_1"}
    assert calls[0]["tool_arguments"] == command["arguments"]
    (execution,) = run.rows("SELECT * FROM tool_call_executions")
    assert execution["tool_name"] == "exec_command"
    assert execution["output_size_bytes"] >= len("steno-42")
    assert "steno-42" in run.shown(session)
    assert b"steno-42" in requests[1].decoded
    assert run.bodies(session) == [request.decoded for request in requests]
    assert run.holding(key) == []


def test_compressed(ask, tmp_path):
    """What a signed-in client sends compressed is kept as it is without compression."""
    token = sign_in(tmp_path / "home/.codex")
    with provider.serve([say(3, text("pong"))]) as served:
        run = ask(served, settings=SIGNED_IN)
        (request,) = (each for each in served.requests if each.path == "/v1/responses")

    session = request.header(SESSION)
    assert request.header("content-encoding") == "zstd"
    assert request.header("authorization") == f"Bearer {token}"
    assert request.body != request.decoded
    assert list(run.sessions()) == [session]
    assert run.bodies(session) == [request.decoded]
    assert run.holding(token) == []


def test_agents(ask):
    """An agent is a session of its own, below the one that began it."""
    agent = call("spawn_agent", space="multi_agent_v1", message="say it below")
    scripts = [
        # The answer that ends the run must not overtake the agent.
        say(2, text("from above"), delay_ms=2000),
        say(1, agent, to="say pong"),
        say(3, text("from below"), to="say it below"),
    ]
    with provider.serve(scripts) as served:
        run = ask(served)
        requests = served.requests

    assert run.out.strip() == "from above"
    above, below = (
        [request for request in requests if (request.header(PARENT) is not None) is is_below]
        for is_below in (False, True)
    )
    session, thread = above[0].header(SESSION), below[0].header(THREAD)
    assert (below[0].header(SESSION), below[0].header(PARENT)) == (session, session)
    assert below[0].header("x-openai-subagent") == "collab_spawn"
    counts = {name: row["requests"] for name, row in run.sessions().items()}
    # Codex may tell the model once more that the agent has ended.
    assert counts == {session: len(above), thread: 1}
    assert (run.parent(session), run.parent(thread)) == (None, session)
    (response,) = run.events(thread, "response_recorded")
    assert response["response_text"] == "from below"
    assert run.bodies(session) == [request.decoded for request in above]
    assert run.bodies(thread) == [request.decoded for request in below]
