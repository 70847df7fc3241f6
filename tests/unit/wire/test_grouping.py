"""Which session a request belongs to. What clients send is what tests/clients saw them send."""

import json

import pytest

from steno.wire.grouping import Identity, identify

CLAUDE = "160cd820-4ffd-4582-9a3c-cba967a0258c"
CODEX = "01a1fe3d-832e-7462-8d73-a228875d5f99"
CODEX_AGENT = "01a1fe3d-83ab-7d22-8f7a-2f332a7e2541"


def claude(session=CLAUDE, **ids):
    """Return the headers and the body by which Claude Code 2.1.329 tells who speaks."""
    user = {"device_id": "63cf2f58", "account_uuid": "", "session_id": session}
    headers = {f"x-claude-code-{name}-id": value for name, value in ids.items()}
    return (
        {"x-claude-code-session-id": session, "x-app": "cli", **headers},
        {"model": "claude-sonnet-4-5", "metadata": {"user_id": json.dumps(user)}},
    )


def codex(thread=CODEX, **more):
    """Return the headers and the body by which Codex 0.169.0 tells who speaks."""
    headers = {
        "x-codex-window-id": f"{thread}:0", "x-client-request-id": thread, "session-id": CODEX,
        "thread-id": thread, "originator": "codex_exec", **more,
    }  # fmt: skip
    return headers, {"model": "gpt-5", "prompt_cache_key": thread, "input": []}


def read(headers=(), body=None, **replies):
    return identify(dict(headers), body, replies.get)


def test_claude_code():
    """Claude Code's session is the one that it names itself."""
    assert read(*claude()) == Identity(session_id=CLAUDE)


def test_claude_code_agents():
    """An agent of Claude Code is a session below the one that began it, also an agent's agent."""
    first = read(*claude(agent="a644957f74f13df20"))
    second = read(*claude(**{"agent": "afbe5b54b81167dd7", "parent-agent": "a644957f74f13df20"}))

    assert first == Identity(session_id=f"{CLAUDE}-a644957f74f13df20", parent=CLAUDE)
    assert second.session_id == f"{CLAUDE}-afbe5b54b81167dd7"
    assert second.parent == first.session_id


@pytest.mark.parametrize(
    ("ids", "session", "parent"),
    [
        ({"agent": CLAUDE}, CLAUDE, None),
        ({"agent": " "}, CLAUDE, None),
        ({"parent-agent": "a1"}, CLAUDE, None),
        ({"agent": "a2", "parent-agent": CLAUDE}, f"{CLAUDE}-a2", CLAUDE),
    ],
)
def test_claude_code_itself(ids, session, parent):
    """An agent that is the session itself makes no other session."""
    found = read(*claude(**ids))

    assert (found.session_id, found.parent) == (session, parent)


def test_claude_code_without_header():
    """Where a gateway drops the header, Claude Code's body tells the session, and the user."""
    _, body = claude()
    named = {"session_id": CLAUDE, "account_uuid": "u-1"}
    before = f"user_9f86d0_account_u-1_session_{CLAUDE}"

    assert read({}, body) == Identity(session_id=CLAUDE)
    assert read({}, {"metadata": {"user_id": json.dumps(named)}}) == Identity(
        session_id=CLAUDE, user_id="u-1"
    )
    assert read({}, {"metadata": {"user_id": before}}) == Identity(
        session_id=CLAUDE, user_id="user_9f86d0_account_u-1"
    )


@pytest.mark.parametrize("user", ["{", "{1}", '{"session_id": 5}', '{"a":' * 5000, "u1"])
def test_other_users(user):
    """A user whose name only looks like Claude Code's is a user of that name, cut to a length."""
    found = read({}, {"metadata": {"user_id": user}})

    assert found.session_id is None
    assert found.user_id == user[:512]


def test_codex():
    """Codex's session is its thread."""
    assert read(*codex()) == Identity(session_id=CODEX)


def test_codex_agents():
    """An agent of Codex shares the session and has a thread of its own, below its parent's."""
    spawned = {"x-codex-parent-thread-id": CODEX, "x-openai-subagent": "collab_spawn"}
    below = {"x-codex-parent-thread-id": "t-2", "x-openai-subagent": "collab_spawn"}

    assert read(*codex(CODEX_AGENT, **spawned)) == Identity(session_id=CODEX_AGENT, parent=CODEX)
    assert read(*codex(CODEX_AGENT)) == Identity(session_id=CODEX_AGENT, parent=CODEX)
    assert read(*codex("t-3", **below)) == Identity(session_id="t-3", parent="t-2")


@pytest.mark.parametrize(
    "headers",
    [{"session_id": "s1"}, {"session-id": "s1"}, {"thread-id": "s1"}, {"x-session-id": " s1 "}],
)
def test_one_header(headers):
    """One header that names a session is enough."""
    assert read(headers) == Identity(session_id="s1")


def test_openclaw():
    """OpenClaw names a key, which is no session."""
    assert read({"x-openclaw-session-key": "agent:main:main"}) == Identity(key="agent:main:main")


def test_open_webui():
    """Open WebUI's chat is the session."""
    headers = {f"x-openwebui-{name}-id": f"{name}-1" for name in ("chat", "user", "message")}

    assert read(headers) == Identity(
        session_id="chat-1", chat_id="chat-1", user_id="user-1", message_id="message-1"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"session_id": "s1", "user": "u1"}, Identity(session_id="s1", user_id="u1")),
        ({"metadata": {"session_id": "s1"}}, Identity(session_id="s1")),
        (
            {"metadata": {"user_id": "u1", "chat_id": "c1", "message_id": "m1"}},
            Identity(user_id="u1", chat_id="c1", message_id="m1"),
        ),
        ({"conversation": "conv_1"}, Identity(session_id="conv_1")),
        ({"conversation": {"id": "conv_1"}}, Identity(session_id="conv_1")),
        ({"previous_response_id": "resp_1"}, Identity(session_id="s-before")),
        ({"previous_response_id": "resp_2"}, Identity()),
        ({"session_id": 7, "metadata": [], "conversation": [1], "user": {}}, Identity()),
        ({"session_id": "  ", "user": ""}, Identity()),
        (["session_id"], Identity()),
        (None, Identity()),
    ],
)
def test_body(body, expected):
    """A body names a session by its fields, or by a reply that it continues."""
    assert read({}, body, resp_1="s-before") == expected


def test_steno():
    """What is said to steno itself is said in one header, or in several."""
    one = {"x-steno-session": 's1; key="agent:main:main"; user=u1; chat=c1; parent=s0; tags=a, b,'}
    several = {
        "x-steno-session": "s1", "x-steno-key": "agent:main:main", "x-steno-user": "u1",
        "x-steno-chat": "c1", "x-steno-parent": "s0", "x-steno-tag": "a,b",
    }  # fmt: skip
    expected = Identity(
        session_id="s1", key="agent:main:main", user_id="u1", chat_id="c1", parent="s0",
        tags=("a", "b"),
    )  # fmt: skip

    assert read(one) == read(several) == expected
    assert read({"x-steno-session": "s1; ;=; key"}) == Identity(session_id="s1")


def test_order():
    """The explicit session is believed first, a client's header before its body."""
    headers, _ = claude()

    assert read({**headers, "x-steno-session": "s1"}).session_id == "s1"
    assert read(headers, {"metadata": {"session_id": "s2"}}).session_id == CLAUDE


def test_parent_of_another():
    """A client's word on who began its session is not taken for a session named otherwise."""
    headers, body = claude(agent="a1")

    assert read({**headers, "x-steno-session": "s1"}, body) == Identity(session_id="s1")
    known = Identity(session_id=f"{CLAUDE}-a1").over(read(headers, body))
    assert known.parent == CLAUDE
    assert Identity(key="k").over(read(headers, body)).parent == CLAUDE
    assert read({**headers, "x-steno-parent": "s0"}, body).parent == "s0"


def test_over():
    """What an identity lacks comes from the other one, and the tags come from both."""
    full = Identity(session_id="s", key="k", user_id="u", chat_id="c", message_id="m", parent="p")

    assert Identity().over(full) == full
    assert full.over(Identity(session_id="x", key="x", user_id="x", parent="x")) == full
    assert Identity(tags=("a", "b")).over(Identity(tags=("b", "c"))).tags == ("a", "b", "c")
