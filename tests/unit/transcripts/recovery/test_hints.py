"""What a text lets suspect."""

import pytest

from steno.transcripts.recovery.hints import Hint, find_hints, is_subagent


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('Conversation info (untrusted metadata): {"chat_id": "telegram:42"}',
         Hint("chat_id", "telegram:42")),
        ("Feishu[default] DM from ou_123: hello", Hint("channel", "Feishu[default] DM from ou_123")),
        ("[OpenClaw heartbeat poll]", Hint("heartbeat", "[OpenClaw heartbeat poll]")),
        ("Read HEARTBEAT.md if it exists", Hint("heartbeat", "Read HEARTBEAT.md")),
        ("[Thu 2026-07-16 15:44 GMT+8] [Subagent Context] You are",
         Hint("subagent", "[Subagent Context]")),
        ('Sender (untrusted metadata):\n{"label": "Ann"}', Hint("sender", "Ann")),
        ("ask agent:work:slack:channel:c1.", Hint("mention", "agent:work:slack:channel:c1")),
    ],
)  # fmt: skip
def test_hints(text, hint):
    """Each known form gives its hint."""
    assert hint in list(find_hints(text))


def test_not_too_many():
    """A text full of keys gives a few of them, each once."""
    text = " ".join(f"agent:main:x{n}" for n in range(100)) + " agent:main:x0"

    assert [hint.value for hint in find_hints(text)] == [f"agent:main:x{n}" for n in range(8)]
    assert list(find_hints(None)) == []


def test_sub_agents():
    """A sub-agent's text begins with its words, perhaps behind a time, and only then is one."""
    assert is_subagent("[Subagent Context] You are")
    assert is_subagent("[Thu 2026-07-16 15:44 GMT+8] [Subagent Context] You are")
    assert not is_subagent("why does it say [Subagent Context]?")
    assert not is_subagent(None)
