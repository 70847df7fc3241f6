"""Session keys, read by their grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steno.session_keys import (
    KINDS,
    agent_of,
    cron_run_key,
    kind_of,
    normalise_key,
    parse_key,
)

ROOM = "!Room:[2001:db8::1]"


@pytest.mark.parametrize(
    ("key", "agent", "kind"),
    [
        ("agent:main:main", "main", "main"),
        ("Agent:Main:Main", "main", "main"),
        ("agent::main::main:", "main", "main"),
        ("main", None, "main"),
        ("agent:a:direct:peer", "a", "direct"),
        ("agent:a:telegram:direct:5", "a", "direct"),
        ("agent:a:slack:work:dm:u1", "a", "direct"),
        ("agent:default:qqbot:direct:c2c:0123456789abcdef", "default", "direct"),
        ("agent:a:telegram:group:-100", "a", "group"),
        ("agent:a:discord:channel:9", "a", "channel"),
        ("agent:a:irc:room:x", "a", "channel"),
        ("discord:work:guild-1:channel-2", None, "channel"),
        ("agent:a:telegram:group:-100:topic:7", "a", "thread"),
        ("agent:a:main:thread:7", "a", "thread"),
        ("agent:a:cron:nightly", "a", "cron"),
        ("agent:a:cron:nightly:run:r1", "a", "cron"),
        ("cron:nightly", None, "cron"),
        ("agent:a:subagent:u1", "a", "subagent"),
        ("subagent:u1", None, "subagent"),
        ("agent:a:acp:x:y", "a", "acp"),
        ("agent:a:explicit:model-run-1", "a", "explicit"),
        ("agent:a:explicit:x:thread:1", "a", "explicit"),
        ("hook:u1", None, "hook"),
        ("agent:a:heartbeat", "a", "heartbeat"),
        ("agent:a:main:heartbeat", "a", "heartbeat"),
        ("agent:a:dashboard:u1", "a", "dashboard"),
        ("agent:a:tui-u1", "a", "tui"),
        ("agent:a:dreaming-narrative-1", "a", "other"),
        ("agent:a:agent:b:main", "a", "other"),
        ("global", None, "other"),
        ("agent:x", "x", "other"),
        ("agent:a:cron", "a", "other"),
        ("agent:a:explicit:", "a", "other"),
        ("agent:a:thread:5", "a", "other"),
        ("agent:", None, "other"),
        ("agents:main:main", None, "other"),
        (":::", None, "other"),
        ("", None, "other"),
        (5, None, "other"),
        ("agent:a\x00\ud800:/../:x", "a\x00\ud800", "other"),
    ],
)
def test_agent_and_kind(key, agent, kind):
    """Each form of the grammar has its agent and its kind; what has no form is of kind other."""
    parsed = parse_key(key)

    assert (parsed.agent, parsed.kind) == (agent, kind)
    assert kind in KINDS


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("agent:a:telegram:direct:5", {"channel": "telegram", "peer": "5"}),
        ("agent:a:slack:work:direct:u1", {"channel": "slack", "account": "work", "peer": "u1"}),
        ("agent:a:qqbot:direct:c2c:12", {"channel": "qqbot", "peer": "c2c:12"}),
        ("agent:a:direct:p", {"peer": "p"}),
        ("agent:a:telegram:group:-100:topic:7",
         {"channel": "telegram", "group": "-100", "thread": "7", "base": "agent:a:telegram:group:-100"}),
        ("agent:a:main:thread:x:thread:y", {"thread": "y", "base": "agent:a:main:thread:x"}),
        ("discord:work:guild-1:channel-2", {"channel": "discord", "account": "work", "group": "2"}),
        ("agent:a:cron:j", {"job": "j"}),
        ("agent:a:cron:j:run:r:more", {"job": "j", "run": "r", "base": "agent:a:cron:j"}),
        ("cron:j:run:r", {"job": "j", "run": "r", "base": "cron:j"}),
        ("agent:a:subagent:u", {"depth": 1}),
        ("agent:a:subagent:u:subagent:v", {"depth": 2, "base": "agent:a:subagent:u"}),
        ("agent:a:main:heartbeat", {"base": "agent:a:main"}),
        ("agent:a:explicit:model-run-1:x", {"name": "model-run-1:x"}),
        (f"agent:a:Matrix:channel:{ROOM}:Thread:$Ev",
         {"channel": "matrix", "group": ROOM, "thread": "$Ev", "base": f"agent:a:matrix:channel:{ROOM}"}),
    ],
)  # fmt: skip
def test_parts(key, parts):
    """A key's parts are told, and only those that it has."""
    parsed = parse_key(key)

    told = {name: getattr(parsed, name) for name in parsed.__struct_fields__}
    for name in ("text", "agent", "kind", "rest"):
        del told[name]
    assert {name: value for name, value in told.items() if value} == parts


@pytest.mark.parametrize(
    ("key", "normal"),
    [
        (" Agent:Main:Main ", "agent:main:main"),
        ("agent:a:Signal:Group:AbC==", "agent:a:signal:group:AbC=="),
        ("signal:group:AbC==:Thread:X", "signal:group:AbC==:thread:x"),
        (f"Agent:A:Matrix:Channel:{ROOM}", f"agent:a:matrix:channel:{ROOM}"),
        (f"matrix:group:{ROOM}:THREAD:$Ev", f"matrix:group:{ROOM}:thread:$Ev"),
        ("agent:a:matrix:direct:@Me:X", "agent:a:matrix:direct:@me:x"),
        ("agent:a:explicit:matrix:channel:X", "agent:a:explicit:matrix:channel:x"),
    ],
)
def test_normal_form(key, normal):
    """Case is folded, but for the ids of Signal's groups and Matrix's rooms."""
    assert normalise_key(key) == normal
    assert normalise_key(normal) == normal


PIECES = st.sampled_from([
    "agent", "main", "cron", "run", "subagent", "thread", "topic", "signal", "matrix", "group",
    "channel", "direct", "dm", "explicit", "heartbeat", "guild-1", "channel-1", "Ab", "", "\x00", "\ud800",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=9).map(":".join)))
def test_any_text(text):
    """Any text is read; its kind is one of those that there are, and its base is shorter."""
    parsed = parse_key(text)

    assert parsed.text == text
    assert parsed.kind in KINDS
    assert parsed.agent != ""
    assert parsed.base is None or 0 < len(parsed.base) < len(normalise_key(text))
    assert normalise_key(normalise_key(text)) == normalise_key(text)
    assert kind_of(text) == (parsed.kind if text else None)


@pytest.mark.parametrize(
    ("key", "agent"),
    [
        ("agent:main:main", "main"),
        ("agent:ops:cron:1", "ops"),
        ("agent:x", "x"),
        ("main", None),
        ("agent:", None),
        ("", None),
        (None, None),
        ("agents:main:main", None),
    ],
)
def test_agent_of(key, agent):
    """The agent is the second part of a key that begins with agent."""
    assert agent_of(key) == agent


def test_a_long_key():
    """A key of a megabyte is read in time that grows with its length alone."""
    assert parse_key("agent:a" + ":subagent:x" * 100_000).depth == 100_000
    assert parse_key("agent:a:" + "x:" * 500_000).kind == "other"


def test_keys_of_cron_jobs():
    """The keys that are made are those that are read."""
    run = parse_key(cron_run_key("Main", "nightly", "r1"))

    assert run.text == "agent:main:cron:nightly:run:r1"
    assert (run.agent, run.job, run.run) == ("main", "nightly", "r1")
    assert run.base == "agent:main:cron:nightly"
